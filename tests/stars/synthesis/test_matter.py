"""The gas of an atmosphere: limits of Saha's equation, and what is conserved."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import ParameterError
from spectrove.stars.synthesis.atmosphere import Atmosphere, model_atmosphere
from spectrove.stars.synthesis.constants import BOLTZMANN
from spectrove.stars.synthesis.elements import ELEMENTS, abundances
from spectrove.stars.synthesis.lines import shipped_partition
from spectrove.stars.synthesis.matter import matter_of, saha

SUN = abundances(0.0, 0.0, {})


def layer(temperature: float, pressure: float, electrons: float = 1e12) -> Atmosphere:
    """One layer, its electrons to be found."""
    return Atmosphere(*(np.array([x]) for x in (1.0, temperature, pressure, electrons)))


def test_half_of_hydrogen_is_ionised_where_saha_says():
    """By hand at 10,000 K: for halves the density of electrons is 2.4146e15 T^1.5 exp(-157,802 / T)."""
    temperature = np.array([10_000.0])
    electrons = 2.4146e15 * temperature**1.5 * np.exp(-157_802 / temperature)
    ratio = saha(temperature, electrons, np.array([13.5984]), np.array([0.5]))
    assert_allclose(ratio, 1.0, rtol=2e-3)


def test_hot_gas_is_ionised_and_cool_gas_is_not():
    hot = matter_of(layer(20_000, 1e3), SUN, shipped_partition())
    cool = matter_of(layer(4_000, 1e3), SUN, shipped_partition())
    assert hot.protons / hot.hydrogen > 1e3
    assert cool.protons / cool.hydrogen < 1e-5


@pytest.mark.parametrize("temperature", [3500.0, 5000.0, 7000.0, 10_000.0, 15_000.0])
def test_particles_add_up_to_the_pressure_and_charges_to_nothing(temperature):
    gas = matter_of(layer(temperature, 1e5), SUN, shipped_partition())
    stages = gas.over_partition * shipped_partition().at(np.array([temperature]))
    ions = (stages[:, 1] + 2 * stages[:, 2]).sum()
    assert_allclose(ions, gas.electrons[0], rtol=2e-3)
    nuclei = gas.hydrogen + gas.protons + 2 * gas.molecules
    heavy = nuclei * sum(SUN.values()) - gas.molecules
    assert_allclose((heavy + gas.electrons) * BOLTZMANN * temperature, 1e5, rtol=2e-3)
    mass = sum(SUN[x] * ELEMENTS[x][1] for x in SUN) * 1.66053907e-24
    assert_allclose(gas.density, nuclei * mass, rtol=1e-6)


def test_hydrogen_is_molecules_where_it_is_cold_and_dense():
    cold = matter_of(layer(2000, 1e6), SUN, shipped_partition())
    warm = matter_of(layer(6000, 1e5), SUN, shipped_partition())
    assert cold.molecules > 10 * cold.hydrogen
    assert warm.molecules < 1e-3 * warm.hydrogen


@pytest.mark.parametrize(
    "parameters", [(5777, 4.44, 0.0, 0.0), (4700, 2.5, 0.0, 0.0), (6000, 4.2, -1.5, 0.3)]
)
def test_electrons_are_those_of_the_model(parameters):
    """ATLAS computed them in its own way with the same abundances; ours are within 10% of what the networks give."""
    model = model_atmosphere(*parameters)
    gas = matter_of(model, abundances(*parameters[2:], {}), shipped_partition())
    assert_allclose(gas.electrons, model.electron_density, rtol=0.1)


def test_metals_give_the_electrons_of_a_cool_star():
    """A giant with three times the magnesium, silicon and iron of another has two to three times its electrons."""
    model = model_atmosphere(4200, 1.5, 0.0)
    poor, rich = (
        matter_of(model, abundances(x, 0.0, {}), shipped_partition()).electrons[30] for x in (0.0, 0.5)
    )
    assert 2 < rich / poor < 3.2


def test_partition_functions_are_those_of_the_lowest_levels():
    """At 5,040 K: log10 .31 and 0 of sodium, 1.43 and 1.63 of iron (Gray 2005, table D.2)."""
    partition = shipped_partition()
    at = dict(zip(partition.symbols, partition.at(np.array([5040.0]))[:, :2, 0], strict=True))
    assert_allclose(np.log10(at["Na"]), [0.31, 0.0], atol=0.02)
    assert_allclose(np.log10(at["Fe"]), [1.43, 1.63], atol=0.04)
    assert_allclose(at["H"][0], 2.0, rtol=2e-3)


def test_an_element_that_is_not_known_is_refused():
    with pytest.raises(ParameterError, match="Xx"):
        abundances(0.0, 0.0, {"Xx": 0.1})
    with pytest.raises(ParameterError, match="Fe"):
        abundances(0.0, 0.0, {"Fe": 0.1})


def test_abundances_follow_iron_alpha_or_their_own_value():
    found = abundances(-1.0, 0.4, {"Ca": 0.1})
    shift = {x: np.log10(found[x] / SUN[x]) for x in ("H", "He", "Fe", "Ni", "Mg", "Ca")}
    assert_allclose(list(shift.values()), [0, 0, -1, -1, -0.6, -0.9], atol=1e-12)
