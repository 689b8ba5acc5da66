"""Lines of hydrogen between high levels, broadened by the fields of ions and electrons: the Paschen series."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from spectrove.stars.synthesis.constants import (
    ATOMIC_MASS,
    BOLTZMANN,
    BOLTZMANN_EV,
    HYDROGEN_EV,
    LIGHT,
    OSCILLATOR,
)
from spectrove.stars.synthesis.continuum import stimulated
from spectrove.stars.synthesis.kernels import add_profiles
from spectrove.stars.synthesis.matter import Matter

Floats = NDArray[np.float64]

#: 1 / angstrom, for hydrogen.
RYDBERG = 1.09677576e-3

#: 1 / angstrom by which level 3 lies deeper than Bohr's, the mean of its fine structure: .066 / cm, or .05 A of the
#: lines.
_FINE_STRUCTURE = 6.6e-10

#: Upper levels of the lines from level 3 that are computed; lower ones lie at longer wavelengths.
UPPER = range(9, 25)

#: Largest displacement of a Stark component in units of the mean one, between 2.5 and 4 by theory: with 2.5 lines of
#: P11 to P16 are as wide as SME's (Sun, 6,500 and 7,500 K; scripts/referee_stars.py).
_LARGEST = 2.5

#: Nodes of the table of profiles: distance in widths, and the Doppler width's share of the width.
_FAR, _NODES, _SHARES = 40.0, 400, 17

#: Angstrom beyond the wavelengths within which lines are sought.
_FARTHEST = 100.0


def paschen_wavelength(upper: int) -> float:
    """Vacuum wavelength, angstrom, of the line from level 3 to a higher one."""
    return 1 / (RYDBERG * (1 / 9 - 1 / upper**2) + _FINE_STRUCTURE)


def add_paschen(
    opacity: Floats, wavelength: Floats, gas: Matter, microturbulence: float, least: Floats
) -> None:
    """Add the opacity of the Paschen lines, in place.

    Args:
        opacity: cm2 / g, (n_depths, n_pixels); changed.
        wavelength: Vacuum angstrom, (n_pixels,).
        gas: The layers.
        microturbulence: km / s.
        least: Opacity below which a line is not followed, cm2 / g, (n_depths,).

    Source:
        Quasi-static broadening by ions and electrons alike in the field of Holtsmark 1919, with the mean
        displacements of Griem 1960, ApJ 132, 883, and components spread evenly, folded with the Doppler profile.
        Levels that fields dissolve still absorb, spread over the wings. Oscillator strengths: Kramers, Gaunt factor
        .895.
    """
    thermal = 2 * BOLTZMANN * gas.temperature / (1.008 * ATOMIC_MASS) + (microturbulence * 1e5) ** 2
    lower = 9 * gas.hydrogen * np.exp(-HYDROGEN_EV * (1 - 1 / 9) / (BOLTZMANN_EV * gas.temperature))
    field = 1.25e-9 * (2 * gas.electrons) ** (2 / 3)
    for upper in UPPER:
        centre = paschen_wavelength(upper)
        if not wavelength[0] - _FARTHEST < centre < wavelength[-1] + _FARTHEST:
            continue
        strength = 0.895 * 1.96028 / (3**5 * upper**3) / (1 / 9 - 1 / upper**2) ** 3
        stark = 5.5e-5 * (3.0 * upper) ** 4 / (upper**2 - 9) * field
        doppler = centre * np.sqrt(thermal) / LIGHT
        width = np.hypot(stark, doppler)
        # Per angstrom: the oscillator's cross section is per hertz.
        cross = OSCILLATOR * strength * lower * centre**2 * 1e-8 / LIGHT / gas.density / width
        cross = cross * stimulated(np.array(centre), gas.temperature)
        add_profiles(opacity, wavelength, centre, cross, width, _profile(doppler / width), _FAR, least)


def _profile(share: Floats) -> Floats:
    """Profiles, one over both sides, at the nodes of `kernels.add_profiles`, (n_depths, _NODES), by Doppler share."""
    table = _profiles()
    place = np.clip(share, 0, 1) * (_SHARES - 1)
    first = np.minimum(place.astype(int), _SHARES - 2)
    part = (place - first)[:, None]
    return table[first] * (1 - part) + table[first + 1] * part


@cache
def _profiles() -> Floats:
    """Profiles by Doppler share and distance, (_SHARES, _NODES)."""
    nodes = _FAR * np.linspace(0, 1, _NODES) ** 2
    even = np.arange(-2 * _FAR, 2 * _FAR + 0.005, 0.01)
    table = []
    for share in np.linspace(0, 1, _SHARES):
        stark = np.sqrt(max(1 - share**2, 1e-6))
        if share == 1:
            stark = 1e-2
        pure = _stark(np.abs(even) / stark) / stark
        gauss = np.exp(-((even[np.abs(even) < 6] / max(share, 1e-3)) ** 2))
        folded = np.convolve(pure, gauss / gauss.sum(), mode="same")
        table.append(np.interp(nodes, even, folded))
    return np.array(table)


def _stark(beta: Floats) -> Floats:
    """The profile without Doppler broadening, in units of the mean displacement in the normal field."""
    field, probability = _holtsmark()
    nodes = np.concatenate([[0.0], np.geomspace(1e-3, 400.0, 600)])
    reach = _LARGEST * field
    density = np.where(nodes[:, None] < reach, 0.5 / reach, 0.0)
    values = np.trapezoid(probability * density, field, axis=1)
    return np.interp(beta, nodes, values)


@cache
def _holtsmark() -> tuple[Floats, Floats]:
    """Fields in units of the normal field, and the probability density of Holtsmark's distribution there."""
    field = np.geomspace(1e-3, 3000.0, 1500)
    x = np.linspace(0, 12, 24001)
    damped = x * np.exp(-(x**1.5))
    within = np.array([2 / np.pi * b * np.trapezoid(damped * np.sin(b * x), x) for b in field[field < 20]])
    beyond = field[field >= 20]
    return field, np.concatenate([within, 1.496 * beyond**-2.5 * (1 + 5.107 * beyond**-1.5)])
