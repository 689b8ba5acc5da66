"""The state of the gas in each layer: ions, electrons and levels in thermodynamic equilibrium."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.stars.synthesis.atmosphere import Atmosphere
from spectrove.stars.synthesis.constants import (
    ATOMIC_MASS,
    BOLTZMANN,
    BOLTZMANN_EV,
    ELECTRON_MASS,
    PLANCK,
)
from spectrove.stars.synthesis.elements import ELEMENTS
from spectrove.stars.synthesis.lines import Partition

Floats = NDArray[np.float64]

#: Rounds of solving for the electrons; each halves the error of log n_e or better, and the model's own is near.
_ROUNDS = 12


@dataclass(frozen=True)
class Matter:
    """Numbers per cm3 in each layer; arrays are (n_depths,) but for those of elements.

    Attributes:
        temperature: K.
        electrons: Free electrons.
        hydrogen: Neutral hydrogen atoms.
        protons: Ionised hydrogen.
        molecules: H2.
        helium: Neutral helium.
        density: g / cm3.
        over_partition: Atoms and ions divided by their partition function, (n_elements, STAGES, n_depths).
        symbols: Elements of the first axis.
    """

    temperature: Floats
    electrons: Floats
    hydrogen: Floats
    protons: Floats
    molecules: Floats
    helium: Floats
    density: Floats
    over_partition: Floats
    symbols: tuple[str, ...]


def saha(temperature: Floats, electrons: Floats, energy: Floats, ratio: Floats) -> Floats:
    """Number of ions of one stage over that of the stage below.

    Args:
        temperature: K.
        electrons: Per cm3.
        energy: Of ionisation, eV.
        ratio: Partition function of the upper stage over the lower's.

    Source:
        Saha 1921; Gray 2005, The Observation and Analysis of Stellar Photospheres, eq. 1.19.
    """
    waves = (2 * np.pi * ELECTRON_MASS * BOLTZMANN * temperature / PLANCK**2) ** 1.5
    return 2 * waves * ratio * np.exp(-energy / (BOLTZMANN_EV * temperature)) / electrons


def matter_of(atmosphere: Atmosphere, atoms: Mapping[str, float], partition: Partition) -> Matter:
    """The gas of an atmosphere with given abundances.

    Temperature and pressure are the model's; electrons are found anew, so that a star rich in magnesium has those of
    its magnesium. H2 is the only molecule.

    Args:
        atmosphere: The layers.
        atoms: Atoms of each element per hydrogen atom.
        partition: Partition functions and energies of ionisation.
    """
    temperature, electrons = atmosphere.temperature, atmosphere.electron_density
    functions = partition.at(temperature)
    abundance = np.array([atoms[symbol] for symbol in partition.symbols])[:, None]
    every = sum(atoms.values())
    hydrogen = partition.symbols.index("H")
    bare = np.ones_like(electrons)  # saha() is proportional to 1 / n_e
    first, second = (
        saha(temperature, bare, partition.ionisation[:, k, None], functions[:, k + 1] / functions[:, k])
        for k in range(2)
    )
    second[hydrogen] = 0.0
    particles = atmosphere.gas_pressure / (BOLTZMANN * temperature)
    binding = BOLTZMANN * temperature / _dissociation(temperature)
    for _ in range(_ROUNDS):
        once = first / electrons
        twice = once * second / electrons
        neutral = 1 / (1 + once + twice)
        nuclei = _nuclei(particles - electrons, every, neutral[hydrogen], binding)
        in_h2 = 2 * binding * (nuclei * neutral[hydrogen]) ** 2
        found = abundance * (nuclei + in_h2)
        found[hydrogen] = nuclei
        electrons = np.sqrt(electrons * (found * neutral * (once + 2 * twice)).sum(axis=0))
    stages = np.stack([neutral, neutral * once, neutral * twice], axis=1) * found[:, None]
    mass = sum(atoms[symbol] * weight for symbol, (_, weight, _) in ELEMENTS.items()) * ATOMIC_MASS
    return Matter(
        temperature=temperature,
        electrons=electrons,
        hydrogen=stages[hydrogen, 0],
        protons=stages[hydrogen, 1],
        molecules=in_h2 / 2,
        helium=stages[partition.symbols.index("He"), 0],
        density=(nuclei + in_h2) * mass,
        over_partition=stages / functions,
        symbols=partition.symbols,
    )


def _nuclei(particles: Floats, every: float, neutral: Floats, binding: Floats) -> Floats:
    """Hydrogen atoms and ions outside of molecules per cm3, of which a share is neutral.

    Heavy particles are n (every) + H2 (2 every - 1), where n are hydrogen atoms and ions that are free: the elements
    beside hydrogen go with all of it. With H2 = binding (neutral n)^2 that is a quadratic equation.
    """
    a = binding * neutral**2 * (2 * every - 1)
    return 2 * particles / (every + np.sqrt(every**2 + 4 * a * particles))


def _dissociation(temperature: Floats) -> Floats:
    """p(H)^2 / p(H2), dyn / cm2. Tsuji 1973, A&A 23, 411."""
    theta = 5040 / temperature
    return 10 ** (12.739 + theta * (-5.1172 + theta * (0.12572 + theta * (-0.014149 + theta * 6.3021e-4))))
