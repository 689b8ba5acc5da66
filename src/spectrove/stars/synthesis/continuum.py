"""Continuous opacity of the gas of cool stars, and what its layers emit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.stars.synthesis.constants import (
    BOLTZMANN,
    BOLTZMANN_EV,
    EV_ANGSTROM,
    HYDROGEN_EV,
    LIGHT,
)
from spectrove.stars.synthesis.matter import Matter

Floats = NDArray[np.float64]

#: Thomson's cross section, cm2.
THOMSON = 6.6524587e-25

#: Wavelength beyond which a photon frees no electron from H-, micrometres; and the fit to its cross section.
_H_MINUS_EDGE = 1.6419
_BOUND_FREE = (152.519, 49.534, -118.858, 92.536, -34.194, 4.982)

#: Rows for powers 1.5, 2, 2.5, 3, 3.5 of 5040 / T, columns for powers 2, 0, -1, -2, -3, -4 of the wavelength.
_FREE_FREE = (
    (2483.346, 285.827, -2054.291, 2827.776, -1341.537, 208.952),
    (-3449.889, -1158.382, 8746.523, -11485.632, 5303.609, -812.939),
    (2200.040, 2427.719, -13651.105, 16755.524, -7510.494, 1132.738),
    (-696.271, -1841.400, 8624.970, -10051.530, 4400.067, -655.020),
    (88.283, 444.517, -1863.864, 2095.288, -901.788, 132.985),
)

#: Levels of hydrogen whose ionisation is counted.
_LEVELS = 8


def planck(wavelength: Floats, temperature: Floats) -> Floats:
    """Planck's function per wavelength, in arbitrary units that are the same for all temperatures.

    Args:
        wavelength: Vacuum angstrom, (n_wavelengths, 1) or a number.
        temperature: K, (n_depths,).
    """
    return 1e20 / wavelength**5 / np.expm1(EV_ANGSTROM / (BOLTZMANN_EV * wavelength * temperature))


def continuous_opacity(wavelength: Floats, gas: Matter) -> Floats:
    """Opacity of the continuum in cm2 / g, (n_wavelengths, n_depths); scattering counts as absorption.

    Args:
        wavelength: Vacuum angstrom, (n_wavelengths,), 3650 to 16,000.
        gas: The layers.
    """
    at = np.asarray(wavelength, float)[:, None]
    total = h_minus(at, gas) + hydrogen(at, gas) + h2_plus(at, gas) + scattering(at, gas)
    return total / gas.density


def stimulated(wavelength: Floats, temperature: Floats) -> Floats:
    """What stimulated emission leaves of the absorption."""
    return -np.expm1(-EV_ANGSTROM / (BOLTZMANN_EV * wavelength * temperature))


def h_minus(wavelength: Floats, gas: Matter) -> Floats:
    """Absorption by the negative ion of hydrogen, 1 / cm, stimulated emission included.

    Source:
        John 1988, A&A 193, 189, eqs. 3 to 6.
    """
    micron, theta = wavelength / 1e4, 5040 / gas.temperature
    beyond = np.maximum(1 / micron - 1 / _H_MINUS_EDGE, 0.0)
    fit = sum(c * beyond ** (n / 2) for n, c in enumerate(_BOUND_FREE))
    cross = 1e-18 * micron**3 * beyond**1.5 * fit
    alpha = 1.4388e4
    bound = 0.750 * gas.temperature**-2.5 * np.exp(alpha / (_H_MINUS_EDGE * gas.temperature))
    bound = bound * stimulated(wavelength, gas.temperature) * cross
    free = np.zeros(np.broadcast_shapes(wavelength.shape, gas.temperature.shape))
    for n, row in enumerate(_FREE_FREE):
        powers = sum(c * micron**p for c, p in zip(row, (2, 0, -1, -2, -3, -4), strict=True))
        free = free + theta ** (1.5 + n / 2) * powers
    electron_pressure = gas.electrons * BOLTZMANN * gas.temperature
    return (bound + 1e-29 * free) * electron_pressure * gas.hydrogen


def hydrogen(wavelength: Floats, gas: Matter) -> Floats:
    """Absorption by neutral hydrogen and by electrons near protons, 1 / cm.

    Source:
        Kramers' cross sections with Gaunt factors of Menzel & Pekeris 1935, as in Gray 2005, eqs. 8.4 to 8.8.
    """
    frequency = LIGHT / (wavelength * 1e-8)
    rydberg = 1.0967876e-3 * wavelength
    total = np.zeros(np.broadcast_shapes(wavelength.shape, gas.temperature.shape))
    for n in range(1, _LEVELS + 1):
        bound = HYDROGEN_EV / n**2
        gaunt = 1 - 0.3456 / rydberg ** (1 / 3) * (rydberg / n**2 - 0.5)
        cross = np.where(EV_ANGSTROM / wavelength >= bound, 2.815e29 * gaunt / (n**5 * frequency**3), 0.0)
        excited = n**2 * np.exp(-(HYDROGEN_EV - bound) / (BOLTZMANN_EV * gas.temperature))
        total = total + cross * excited * gas.hydrogen
    # Levels above the last one, as an integral over the energy.
    tail = HYDROGEN_EV / (_LEVELS + 0.5) ** 2
    thermal = BOLTZMANN_EV * gas.temperature
    high = 2.815e29 / frequency**3 * thermal / (2 * HYDROGEN_EV)
    high = high * (np.exp(-(HYDROGEN_EV - tail) / thermal) - np.exp(-HYDROGEN_EV / thermal))
    gaunt = 1 + 0.3456 / rydberg ** (1 / 3) * (wavelength * thermal / EV_ANGSTROM + 0.5)
    free = 3.692e8 * gaunt * gas.electrons * gas.protons / (np.sqrt(gas.temperature) * frequency**3)
    return (total + high * gas.hydrogen + free) * stimulated(wavelength, gas.temperature)


def h2_plus(wavelength: Floats, gas: Matter) -> Floats:
    """Absorption by a hydrogen atom and a proton that pass each other, 1 / cm.

    Source:
        Kurucz 1970, SAOSR 309, after Bates 1952, MNRAS 112, 40; from 3.3e14 to 3.28e15 Hz.
    """
    frequency = LIGHT / (wavelength * 1e-8)
    log = np.log(frequency)
    cross = -3.0233e3 + (3.7797e2 + (-1.82496e1 + (3.9207e-1 - 3.1672e-3 * log) * log) * log) * log
    energy = 1.224e-61 - 1.351e-77 * frequency
    for coefficient in (-4.230e-46, 1.028e-30, -2.409e-15, -7.342e-3):
        energy = coefficient + energy * frequency
    thermal = BOLTZMANN_EV * gas.temperature
    pairs = gas.hydrogen * gas.protons
    return np.exp(cross - energy / thermal) * pairs * stimulated(wavelength, gas.temperature)


def scattering(wavelength: Floats, gas: Matter) -> Floats:
    """Thomson scattering by electrons and Rayleigh scattering by H, He and H2, 1 / cm.

    Source:
        Dalgarno, as in Kurucz 1970, SAOSR 309: H of Gavrila 1967; He and H2 of Dalgarno & Williams 1962.
    """
    two, four = wavelength**-2.0, wavelength**-4.0
    atom = four * (5.799e-13 + two * (1.422e-6 + two * 2.784))
    helium = 5.484e-14 * four * (1 + two * (2.44e5 + 5.94e10 / (wavelength**2 - 2.90e5))) ** 2
    molecule = four * (8.14e-13 + two * (1.28e-6 + two * 1.61))
    return THOMSON * gas.electrons + atom * gas.hydrogen + helium * gas.helium + molecule * gas.molecules
