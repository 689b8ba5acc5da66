"""Features of a residual spectrum: unresolved lines, broad misfit, cosmic rays.

All functions use a log wavelength grid of 1e-4 dex, on which an unresolved line is two to five pixels wide, and
residuals in sigma that are 0 if not observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

#: Pixels of a block, over which noise and level are constant (about 150 angstrom).
BLOCK = 128
#: A block with fewer good pixels is not used.
_ENOUGH = BLOCK // 4
#: Least scatter by which residuals are divided: overestimated errors do not enhance lines. Resampling gives 0.8.
_LEAST_SCATTER = 0.95
#: Passes of [1 2 1] / 4 and the distance of the taps: Gaussians of 1.2, 2.3, 4.6 and 9.2 pixels.
_PASSES = ((1, 3), (2, 2), (4, 2), (8, 2))
#: Width of a cosmic ray on the new grid, pixels: three detector pixels.
_COSMIC = 4
#: Half width of the range examined around a peak, pixels.
_AROUND = 14
#: Relative error of the flux calibration between neighbouring ranges of pixels.
_STEP_ERROR = 0.012
#: Least distance between peaks, pixels.
_APART = 12


def smoothed(values: Floats) -> list[Floats]:
    """Values convolved with Gaussians of 1.2, 2.3, 4.6 and 9.2 pixels, each of unit norm.

    Args:
        values: Shape (n_spectra, n_pixels).
    """
    return [smooth / norm for smooth, norm in zip(_cascade(values), _norms(), strict=True)]


def _cascade(values: Floats) -> list[Floats]:
    out = []
    for distance, times in _PASSES:
        for _ in range(times):
            following = 0.5 * values
            quarter = 0.5 * following
            following[:, distance:] += quarter[:, :-distance]
            following[:, :-distance] += quarter[:, distance:]
            values = following
        out.append(values)
    return out


def _kernels() -> list[Floats]:
    """The Gaussians of `smoothed` except the last, not normalised, (2 * _AROUND + 1,) each."""
    impulse = np.zeros((1, 2 * 64 + 1), np.float32)
    impulse[0, 64] = 1
    return [k[0] for k in _cascade(impulse)]


@cache
def _norms() -> list[np.float32]:
    return [np.sqrt((k * k).sum()) for k in _kernels()]


@dataclass(frozen=True)
class Blocks:
    """Means over blocks of pixels, (n_spectra, n_blocks), and their numbers of good pixels."""

    level: Floats
    count: Floats

    @property
    def known(self) -> NDArray[np.bool_]:
        """Mask of the blocks with enough good pixels."""
        return self.count >= _ENOUGH


def block_means(values: Floats, valid: Floats) -> Blocks:
    """Means of blocks over good pixels; `values` must be 0 elsewhere, `valid` is 1 or 0."""
    n_pixels = values.shape[1]
    starts = np.arange(0, n_pixels, BLOCK)
    count = np.add.reduceat(valid, starts, axis=1)
    return Blocks(np.add.reduceat(values, starts, axis=1) / np.maximum(count, 1), count)


def whitened(residual: Floats, valid: Floats) -> tuple[Floats, Blocks]:
    """Residual without its slow part, in units of its local scatter; and the slow part.

    The scatter of a block is the median of its own and those of its neighbours, so that a line in one block does not
    increase its own scatter. Pixels are clipped at three sigma in both.

    Args:
        residual: In sigma, 0 if not valid, (n_spectra, n_pixels).
        valid: 1 or 0, same shape.
    """
    bounded = np.clip(residual, -3, 3)
    slow = block_means(bounded, valid)
    known = slow.known
    level = _spread(_middle(np.where(known, slow.level, 0.0)), residual.shape[1])
    flat = (residual - level) * valid
    scatter = block_means(np.minimum(np.abs(flat), 3), valid).level / 0.7979
    typical = _middle(np.where(known, scatter, 0.8))
    return flat / _spread(np.maximum(typical, _LEAST_SCATTER), residual.shape[1]), slow


def _middle(values: Floats) -> Floats:
    """Median of each block and its two neighbours."""
    a = np.concatenate([values[:, :1], values[:, :-1]], axis=1)
    b = np.concatenate([values[:, 1:], values[:, -1:]], axis=1)
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.clip(values, low, high)


def _spread(values: Floats, n_pixels: int) -> Floats:
    """Values of blocks, interpolated linearly to every pixel."""
    return values.astype(np.float32) @ _hats(values.shape[1], n_pixels)


@cache
def _hats(n_blocks: int, n_pixels: int) -> Floats:
    """Weight of each block at each pixel, (n_blocks, n_pixels)."""
    place = np.clip((np.arange(n_pixels) - BLOCK / 2) / BLOCK, 0, n_blocks - 1)
    return np.maximum(1 - np.abs(place - np.arange(n_blocks)[:, None]), 0).astype(np.float32)


@dataclass(frozen=True)
class Peaks:
    """The strongest peaks of each spectrum, strongest first by `safe`; each (n_spectra, k).

    Attributes:
        height: Matched-filter S/N.
        beyond: S/N without the four brightest pixels, the width of a cosmic ray.
        safe: `height` limited by `beyond`: high for a line, low for a cosmic ray.
        place: Pixel.
    """

    height: Floats
    beyond: Floats
    safe: Floats
    place: NDArray[np.int64]


def find_peaks(values: Floats, strength: Floats, k: int) -> Peaks:
    """The k strongest peaks of `strength`, at least `_APART` pixels from each other, checked against `values`."""
    rows = np.arange(len(values))
    left = np.pad(strength, ((0, 0), (_APART, _APART)))
    reach = np.arange(2 * _APART + 1)
    height = np.empty((len(values), k), np.float32)
    place = np.empty((len(values), k), np.int64)
    for j in range(k):
        place[:, j] = left[:, _APART:-_APART].argmax(axis=1)
        height[:, j] = left[rows, place[:, j] + _APART]
        left[rows[:, None], place[:, j, None] + reach] = 0
    beyond = _beyond_cosmic(values, place)
    safe = np.minimum(height, 3.5 + 3 * np.maximum(beyond - 1.5, 0))
    order = np.argsort(-safe, axis=1, kind="stable")
    height, beyond, safe, place = (np.take_along_axis(a, order, 1) for a in (height, beyond, safe, place))
    return Peaks(height, beyond, safe, place)


def _beyond_cosmic(values: Floats, place: NDArray[np.int64]) -> Floats:
    """S/N of a line at each position without its four brightest neighbouring pixels; (n_spectra, k)."""
    n, k = place.shape
    width = 2 * _AROUND + 1
    padded = np.pad(values, ((0, 0), (_AROUND, _AROUND)))
    window = padded[np.arange(n)[:, None, None], place[..., None] + np.arange(width)].reshape(n * k, width)
    energy = np.maximum(window, 0) ** 2
    first = _AROUND - 8
    run = sum(energy[:, first + i : first + i + 17 - _COSMIC] for i in range(_COSMIC))
    start = first + run.argmax(axis=1)
    kept = np.ones_like(window)
    kept[np.arange(n * k)[:, None], start[:, None] + np.arange(_COSMIC)] = 0
    bank = _bank()
    score = ((window * kept) @ bank) / np.sqrt(np.maximum(kept @ bank**2, 0.02 * (bank**2).sum(axis=0)))
    return score.max(axis=1).reshape(n, k)


@cache
def _bank() -> Floats:
    """Line profiles of three widths at five positions, columns of (2 * _AROUND + 1, 15)."""
    columns = []
    for kernel in _kernels()[:3]:
        for shift in range(-2, 3):
            columns.append(np.roll(kernel, shift)[64 - _AROUND : 64 + _AROUND + 1])
    return np.stack(columns, axis=1)


def largest_step(relative: Floats, variance: Floats, valid: Floats) -> Floats:
    """Largest step in level, over 45 pixels on either side of a gap of 30, in sigma; (n_spectra,).

    Args:
        relative: Residual divided by the reconstruction, 0 if not valid, (n_spectra, n_pixels).
        variance: Its variance, 0 if not valid.
        valid: 1 or 0.
    """
    starts = np.arange(0, relative.shape[1], 15)
    count, total, noise = (
        _three(np.add.reduceat(a, starts, axis=1)) for a in (valid, np.clip(relative, -0.6, 0.6), variance)
    )
    mean = total / np.maximum(count, 1)
    error = noise / np.maximum(count, 1) ** 2 + _STEP_ERROR**2 / 2
    if mean.shape[1] <= 5:
        return np.zeros(len(mean), np.float32)
    seen = (count[:, :-5] >= 25) & (count[:, 5:] >= 25)
    step = np.abs(mean[:, 5:] - mean[:, :-5]) / np.sqrt(error[:, 5:] + error[:, :-5])
    return np.where(seen, step, 0).max(axis=1)


def _three(values: Floats) -> Floats:
    """Sums over three in a row."""
    return values[:, :-2] + values[:, 1:-1] + values[:, 2:] if values.shape[1] > 2 else values


def joint_evidence(strength: Floats, offsets: NDArray[np.int64], first: int) -> tuple[Floats, Floats]:
    """Summed evidence of lines at a common, unknown redshift: without the strongest line, and with it.

    Each line contributes its S/N above two sigma, at most six, so that a single peak, which may be a cosmic ray, does
    not dominate the sum.

    Args:
        strength: Matched-filter S/N, (n_spectra, n_pixels).
        offsets: Pixels from the first line to each line.
        first: First pixel allowed for the first line.

    Returns:
        Largest sum without the strongest line, and largest sum; (n_spectra,) each.
    """
    gain = np.clip(strength - 2, 0, 6)
    near = gain.copy()  # redshifts fall between pixels
    np.maximum(near[:, 1:], gain[:, :-1], out=near[:, 1:])
    np.maximum(near[:, :-1], gain[:, 1:], out=near[:, :-1])
    n = near.shape[1] - first
    total = np.zeros((len(near), n), np.float32)
    best = np.zeros_like(total)
    for offset in offsets.tolist():
        seen = near[:, first + offset :]
        if seen.shape[1] > 0:
            part = slice(0, seen.shape[1])
            total[:, part] += seen
            np.maximum(best[:, part], seen, out=best[:, part])
    return (total - best).max(axis=1), total.max(axis=1)
