"""The amplitude of a source and the levels of its background that fit counts best, for many shapes at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.fitting.bins import Binned
from spectrove.xray.fitting.likelihood import c_statistic

Floats = NDArray[np.float64]

#: Most steps of Newton's method; the likelihood is concave in all that is fitted here. No step is larger than a factor
#: of `LARGEST`, and below `PRECISION` the next would be its square.
STEPS, LARGEST, PRECISION = 20, 5.0, 1e-3

#: A level of the background is not taken below this many counts.
LEAST = 1e-9


@dataclass(frozen=True)
class Levels:
    """What fits best, for each shape.

    Attributes:
        log_amplitude: Natural logarithm of the amplitude, (n_shapes,).
        curvature: Minus the second derivative of log L by it, the background fitted again, (n_shapes,).
        background: Counts of background in the source's region, (n_shapes, n_bins).
        statistic: -2 log L of the counts of both regions, less that of a model through every count, (n_shapes,).
    """

    log_amplitude: Floats
    curvature: Floats
    background: Floats
    statistic: Floats


def best_levels(data: Binned, shapes: Floats, power: float = 0.0) -> Levels:
    """Amplitude and background levels of largest likelihood, or of largest posterior.

    Args:
        data: The counts.
        shapes: Counts of a source of amplitude 1, (n_shapes, n_bins).
        power: Of the amplitude, in the prior density of its logarithm; 0 for the largest likelihood.

    Source:
        Newton's method in amplitude and levels together: the second derivatives between two levels are 0, so that a
        step needs no inverse of a matrix.
    """
    amplitude = max(data.net, 0.5) / np.maximum(shapes.sum(axis=1), 1e-300)
    behind = bool(data.scale > 0 and data.background.sum() > 0)
    level = np.tile(np.maximum(data.scale * data.background, LEAST), (len(shapes), 1))
    curvature = np.ones(len(shapes))
    for step in range(STEPS + 1):
        source = amplitude[:, None] * shapes
        per_bin = level @ (data.runs * data.share[:, None]).T if behind else np.zeros_like(source)
        curvature, change, change_behind = _step(data, source, per_bin, level, power, behind)
        largest = max(np.abs(change - 1).max(), np.abs(change_behind - 1).max() if behind else 0.0)
        if step == STEPS or largest < PRECISION:
            break
        amplitude = amplitude * change
        level = np.maximum(level * change_behind, LEAST) if behind else level
    statistic = c_statistic(data.counts, amplitude[:, None] * shapes + per_bin).sum(axis=1)
    if behind:
        statistic = statistic + c_statistic(data.background, level / data.scale).sum(axis=1)
    return Levels(np.log(amplitude), curvature, per_bin, statistic)


def _step(
    data: Binned, source: Floats, per_bin: Floats, level: Floats, power: float, behind: bool
) -> tuple[Floats, Floats, Floats]:
    """Curvature in the logarithm of the amplitude, and the factors by which amplitude and levels change."""
    total = np.maximum(source + per_bin, 1e-300)
    ratio = data.counts / total
    # Derivatives by relative changes of the amplitude and of each level.
    slope = (source * (ratio - 1)).sum(axis=1) + power
    second = (source**2 * ratio / total).sum(axis=1) + power
    if not behind:
        second = np.maximum(second, 1e-9)
        return second, _bounded(1 + slope / second), np.ones_like(level)
    behind_ratio = per_bin * ratio
    slope_behind = behind_ratio @ data.runs - level * (1 + 1 / data.scale) + data.background
    behind_ratio /= total
    second_behind = np.maximum((per_bin * behind_ratio) @ data.runs + data.background, 1e-9)
    mixed = (source * behind_ratio) @ data.runs
    curvature = np.maximum(second - (mixed**2 / second_behind).sum(axis=1), 1e-9)
    change = (slope - (mixed * slope_behind / second_behind).sum(axis=1)) / curvature
    change_behind = (slope_behind - mixed * change[:, None]) / second_behind
    return curvature, _bounded(1 + change), _bounded(1 + change_behind)


def _bounded(factor: Floats) -> Floats:
    return np.clip(factor, 1 / LARGEST, LARGEST)
