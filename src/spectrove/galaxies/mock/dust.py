"""Dust attenuation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def calzetti(wavelength: ArrayLike) -> NDArray[np.float64]:
    """k = A / E(B-V) of a dusty starburst, same shape; rest wavelength in angstrom.

    Source: Calzetti et al. 2000, ApJ 533, 682, eq. 4 (R_V = 4.05).
    """
    x = 1e4 / np.asarray(wavelength, float)
    blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3) + 4.05
    red = 2.659 * (-1.857 + 1.040 * x) + 4.05
    return np.where(x > 1 / 0.63, blue, red)


def cardelli(wavelength: ArrayLike) -> NDArray[np.float64]:
    """k = A / E(B-V) of Milky Way dust with R_V = 3.1, for 3030 to 9090 angstrom and a little beyond.

    Source: Cardelli, Clayton & Mathis 1989, ApJ 345, 245, eqs. 3a and 3b.
    """
    y = 1e4 / np.asarray(wavelength, float) - 1.82
    a = np.polynomial.polynomial.polyval(
        y, [1, 0.17699, -0.50447, -0.02427, 0.72085, 0.01979, -0.77530, 0.32999]
    )
    b = np.polynomial.polynomial.polyval(
        y, [0, 1.41338, 2.28305, 1.07233, -5.38434, -0.62251, 5.30260, -2.09002]
    )
    return 3.1 * a + b


def balmer_reddening(log_ha_hb: float) -> float:
    """E(B-V) of the gas from the Balmer decrement, never negative.

    Source: Dominguez et al. 2013, ApJ 763, 145, eq. 4 (Calzetti curve, case B 2.86).
    """
    return max(0.0, 1.97 * (log_ha_hb - float(np.log10(2.86))))
