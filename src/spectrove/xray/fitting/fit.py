"""A family of models fitted to counts: the posterior of its parameters and of the flux on a grid.

At every point of the grid the amplitude is integrated out by Laplace's method, with the prior 1 / sqrt(counts of the
source), so that a source of no significance has a posterior too. The grid is drawn closer round the maximum until it
resolves it: few counts and many are treated alike, and nothing has to converge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.fitting.bins import Binned
from spectrove.xray.fitting.levels import best_levels
from spectrove.xray.fitting.templates import Family, Templates, templates_of

Floats = NDArray[np.float64]

#: Power of the source's expected counts in the prior of their logarithm: 1/2 is Jeffreys's prior of a Poisson mean.
JEFFREYS = 0.5

#: Points of a closer grid along each parameter, and how far below the maximum log L is cut off.
CLOSER, CUT = 17, 8.0

#: The grid is drawn closer at most so often.
ROUNDS = 3


@dataclass(frozen=True)
class Surface:
    """Likelihood of a family on a grid, with the most probable amplitude at each point.

    Attributes:
        columns, values: The grid, (n_columns,) and (n_values,).
        log_like: -W / 2, (n_columns, n_values).
        log_prior: Natural logarithm of the amplitude's prior, same shape.
        error: One sigma of the amplitude's natural logarithm, same shape.
        log_flux: Natural logarithm of the flux in `bins.RANGE`, erg/cm2/s.
    """

    columns: Floats
    values: Floats
    log_like: Floats
    log_prior: Floats
    error: Floats
    log_flux: Floats

    @property
    def area(self) -> float:
        """Area of a cell of the grid, in dex times the unit of the values."""
        return float((self.columns[1] - self.columns[0]) * (self.values[1] - self.values[0]))

    @property
    def log_mass(self) -> Floats:
        """Logarithm of the likelihood of each point, the amplitude integrated out."""
        return self.log_like + self.log_prior + np.log(self.error * np.sqrt(2 * np.pi))

    @property
    def posterior(self) -> Floats:
        """Probabilities of the points, flat in both parameters; they sum to one."""
        mass = np.exp(self.log_mass - self.log_mass.max())
        return np.asarray(mass / mass.sum())


@dataclass(frozen=True)
class Interval:
    """A number with its 68% interval.

    Attributes:
        value: Median of the posterior.
        low, high: 16% and 84% of it.
        limited: "upper" or "lower" where the posterior runs to the end of the grid, so that one end says nothing: then
            `high` or `low` is the limit at 90%; else "".
    """

    value: float
    low: float
    high: float
    limited: str = ""

    @property
    def error(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Fit:
    """One family fitted to one spectrum.

    Attributes:
        family: The family.
        column, parameter: log10 of the hydrogen column, 1/cm2; the parameter of the emission in its unit.
        flux: The flux in `bins.RANGE` that arrives, erg/cm2/s.
        best: log10 column, value on the grid's scale and natural logarithm of the amplitude of largest likelihood.
        statistic: -2 log likelihood at the maximum, less that of a model through every count; see `levels`.
        n_bins: Bins with effective area.
        log_evidence: Natural logarithm of the mean likelihood over the family's grid, up to a constant that all
            families share.
        expected, background: Counts expected in each bin at the maximum, of the source and of the background in its
            region, (n_bins,).
        surface: The closest grid.
    """

    family: Family
    column: Interval
    parameter: Interval
    flux: Interval
    best: tuple[float, float, float]
    statistic: float
    n_bins: int
    log_evidence: float
    expected: Floats = field(repr=False)
    background: Floats = field(repr=False)
    surface: Surface = field(repr=False)

    @property
    def freedom(self) -> int:
        """Bins less fitted parameters."""
        return self.n_bins - 3


def fit(data: Binned, family: Family) -> Fit:
    """A family fitted to counts in bins."""
    templates = templates_of(family, data.folding)
    surface = surface_of(data, templates, _thinned(family.columns), _thinned(family.values))
    evidence = _log_evidence(surface, family)
    for _ in range(ROUNDS):
        closer = _closer(surface)
        if closer is None:
            break
        surface = surface_of(data, templates, *closer)
        evidence = _log_evidence(surface, family)
    return _fit(data, family, surface, evidence)


def best_of(fits: Sequence[Fit]) -> Fit:
    """The fit of largest evidence."""
    return max(fits, key=lambda one: one.log_evidence)


def surface_of(data: Binned, templates: Templates, columns: Floats, values: Floats) -> Surface:
    """The likelihood on a grid within that of the family."""
    counts, log_flux = templates.on(columns, values)
    shape = counts.shape[:2]
    per_amplitude = counts.reshape(-1, counts.shape[-1]) * data.exposure
    found = best_levels(data, per_amplitude, JEFFREYS)
    prior = JEFFREYS * (found.log_amplitude + np.log(per_amplitude.sum(axis=1)))
    like, error, log_amplitude = -0.5 * found.statistic, 1 / np.sqrt(found.curvature), found.log_amplitude
    return Surface(
        columns, values, like.reshape(shape), prior.reshape(shape), error.reshape(shape),
        log_flux + log_amplitude.reshape(shape),
    )  # fmt: skip


def _thinned(grid: Floats) -> Floats:
    """Half as many points from end to end: enough to find where to look closer."""
    return np.linspace(grid[0], grid[-1], len(grid) // 2 + 1)


def _closer(surface: Surface) -> tuple[Floats, Floats] | None:
    """A grid round the maximum, half as wide at least; None if the present one resolves it."""
    kept = surface.log_mass > surface.log_mass.max() - CUT
    ends = []
    for axis, grid in ((1, surface.columns), (0, surface.values)):
        inside = np.flatnonzero(kept.any(axis=axis))
        step = grid[1] - grid[0]
        ends.append((max(grid[0], grid[inside[0]] - step), min(grid[-1], grid[inside[-1]] + step)))
    width = [
        (high - low) / (grid[-1] - grid[0])
        for (low, high), grid in zip(ends, (surface.columns, surface.values), strict=True)
    ]
    if max(width) > 0.75 and min(width) > 0.5:
        return None
    return np.linspace(*ends[0], CLOSER), np.linspace(*ends[1], CLOSER)


def _log_evidence(surface: Surface, family: Family) -> float:
    """Natural logarithm of the mean over the whole grid of the family; what a closer grid leaves out is nothing."""
    top = surface.log_mass.max()
    whole = (family.columns[-1] - family.columns[0]) * (family.values[-1] - family.values[0])
    return float(top + np.log(np.exp(surface.log_mass - top).sum() * surface.area / whole))


def _fit(data: Binned, family: Family, surface: Surface, log_evidence: float) -> Fit:
    posterior = surface.posterior
    column = interval_of(surface.columns, posterior.sum(axis=1), family.columns)
    value = interval_of(surface.values, posterior.sum(axis=0), family.values)
    if family.logarithmic:
        value = Interval(10**value.value, 10**value.low, 10**value.high, value.limited)
    i, j = np.unravel_index(int(surface.log_like.argmax()), surface.log_like.shape)
    best_column, best_value = _vertex(surface, int(i), int(j))
    per_amplitude = family.counts(data.folding, best_column, best_value)[None] * data.exposure
    found = best_levels(data, per_amplitude, 0.0)
    log_amplitude = float(found.log_amplitude[0])
    return Fit(
        family, column, value, _flux(surface), (best_column, best_value, log_amplitude), float(found.statistic[0]),
        len(data.counts), log_evidence, per_amplitude[0] * np.exp(log_amplitude), found.background[0], surface,
    )  # fmt: skip


def interval_of(grid: Floats, probability: Floats, whole: Floats) -> Interval:
    """Median and 68% interval of a marginal posterior on an equally spaced grid.

    Where the density at an end of the family's grid is above half its maximum, that end is no measurement: the other
    one is given as a limit at 90%.

    Args:
        grid: Points, (n,), each the middle of a cell; probability: of the cells.
        whole: The family's grid, for its ends.
    """
    step = grid[1] - grid[0]
    edges = np.clip(np.append(grid - step / 2, grid[-1] + step / 2), whole[0], whole[-1])
    below = np.append(0.0, np.cumsum(probability)) / probability.sum()
    low, value, high = np.interp([0.16, 0.5, 0.84], below, edges)
    top = probability.max()
    # The cells at the two ends of the family's grid are half as wide.
    at_low = grid[0] <= whole[0] + step / 4 and 2 * probability[0] > top
    at_high = grid[-1] >= whole[-1] - step / 4 and 2 * probability[-1] > top
    if at_low and not at_high:
        return Interval(float(value), float(low), float(np.interp(0.9, below, edges)), "upper")
    if at_high and not at_low:
        return Interval(float(value), float(np.interp(0.1, below, edges)), float(high), "lower")
    return Interval(float(value), float(low), float(high))


def _flux(surface: Surface) -> Interval:
    """The flux, over all points of the grid and over the amplitude at each."""
    weight, middle, error = surface.posterior.ravel(), surface.log_flux.ravel(), surface.error.ravel()
    kept = weight > 1e-3 * weight.max()
    weight, middle, error = weight[kept] / weight[kept].sum(), middle[kept], error[kept]
    from scipy.special import ndtr

    grid = np.linspace((middle - 4 * error).min(), (middle + 4 * error).max(), 150)
    below = weight @ ndtr((grid[None] - middle[:, None]) / error[:, None])
    low, value, high = np.exp(np.interp([0.16, 0.5, 0.84], below, grid))
    return Interval(float(value), float(low), float(high))


def _vertex(surface: Surface, i: int, j: int) -> tuple[float, float]:
    """The maximum between points of the grid, from parabolas along both parameters."""
    return (
        _parabola(surface.columns, surface.log_like[:, j], i),
        _parabola(surface.values, surface.log_like[i], j),
    )


def _parabola(grid: Floats, height: Floats, i: int) -> float:
    if not 0 < i < len(grid) - 1:
        return float(grid[i])
    left, middle, right = height[i - 1 : i + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(grid[i] + np.clip(shift, -0.5, 0.5) * (grid[1] - grid[0]))
