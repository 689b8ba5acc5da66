"""Continuous opacities beside those of an independent program."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.stars.synthesis.atmosphere import model_atmosphere
from spectrove.stars.synthesis.continuum import (
    continuous_opacity,
    h2_plus,
    h_minus,
    hydrogen,
    planck,
    stimulated,
)
from spectrove.stars.synthesis.elements import abundances
from spectrove.stars.synthesis.lines import shipped_partition
from spectrove.stars.synthesis.matter import matter_of

#: Layers of the Sun's model, and cm2 / g there as SME's library has them (pysme-astro 1.2.0; scripts/referee_stars.py).
LAYERS = [0, 20, 40, 50, 56, 60, 64, 70, 79]
SME = {
    5361.0: [5.39805e-4, 4.09772e-3, 4.78781e-2, 0.173507, 0.938332, 5.42823, 14.9780, 45.8434, 223.588],
    8700.0: [2.87184e-4, 4.74957e-3, 5.98360e-2, 0.217617, 1.16534, 6.73690, 18.8241, 60.0490, 322.945],
}
#: Single sources at 5361 A.
SOURCES = {
    h_minus: [1.65176e-4, 3.65494e-3, 4.67584e-2, 0.169299, 0.869645, 4.42582, 10.0126, 21.5586, 55.5904],
    hydrogen: [
        8.51845e-10,
        5.76002e-8,
        5.33414e-6,
        1.47123e-4,
        1.55587e-2,
        0.653331,
        4.09430,
        22.2007,
        161.664,
    ],
    h2_plus: [
        4.47777e-9,
        4.38511e-7,
        5.42515e-5,
        1.50719e-3,
        4.34533e-2,
        0.301195,
        0.748525,
        1.75254,
        5.00904,
    ],
}


@pytest.fixture(scope="module")
def gas():
    return matter_of(model_atmosphere(5777, 4.44, 0.0), abundances(0.0, 0.0, {}), shipped_partition())


@pytest.mark.parametrize("wavelength", list(SME))
def test_the_opacity_of_the_sun_is_that_of_another_program(gas, wavelength):
    """To 2% in every layer; SME counts carbon, magnesium and silicon, too."""
    found = continuous_opacity(np.array([wavelength]), gas)[0, LAYERS]
    assert_allclose(found, SME[wavelength], rtol=0.02)


@pytest.mark.parametrize("source", list(SOURCES))
def test_each_source_is_that_of_another_program(gas, source):
    found = (source(np.array([[5361.0]]), gas) / gas.density)[0, LAYERS]
    assert_allclose(found, SOURCES[source], rtol=0.03)


def test_h_minus_ends_where_its_electron_is_free(gas):
    """Beyond 1.6419 micrometres only free electrons absorb: a minimum, for which the Sun is seen deepest there."""
    at = np.array([8000.0, 15_000.0])
    near, far = h_minus(at[:, None], gas)[:, 50]
    assert far < 0.5 * near


def test_planck_follows_wien():
    """Its maximum is where lambda T is 2.8978e7 A K."""
    at = np.linspace(4000, 6000, 20001)
    assert_allclose(at[np.argmax(planck(at, np.array(5777.0)))] * 5777, 2.8978e7, rtol=1e-4)


def test_stimulated_emission_takes_most_where_photons_are_weak():
    weak = stimulated(np.array(1e6), np.array(5000.0))
    assert_allclose(weak, 1.4388e8 / 1e6 / 5000, rtol=0.02)
