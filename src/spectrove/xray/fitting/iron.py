"""The equivalent width of iron K lines over a fitted continuum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.fitting.bins import Binned
from spectrove.xray.fitting.fit import JEFFREYS, Fit, Interval, interval_of
from spectrove.xray.fitting.levels import best_levels
from spectrove.xray.fitting.templates import through

Floats = NDArray[np.float64]

#: Lines of cold and of helium-like iron, keV; a CCD with few counts does not tell them apart.
LINES = (6.4, 6.7)

#: Equivalent widths, keV, and how closely a second grid is drawn round those that are possible. Below 0 is a dip: so
#: noise is as often below as above.
LOWEST, HIGHEST, POINTS = -0.2, 4.0, 43

#: With a larger error, keV, there are too few counts at the line to say anything.
MOST_ERROR = 0.5


def iron_width(data: Binned, found: Fit) -> Interval | None:
    """The equivalent width of the iron line, keV, flat between its limits; None where too few counts are there.

    The shape of the continuum is the fitted one, amplitude and background are fitted again with the line.
    """
    continuum, lines = _shapes(data, found)
    if continuum is None:
        return None
    grid = np.linspace(LOWEST, HIGHEST, POINTS)
    probability = _posterior(data, continuum, lines, grid)
    inside = np.flatnonzero(probability > 1e-4 * probability.max())
    step = grid[1] - grid[0]
    low, high = max(LOWEST, grid[inside[0]] - step), min(HIGHEST, grid[inside[-1]] + step)
    grid = np.linspace(low, high, POINTS)
    width = interval_of(grid, _posterior(data, continuum, lines, grid), np.array([LOWEST, HIGHEST]))
    return width if width.error < MOST_ERROR else None


def _shapes(data: Binned, found: Fit) -> tuple[Floats | None, list[Floats]]:
    """Counts of the continuum of amplitude 1, and those of each line of equivalent width 1 keV over it."""
    column, value, _ = found.best
    edges = data.folding.energy
    inside = [int(np.searchsorted(edges, line, side="right")) - 1 for line in LINES]
    if max(inside) >= len(edges) - 1 or not data.folding.matrix[inside].sum(axis=1).all():
        return None, []
    photons = found.family.emission(edges, np.array([value]))[0] * through(edges, np.array([column]))[0]
    density = photons[inside] / np.diff(edges)[inside]
    counts = (photons @ data.folding.matrix) * data.exposure
    return counts, [d * data.folding.matrix[i] * data.exposure for d, i in zip(density, inside, strict=True)]


def _posterior(data: Binned, continuum: Floats, lines: list[Floats], grid: Floats) -> Floats:
    """Probabilities of equivalent widths, (n_widths,), the two lines being equally likely."""
    shapes = np.concatenate([continuum + grid[:, None] * line for line in lines])
    levels = best_levels(data, np.maximum(shapes, 1e-6 * continuum), JEFFREYS)
    log = -0.5 * levels.statistic - 0.5 * np.log(levels.curvature)
    mass = np.exp(log - log.max()).reshape(len(lines), -1).sum(axis=0)
    return np.asarray(mass / mass.sum())
