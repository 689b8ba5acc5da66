"""Redshifts from templates: known truth is found, what came with a spectrum has no say, and doubt is admitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

from spectrove.evaluation.noise import degrade
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.galaxies.redshift.estimate import estimate_redshifts, gridded
from spectrove.galaxies.redshift.scan import (
    LOG_RANGE,
    Z_RANGE,
    Fitter,
    Pixels,
    coarse_shifts,
    minima,
    n_pixels,
    scan,
    solve,
)  # fmt: skip
from spectrove.galaxies.redshift.templates import GROUPS, LOG_STEP, WIDTHS, basis
from spectrove.inference.numbers.conformal import signal_to_noise
from spectrove.readers import read_spectra
from spectrove.redshift_estimate import FATAL, WARNINGS, ZWarn
from spectrove.spectra import Spectrum, SpectrumSet


@pytest.fixture(scope="module")
def survey() -> SpectrumSet:
    made = make_survey(24, recipe=load_recipe("test"), seed=5)
    plain = [
        (kind or "none") == "none" and (lens or "none") == "none"
        for kind, lens in zip(made.column("outlier_kind"), made.column("lens"), strict=True)
    ]
    return made.take(np.flatnonzero(plain)[:12])


@pytest.fixture(scope="module")
def estimates(survey):
    return estimate_redshifts(survey)


def spectrum(flux, sigma=1.0, object_id="x", wavelength=None):
    n = len(flux)
    wavelength = 10 ** (3.58 + 1e-4 * np.arange(n)) if wavelength is None else wavelength
    ivar = np.full(n, sigma**-2.0)
    return Spectrum(object_id, wavelength, flux, ivar, np.zeros(n, int), np.full(n, np.nan), {})


def one(*spectra):
    return estimate_redshifts(SpectrumSet.from_spectra(spectra))


def made_of_templates(z, coefficients, noise, seed=0, n=3800):
    """A spectrum that the model can be: templates at z on an SDSS grid, with noise."""
    b = basis(WIDTHS[0])
    rest = 10 ** (b.log_min + LOG_STEP * np.arange(b.templates.shape[1]))
    wavelength = 10 ** (3.58 + 1e-4 * np.arange(n))
    flux = np.interp(wavelength / (1 + z), rest, coefficients @ b.templates)
    rng = np.random.default_rng(seed)
    made = spectrum(flux + noise * rng.standard_normal(n), noise, wavelength=wavelength)
    return replace(made, lsf=(wavelength * WIDTHS[0] / 299792.458).astype(np.float32))


def mixture(**lines):
    """Old and young stars with the named lines."""
    out = np.zeros(len(basis(WIDTHS[0]).templates))
    out[[0, 6]] = 0.3, 0.7
    for name, flux in lines.items():
        out[len(out) - len(GROUPS) + GROUPS.index(name)] = flux
    return out


def test_mock_galaxies_are_found_where_they_are(survey, estimates):
    truth = np.array(survey.column("truth_z"))
    found = np.array([e.z for e in estimates])
    assert np.mean(np.abs(found - truth) / (1 + truth) < 0.003) >= 0.9
    sure = np.array([e.confident for e in estimates])
    assert sure.mean() >= 0.7
    assert np.all((np.abs(found - truth) / (1 + truth) < 0.003)[sure])


@pytest.mark.parametrize("z", [0.0, 0.0731, 0.52, 1.21])
def test_a_galaxy_of_the_templates_is_found_to_a_tenth_of_a_pixel(z):
    found = one(made_of_templates(z, mixture(**{"[O II]": 0.8, "Balmer": 0.3, "[O III]": 0.4}), 0.05))[0]
    assert_allclose(found.z, z, atol=5e-5 * (1 + z))
    assert found.confident
    assert found.warnings == ()
    assert found.interval[0] < found.z < found.interval[1]


def test_the_stated_error_is_the_scatter():
    """Sixteen noisy copies of one galaxy: the scatter of their redshifts is what z_err says, the floor aside."""
    copies = [
        replace(made_of_templates(0.2, mixture(Balmer=0.1), 0.25, seed), object_id=str(seed))
        for seed in range(16)
    ]
    found = [e for e in one(*copies) if e.confident]
    scatter, stated = np.std([e.z for e in found]), np.median([e.z_err for e in found])
    assert len(found) > 12
    assert 0.5 < stated / scatter < 2


def test_flux_scale_changes_nothing(survey, estimates):
    times = np.float32(2.0**40)
    scaled = replace(survey, flux=survey.flux * times, ivar=survey.ivar / times**2)
    for one_way, other in zip(estimates, estimate_redshifts(scaled), strict=True):
        assert_allclose(other.z, one_way.z, rtol=1e-9)
        assert_allclose(other.candidates[0].chi2, one_way.candidates[0].chi2, rtol=1e-5)


def test_a_redshift_that_came_along_is_never_read(survey, estimates):
    lying = survey.rows
    for name in ("z", "z_err", "class"):
        if name in lying.column_names:
            place, kind = lying.column_names.index(name), lying.schema.field(name).type
            value = "STAR" if pa.types.is_string(kind) else 0.777
            lying = lying.set_column(place, name, pa.array([value] * len(survey), kind))
    for believed, other in zip(estimates, estimate_redshifts(survey.with_rows(lying)), strict=True):
        assert other.to_dict() == believed.to_dict()


def test_company_changes_nothing(survey, estimates):
    alone = estimate_redshifts(survey.take([5]))[0]
    assert alone.to_dict() == estimates[5].to_dict()


def test_noise_alone_is_not_confident():
    rng = np.random.default_rng(3)
    noise = [spectrum(rng.standard_normal(3800), object_id=str(i)) for i in range(6)]
    level = [spectrum(20 + rng.standard_normal(3800), object_id=f"level {i}") for i in range(6)]
    for found in one(*noise, *level):
        assert not found.confident
        assert "SMALL_DELTA_CHI2" in found.warnings or "NO_FEATURES" in found.warnings
        assert found.flags == ("z_uncertain",)


def test_doubt_widens_the_interval_to_what_cannot_be_excluded():
    """One line on a featureless continuum may be any line."""
    b = np.zeros(len(basis(WIDTHS[0]).templates))
    b[len(b) - len(GROUPS) + GROUPS.index("[O II]")] = 2.0
    faint = made_of_templates(0.9, b, 1.0)
    found = one(replace(faint, flux=faint.flux + np.float32(1.0)))[0]
    assert not found.confident
    assert found.interval[1] - found.interval[0] > 0.01


def test_an_empty_spectrum_gets_no_redshift_and_says_why():
    found = one(spectrum(np.zeros(3800), sigma=np.inf), replace(spectrum(np.zeros(0)), object_id="none"))
    for nothing in found:
        assert np.isnan(nothing.z)
        assert not nothing.confident
        assert nothing.warnings == ("NODATA",)
        assert nothing.to_dict()["value"] is None
        assert nothing.to_dict()["interval"] is None


def test_a_short_piece_of_spectrum_is_not_confident():
    piece = made_of_templates(0.1, mixture(Balmer=0.5), 0.05, n=600)
    found = one(piece)[0]
    assert "LITTLE_COVERAGE" in found.warnings
    assert not found.confident


def test_beyond_the_tried_redshifts_nothing_is_confident():
    found = one(made_of_templates(Z_RANGE[1] + 0.02, mixture(**{"[O II]": 0.05}), 0.5))[0]
    assert not found.confident


def test_a_broad_line_nucleus_is_said_to_be_one():
    found = one(made_of_templates(0.3, mixture(broad=20.0), 0.05))[0]
    assert "BROAD_LINES" in found.warnings
    assert not found.confident


def test_a_spike_carries_no_confidence():
    """A featureless spectrum with one spike of four pixels, wider than a cosmic ray may be."""
    rng = np.random.default_rng(4)
    flux = 5 + rng.standard_normal(3800)
    flux[2000:2004] += 15
    found = one(spectrum(flux))[0]
    assert not found.confident
    assert set(found.warnings) & {"ONE_FEATURE", "SMALL_DELTA_CHI2"}


def test_how_many_are_listed_changes_nothing_else(survey, estimates):
    for one_listed, listed in zip(estimate_redshifts(survey.take([0, 1]), n=1), estimates, strict=False):
        assert len(one_listed.candidates) == 1
        assert one_listed.candidates == listed.candidates[:1]
        assert (one_listed.confident, one_listed.interval) == (listed.confident, listed.interval)


def test_masked_pixels_have_no_say(survey):
    first = survey.take([0])
    mask, flux = first.mask.copy(), first.flux.copy()
    mask[1000:1400] |= 1
    clean = estimate_redshifts(replace(first, mask=mask))[0]
    flux[1000:1400] = 1e4
    assert estimate_redshifts(replace(first, mask=mask, flux=flux))[0].to_dict() == clean.to_dict()


def test_candidates_lie_apart_and_the_best_comes_first(estimates):
    for estimate in estimates:
        z = np.array([c.z for c in estimate.candidates])
        chi2 = [c.chi2 for c in estimate.candidates]
        assert len(z) <= 5
        assert chi2 == sorted(chi2)
        assert estimate.z == z[0]
        apart = np.abs(z[:, None] - z) / (1 + z) * 299792.458
        assert np.all(apart[~np.eye(len(z), dtype=bool)] > 990)
        assert_allclose(estimate.candidates[0].dchi2, chi2[1] - chi2[0])


def test_the_scan_agrees_with_a_fit_at_each_redshift():
    """Correlations by Fourier transform against the templates moved one by one, on the scan's own pixels."""
    pixels = next(gridded(SpectrumSet.from_spectra([made_of_templates(0.31, mixture(Balmer=0.4), 0.1)])))[0]
    # Neighbouring pixels that agree: then nothing is lost where the scan joins them.
    flux = np.repeat(pixels.flux.reshape(-1, 2).mean(axis=1), 2)
    weight = np.repeat(pixels.weight.reshape(-1, 2).mean(axis=1), 2)
    even = Pixels(flux, weight)
    z, chi2 = scan(even, basis(WIDTHS[0]))
    best = minima(z, chi2, 0.003)[0]
    assert_allclose(z[best], 0.31, atol=4e-4)
    assert_allclose(Fitter(even, basis(WIDTHS[0]))(z[best]).chi2, chi2[best], rtol=0.03)


def test_coefficients_are_those_of_a_non_negative_fit():
    rng = np.random.default_rng(0)
    design, data = rng.normal(size=(200, 5)), rng.normal(size=200)
    from scipy.optimize import nnls

    assert_allclose(solve(design.T @ design, design.T @ data), nnls(design, data)[0], atol=1e-6)


def test_templates_reach_over_the_grid_at_every_redshift():
    templates = basis(WIDTHS[0])
    last = templates.log_min + LOG_STEP * (templates.templates.shape[1] - 1)
    low, high = np.log10(1 + np.array(Z_RANGE))
    assert templates.log_min < LOG_RANGE[0] - high
    assert LOG_RANGE[1] - low < last
    assert np.all(np.diff(coarse_shifts()) == 1)
    assert n_pixels() % 2 == 0


def test_every_bit_has_a_sentence():
    assert set(WARNINGS) == {bit.name for bit in ZWarn}
    assert all(sentence.endswith(".") for sentence in WARNINGS.values())
    assert FATAL & ZWarn.SMALL_DELTA_CHI2


@pytest.mark.real
def test_real_spectra_of_three_surveys_are_found(data_dir):
    folder = data_dir / "galaxies"
    right = sure = wrong = total = 0
    for group in ("sdss", "boss", "fors2"):
        files = sorted((folder / group).iterdir())[::9][:5]
        spectra, _ = read_spectra(files, catalogs=[folder / "index.csv"], workers=1)
        spectra = spectra.take(
            np.isfinite(spectra.z) & (signal_to_noise(spectra) > (1.5 if group == "boss" else 4))
        )
        for estimate, z in zip(estimate_redshifts(spectra), spectra.z, strict=True):
            hit = abs(estimate.z - z) < 0.003 * (1 + z)
            total, right = total + 1, right + hit
            sure, wrong = sure + estimate.confident, wrong + (estimate.confident and not hit)
    assert total >= 8
    assert right >= 0.85 * total
    assert sure >= 0.7 * total
    assert wrong == 0


def test_fainter_spectra_are_less_often_confident(survey, estimates):
    """At S/N 0.7 hardly anything is left to go by, and it shows."""
    faint = estimate_redshifts(degrade(survey, 0.7, seed=1))
    assert sum(e.confident for e in faint) < 0.5 * sum(e.confident for e in estimates)
