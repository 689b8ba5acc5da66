"""The stellar basis and the continuum fit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import SpectroveError
from spectrove.galaxies.stellar import (
    age_and_metallicity,
    broaden,
    fit_continuum,
    luminosity_per_mass,
    stellar_basis,
)


def test_the_basis_is_non_negative_on_a_log_grid_and_normalised_where_it_says():
    wavelength, templates, names = stellar_basis()
    assert templates.shape == (len(names), len(wavelength)) == (80, 6400)
    assert_allclose(np.diff(np.log10(wavelength)), 1e-4, atol=1e-9)
    window = (wavelength > 5300) & (wavelength < 5850)
    assert templates.min() >= 0
    assert_allclose(np.median(templates[:, window], axis=1), 1, atol=2e-3)


def test_names_tell_age_and_metallicity():
    age, metallicity = age_and_metallicity(stellar_basis()[2])
    assert (age.min(), age.max()) == (0.03, 13.5)
    assert (metallicity.min(), metallicity.max()) == (-1.26, 0.26)
    with pytest.raises(SpectroveError, match="not the name"):
        age_and_metallicity(("sun",))


def test_older_populations_have_deeper_breaks_and_give_less_light_per_mass():
    """Physics that needs no reference: at one metallicity the break grows and light fades with age."""
    wavelength, templates, names = stellar_basis()
    age, metallicity = age_and_metallicity(names)
    solar = np.flatnonzero(metallicity == 0.06)[np.argsort(age[metallicity == 0.06])]
    red, blue = (wavelength > 4000) & (wavelength < 4100), (wavelength > 3850) & (wavelength < 3950)
    break_ = templates[solar][:, red].mean(axis=1) / templates[solar][:, blue].mean(axis=1)
    assert np.all(np.diff(break_[5:]) > 0)
    assert np.all(np.diff(luminosity_per_mass()[solar]) < 0)


def test_wavelengths_are_in_vacuum():
    """Ca K of an old population lies at 3934.8 angstrom; in air it would be at 3933.7."""
    wavelength, templates, names = stellar_basis()
    old = templates[names.index("Z+0.06_T11.0000")]
    near = (wavelength > 3928) & (wavelength < 3942)
    weight = (old[near].max() - old[near]) ** 2
    assert np.sum(weight * wavelength[near]) / weight.sum() == pytest.approx(3934.78, abs=0.45)


def test_broadening_gives_the_width_it_says_and_keeps_the_light():
    spike = np.zeros(2000)
    spike[1000] = 1
    out = broaden(spike, 200.0, shift=0.5)
    pixels = np.arange(2000)
    mean = np.sum(out * pixels) / out.sum()
    sigma = np.sqrt(np.sum(out * (pixels - mean) ** 2) / out.sum())
    assert out.sum() == pytest.approx(1, abs=1e-4)
    assert mean == pytest.approx(1000.5, abs=1e-2)
    assert sigma * np.log(10) * 1e-4 * 299792.458 == pytest.approx(200, rel=0.01)


def _mixture(dust: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    wavelength, templates, names = stellar_basis()
    light = 0.4 * templates[names.index("Z-0.25_T00.0500")] + 0.6 * templates[names.index("Z+0.06_T07.0000")]
    inside = slice(2150, 5850)
    curve = 10 ** (-0.4 * dust * 5 * (5500 / wavelength[inside] - 1))
    return wavelength[inside], broaden(light, 125.0)[inside] * curve


@pytest.mark.parametrize("dust", [0.0, 0.3])
def test_a_continuum_of_known_stars_comes_back(dust):
    wavelength, truth = _mixture(dust)
    rng = np.random.default_rng(3)
    flux = 40 * truth + rng.normal(0, 1, len(truth))
    fitted = fit_continuum(wavelength, flux, np.ones(len(flux)))
    assert np.std(fitted.flux / (40 * truth) - 1) < 0.015
    assert fitted.dispersion == 120.0


@pytest.mark.parametrize("unit", [1e-17, 1e5])
def test_the_flux_unit_does_not_matter(unit):
    wavelength, truth = _mixture()
    flux = truth + np.random.default_rng(4).normal(0, 0.03, len(truth))
    weight = np.full(len(flux), 0.03**-2)
    once = fit_continuum(wavelength, flux, weight).flux
    scaled = fit_continuum(wavelength, flux * unit, weight / unit**2).flux
    assert_allclose(scaled / unit, once, rtol=1e-4)


def test_too_few_pixels_give_no_continuum():
    wavelength, truth = _mixture()
    weight = np.zeros(len(truth))
    weight[:150] = 1
    assert fit_continuum(wavelength, truth, weight) is None


def test_a_pixel_beyond_single_precision_leaves_no_continuum():
    """As in a file with a part overwritten: no fit, and no error of the solver."""
    wavelength = np.arange(3700.0, 7000.0, 1.5)
    flux = np.ones_like(wavelength)
    flux[700] = 1e38
    assert fit_continuum(wavelength, flux, np.ones_like(wavelength)) is None
