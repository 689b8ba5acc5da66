"""Measurements of galaxies: what a measurer gives, against spectra made by hand and by another route."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import spectrove
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.lines import LINE
from spectrove.galaxies.measuring.broad import Window, broad_values
from spectrove.galaxies.measuring.colours import colour_values
from spectrove.galaxies.measuring.indices import BANDS, lick_index
from spectrove.galaxies.measuring.sodium import sodium_values
from spectrove.galaxies.mock import make_survey
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.pixels.air import air_to_vacuum
from spectrove.spectra import Spectrum, SpectrumSet

#: Published edges, air angstrom: blue band, central band, red band (Worthey & Ottaviani 1997; Trager et al. 1998).
PUBLISHED = {
    "hdelta_a": (4041.600, 4081.500, 4083.500, 4122.250, 4128.500, 4161.000),
    "hgamma_a": (4283.500, 4319.750, 4319.750, 4363.500, 4367.250, 4419.750),
    "lick_hb": (4827.875, 4847.875, 4847.875, 4876.625, 4876.625, 4891.625),
    "lick_mgb": (5117.700, 5142.700, 5160.125, 5192.625, 5191.375, 5206.375),
    "lick_fe5270": (5233.150, 5248.150, 5245.650, 5285.650, 5285.650, 5318.150),
    "lick_fe5335": (5304.625, 5317.375, 5312.125, 5352.125, 5353.375, 5363.375),
    "lick_nad": (5860.625, 5875.675, 5876.875, 5909.375, 5922.125, 5948.125),
}


@pytest.fixture(scope="module")
def survey() -> SpectrumSet:
    """Twelve simulated galaxies."""
    return make_survey(12, seed=5)


def measured(spectrum: Spectrum) -> dict[str, float | None]:
    """Everything measured in one spectrum."""
    [row] = GALAXIES.measurer.measure(SpectrumSet.from_spectra([spectrum])).to_pylist()
    return row


def grid(low: float = 3600.0, high: float = 8500.0) -> NDArray[np.float64]:
    """A logarithmic grid of SDSS's sampling, rest angstrom."""
    return 10 ** np.arange(np.log10(low), np.log10(high), 1e-4)


def gauss(x: NDArray[np.float64], centre: float, sigma: float) -> NDArray[np.float64]:
    """A Gaussian of unit area."""
    return np.exp(-0.5 * ((x - centre) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)


def test_a_measurer_gives_a_row_for_each_spectrum_and_an_error_for_each_number(survey):
    """In the order of the spectra; value and error are known together."""
    table = GALAXIES.measurer.measure(survey)
    assert table.column("object_id").to_pylist() == survey.object_id.tolist()
    for measure in GALAXIES.measurer.measures:
        value, error = (np.array(table.column(n), float) for n in (measure.name, measure.error))
        assert (np.isfinite(value) == np.isfinite(error)).all(), measure.name
        assert (error[np.isfinite(error)] > 0).all(), measure.name
    assert len(table.column_names) == 1 + 2 * len(GALAXIES.measurer.measures)


def test_measures_have_names_words_and_groups_of_their_own():
    """No two share a name or a title; the headline is among them."""
    measures = GALAXIES.measurer.measures
    assert len({m.name for m in measures}) == len({m.title for m in measures}) == len(measures)
    assert all(m.title and m.group for m in measures)
    assert set(GALAXIES.measurer.headline) <= {m.name for m in measures}


@pytest.mark.parametrize("name", BANDS)
def test_the_bands_of_indices_are_the_published_ones_in_vacuum(name):
    """To the rounding of the table."""
    assert_allclose(np.ravel(BANDS[name]), air_to_vacuum(np.array(PUBLISHED[name])), atol=0.006)


@pytest.mark.parametrize("name", BANDS)
def test_an_index_is_the_integral_of_its_definition(name):
    """By numerical integration on a grid fifty times finer, of a curved continuum with a line."""
    (b0, b1), (c0, c1), (r0, r1) = BANDS[name]

    def flux(x):
        return (1 + 2e-4 * (x - c0) + 1e-7 * (x - c0) ** 2) * (1 - 3.0 * gauss(x, (c0 + c1) / 2 + 2, 6.0))

    def mean(a, b):
        x = np.linspace(a, b, 20001)
        return np.trapezoid(flux(x), x) / (b - a)

    x = np.linspace(c0, c1, 20001)
    line = np.interp(x, [(b0 + b1) / 2, (r0 + r1) / 2], [mean(b0, b1), mean(r0, r1)])
    expected = np.trapezoid(1 - flux(x) / line, x)
    rest = grid()
    value, error = lick_index(rest, flux(rest), np.full(len(rest), 1e12), name)
    assert_allclose(value, expected, atol=0.02)
    assert error < 0.01 * (c1 - c0)  # what is left without noise is the calibration


def test_the_error_of_an_index_is_the_scatter_of_noisy_copies():
    """Of 400 noise draws, beside the part for the calibration."""
    rest, rng = grid(4900, 5500), np.random.default_rng(1)
    flux, sigma = 1 - 2 * gauss(rest, 5177, 8), 0.05
    ivar = np.full(len(rest), 1 / sigma**2)
    drawn = [lick_index(rest, flux + rng.normal(0, sigma, len(rest)), ivar, "lick_mgb") for _ in range(400)]
    (_, (c0, c1), _) = BANDS["lick_mgb"]
    noise = np.sqrt(drawn[0][1] ** 2 - (0.008 * (c1 - c0)) ** 2)
    assert_allclose(np.std([value for value, _ in drawn]), noise, rtol=0.1)


def test_an_index_over_bad_pixels_is_unknown():
    """Where less than 80% of a band is good, at its ends too."""
    rest = grid(4900, 5500)
    flux, ivar = np.ones(len(rest)), np.ones(len(rest))
    ivar[(rest > 5165) & (rest < 5175)] = 0
    assert np.isnan(lick_index(rest, flux, ivar, "lick_mgb")).all()
    assert np.isnan(lick_index(rest[rest > 5130], flux[rest > 5130], flux[rest > 5130], "lick_mgb")).all()


def test_sodium_beyond_the_stars_is_found_with_its_velocity():
    """A doublet of 3 angstrom at -200 km/s on a flat continuum, on 60 noise draws."""
    rest, rng = grid(5700, 6100), np.random.default_rng(2)
    centre = np.array([LINE["nad_5890"].wavelength, LINE["nad_5896"].wavelength]) * (1 - 200 / SPEED_OF_LIGHT)
    flux = 1 - 1.7 * gauss(rest, centre[0], 2.8) - 1.3 * gauss(rest, centre[1], 2.8)
    ivar, flat = np.full(len(rest), 1 / 0.02**2), np.ones(len(rest))
    found = [sodium_values(rest, flux + rng.normal(0, 0.02, len(rest)), ivar, flat) for _ in range(60)]
    ew = np.array([f["nad_ew"][0] for f in found])
    velocity = np.array([f["nad_velocity"] for f in found])
    assert_allclose(ew.mean(), 3.0, atol=0.1)
    assert_allclose(velocity[:, 0].mean(), -200, atol=8)
    assert 0.5 < np.mean(np.abs(velocity[:, 0] + 200) < velocity[:, 1]) <= 1
    none = sodium_values(rest, flat, ivar, flat)
    assert_allclose(none["nad_ew"][0], 0, atol=1e-9)
    assert np.isnan(none["nad_velocity"]).all()


def test_a_broad_component_is_told_from_narrow_lines():
    """Of known flux and width; without one, narrow lines with wings give none."""
    rest, rng = grid(6200, 6900), np.random.default_rng(3)
    rest = rest[(rest > 6260) & (rest < 6870)]
    narrow = sum(
        flux * gauss(rest, LINE[key].wavelength, LINE[key].wavelength * 130 / SPEED_OF_LIGHT)
        for key, flux in (
            ("ha", 40.0),
            ("nii", 20.0),
            ("nii_6548", 20 / 3.05),
            ("sii_6716", 8.0),
            ("sii_6731", 7.0),
        )
    )
    broad = 120 * gauss(rest, LINE["ha"].wavelength, LINE["ha"].wavelength * 3500 / 2.3548 / SPEED_OF_LIGHT)
    stars = np.ones(len(rest))

    def fit(flux):
        noisy = flux + rng.normal(0, 0.02, len(rest))
        return broad_values(Window(rest, noisy, np.full(len(rest), 50.0), stars, 69.0, 0.0, 110.0), 0.1)

    found = fit(stars + narrow + broad)
    assert_allclose(found["ha_broad_flux"][0], 120 * 1.1, atol=2 * found["ha_broad_flux"][1])
    assert_allclose(found["ha_broad_fwhm"][0], 3500, atol=2 * found["ha_broad_fwhm"][1])
    assert_allclose(found["ha_broad_ew"][0], 120, atol=2 * found["ha_broad_ew"][1])
    # Wings narrower than the least width are no broad line: no significant strength without a width.
    wing = 30 * gauss(rest, LINE["ha"].wavelength, LINE["ha"].wavelength * 1100 / 2.3548 / SPEED_OF_LIGHT)
    winged = fit(stars + narrow + wing)
    assert np.isnan(winged["ha_broad_fwhm"]).all()
    assert winged["ha_broad_ew"][0] < 5 * winged["ha_broad_ew"][1]
    without = fit(stars + narrow)
    assert abs(without["ha_broad_flux"][0]) < 3 * without["ha_broad_flux"][1]
    assert np.isnan(without["ha_broad_fwhm"]).all()


def test_a_colour_is_that_of_a_power_law():
    """f_nu proportional to 1 / wavelength: by hand from the mean of 1 / wavelength over each band."""
    rest = grid(3300, 8400)
    found = colour_values(rest, rest**-3.0, np.full(len(rest), 1e30), 0.0)
    g, r = (np.log(high / low) / (high - low) for low, high in ((4000, 5400), (5600, 6900)))
    assert_allclose(found["rest_g_r"][0], -2.5 * np.log10(g / r), atol=1e-3)
    assert_allclose(found["rest_g_r"][1], 0.05 / 1500 * (6250 - 4700), rtol=1e-3)


def test_units_scale_fluxes_and_nothing_else(survey):
    """Ten times the flux: ten times every flux, all other numbers as they were."""
    spectrum = survey[0]
    brighter = replace(spectrum, flux=spectrum.flux * 10, ivar=spectrum.ivar / 100)
    one, ten = measured(spectrum), measured(brighter)
    for measure in GALAXIES.measurer.measures:
        a, b = one[measure.name], ten[measure.name]
        factor = 10 if measure.unit.startswith("1e-17") else 1
        assert (a is None) == (b is None), measure.name
        if a is not None:
            assert_allclose(
                b, a * factor, rtol=2e-3, atol=2e-3 * one[measure.error] * factor, err_msg=measure.name
            )


def test_without_a_unit_fluxes_are_unknown_and_equivalent_widths_are_not(survey):
    """A flux in counts is no flux; uncalibrated, colours are unknown too."""
    row = survey[0].row
    counts = measured(replace(survey[0], row={**row, "flux_unit": "counts"}))
    assert counts["ha_flux"] is None
    assert counts["ha_broad_flux"] is None
    assert counts["ha_ew"] is not None
    assert counts["rest_g_r"] is not None
    bent = measured(replace(survey[0], row={**row, "calibrated": False}))
    assert bent["rest_g_r"] is None
    assert bent["ha_ew"] is not None


def test_nothing_of_a_row_is_read_but_redshift_and_unit(survey):
    """A falsified catalog changes no number."""
    lies = {"ha_ew": 1e3, "class": "QSO", "d4000n": 9.0, "truth_ha_ew": 7.0, "sn_median": 0.0}
    assert measured(survey[1]) == measured(replace(survey[1], row={**survey[1].row, **lies}))


@pytest.mark.parametrize("z", [None, float("nan"), 99.0, -0.5])
def test_a_spectrum_without_a_possible_redshift_is_refused_and_has_no_numbers(survey, z):
    """Others beside it are measured."""
    bad = replace(survey[0], object_id="bad", row={**survey[0].row, "z": z})
    both = SpectrumSet.from_spectra([bad, survey[1]])
    table = GALAXIES.measurer.measure(both).to_pylist()
    assert all(value is None for name, value in table[0].items() if name != "object_id")
    assert table[1]["d4000n"] is not None
    assert [refusal.name for refusal in GALAXIES.measurer.refusals(both)] == ["bad"]
    assert "redshift" in GALAXIES.measurer.refusals(both)[0].error


def test_a_spectrum_that_cannot_be_fitted_is_refused_with_the_reason(survey, monkeypatch):
    """It is no row of nulls; what is no fault of the spectrum is not hidden."""
    spectrum = replace(survey[0], object_id="odd", flux=survey[0].flux * np.float32(1.0001))
    both = SpectrumSet.from_spectra([spectrum, survey[1]])

    def fails(one: Spectrum) -> dict[str, tuple[float, float]]:
        if one.object_id == "odd":
            raise np.linalg.LinAlgError("SVD did not converge")
        return {"d4000n": (1.5, 0.1)}

    monkeypatch.setattr("spectrove.galaxies.measuring.spectrum.all_values", fails)
    answers = spectrove.measure(None, both)
    assert [answer.object_id for answer in answers] == [survey[1].object_id]
    [refusal] = answers.refusals
    assert refusal.error.startswith("odd: stars and lines cannot be fitted (SVD did not converge). Check")
    monkeypatch.setattr("spectrove.galaxies.measuring.spectrum.all_values", lambda one: {}["no such name"])
    with pytest.raises(KeyError):
        measured(replace(spectrum, flux=survey[0].flux * np.float32(1.0002)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: replace(s, ivar=np.zeros_like(s.ivar)),
        lambda s: replace(s, flux=-s.flux),
        lambda s: replace(s, flux=np.zeros_like(s.flux)),
        lambda s: replace(s, flux=np.full_like(s.flux, np.nan)),
    ],
    ids=["no weight", "negative", "nothing", "not a number"],
)
def test_a_spoilt_spectrum_stops_nothing(survey, spoil):
    """Whatever it gives, numbers and errors are finite, and the next spectrum is measured as if alone."""
    both = SpectrumSet.from_spectra([replace(spoil(survey[0]), object_id="spoilt"), survey[1]])
    table = GALAXIES.measurer.measure(both).to_pylist()
    assert all(v is None or np.isfinite(v) for name, v in table[0].items() if name != "object_id")
    assert {**table[1]} == measured(survey[1])


def test_a_removed_pixel_is_a_bad_one(survey):
    """Pixels left out of the arrays, or kept without weight: the same numbers."""
    spectrum = survey[2]
    gap = np.zeros(len(spectrum.flux), bool)
    gap[1500:1540] = True
    kept = {n: getattr(spectrum, n)[~gap] for n in ("wavelength", "flux", "ivar", "mask", "lsf")}
    masked = replace(spectrum, ivar=np.where(gap, 0, spectrum.ivar).astype(np.float32))
    one, two = measured(replace(spectrum, **kept)), measured(masked)
    for measure in GALAXIES.measurer.measures:
        a, b = one[measure.name], two[measure.name]
        assert (a is None) == (b is None), measure.name
        if a is not None:
            assert_allclose(a, b, rtol=1e-3, atol=0.02 * one[measure.error], err_msg=measure.name)


def test_errors_hold_on_galaxies_of_known_truth():
    """Most differences lie within the error, nearly all within two."""
    survey = make_survey(150, seed=77)
    plain = survey.take(np.array([kind == "none" for kind in survey.column("outlier_kind")]))
    table = GALAXIES.measurer.measure(plain)
    for name, least in (
        ("oiii_ew", 0.55),
        ("nii_ew", 0.55),
        ("d4000n", 0.55),
        ("hdelta_a", 0.5),
        ("hb_ew", 0.45),
    ):
        truth = np.array(plain.rows.column(f"truth_{name}").to_pylist(), float)
        value, error = (np.array(table.column(n), float) for n in (name, f"{name}_err"))
        pull = np.abs(value - truth) / error
        pull = pull[np.isfinite(pull)]
        assert np.mean(pull < 1) > least, name
        assert np.mean(pull < 2) > 0.85, name
