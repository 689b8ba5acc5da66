"""Pixels that are not to be trusted, found from the spectrum itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.spectra import Mask, Spectrum


def flag_cosmics(spectrum: Spectrum, threshold: float = 8.0) -> NDArray[np.int32]:
    """The spectrum's mask with `Mask.COSMIC` set on spikes that are narrower than the instrument allows.

    A line of one-sigma width 0.9 pixel (the sharpest SDSS line-spread function) that peaks on a pixel has
    0.54 of its height in the pixels next to it; centred between two it has 0.29 of it in the next ones. What
    falls off faster than that on both sides, by more than the noise allows, did not come through the
    spectrograph.

    Args:
        spectrum: Any spectrum; only good pixels are looked at.
        threshold: Least height above the local median, in sigma.

    Returns:
        Mask bits, shape (n_pixels,).
    """
    mask = spectrum.mask.copy()
    good = spectrum.good
    if good.sum() < 25:
        return mask
    index = np.flatnonzero(good)
    flux = spectrum.flux[index].astype(float)
    sigma = 1 / np.sqrt(spectrum.ivar[index].astype(float))
    excess = flux - _local_median(flux)
    left1, right1, right2 = (np.roll(excess, shift) for shift in (1, -1, -2))
    tall = excess > threshold * sigma
    # Three sigma of leeway: noise must not turn a narrow line into a cosmic ray.
    single = tall & (np.maximum(left1, right1) < 0.3 * excess - 3 * sigma)
    double = tall & (right1 > 0.4 * excess) & (np.maximum(left1, right2) < 0.12 * excess - 3 * sigma)
    spike = single | double | np.roll(double, 1)
    spike[:2] = spike[-2:] = False
    # Pixels on both sides of a gap are not neighbours.
    gap = np.diff(index, prepend=index[0] - 1) > 1
    spike &= ~(gap | np.roll(gap, -1))
    mask[index[spike]] |= int(Mask.COSMIC)
    return mask


def _local_median(flux: NDArray[np.float64], half: int = 10) -> NDArray[np.float64]:
    """Median over 21 pixels, interpolated between blocks: fast, and a spike cannot move it."""
    width = 2 * half + 1
    n_blocks = len(flux) // width
    blocks = np.median(flux[: n_blocks * width].reshape(n_blocks, width), axis=1)
    centers = np.arange(n_blocks) * width + half
    return np.interp(np.arange(len(flux)), centers, blocks)
