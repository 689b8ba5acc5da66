"""Gaussian emission lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def gaussian(
    edges: Floats, energy: ArrayLike, sigma: ArrayLike, norm: ArrayLike = 1.0, z: ArrayLike = 0.0
) -> Floats:
    """Photons of a Gaussian line, exact.

    Args:
        edges: Of the bins, keV.
        energy: Its centre in the rest frame, keV.
        sigma: Its width in the rest frame, keV, above 0.
        norm: Photons / (cm2 s) that arrive in all of it.
        z: Redshift of the source.

    Returns:
        Photons / (cm2 s) in each bin.
    """
    from scipy.special import ndtr

    energy, sigma, norm, z = (np.asarray(x, float)[..., None] for x in (energy, sigma, norm, z))
    return norm * np.diff(ndtr((edges * (1 + z) - energy) / sigma), axis=-1)


def by_width(
    edges: Floats,
    continuum: Floats,
    energy: ArrayLike,
    sigma: ArrayLike,
    width: ArrayLike,
    z: ArrayLike = 0.0,
) -> Floats:
    """Photons of a Gaussian line of a given equivalent width.

    Args:
        edges: Of the bins, keV.
        continuum: Photons / (cm2 s) of the continuum in each bin, (n, n_bins) or (n_bins,).
        energy, sigma: Centre and width of the line in the rest frame, keV.
        width: Equivalent width in the rest frame, keV.
        z: Redshift of the source.

    Returns:
        As `continuum`; zero where the line lies outside the bins.
    """
    z = np.asarray(z, float)
    at = np.asarray(energy, float) / (1 + z)
    density = np.atleast_2d(continuum / np.diff(edges))
    place = np.broadcast_to(np.searchsorted(edges, at, side="right") - 1, len(density))
    inside = (place >= 0) & (place < len(edges) - 1)
    level = density[np.arange(len(density)), np.clip(place, 0, len(edges) - 2)] * inside
    norm = np.reshape(level, np.shape(continuum)[:-1]) * np.asarray(width, float) / (1 + z)
    return gaussian(edges, energy, sigma, norm, z)
