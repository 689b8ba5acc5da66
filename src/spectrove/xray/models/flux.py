"""Energy fluxes of photon spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: erg per keV.
ERG = 1.602176634e-9


def energy_flux(edges: Floats, photons: NDArray, low: float, high: float) -> Floats:
    """Energy flux between two energies, keV, in erg / (cm2 s).

    Photons of a bin count at its middle; of a bin that the limits cut, its share by width.

    Args:
        edges: Of the bins, keV, (n_bins + 1,).
        photons: Photons / (cm2 s) in each bin, (..., n_bins).
        low, high: Limits, keV.
    """
    begin, end = np.clip(edges[:-1], low, high), np.clip(edges[1:], low, high)
    weight = (end - begin) / np.diff(edges) * (begin + end) / 2
    return np.asarray(photons, float) @ weight * ERG
