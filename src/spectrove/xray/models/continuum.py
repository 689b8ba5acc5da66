"""Continua: power law, bremsstrahlung, black body, and a disc of black bodies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Planck's constant, keV s, and the speed of light, cm / s (exact in SI).
_PLANCK, _LIGHT = 4.135667696e-18, 2.99792458e10

#: 2 pi / (h^3 c^2): photons per cm2, s and keV^3 from a black surface.
SURFACE = 2 * np.pi / (_PLANCK**3 * _LIGHT**2)

#: (1 km / 10 kpc)^2.
KILOMETRE = (1e5 / 3.0856776e22) ** 2

#: Photons / (cm3 s) of free electrons and ions of charge 1 and density 1 / cm3 each, for E^-1 kT^-1/2 dE in keV.
FREE_FREE = 3.03e-15

#: Radii of the disc at which its temperature is taken, in units of the inner radius, and the weights of the sum.
_RINGS = np.geomspace(1.0, 1e4, 121)


def power_law(edges: Floats, index: ArrayLike, norm: ArrayLike = 1.0, z: ArrayLike = 0.0) -> Floats:
    """Photons of a power law: norm (E (1 + z))^-index / (1 + z) photons / (cm2 s keV).

    Args:
        edges: Of the bins, keV.
        index: Photon index, Gamma.
        norm: Photons / (cm2 s keV) at 1 keV, at z = 0.
        z: Redshift of the source; the shape of a power law does not change, its norm does.

    Returns:
        Photons / (cm2 s) in each bin, exact.
    """
    index, norm, z = (np.asarray(x, float)[..., None] for x in (index, norm, z))
    slope = 1 - index
    near = np.abs(slope) < 1e-6
    safe = np.where(near, 1.0, slope)
    whole = np.where(near, np.log(edges), edges**safe / safe)
    return norm * (1 + z) ** (-index - 1) * np.diff(whole, axis=-1)


def bremsstrahlung(edges: Floats, kt: ArrayLike, norm: ArrayLike = 1.0, z: ArrayLike = 0.0) -> Floats:
    """Photons of thermal bremsstrahlung of hydrogen and helium, optically thin.

    Args:
        edges: Of the bins, keV.
        kt: Temperature, keV.
        norm: 1e-14 / (4 pi D^2) times the integral over the volume of n_e n_i Z^2, D in cm and densities per cm3.
        z: Redshift of the source.

    Returns:
        Photons / (cm2 s) in each bin.

    Source:
        Rybicki & Lightman 1979, eq. 5.14; Gaunt factor: `gaunt_factor`.
    """
    kt, norm = np.asarray(kt, float)[..., None], np.asarray(norm, float)[..., None]

    def density(energy: Floats) -> Floats:
        return gaunt_factor(energy, kt) * np.exp(-energy / kt) / (energy * np.sqrt(kt))

    return 1e14 * FREE_FREE * norm * over_bins(density, edges, z)


def gaunt_factor(energy: Floats, kt: Floats) -> Floats:
    """Free-free Gaunt factor averaged over a thermal plasma, in the Born approximation, for charge 1.

    sqrt(3) / pi exp(x / 2) K0(x / 2) with x = E / kT: good to 15% above 10^6 K, where Coulomb corrections are small.

    Source:
        Greene 1959, ApJ 130, 693; Rybicki & Lightman, section 5.2.
    """
    from scipy.special import k0e

    return np.sqrt(3) / np.pi * k0e(energy / kt / 2)


def black_body(edges: Floats, kt: ArrayLike, norm: ArrayLike = 1.0, z: ArrayLike = 0.0) -> Floats:
    """Photons of a spherical black body.

    Args:
        edges: Of the bins, keV.
        kt: Temperature, keV.
        norm: (R / D)^2 with the radius R in km and the distance D in 10 kpc.
        z: Redshift of the source.

    Returns:
        Photons / (cm2 s) in each bin.
    """
    kt, norm = np.asarray(kt, float)[..., None], np.asarray(norm, float)[..., None]

    def density(energy: Floats) -> Floats:
        return _planck(energy / kt) * kt**2

    return norm * SURFACE * KILOMETRE * over_bins(density, edges, z)


def disc(edges: Floats, kt: ArrayLike, norm: ArrayLike = 1.0) -> Floats:
    """Photons of a disc of black bodies whose temperature falls with radius to the power -3/4.

    Args:
        edges: Of the bins, keV.
        kt: Temperature at the inner radius, keV.
        norm: (R / D)^2 cos(inclination), R the inner radius in km and D the distance in 10 kpc.

    Returns:
        Photons / (cm2 s) in each bin; the disc ends where it is a thousandth as hot as inside.

    Source:
        Mitsuda et al. 1984, PASJ 36, 741 (the model "diskbb").
    """
    kt, norm = np.asarray(kt, float)[..., None], np.asarray(norm, float)[..., None]
    grid = np.log(np.geomspace(1e-4, 1e3, 1401))
    rings = _rings(np.exp(grid))

    def density(energy: Floats) -> Floats:
        return kt**2 * np.exp(np.interp(np.log(energy / kt), grid, rings))

    return 2 * norm * SURFACE * KILOMETRE * over_bins(density, edges)


def _rings(x: Floats) -> Floats:
    """Logarithm of the integral of Planck's x^2 / (exp(x r^(3/4)) - 1) r dr over the rings."""
    values = _RINGS * _planck(x[:, None] * _RINGS**0.75) / _RINGS**1.5
    return np.log(np.maximum(np.trapezoid(values * _RINGS, np.log(_RINGS), axis=1), 1e-300))


def _planck(x: Floats) -> Floats:
    """x^2 / (exp(x) - 1), 0 where it cannot be told from it."""
    x = np.asarray(x, float)
    return x**2 * np.exp(-x) / -np.expm1(-np.maximum(x, 1e-12))


def over_bins(density: Callable[[Floats], Floats], edges: Floats, z: ArrayLike = 0.0) -> Floats:
    """Integral over each bin of a density per keV of the rest frame, by Simpson's rule; a source at z is diluted.

    Photons arrive as rest-frame photons at energies lower by 1 + z and at a rate lower by 1 + z.
    """
    z = np.asarray(z, float)[..., None]
    at = density(edges * (1 + z))
    middle = density((edges[1:] + edges[:-1]) / 2 * (1 + z))
    return (at[..., :-1] + 4 * middle + at[..., 1:]) / 6 * np.diff(edges)
