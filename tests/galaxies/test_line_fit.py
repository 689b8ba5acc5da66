"""Line fits recover what was put in, and agree with a catalog of real galaxies."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import RedshiftError
from spectrove.galaxies.line_fit import measure_lines
from spectrove.galaxies.lines import LINE
from spectrove.galaxies.stellar import broaden, stellar_basis
from spectrove.spectra import Mask, Spectrum

LINES = {"ha": 300.0, "nii": 120.0, "hb": 90.0, "oiii": 60.0, "sii_6716": 50.0, "sii_6731": 40.0, "oi": 20.0}
TIED = {"oiii_4959": ("oiii", 1 / 2.98), "nii_6548": ("nii", 1 / 3.05), "oi_6364": ("oi", 1 / 3.0)}
LSF = 69.0


def galaxy(z=0.05, noise=0.5, seed=1, sigma=110.0, velocity=0.0, lines=LINES, scale=20.0) -> Spectrum:
    """An old population with Gaussian lines of known observed flux, at 69 km/s resolution."""
    wavelength = 10 ** (3.58 + 1e-4 * np.arange(3840))
    rest_grid, templates, names = stellar_basis()
    stars = broaden(templates[names.index("Z+0.06_T05.0000")], 120.0)
    flux = scale * np.interp(wavelength / (1 + z), rest_grid, stars)
    every = dict(lines) | {
        weak: lines[strong] * ratio for weak, (strong, ratio) in TIED.items() if strong in lines
    }
    for key, value in every.items():
        centre = LINE[key].wavelength * (1 + z) * (1 + velocity / 299792.458)
        width = centre * np.hypot(sigma, LSF) / 299792.458
        flux += value / (np.sqrt(2 * np.pi) * width) * np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
    flux += np.random.default_rng(seed).normal(0, noise, len(flux))
    n = len(flux)
    return Spectrum(
        "mock", wavelength, flux.astype(np.float32), np.full(n, noise**-2, np.float32), np.zeros(n, np.int32),
        (wavelength * LSF / 299792.458).astype(np.float32), {"z": z},
    )  # fmt: skip


def test_line_fluxes_come_back_within_their_noise():
    """Over 12 noise draws, pulls of every line scatter by about one and do not lean to a side."""
    fits = [measure_lines(galaxy(seed=seed), 0.05) for seed in range(12)]
    pulls = np.array([[(f.flux[k] - v) / f.noise[k] for k, v in LINES.items()] for f in fits])
    assert 0.7 < pulls.std() < 1.4
    assert np.abs(pulls.mean()) < 0.5
    assert_allclose([f.flux["ha"] for f in fits], LINES["ha"], rtol=0.05)


def test_velocity_and_width_come_back():
    fit = measure_lines(galaxy(sigma=180.0, velocity=90.0, noise=0.2), 0.05)
    assert fit.velocity == pytest.approx(90, abs=5)
    assert fit.width == pytest.approx(180, rel=0.05)


def test_ratios_and_class_follow_from_the_fluxes():
    fit = measure_lines(galaxy(noise=0.2), 0.05)
    assert fit.log_nii_ha == pytest.approx(np.log10(120 / 300), abs=0.02)
    assert fit.log_oiii_hb == pytest.approx(np.log10(60 / 90), abs=0.04)
    assert fit.bpt_class == "SF"
    assert fit.flux["sii"] == pytest.approx(90, rel=0.05)
    assert fit.error["sii"] < fit.error["sii_6716"] + fit.error["sii_6731"]


def test_a_galaxy_without_lines_has_fluxes_of_about_zero_and_no_class():
    fit = measure_lines(galaxy(lines={}), 0.05)
    assert fit.bpt_class == ""
    assert all(abs(fit.flux[k]) < 4.5 * fit.error[k] for k in LINES)
    assert abs(fit.ew["ha"]) < 0.4


def test_equivalent_width_is_flux_over_continuum_in_the_rest_frame():
    """Hand calculation: observed flux over observed continuum over (1 + z)."""
    z = 0.2
    spectrum = galaxy(z=z, noise=0.1)
    fit = measure_lines(spectrum, z)
    at = np.argmin(np.abs(spectrum.wavelength - LINE["ha"].wavelength * (1 + z)))
    assert fit.ew["ha"] == pytest.approx(300 / fit.continuum[at] / (1 + z), rel=0.05)


def test_lines_outside_the_spectrum_or_masked_are_not_a_number():
    spectrum = galaxy()
    near = np.abs(spectrum.wavelength - LINE["hb"].wavelength * 1.05) < 12
    spectrum.mask[near] |= int(Mask.BADPIXEL)
    fit = measure_lines(spectrum, 0.05)
    assert np.isnan(fit.flux["hb"])
    assert np.isnan(fit.log_oiii_hb)
    assert fit.bpt_class == ""
    assert np.isfinite(fit.flux["ha"])
    assert np.isnan(measure_lines(galaxy(), 0.6).flux["ha"])


def test_masked_pixels_never_matter():
    spectrum, spoiled = galaxy(), galaxy()
    for s in (spectrum, spoiled):
        s.mask[1000:1030] |= int(Mask.COSMIC)
    spoiled.flux[1000:1030] = 1e6
    assert measure_lines(spectrum, 0.05).flux == measure_lines(spoiled, 0.05).flux


def test_flux_units_scale_through():
    spectrum = galaxy()
    faint = Spectrum("faint", spectrum.wavelength, spectrum.flux * 1e-3, spectrum.ivar * 1e6, spectrum.mask,
                     spectrum.lsf, {})  # fmt: skip
    a, b = measure_lines(spectrum, 0.05), measure_lines(faint, 0.05)
    assert b.flux["ha"] == pytest.approx(a.flux["ha"] * 1e-3, rel=1e-3)
    assert b.ew["ha"] == pytest.approx(a.ew["ha"], rel=1e-3)


def test_a_spectrum_without_good_pixels_gives_no_numbers_and_no_error():
    spectrum = galaxy()
    spectrum.ivar[:] = 0
    fit = measure_lines(spectrum, 0.05)
    assert all(np.isnan(v) for v in fit.flux.values())
    assert np.isnan(fit.d4000n)


@pytest.mark.parametrize("z", [np.nan, np.inf, -0.5])
def test_an_impossible_redshift_is_refused(z):
    with pytest.raises(RedshiftError, match="redshift is"):
        measure_lines(galaxy(), z)


def test_indices_of_a_bare_population_are_those_of_its_template():
    """Independent route: the same bands taken from the noise-free template."""
    fit = measure_lines(galaxy(z=0.0001, noise=0.01, lines={}), 0.0001)
    wavelength, templates, names = stellar_basis()
    stars = broaden(templates[names.index("Z+0.06_T05.0000")], 120.0) * wavelength**2
    band = [(wavelength > a) & (wavelength < b) for a, b in ((4000, 4100), (3850, 3950))]
    assert fit.d4000n == pytest.approx(stars[band[0]].mean() / stars[band[1]].mean(), abs=0.01)


@pytest.mark.real
def test_fits_of_real_galaxies_agree_with_their_catalog(data_dir):
    """150 SDSS galaxies beside the survey's own line table: medians and scatter stay within sane bounds.

    Measured when written: log [N II]/Ha -0.002 +- 0.015, log [O III]/Hb -0.02 +- 0.05, Ha flux +0.002 +-
    0.008 dex, D4000n +0.005 +- 0.004.
    """
    from astropy.io import fits

    with open(data_dir / "galaxies" / "index.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["group"] == "sdss" and r["d4000n"] and r["oi_flux"]]
    difference = {"nii_ha": [], "oiii_hb": [], "ha": [], "d4000n": []}
    for i in np.random.default_rng(1).permutation(len(rows))[:150]:
        row = {
            k: float(v)
            for k, v in rows[i].items()
            if k.endswith(("_flux", "_err")) or k in ("z", "d4000n", "ha_ew")
        }
        with fits.open(data_dir / "galaxies" / rows[i]["path"]) as hdus:
            data = hdus[1].data
            wavelength = 10 ** data["loglam"].astype(float)
            pixels = (np.array(data[k], np.float32) for k in ("flux", "ivar"))
            lsf = (data["wdisp"] * wavelength * np.log(10) * 1e-4).astype(np.float32)
            spectrum = Spectrum("real", wavelength, *pixels, np.zeros(len(lsf), np.int32), lsf, {})
        fit = measure_lines(spectrum, row["z"])
        difference["d4000n"].append(fit.d4000n - row["d4000n"])
        if row["ha_ew"] > 3 and all(
            row[f"{k}_flux"] > 5 * row[f"{k}_err"] for k in ("ha", "hb", "oiii", "nii")
        ):
            difference["nii_ha"].append(fit.log_nii_ha - np.log10(row["nii_flux"] / row["ha_flux"]))
            difference["oiii_hb"].append(fit.log_oiii_hb - np.log10(row["oiii_flux"] / row["hb_flux"]))
            difference["ha"].append(np.log10(fit.flux["ha"] / row["ha_flux"]))
    limits = {"nii_ha": (0.01, 0.03), "oiii_hb": (0.05, 0.09), "ha": (0.01, 0.02), "d4000n": (0.01, 0.015)}
    for name, (bias, scatter) in limits.items():
        values = np.array(difference[name])
        median = np.nanmedian(values)
        assert abs(median) < bias, name
        assert 1.4826 * np.nanmedian(np.abs(values - median)) < scatter, name
