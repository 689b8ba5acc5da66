"""Photoelectric absorption by neutral gas of cosmic abundance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Upper energy, keV, and coefficients of the cross-section per hydrogen atom, 1e-24 cm2: (c0 + c1 E + c2 E^2) / E^3.
#: Abundances of Anders & Ebihara 1982, all atoms in the gas. Morrison & McCammon 1983, ApJ 270, 119, table 2.
COEFFICIENTS = np.array([
    [0.100, 17.3, 608.1, -2150.0], [0.284, 34.6, 267.9, -476.1], [0.400, 78.1, 18.8, 4.3],
    [0.532, 71.4, 66.8, -51.4], [0.707, 95.5, 145.8, -61.1], [0.867, 308.9, -380.6, 294.0],
    [1.303, 120.6, 169.3, -47.7], [1.840, 141.3, 146.8, -31.5], [2.471, 202.7, 104.7, -17.0],
    [3.210, 342.7, 18.7, 0.0], [4.038, 352.2, 18.7, 0.0], [7.111, 433.9, -2.4, 0.75],
    [8.331, 629.0, 30.9, 0.0], [10.000, 701.2, 25.2, 0.0],
])  # fmt: skip

#: Columns are given in this unit, cm-2.
COLUMN = 1e22


def cross_section(energy: ArrayLike) -> Floats:
    """Cross-section per hydrogen atom, 1e-22 cm2, at energies in keV; above 10 keV the last polynomial goes on.

    Below .03 keV, where the source gives none, it is that of .03 keV.
    """
    at = np.maximum(np.asarray(energy, float), 0.03)
    row = np.minimum(np.searchsorted(COEFFICIENTS[:, 0], at), len(COEFFICIENTS) - 1)
    c0, c1, c2 = COEFFICIENTS[:, 1:].T[:, row]
    return 0.01 * (c0 + c1 * at + c2 * at**2) / at**3


def transmission(edges: Floats, nh: ArrayLike, z: ArrayLike = 0.0) -> Floats:
    """Share of the photons of each bin that a column of hydrogen lets through.

    Taken at the middle of the bin.

    Args:
        edges: Of the bins, keV.
        nh: Column, 1e22 hydrogen atoms / cm2.
        z: Redshift of the gas.

    Returns:
        (n_bins,), or (n, n_bins).

    Source:
        Morrison & McCammon 1983, ApJ 270, 119 (the model "wabs"): no grains, no scattering, no ionised gas.
    """
    nh, z = np.asarray(nh, float)[..., None], np.asarray(z, float)[..., None]
    if not z.any():
        return np.exp(-nh * cross_section((edges[1:] + edges[:-1]) / 2))
    low, high = edges[:-1] * (1 + z), edges[1:] * (1 + z)
    return np.exp(-nh * cross_section((low + high) / 2))
