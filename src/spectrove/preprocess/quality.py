"""Pixels that are not to be trusted, found from the spectrum itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.spectra import Mask, Spectrum

_THRESHOLD = 8.0  # least height of a cosmic ray above the local median, in sigma
_FEWEST = 25  # good pixels, below which nothing can be said
_BLOCK = 21  # good pixels of a local median


def flag_cosmics(spectrum: Spectrum) -> NDArray[np.int32]:
    """The spectrum's mask with `Mask.COSMIC` set on what `cosmic_rays` finds; shape (n_pixels,)."""
    whole, own = spectrum.with_gaps_filled()
    mask = whole.mask.copy()
    mask[cosmic_rays(whole.flux, whole.ivar, whole.good, np.array([0, len(mask)]))] |= int(Mask.COSMIC)
    return mask[own]


def cosmic_rays(
    flux: NDArray, ivar: NDArray, good: NDArray[np.bool_], offsets: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Positions of spikes that are narrower than the instrument allows.

    A line of one-sigma width 0.9 pixel (the sharpest SDSS line-spread function) that peaks on a pixel has
    0.54 of its height in the pixels next to it; centred between two it has 0.29 of it in the next ones. What
    falls off faster than that on both sides, by more than the noise allows, did not come through the
    spectrograph.

    Args:
        flux, ivar, good: Spectra end to end, gaps filled, shape (n_total,); only good pixels are looked at.
        offsets: Where each spectrum begins, and where the last ends, shape (n_spectra + 1,).
    """
    index = np.flatnonzero(good)
    flux, ivar = flux[index], ivar[index]
    starts = np.searchsorted(index, offsets)
    pixel = _steep(flux, ivar)
    spectrum = np.searchsorted(starts, pixel, side="right") - 1
    start, n_good = starts[spectrum], np.diff(starts)[spectrum]
    place = pixel - start
    inside = (n_good >= _FEWEST) & (place >= 1) & (place <= n_good - 3)
    pixel, place, start, n_good = (values[inside] for values in (pixel, place, start, n_good))
    single, double = _shapes(flux, ivar, pixel, start, n_good)
    found = np.concatenate(
        [pixel[(single | double) & (place >= 2)], pixel[double & (place <= n_good - 4)] + 1]
    )
    # Pixels on both sides of a gap are not neighbours.
    return index[found[(index[found] - index[found - 1] == 1) & (index[found + 1] - index[found] == 1)]]


def _steep(flux: NDArray, ivar: NDArray) -> NDArray[np.int64]:
    """Pixels that stand out from the one before and from one of the next two as every spike must.

    Where a pixel exceeds the local median by t > `_THRESHOLD` sigma, and a neighbour has less than 0.3 of that
    excess less 3 sigma, they differ by more than 0.7 t + 3 sigma. The 3 sigma are left to the slope of the local
    median, which this does not know. About three pixels of a spectrum pass.
    """
    if len(flux) < _FEWEST:
        return np.zeros(0, np.int64)
    limit = 0.7 * _THRESHOLD
    candidates = np.flatnonzero(np.diff(flux)[:-2] * np.sqrt(ivar[1:-2]) > limit) + 1
    drop = flux[candidates] - np.minimum(flux[candidates + 1], flux[candidates + 2])
    return candidates[drop * np.sqrt(ivar[candidates]) > limit]


def _shapes(
    flux: NDArray,
    ivar: NDArray,
    pixel: NDArray[np.int64],
    start: NDArray[np.int64],
    n_good: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which candidates are cosmic rays of one pixel, and which the first pixel of one of two.

    Args:
        flux, ivar: Good pixels of all spectra, end to end.
        pixel: Candidates; the one before and the two after belong to the same spectrum.
        start, n_good: Where that spectrum begins, and its length.
    """
    around = pixel[:, None] + np.array([-1, 0, 1, 2])
    level = _local_median(flux, around, start[:, None], n_good[:, None])
    left, height, right1, right2 = (flux[around].astype(float) - level).T
    sigma = 1 / np.sqrt(ivar[pixel].astype(float))
    tall = height > _THRESHOLD * sigma
    # Three sigma of leeway: noise must not turn a narrow line into a cosmic ray.
    single = tall & (np.maximum(left, right1) < 0.3 * height - 3 * sigma)
    double = tall & (right1 > 0.4 * height) & (np.maximum(left, right2) < 0.12 * height - 3 * sigma)
    return single, double


def _local_median(
    flux: NDArray, at: NDArray[np.int64], start: NDArray[np.int64], n_good: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Medians of blocks of 21 pixels, joined by straight lines, at some pixels: a spike cannot move them."""
    half, last = _BLOCK // 2, n_good // _BLOCK - 1
    before, step = np.divmod(at - start - half, _BLOCK)
    blocks = [start + _BLOCK * np.clip(block, 0, last) for block in (before, before + 1)]
    pixels = np.stack(blocks)[..., None] + np.arange(_BLOCK)
    low, high = np.sort(flux[pixels], axis=-1)[..., half].astype(float)
    return low + (high - low) / _BLOCK * step
