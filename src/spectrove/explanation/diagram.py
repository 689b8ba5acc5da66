"""Two quantities against each other (`Domain.diagram`): where objects of a base lie, and what was read off a spectrum.

Numbers alone: `explanation.diagram_plot` draws them for a report, the page draws them as SVG.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectrove.domain import Diagram, Quantity
from spectrove.knowledge import KnowledgeBase

Floats = NDArray[np.float64]

#: Objects of the base that are drawn; of more every second, third ... one.
MOST_KNOWN = 3000
#: Contours of what was read off a spectrum.
LEVELS = (0.68, 0.90)
#: Of the base's objects the axes hold all but this share at each end; what is asked about they hold whole.
LEFT_OUT = 0.005


@dataclass(frozen=True)
class Known:
    """Where the objects of a base lie that have both quantities.

    Attributes:
        x, y: Of those that are drawn, (n_drawn,).
        n_objects: How many there are.
    """

    x: Floats
    y: Floats
    n_objects: int


@dataclass(frozen=True)
class Place:
    """Where one object lies.

    Attributes:
        x, y: Its two quantities.
        covariance: Of them, (2, 2); None where a catalog gives values alone.
    """

    x: float
    y: float
    covariance: Floats | None = None

    def contour(self, level: float) -> Floats:
        """The ellipse that holds this share of a normal distribution, (n_points, 2)."""
        assert self.covariance is not None
        return ellipse((self.x, self.y), self.covariance, level)


def ellipse(centre: ArrayLike, covariance: ArrayLike, level: float, n_points: int = 73) -> Floats:
    """The closed ellipse that holds a share `level` of a normal distribution of two quantities, (n_points, 2).

    Source:
        chi2 of two degrees of freedom holds 1 - exp(-r^2 / 2) within r.
    """
    radius = math.sqrt(-2 * math.log1p(-level))
    values, vectors = np.linalg.eigh(np.asarray(covariance, float))
    angle = np.linspace(0, 2 * np.pi, n_points)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    axes = vectors * np.sqrt(np.maximum(values, 0))
    return np.asarray(np.asarray(centre, float) + radius * (axes @ circle).T)


def known_places(base: KnowledgeBase, diagram: Diagram, quantities: Mapping[str, Quantity]) -> Known | None:
    """Where the objects of a base lie by its own columns; None where it has no such columns or no such object."""
    if not {diagram.x, diagram.y} <= set(base.columns):
        return None
    return base.remember(("diagram", diagram.x, diagram.y), lambda: _known_places(base, diagram, quantities))


def _known_places(base: KnowledgeBase, diagram: Diagram, quantities: Mapping[str, Quantity]) -> Known | None:
    limits = [quantities[name].condition(None) for name in (diagram.x, diagram.y) if name in quantities]
    condition = " AND ".join([f"{diagram.x} IS NOT NULL", f"{diagram.y} IS NOT NULL", *filter(None, limits)])
    table = base.rows(condition, [diagram.x, diagram.y])
    x, y = (np.array(table.column(name).to_pylist(), float) for name in (diagram.x, diagram.y))
    seen = np.isfinite(x) & np.isfinite(y)
    if not seen.any():
        return None
    step = math.ceil(int(seen.sum()) / MOST_KNOWN)
    return Known(x[seen][::step], y[seen][::step], int(seen.sum()))


def place_of_row(row: Mapping[str, Any], diagram: Diagram) -> Place | None:
    """Where an object lies by the columns of its row; None where one is missing."""
    x, y = (row.get(name) for name in (diagram.x, diagram.y))
    if x is None or y is None or not (math.isfinite(x) and math.isfinite(y)):
        return None
    return Place(float(x), float(y))


@dataclass(frozen=True)
class Axis:
    """An axis of a figure.

    Attributes:
        low, high: Its ends, low < high.
        logarithm: Whether equal ratios are equally long.
        falling: Whether values fall to the right, or upwards.
    """

    low: float
    high: float
    logarithm: bool = False
    falling: bool = False

    def share(self, values: ArrayLike) -> Floats:
        """How far along the axis values lie: 0 at its left or lower end, 1 at the other."""
        given = np.asarray(values, float)
        if self.logarithm:
            low, high = math.log(self.low), math.log(self.high)
            given = np.log(np.maximum(given, self.low * 1e-3))
        else:
            low, high = self.low, self.high
        share = (given - low) / (high - low)
        return np.asarray(1 - share if self.falling else share)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values along it, `most` at most."""
        return (
            _round_ratios(self.low, self.high, most) if self.logarithm else _round(self.low, self.high, most)
        )


def axis_over(
    values: Iterable[float], quantity: Quantity, *, known: ArrayLike = (), falling: bool = False
) -> Axis:
    """An axis that holds these values whole, and nearly all of those of a base.

    Args:
        values: Such as the ends of contours.
        quantity: What it is of: it says whether the axis is logarithmic.
        known: Of the objects of a base.
        falling: As `Axis.falling`.
    """
    inside = [float(v) for v in values if math.isfinite(v) and (v > 0 or not quantity.logarithm)]
    spread = np.asarray(known, float)
    if spread.size:
        inside += np.quantile(spread, [LEFT_OUT, 1 - LEFT_OUT]).tolist()
    low, high = (min(inside), max(inside)) if inside else (0.0, 1.0)
    if quantity.logarithm and low > 0:
        pad = max((high / low) ** 0.06, 1.02)
        return Axis(low / pad, high * pad, True, falling)
    pad = 0.06 * (high - low) or max(abs(high), 1.0) * 0.05
    return Axis(low - pad, high + pad, False, falling)


def axes_over(
    diagram: Diagram, quantities: Mapping[str, Quantity], known: Known | None, places: Sequence[Place]
) -> tuple[Axis, Axis]:
    """Both axes of a diagram, for the objects of a base and these places with their contours."""
    points = [
        np.array([[one.x, one.y]]) if one.covariance is None else one.contour(LEVELS[-1]) for one in places
    ]
    inside = np.concatenate([np.zeros((0, 2)), *points])
    x, y = (
        axis_over(
            inside[:, i], quantities.get(name) or Quantity(name),
            known=() if known is None else (known.x, known.y)[i], falling=name in diagram.falling,
        )
        for i, name in enumerate((diagram.x, diagram.y))
    )  # fmt: skip
    return x, y


def axis_title(title: str, quantity: Quantity | None) -> str:
    """A title with its unit: "Effective temperature (K)"; of a logarithm that of what it is of, "log g (cm/s2)"."""
    unit = "" if quantity is None else quantity.unit
    if unit.startswith("dex("):
        unit = unit.removeprefix("dex(").removesuffix(")")
    return f"{title} ({unit})" if unit else title


def _round(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(
        step for step in (power * one for one in (1, 2, 2.5, 5, 10, 20)) if (high - low) / step <= most
    )
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


#: First digits of ticks of a logarithmic axis, the fullest choice first.
_DIGITS = ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 3), (1,))


def _round_ratios(low: float, high: float, most: int) -> list[float]:
    """Round numbers on a logarithmic axis; multiples of a step where it is short."""
    if high / low < 2.5:
        return _round(low, high, most)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    chosen: list[float] = []
    for digits in _DIGITS:
        chosen = [v for p in powers for one in digits if low <= (v := one * 10.0**p) <= high]
        if len(chosen) <= most:
            break
    return chosen
