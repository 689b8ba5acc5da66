"""What hydrogen between a galaxy and us lets through, on average over lines of sight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.sed.constants import LYMAN_LIMIT

Array = NDArray[np.float64]

#: Lyman series: wavelength (angstrom) and optical depths of the forest and of damped systems. Source: Inoue et al.
#: (2014), MNRAS 442, 1805, table 2; coefficients of other ranges of redshift follow as the depth is continuous.
SERIES = np.array(
    [
        (1215.67, 1.68976e-2, 1.61698e-4), (1025.72, 4.69229e-3, 1.54539e-4), (972.537, 2.23898e-3, 1.49767e-4),
        (949.743, 1.31901e-3, 1.46031e-4), (937.803, 8.70656e-4, 1.42893e-4), (930.748, 6.17843e-4, 1.40159e-4),
        (926.226, 4.60924e-4, 1.37714e-4), (923.150, 3.56887e-4, 1.35495e-4), (920.963, 2.84278e-4, 1.33452e-4),
        (919.352, 2.31771e-4, 1.31561e-4), (918.129, 1.92348e-4, 1.29785e-4), (917.181, 1.62155e-4, 1.28117e-4),
        (916.429, 1.38498e-4, 1.26540e-4), (915.824, 1.19611e-4, 1.25041e-4), (915.329, 1.04314e-4, 1.23614e-4),
        (914.919, 9.17397e-5, 1.22248e-4), (914.576, 8.12784e-5, 1.20938e-4), (914.286, 7.25069e-5, 1.19681e-4),
        (914.039, 6.50549e-5, 1.18469e-4), (913.826, 5.86816e-5, 1.17298e-4), (913.641, 5.31918e-5, 1.16167e-4),
        (913.480, 4.84261e-5, 1.15071e-4), (913.339, 4.42740e-5, 1.14011e-4), (913.215, 4.06311e-5, 1.12983e-4),
        (913.104, 3.73821e-5, 1.11972e-4), (913.006, 3.45377e-5, 1.11002e-4), (912.918, 3.19891e-5, 1.10051e-4),
        (912.839, 2.97110e-5, 1.09125e-4), (912.768, 2.76635e-5, 1.08220e-4), (912.703, 2.58178e-5, 1.07337e-4),
        (912.645, 2.41479e-5, 1.06473e-4), (912.592, 2.26347e-5, 1.05629e-4), (912.543, 2.12567e-5, 1.04802e-4),
        (912.499, 1.99967e-5, 1.03991e-4), (912.458, 1.88476e-5, 1.03198e-4), (912.420, 1.77928e-5, 1.02420e-4),
        (912.385, 1.68222e-5, 1.01657e-4), (912.353, 1.59286e-5, 1.00908e-4), (912.324, 1.50996e-5, 1.00168e-4),
    ]
)  # fmt: skip


def transmission(observed: Array, z: float) -> Array:
    """The mean share of light that reaches us from a galaxy, as `observed` (angstrom, in the frame of the observer).

    Source:
        Inoue et al. (2014), MNRAS 442, 1805, equations 21 to 29.
    """
    passed = np.ones(np.shape(observed))
    met = observed < SERIES[0, 0] * (1 + z)
    if met.any():
        wave = np.asarray(observed, float)[met]
        passed[met] = np.exp(-(_series(wave, z) + _forest_continuum(wave, z) + _damped_continuum(wave, z)))
    return passed


def _series(wave: Array, z: float) -> Array:
    """Optical depth of the lines."""
    ratio = wave[None] / SERIES[:, :1]
    forest = ratio**1.2 * np.maximum(ratio / 2.2, 1) ** 2.5 * np.maximum(ratio / 5.7, 1) ** 1.8
    damped = ratio**2 * np.maximum(ratio / 3, 1)
    depth = SERIES[:, 1:2] * forest + SERIES[:, 2:] * damped
    return np.asarray((depth * ((ratio > 1) & (ratio < 1 + z))).sum(0))


def _forest_continuum(wave: Array, z: float) -> Array:
    """Optical depth of ionisation in the forest: equations 25 to 27."""
    x = wave / LYMAN_LIMIT
    if z < 1.2:
        depth = 0.325 * (x**1.2 - (1 + z) ** -0.9 * x**2.1)
    elif z < 4.7:
        depth = 2.55e-2 * (1 + z) ** 1.6 * x**2.1 + np.where(
            x < 2.2, 0.325 * x**1.2 - 0.250 * x**2.1, -2.55e-2 * x**3.7
        )
    else:
        low = 0.325 * x**1.2 - 3.14e-2 * x**2.1
        middle = 0.218 * x**2.1 - 2.55e-2 * x**3.7
        depth = 5.22e-4 * (1 + z) ** 3.4 * x**2.1 + np.where(
            x < 2.2, low, np.where(x < 5.7, middle, -5.22e-4 * x**5.5)
        )
    return np.where((x > 1) & (x < 1 + z), np.maximum(depth, 0), 0)


def _damped_continuum(wave: Array, z: float) -> Array:
    """Optical depth of ionisation in damped systems: equations 28 and 29."""
    x = wave / LYMAN_LIMIT
    if z < 2:
        depth = 0.211 * (1 + z) ** 2 - 7.66e-2 * (1 + z) ** 2.3 * x**-0.3 - 0.135 * x**2
    else:
        all_of_it = 4.70e-2 * (1 + z) ** 3 - 1.78e-2 * (1 + z) ** 3.3 * x**-0.3
        depth = all_of_it + np.where(x < 3, 0.634 - 0.135 * x**2 - 0.291 * x**-0.3, -2.92e-2 * x**3)
    return np.where((x > 1) & (x < 1 + z), np.maximum(depth, 0), 0)
