"""Stellar populations of black bodies: a toy, so that the demo of photometry runs where no real ones are at hand.

Stars are black bodies on a main sequence of power laws; giants are one more black body. Colours and masses are of the
right kind and no more: nothing here may be used to say anything of a real galaxy, and only the demo imports it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.sed.populations import Populations
from spectrove.sed.tables import trapezoid_weights

Array = NDArray[np.float64]

#: How they are called wherever a result says what was fitted.
NAME = "a toy of black bodies, for the demo alone"

AGES = np.concatenate([[1e5], np.geomspace(1e6, 1.4e10, 45)])
METALS = np.array([0.004, 0.02])
WAVELENGTH = np.concatenate([np.linspace(200, 1e4, 500), np.geomspace(1.02e4, 1e6, 90)])
#: Masses of stars, Msun.
MASSES = np.geomspace(0.1, 100, 4000)
#: Giants: their temperature (K), and their light in that of the stars that just left the main sequence.
GIANT, GIANT_LIGHT = 4300.0, 12.0
#: Share of its life that a star is a giant.
GIANT_SHARE = 0.1


def toy_populations() -> Populations:
    """Populations for two metallicities and 46 ages from 10^5 to 1.4 10^10 yr, of one solar mass at birth each.

    Source:
        Luminosities and temperatures of the main sequence as powers of the mass (Salaris & Cassisi, Evolution of Stars
        and Stellar Populations, 2005); initial mass function of Kroupa (2001), MNRAS 322, 231.
    """
    number = _numbers()
    light = np.where(MASSES < 0.43, 0.23 * MASSES**2.3, np.minimum(MASSES**3.9, 32 * MASSES**2.2))
    radius = np.where(MASSES < 1, MASSES**0.8, MASSES**0.57)
    life = 1e10 * MASSES / light
    spectra, surviving = [], []
    for metals in METALS:
        temperature = 5772 * (light / radius**2) ** 0.25 * (metals / 0.02) ** -0.03
        dwarfs = light[:, None] * _shape(temperature)
        giants = GIANT_LIGHT * light[:, None] * _shape(np.full_like(MASSES, GIANT * (metals / 0.02) ** -0.03))
        alive = (life[None] > AGES[:, None]).astype(float)
        ascended = ((life[None] <= AGES[:, None]) & (life[None] * (1 + GIANT_SHARE) > AGES[:, None])).astype(
            float
        )
        spectra.append((alive * number) @ dwarfs + (ascended * number) @ giants)
        # A third of a dead star stays as its remnant.
        surviving.append((alive * number) @ MASSES + ((1 - alive) * number) @ (MASSES / 3))
    return Populations(NAME, "kroupa", AGES, METALS, WAVELENGTH, np.array(spectra), np.array(surviving))


def _numbers() -> Array:
    """Stars of each mass in one solar mass of stars."""
    density = np.where(MASSES < 0.5, MASSES**-1.3, 0.5 * MASSES**-2.3)
    number = density * trapezoid_weights(MASSES)
    return np.asarray(number / (number @ MASSES))


def _shape(temperature: Array) -> Array:
    """Black bodies of one solar luminosity, Lsun / angstrom, (n_temperatures, n_wavelengths)."""
    x = 1.4388e8 / WAVELENGTH / temperature[:, None]
    shape = WAVELENGTH**-5 / np.expm1(np.minimum(x, 600))
    return np.asarray(shape / (shape @ trapezoid_weights(WAVELENGTH))[:, None])
