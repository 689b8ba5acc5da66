"""Inverse variance from the scatter of neighbouring pixels, for spectra that come without errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.pixels.masks import BAD

#: Pixels over which the noise is taken as constant.
WINDOW = 151


def ivar_from_scatter(flux: NDArray, mask: NDArray, window: int = WINDOW) -> NDArray[np.float64]:
    """Inverse variance per pixel, 1/flux^2, from the second differences of the flux.

    A second difference is free of any straight continuum, and its median size is free of narrow lines.
    Noise that is correlated between pixels is underestimated, and so the inverse variance too large.

    Args:
        flux: Shape (n_pixels,).
        mask: Bits of `Mask`, same shape; bad pixels and pixels that repeat their neighbours exactly (as
            padding does) get zero.
        window: Pixels over which the noise is taken as constant.

    Returns:
        Shape (n_pixels,); zero where no scatter can be measured.

    Source:
        DER_SNR, Stoehr et al. 2008, ADASS XVII (ASP Conf. Ser. 394, 505): sigma = 1.482602 / sqrt(6) *
        median |2 f(i) - f(i-2) - f(i+2)|, here in a running window.
    """
    from scipy.ndimage import median_filter  # slow to import, and few spectra lack errors

    flux = np.asarray(flux, dtype=float)
    usable = np.isfinite(flux) & (mask & int(BAD) == 0)
    difference = np.full(len(flux), np.nan)
    difference[2:-2] = np.abs(2 * flux[2:-2] - flux[:-4] - flux[4:])
    padded = _repeats(flux)
    measured = usable & ~padded & np.isfinite(difference)
    ivar = np.zeros(len(flux))
    places = np.flatnonzero(measured)
    if len(places) < 3:
        return ivar
    size = min(window, len(places))
    sigma = 1.482602 / np.sqrt(6) * median_filter(difference[places], size=size, mode="nearest")
    values = np.interp(np.arange(len(flux)), places, sigma)
    keep = usable & ~padded & (values > 0)
    ivar[keep] = values[keep] ** -2
    return ivar


def _repeats(flux: NDArray) -> NDArray[np.bool_]:
    """Pixels inside a run of at least four equal values: padding, not measurement."""
    equal = np.concatenate([[False], flux[1:] == flux[:-1], [False]])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], equal.astype(np.int8), [0]])))
    padded = np.zeros(len(flux), bool)
    for start, stop in edges.reshape(-1, 2):
        if stop - start >= 3:
            padded[start - 1 : stop] = True
    return padded
