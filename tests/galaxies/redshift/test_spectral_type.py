"""What a spectrum is: galaxies, quasars, stars and noise are told apart, and what is none of them has no redshift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.galaxies.redshift.estimate import estimate_redshifts
from spectrove.galaxies.redshift.spectral_type import spectral_types, type_of
from spectrove.galaxies.redshift.templates import GROUPS, LOG_STEP, WIDTHS, basis
from spectrove.galaxies.redshift.type_scan import families
from spectrove.redshift_estimate import TYPES
from spectrove.spectra import Spectrum, SpectrumSet

WAVELENGTH = 10 ** (3.58 + 1e-4 * np.arange(3800))


def spectrum(flux, sigma, object_id="x", seed=0):
    noise = sigma * np.random.default_rng(seed).standard_normal(len(WAVELENGTH))
    lsf = (WAVELENGTH * WIDTHS[0] / 299792.458).astype(np.float32)
    ivar = np.full(len(WAVELENGTH), sigma**-2.0)
    return Spectrum(object_id, WAVELENGTH, flux + noise, ivar, np.zeros(len(WAVELENGTH), int), lsf, {})


def one(made):
    return estimate_redshifts(SpectrumSet.from_spectra([made]))[0]


def of_family(name, z, coefficients):
    """The model's own star or quasar at z, of median 1."""
    family = next(f for f in families(WIDTHS[0]) if f.name == name)
    vectors = family.basis.templates
    centre = family.basis.log_min + LOG_STEP * (
        family.bins * np.arange(vectors.shape[1]) + (family.bins - 1) / 2
    )
    flux = np.interp(np.log10(WAVELENGTH / (1 + z)), centre, coefficients @ vectors)
    return flux / np.median(flux)


def galaxy(z, noise=0.05):
    b = basis(WIDTHS[0])
    coefficients = np.zeros(len(b.templates))
    coefficients[[0, 6]] = 0.3, 0.7
    for line, flux in {"Balmer": 0.05, "[N II]": 0.05, "[O III]": 0.03}.items():
        coefficients[len(coefficients) - len(GROUPS) + GROUPS.index(line)] = flux
    rest = 10 ** (b.log_min + LOG_STEP * np.arange(b.templates.shape[1]))
    flux = np.interp(WAVELENGTH / (1 + z), rest, coefficients @ b.templates)
    return spectrum(flux / np.median(flux), noise)


def leading(name):
    """The first component with the sign that a spectrum has, and a little of the second."""
    vectors = next(f for f in families(WIDTHS[0]) if f.name == name).basis.templates
    return np.array([np.sign(np.median(vectors[0])), 0.02, *np.zeros(len(vectors) - 2)])


@pytest.mark.parametrize(("kind", "velocity"), [("F", 200.0), ("G", -300.0), ("K", 60.0), ("M", 30.0)])
def test_a_star_is_a_star_at_its_velocity(kind, velocity):
    z = velocity / 299792.458
    found = one(spectrum(of_family(kind, z, leading(kind)), 0.03))
    assert found.type == "star"
    assert_allclose(found.z, z, atol=2e-4)


def test_a_quasar_at_two_and_a_half_is_found_there():
    found = one(spectrum(of_family("HIZ", 2.5, leading("HIZ")), 0.1))
    assert found.type == "quasar"
    assert_allclose(found.z, 2.5, atol=0.003 * 3.5)
    assert found.candidates[0].type == "quasar"


def test_a_galaxy_is_a_galaxy():
    found = one(galaxy(0.08))
    assert found.type == "galaxy"
    assert found.confident
    assert found.type_margins["galaxy"] == 0
    assert min(found.type_margins["star"], found.type_margins["quasar"]) > 25


@pytest.mark.parametrize("level", [0.0, 20.0])
def test_noise_and_a_flat_line_have_no_redshift(level):
    found = one(spectrum(np.full(len(WAVELENGTH), level), 1.0, seed=3))
    assert found.type == "none"
    assert np.isnan(found.z)
    assert found.interval is None
    assert "NO_SIGNAL" in found.warnings
    assert found.to_dict()["value"] is None


def test_a_line_without_noise_has_no_redshift():
    flat = replace(spectrum(np.zeros(len(WAVELENGTH)), 1.0), flux=np.full(len(WAVELENGTH), 3.0, np.float32))
    found = one(flat)
    assert found.type == "none"
    assert found.interval is None


@pytest.mark.parametrize("factor", [1.3, 0.7, 2.0])
def test_a_step_between_arms_gives_no_confident_wrong_redshift(factor):
    whole = galaxy(0.05, 0.03)
    arm = (WAVELENGTH > 5800) & (WAVELENGTH < 7600)
    found = one(replace(whole, flux=np.where(arm, whole.flux * factor, whole.flux).astype(np.float32)))
    assert not found.confident or abs(found.z - 0.05) < 0.003 * 1.05
    assert "ARM_STEP" not in one(whole).warnings


def stepped(made, factor, edge=6000):
    return replace(made, flux=np.where(edge < WAVELENGTH, factor * made.flux, made.flux).astype(np.float32))


def test_a_small_step_between_arms_leaves_a_redshift_confident():
    """With the step fitted no other redshift comes near."""
    found = one(stepped(galaxy(0.05, 0.03), 1.15))
    assert found.confident
    assert_allclose(found.z, 0.05, atol=0.001)


def test_a_redshift_that_rests_on_a_step_is_not_confident():
    """A smooth spectrum whose only feature is a step looks like the break of old stars."""
    smooth = spectrum(np.ones(len(WAVELENGTH)), 0.02)
    found = one(stepped(smooth, 2.0))
    assert not found.confident


def test_one_broadish_line_alone_is_not_a_confident_redshift():
    """It may be [O II], and as well Ly alpha far beyond the redshifts that galaxies are tried at."""
    line = 2 * np.exp(-0.5 * ((WAVELENGTH - 5608) / 7) ** 2)
    found = one(spectrum(1 + line, 0.1))
    assert not found.confident


def test_the_type_of_a_spectrum_says_why():
    found = spectral_types(SpectrumSet.from_spectra([galaxy(0.08)]))[0]
    assert found.type in TYPES
    assert found.sentence.startswith("A galaxy at z 0.0800")
    assert "star is worse by" in found.sentence


def test_an_empty_spectrum_is_none():
    empty = replace(galaxy(0.1), ivar=np.zeros(len(WAVELENGTH), np.float32))
    assert type_of(one(empty)).type == "none"
