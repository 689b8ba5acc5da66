"""The spectrum of a star: flux over continuum at high resolution, from parameters and abundances."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.stars.synthesis.atmosphere import Atmosphere, model_atmosphere
from spectrove.stars.synthesis.constants import (
    ATOMIC_MASS,
    BOLTZMANN,
    BOLTZMANN_EV,
    LIGHT,
    OSCILLATOR,
)
from spectrove.stars.synthesis.continuum import continuous_opacity, planck, stimulated
from spectrove.stars.synthesis.elements import ELEMENTS, SYMBOLS, abundances
from spectrove.stars.synthesis.hydrogen_lines import add_paschen
from spectrove.stars.synthesis.kernels import add_lines, emergent_flux
from spectrove.stars.synthesis.lines import LineList, Partition, shipped_lines, shipped_partition
from spectrove.stars.synthesis.matter import Matter, matter_of
from spectrove.stars.synthesis.star import Star

Floats = NDArray[np.float64]

#: Of the continuum: what a line adds below this is not followed.
_NEGLIGIBLE = 5e-4

#: Angstrom between wavelengths at which continuum and source function are computed.
_NODE = 4.0

#: Where the continuous opacity holds, vacuum angstrom.
LIMITS = (3700.0, 16000.0)

#: Bohr's radius squared, cm2.
_BOHR = 2.80028521e-17


@dataclass(frozen=True)
class Synthesis:
    """A computed spectrum.

    Attributes:
        wavelength: Vacuum, at rest, angstrom, (n_pixels,).
        flux: Over the continuum, (n_pixels,).
        continuum: Flux of the continuum per wavelength in arbitrary units, those of all stars, (n_pixels,).
    """

    wavelength: Floats
    flux: Floats
    continuum: Floats


def synthesise(
    star: Star,
    wavelength: NDArray,
    *,
    lines: LineList | None = None,
    partition: Partition | None = None,
    atmosphere: Atmosphere | None = None,
) -> Synthesis:
    """The spectrum of a star before anything but microturbulence broadened it.

    In local thermodynamic equilibrium, plane layers, flux over all angles, scattering counted as absorption. No
    molecules but H2 in the gas, and no lines of molecules.

    Args:
        star: Its parameters.
        wavelength: Vacuum angstrom, increasing, (n_pixels,); steps of .05 A follow lines of cool stars.
        lines: The lines; those of `shipped_lines` cover 5330-5610 and 8475-8980 A (air).
        partition: Partition functions; those that are shipped.
        atmosphere: The layers; by default the model of the star's parameters.

    Raises:
        ParameterError: The star lies outside of the models, names elements that are not known, or the wavelengths lie
            outside of 3700 to 16,000 A or do not increase.
    """
    wavelength = np.ascontiguousarray(wavelength, dtype=np.float64)
    _check(wavelength)
    lines = shipped_lines() if lines is None else lines
    partition = shipped_partition() if partition is None else partition
    if atmosphere is None:
        atmosphere = model_atmosphere(star.teff, star.logg, star.fe_h, star.atmosphere_alpha)
    gas = matter_of(atmosphere, abundances(star.fe_h, star.alpha_fe, star.x_fe), partition)
    nodes, node, part = _nodes(wavelength)
    opacity = continuous_opacity(nodes, gas)
    source = planck(nodes[:, None], gas.temperature)
    reach = (lines.wavelength > wavelength[0] - 60) & (lines.wavelength < wavelength[-1] + 60)
    of_lines = np.zeros((len(gas.temperature), len(wavelength)))
    add_paschen(of_lines, wavelength, gas, star.microturbulence, _NEGLIGIBLE * opacity.min(axis=0))
    profiles = line_profiles(lines.take(reach), gas, star.microturbulence)
    least = _NEGLIGIBLE * _at(nodes, opacity, profiles.centres)
    add_lines(
        of_lines, wavelength, profiles.centres, profiles.strengths, profiles.widths, profiles.dampings, least
    )
    column = atmosphere.column_mass
    continuum = emergent_flux(
        opacity, source, column, np.minimum(np.arange(len(nodes)), len(nodes) - 2),
        (np.arange(len(nodes)) == len(nodes) - 1).astype(float), np.zeros((len(column), len(nodes))),
    )  # fmt: skip
    continuum = continuum[node] + part * (continuum[node + 1] - continuum[node])
    flux = emergent_flux(opacity, source, column, node, part, of_lines)
    return Synthesis(wavelength, flux / continuum, continuum)


@dataclass(frozen=True)
class Profiles:
    """What decides the profiles of lines in each layer; but for `centres`, (n_lines, n_depths).

    Attributes:
        centres: Vacuum angstrom, (n_lines,).
        strengths: Opacity in the centre without damping, cm2 / g.
        widths: Doppler widths, angstrom.
        dampings: Damping over Doppler width, as in Voigt's function.
    """

    centres: Floats
    strengths: Floats
    widths: Floats
    dampings: Floats


def line_profiles(lines: LineList, gas: Matter, microturbulence: float) -> Profiles:
    """Strength, width and damping of lines in every layer of a gas.

    Args:
        lines: The lines.
        gas: The layers.
        microturbulence: km / s.

    Source:
        Gray 2005, chapter 11. Collisions with hydrogen: Anstee & O'Mara 1995, MNRAS 276, 859 and Barklem, Piskunov &
        O'Mara 2000, A&AS 142, 467, where there is a cross section.
    """
    temperature = gas.temperature
    row = {symbol: i for i, symbol in enumerate(gas.symbols)}
    species = np.array([row[SYMBOLS[n]] for n in lines.number.tolist()], int)
    mass = np.array([ELEMENTS[SYMBOLS[n]][1] for n in lines.number.tolist()])[:, None]
    centre = lines.wavelength[:, None]
    speed = np.sqrt(2 * BOLTZMANN * temperature / (mass * ATOMIC_MASS) + (microturbulence * 1e5) ** 2)
    width = centre * speed / LIGHT
    populated = gas.over_partition[species, lines.stage] * np.exp(
        -lines.lower[:, None] / (BOLTZMANN_EV * temperature)
    )
    strength = OSCILLATOR * 10 ** lines.log_gf[:, None] * populated * stimulated(centre, temperature)
    # OSCILLATOR is per hertz; the profile in frequency is H(a, v) / (sqrt(pi) doppler width in hertz).
    strength = strength * centre * 1e-8 / (math.sqrt(math.pi) * speed * gas.density)
    perturbers = gas.hydrogen + 0.42 * gas.helium + 0.85 * gas.molecules
    warm = temperature / 1e4
    damping = (
        lines.radiative[:, None]
        + 10 ** lines.stark[:, None] * warm ** (1 / 6) * gas.electrons
        + _hydrogen_damping(lines, temperature, mass) * perturbers
    )
    return Profiles(
        np.ascontiguousarray(lines.wavelength),
        strength,
        width,
        damping * centre * 1e-8 / (4 * math.pi * speed),
    )


def _hydrogen_damping(lines: LineList, temperature: Floats, mass: Floats) -> Floats:
    """Damping by collisions with hydrogen, full width in 1 / s for each atom in a cm3, (n_lines, n_depths)."""
    from scipy.special import gamma

    exponent = lines.exponent[:, None]
    reduced = ATOMIC_MASS / (1 / 1.008 + 1 / mass)
    relative = np.sqrt(8 * BOLTZMANN * temperature / (math.pi * reduced))
    by_cross_section = (
        2 * (4 / math.pi) ** (exponent / 2) * gamma(2 - exponent / 2) * 1e6
        * lines.cross_section[:, None] * _BOHR * (relative / 1e6) ** (1 - exponent)
    )  # fmt: skip
    by_power = 10 ** lines.van_der_waals[:, None] * (temperature / 1e4) ** 0.3
    return np.where(lines.cross_section[:, None] > 0, by_cross_section, by_power)


def _nodes(wavelength: Floats) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Wavelengths at which the continuum is computed, and for each pixel the node before it and the part of the way."""
    n = max(2, math.ceil((wavelength[-1] - wavelength[0]) / _NODE) + 1)
    nodes = np.linspace(wavelength[0], wavelength[-1], n)
    place = (wavelength - nodes[0]) / (nodes[1] - nodes[0])
    node = np.clip(place.astype(np.int64), 0, n - 2)
    return nodes, node, place - node


def _at(nodes: Floats, values: Floats, where: Floats) -> Floats:
    """Values at nodes (n_nodes, n_depths), interpolated to places, (n_places, n_depths)."""
    place = np.clip((where - nodes[0]) / (nodes[1] - nodes[0]), 0, len(nodes) - 1.000001)
    first = place.astype(int)
    part = (place - first)[:, None]
    return values[first] * (1 - part) + values[first + 1] * part


def _check(wavelength: Floats) -> None:
    """Refuse wavelengths that no spectrum can be computed at."""
    if wavelength.ndim != 1 or len(wavelength) < 2 or not np.all(np.diff(wavelength) > 0):
        raise ParameterError(
            f"wavelengths have shape {wavelength.shape}, expected one row of two or more that increase."
        )
    if wavelength[0] < LIMITS[0] or wavelength[-1] > LIMITS[1]:
        raise ParameterError(
            f"wavelengths run from {wavelength[0]:g} to {wavelength[-1]:g} A, expected {LIMITS[0]:g} to "
            f"{LIMITS[1]:g} A."
        )
