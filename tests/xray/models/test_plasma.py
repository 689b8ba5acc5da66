"""The thin plasma: charge states and lines where they are known to be."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.xray.models.continuum import bremsstrahlung
from spectrove.xray.models.flux import energy_flux
from spectrove.xray.models.ions import HELIUM, ion_fractions
from spectrove.xray.models.plasma import LOG_KT, thermal_plasma

EDGES = np.arange(0.3, 10, 0.01)


@pytest.mark.parametrize(
    ("element", "electrons", "log_t"),
    [
        ("O", 1, 6.35),
        ("Ne", 1, 6.65),
        ("Mg", 1, 6.9),
        ("Si", 1, 7.15),
        ("S", 1, 7.3),
        ("Fe", 2, 7.6),
        ("Fe", 10, 6.7),
    ],
)
def test_ions_are_most_frequent_at_their_temperature(element, electrons, log_t):
    """Within .15 dex of published balances (Mazzotta et al. 1998)."""
    shares = ion_fractions(element, LOG_KT)
    assert_allclose(shares.sum(axis=0), 1)
    found = np.array(LOG_KT)[shares[electrons].argmax()] + np.log10(1.16045e7)
    assert abs(found - log_t) < 0.15


def test_without_metals_there_is_bremsstrahlung_alone():
    found = thermal_plasma(EDGES, 10 ** LOG_KT[40], abundance=0.0)
    assert_allclose(found, bremsstrahlung(EDGES, 10 ** LOG_KT[40], 1 + 4 * HELIUM), rtol=1e-6)


@pytest.mark.parametrize(
    ("kt", "energy"), [(0.3, 0.6536), (0.6, 0.826), (1.5, 1.855), (3.0, 2.0054), (5.0, 6.675)]
)
def test_its_lines_stand_out_at_their_temperature(kt, energy):
    """O VIII, Fe XVII, Si XIII, Si XIV, Fe XXV over the bins beside them."""
    found = thermal_plasma(EDGES, kt)
    place = np.searchsorted(EDGES, energy, side="right") - 1
    assert found[place] > 3 * np.median(found[place - 8 : place + 9])


def test_iron_of_hot_gas_has_its_measured_width():
    """Fe K of the helium-like ion at 5 keV and solar abundance: near 1 keV (Rothenflug & Arnaud 1985)."""
    found = thermal_plasma(EDGES, 5.0)
    near = (EDGES[:-1] > 6.6) & (EDGES[:-1] < 6.75)
    level = np.median(found[(EDGES[:-1] > 6.2) & (EDGES[:-1] < 6.6)]) / 0.01
    assert 0.5 < (found[near].sum() - level * 0.01 * near.sum()) / level < 1.3


def test_cool_gas_shines_in_lines_and_hot_gas_in_the_continuum():
    cool, hot = (thermal_plasma(EDGES, kt) for kt in (0.5, 8.0))
    bare_cool, bare_hot = (thermal_plasma(EDGES, kt, abundance=0.0) for kt in (0.5, 8.0))
    assert energy_flux(EDGES, cool, 0.5, 2) > 5 * energy_flux(EDGES, bare_cool, 0.5, 2)
    assert energy_flux(EDGES, hot, 0.5, 2) < 1.4 * energy_flux(EDGES, bare_hot, 0.5, 2)


def test_many_temperatures_at_once_are_each_alone():
    both = thermal_plasma(EDGES, np.array([0.7, 3.3]), np.array([1.0, 2.0]), np.array([0.3, 1.0]))
    assert_allclose(both[1], 2 * thermal_plasma(EDGES, 3.3))
