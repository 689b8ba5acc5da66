"""Models of X-ray continua against integrals known in closed form."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.xray.models import continuum
from spectrove.xray.models.absorption import transmission
from spectrove.xray.models.flux import ERG, energy_flux
from spectrove.xray.models.lines import by_width, gaussian
from spectrove.xray.models.reflection import reflectance, reflected_power_law

WIDE = np.geomspace(1e-4, 80, 6000)
FINE = np.linspace(0.3, 10, 3001)


@pytest.mark.parametrize("index", [0.0, 1.0, 1.7, 2.0])
def test_photons_of_a_power_law_are_its_integral(index):
    edges = np.array([0.5, 1.2, 2.0, 7.0])
    found = continuum.power_law(edges, index, 3.0)
    expected = [
        3 * (np.log(b / a) if index == 1 else (b ** (1 - index) - a ** (1 - index)) / (1 - index))
        for a, b in pairwise(edges)
    ]
    assert_allclose(found, expected, rtol=1e-12)


def test_the_energy_of_a_power_law_of_index_two_is_a_logarithm():
    found = energy_flux(FINE, continuum.power_law(FINE, 2.0), 0.5, 7.0)
    assert_allclose(found, ERG * np.log(14), rtol=1e-4)


def test_a_black_body_radiates_as_stefan_and_boltzmann_say():
    """sigma T^4 (R / D)^2 with kT = 1 keV."""
    found = energy_flux(WIDE, continuum.black_body(WIDE, 1.0), 1e-4, 80)
    assert_allclose(found, 5.670374e-5 * 1.1604518e7**4 * continuum.KILOMETRE, rtol=1e-5)


def test_a_disc_radiates_what_its_rings_do():
    """Each side 4 pi R^2 sigma T^4 / 2, seen face on: 2 sigma T^4 (R / D)^2."""
    found = energy_flux(WIDE, continuum.disc(WIDE, 1.0), 1e-4, 80)
    assert_allclose(found, 2 * 5.670374e-5 * 1.1604518e7**4 * continuum.KILOMETRE, rtol=1e-3)


def test_bremsstrahlung_radiates_the_power_of_a_thin_plasma():
    """1.426e-27 T^(1/2) n_e n_i g erg / (cm3 s), with a mean Gaunt factor of 1.1 to 1.2."""
    found = energy_flux(WIDE, continuum.bremsstrahlung(WIDE, 2.0), 1e-4, 80)
    assert 1.08 < found / (1e14 * 1.426e-27 * np.sqrt(2 * 1.16045e7)) < 1.2


@pytest.mark.parametrize("model", [continuum.black_body, continuum.bremsstrahlung])
def test_a_redshift_shifts_energies_and_dilutes_photons(model):
    """What is emitted between 2 and 6 keV arrives at z = 1 between 1 and 3 keV, at half the rate."""
    edges = np.linspace(1, 3, 400)
    assert_allclose(model(edges, 1.5, 1.0, 1.0).sum(), model(2 * edges, 1.5).sum() / 2, rtol=1e-6)


def test_a_power_law_at_a_redshift_is_that_of_its_rest_frame():
    edges = np.linspace(1, 3, 40)
    assert_allclose(
        continuum.power_law(edges, 1.7, 1.0, 1.0), continuum.power_law(2 * edges, 1.7) / 2 / 2, rtol=1e-10
    )


def test_absorption_of_a_column_and_twice_the_column():
    """At 1 keV 2.42e-22 cm2 per hydrogen atom; exponents add."""
    edges = np.array([0.999, 1.001])
    assert_allclose(-np.log(transmission(edges, 1.0)), 2.42, rtol=0.01)
    assert_allclose(transmission(FINE, 2.0), transmission(FINE, 1.0) ** 2)


def test_gas_at_a_redshift_absorbs_at_lower_energies():
    edges = np.array([1.0, 1.01])
    assert_allclose(transmission(edges, 1.0, 1.0), transmission(2 * edges, 1.0))


def test_a_line_has_its_photons_and_its_place():
    found = gaussian(FINE, 6.4, 0.05, 3.0, 0.25)
    middle = (FINE[1:] + FINE[:-1]) / 2
    assert_allclose(found.sum(), 3.0, rtol=1e-9)
    assert_allclose(found @ middle / found.sum(), 6.4 / 1.25, atol=1e-4)


@pytest.mark.parametrize("z", [0.0, 0.6])
def test_a_line_of_a_width_has_the_photons_of_so_much_continuum(z):
    continuum_photons = continuum.power_law(FINE, 1.8)
    line = by_width(FINE, continuum_photons, 6.4, 0.03, 0.2, z)
    at = 6.4 / (1 + z)
    assert_allclose(line.sum() * (1 + z), 0.2 * at**-1.8, rtol=2e-3)


def test_a_slab_reflects_more_where_it_absorbs_less():
    """Little below 2 keV, a step down at the iron edge, rising to hard energies."""
    soft, before, behind, hard = reflectance(np.array([1.0, 7.0, 7.2, 10.0]))
    assert soft < 0.02 < behind < before < hard < 0.3


def test_reflection_and_iron_are_added_to_the_power_law():
    bare = reflected_power_law(FINE, 1.8)
    assert_allclose(bare, continuum.power_law(FINE, 1.8))
    both = reflected_power_law(FINE, np.array([1.8, 1.8]), 1.0, np.array([0.0, 2.0]), np.array([0.1, 0.0]))
    assert_allclose((both[0] - bare).sum(), 0.1 * 6.4**-1.8, rtol=2e-3)
    middle = (FINE[1:] + FINE[:-1]) / 2
    assert_allclose(both[1], bare * (1 + 2 * reflectance(middle)))
