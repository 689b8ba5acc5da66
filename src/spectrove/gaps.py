"""Gaps in wavelength grids: where pixels are missing, pixels without weight take their place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: A step is a gap where it is more than this many times as wide as the steps around it.
_WIDE = 1.5
#: A step and the narrower of its two neighbours are together more than this many steps wide at a gap: where the pixels
#: of two arms alternate, wide and narrow steps do too, and nothing is missing.
_WIDE_TOGETHER = 2.4
#: Steps on either side that say how wide a step is there. Single pixels between gaps must find whole steps among them.
_AROUND = 12
#: Most pixels that one gap is filled with, so that a far outlying pixel costs no memory.
_MOST = 20_000
#: Steps within which a side of a gap is measured by itself.
_NEARBY = 3


def fillers(
    wavelength: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pixels that are missing from some spectra: before which pixel each belongs, and its wavelength.

    A removed pixel is one that was not observed. With its place held, the pixels beside it keep the width that the
    instrument gave them, instead of reaching half-way to the next one however far that is.

    Args:
        wavelength: Pixel centres of all spectra, end to end, increasing within each; (n_total,).
        first, last: Positions of each spectrum's first and last pixel, (n_spectra,).

    Returns:
        Positions as `numpy.insert` takes them, and wavelengths in the unit given; both (n_missing,). None for grids
        without gaps, whose steps may grow, shrink and change from arm to arm.
    """
    position, value = [np.zeros(0, np.int64)], [np.zeros(0)]
    for i in _suspects(wavelength, first, last):
        before, at = _missing(wavelength[first[i] : last[i] + 1])
        position.append(before + first[i])
        value.append(at)
    return np.concatenate(position), np.concatenate(value)


def _suspects(
    wavelength: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> list[int]:
    """Spectra with a step that is far from as wide as the next one. All gaps are among them, and they are few."""
    step = np.diff(wavelength)
    wider = 1.45 * step
    place = np.flatnonzero((step[1:] > wider[:-1]) | (step[:-1] > wider[1:]))
    if not len(place):
        return []
    inside = (first[:, None] <= place) & (place + 2 <= last[:, None])
    return np.flatnonzero(inside.any(axis=1)).tolist()


def _missing(wavelength: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """`fillers` of one spectrum."""
    step = np.diff(wavelength)
    wide = _wide_steps(step)
    # What the first round finds to be whole is a measure for its neighbours: where two samplings meet, say.
    for _ in range(2):
        if not wide.any() or wide.all():
            return np.zeros(0, np.int64), np.zeros(0)
        gap = np.flatnonzero(wide)
        left, right = _steps_beside(wavelength, step, wide)
        number = _number(step[gap], left, right)
        wide[gap[number <= _WIDE]] = False
    position, value = [np.zeros(0, np.int64)], [np.zeros(0)]
    for i, n, one, other in zip(gap.tolist(), number.tolist(), left, right, strict=True):
        at = wavelength[i] + step[i] * _places(n, float(np.log(other / one)))
        position.append(np.full(len(at), i + 1))
        value.append(at)
    return np.concatenate(position), np.concatenate(value)


def _wide_steps(step: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Steps that may hold missing pixels: wider than those around, on both sides or beside another sampling."""
    # Entry k is the mean of steps k - 1 and k.
    pair = np.concatenate([step[:1], 0.5 * (step[1:] + step[:-1]), step[-1:]])
    padded = np.concatenate([np.full(_AROUND, np.inf), pair, np.full(_AROUND, np.inf)])
    least = np.lib.stride_tricks.sliding_window_view(padded, _AROUND).min(axis=1)
    n = np.arange(len(step))
    before, after = least[n], least[n + _AROUND + 2]
    here = np.where(np.isinf(before), after, np.where(np.isinf(after), before, np.maximum(before, after)))
    outside = np.concatenate([[np.inf], step, [np.inf]])
    # The next step alone may be short where two arms meet.
    beside = np.minimum(
        np.maximum(outside[:-2], padded[n + _AROUND - 1]), np.maximum(outside[2:], padded[n + _AROUND + 2])
    )
    together = step + np.minimum(outside[:-2], outside[2:])
    usual = np.minimum(here, beside)
    return (step > _WIDE * usual) & (together > _WIDE_TOGETHER * usual)


def _steps_beside(
    wavelength: NDArray[np.float64], step: NDArray[np.float64], wide: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The grid's own step on the left and on the right side of each gap, from the nearest whole step.

    The own side's where it has one nearby. Steps go as a power of wavelength, 0 on linear and 1 on logarithmic grids.
    """
    whole, gap = np.flatnonzero(~wide), np.flatnonzero(wide)
    middle = 0.5 * (wavelength[1:] + wavelength[:-1])
    power = _power(middle[whole], step[whole])
    found = []
    later = np.searchsorted(whole, gap)
    around = whole[np.clip([later - 1, later], 0, len(whole) - 1)]
    for at, side in ((wavelength[gap], 0), (wavelength[gap + 1], 1)):
        distance = np.abs(middle[around] - at)
        ahead = (around[side] - gap) * (2 * side - 1)
        distance[side][(ahead > 0) & (ahead <= _NEARBY)] = -1.0
        nearer = np.argmin(distance, axis=0)
        nearest = np.take_along_axis(around, nearer[None], axis=0)[0]
        found.append(step[nearest] * (at / middle[nearest]) ** power)
    return found[0], found[1]


def _power(at: NDArray[np.float64], step: NDArray[np.float64]) -> float:
    if len(at) < 3:
        return 0.0
    x, y = np.log(at), np.log(step)
    x -= x.mean()
    return float(np.clip((x @ y) / (x @ x), -3, 3))


def _number(width: NDArray, left: NDArray, right: NDArray) -> NDArray[np.float64]:
    """Steps in gaps of these widths whose step goes evenly from `left` to `right`; 1 where nothing is missing."""
    growth = np.log(right / left)
    even = np.abs(growth) < 1e-9
    return np.where(even, width / left, width * growth / np.where(even, 1.0, right - left))


def _places(n: float, growth: float) -> NDArray[np.float64]:
    """Where the pixels missing from a gap of n steps lie, from 0 to 1, if its step grows by a factor exp(growth)."""
    if n <= _WIDE:
        return np.zeros(0)
    # The first and the last are a step from the pixels at hand; between them the grid may be off by part of a step.
    count = min(int(np.ceil(n - 0.05)) - 1, _MOST)
    if count == 1:
        part = np.array([0.5])
    elif count < _MOST:
        part = np.append(np.arange(1, count), n - 1) / n
    else:
        part = np.linspace(1, n - 1, count) / n
    # Steps that grow evenly with wavelength make a geometric series.
    return part if abs(growth) < 1e-9 else np.expm1(growth * part) / np.expm1(growth)
