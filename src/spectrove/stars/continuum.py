"""Lines over a continuum that is the mean of the pixels around: the same for any signal-to-noise ratio.

A quantile or a median of the pixels around rises above the mean as noise grows, and labels with it (annayqho/TheCannon
issues 31 and 39). What matters is that stars which are compared have continua made in one way, not that they are true.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

#: Pixels of 69 km/s that a mean is over: 14,000 km/s, wider than the wings of Balmer lines, narrower than the ripples
#: of flux calibrations. 984 stars of MILES: 31, 61 and 121 pixels were tried.
WIDTH = 61


def means(values: Floats, used: NDArray[np.bool_], width: int = WIDTH) -> Floats:
    """Running means of the used pixels, (n_spectra, n_pixels); NaN where none of those around is used.

    Args:
        values: Flux, (n_spectra, n_pixels).
        used: Pixels that are good, same shape.
        width: Pixels that a mean is over, an odd number; at the ends fewer.
    """
    total, count = (_sums(part, width) for part in (np.where(used, values, 0.0), used))
    return np.where(count > 0, total, np.nan) / np.maximum(count, 1)


def lines(flux: Floats, used: NDArray[np.bool_], width: int = WIDTH) -> Floats:
    """Flux over its running mean, minus one, (n_spectra, n_pixels); 0 where not used or the mean is not positive."""
    continuum = means(flux, used, width)
    fine = used & (continuum > 0)
    return np.where(fine, flux / np.where(fine, continuum, 1.0) - 1.0, 0.0)


def _sums(values: NDArray, width: int) -> Floats:
    half, n = width // 2, values.shape[1]
    added = np.zeros((len(values), n + 1))
    np.cumsum(values, axis=1, out=added[:, 1:])
    at = np.arange(n)
    return np.asarray(added[:, np.minimum(at + half + 1, n)] - added[:, np.maximum(at - half, 0)])
