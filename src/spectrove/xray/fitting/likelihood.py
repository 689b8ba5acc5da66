"""Likelihoods of Poisson counts: the statistic C, and W where a background was measured beside the source.

Both are -2 log likelihood, less that of a model that goes through every count, so that a good fit has about one for
each bin where counts are many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Expected counts are not taken below this: a model without photons where counts are is improbable, not an error.
LEAST = 1e-12


def c_statistic(counts: NDArray, expected: NDArray) -> Floats:
    """The statistic C of each bin, same shape; to be summed.

    Args:
        counts: Counts observed.
        expected: Counts expected, not below 0.

    Source:
        Cash 1979, ApJ 228, 939, in the form of Castor: 2 (m - n + n ln(n / m)).
    """
    n, m = np.asarray(counts, float), np.maximum(np.asarray(expected, float), LEAST)
    return 2 * (m - n + _n_log(n, n / m))


def w_statistic(counts: NDArray, background: NDArray, source: NDArray, scale: NDArray | float) -> Floats:
    """The statistic W of each bin: the background's rate is, in every bin, the one that fits best.

    A bin without background counts needs no case of its own: there the best rate is S / (1 + r) - s where the source
    alone is too little, else 0.

    Args:
        counts: S, counts in the source's region.
        background: B, counts of the background region.
        source: s, counts expected of the source in its region.
        scale: Counts of background expected in the source's region per count of the background region; r is its
            inverse. 0 where no background was measured: then W is C.

    Source:
        Arnaud, Dorman & Gordon, XSPEC manual, appendix B, "Poisson data with Poisson background".
    """
    n, m, s = np.asarray(counts, float), np.asarray(background, float), np.asarray(source, float)
    rate = best_background(n, m, s, scale)
    ratio = np.divide(1.0, scale, out=np.zeros(np.shape(scale)), where=np.asarray(scale) > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        behind = np.where(m > 0, m / np.maximum(ratio * rate, LEAST), 1.0)
    off = 2 * (ratio * rate - m + _n_log(m, behind))
    return c_statistic(n, s + rate) + np.where(np.asarray(scale) > 0, off, 0.0)


def best_background(counts: NDArray, background: NDArray, source: NDArray, scale: NDArray | float) -> Floats:
    """The background's counts in the source's region that fit best, given the source's, same shape."""
    n, m, s = np.asarray(counts, float), np.asarray(background, float), np.asarray(source, float)
    scale = np.asarray(scale, float)
    known = scale > 0
    both = 1 + 1 / np.where(known, scale, 1.0)
    linear = both * s - n - m
    root = np.sqrt(linear**2 + 4 * both * m * s)
    # Of the two forms of the positive root, the one that subtracts no nearly equal numbers.
    with np.errstate(divide="ignore", invalid="ignore"):
        stable = np.where(
            linear > 0, 2 * m * s / np.maximum(linear + root, LEAST), (root - linear) / (2 * both)
        )
    return np.where(known, stable, 0.0)


def _n_log(n: Floats, ratio: Floats) -> Floats:
    """n ln(ratio), 0 where n is 0."""
    return n * np.log(np.where(n > 0, ratio, 1.0))
