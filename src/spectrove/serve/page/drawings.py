"""Small drawings of a page as numbers of SVG: what is known of several quantities together, and of two over a base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import Quantity
from spectrove.explanation.diagram import (
    LEVELS,
    Axis,
    Known,
    Place,
    axes_over,
    axis_over,
    axis_title,
    ellipse,
)

if TYPE_CHECKING:
    from spectrove.domain import Diagram
    from spectrove.explanation.readings import ReadOff

Floats = NDArray[np.float64]

#: Side of a panel by how many quantities there are at most.
SIDES = ((3, 150), (5, 128), (9, 102), (99, 88))
#: Room left of the panels and below them for numbers, above for names; and between panels.
LEFT, BELOW, ABOVE, GAP = 58, 24, 20, 7
#: Size of the diagram, and room for its axes.
WIDTH, HEIGHT, MARGIN_LEFT, MARGIN_BELOW, MARGIN = 520, 420, 58, 48, 12
#: Standard deviations of a normal distribution that a panel holds, and bars of a histogram.
REACH, BARS = 3.2, 12
#: A correlation from here on is said in words.
SAID = 0.3


@dataclass(frozen=True)
class Tick:
    """A number at an axis: where it stands, and its text."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Panel:
    """One panel: its corner and side, lines as paths with their class, samples as a path of dots, "" for none."""

    x: float
    y: float
    side: float
    paths: tuple[tuple[str, str], ...]
    dots: str = ""


@dataclass(frozen=True)
class Corner:
    """What is known of several quantities together: a panel for each pair, and each alone on the diagonal.

    Attributes:
        width, height: Of the whole.
        panels: Every one.
        names: Over the diagonal.
        ticks_x, ticks_y: Numbers below the lowest row, and left of the first column.
        said: What it shows, in words.
        sampled: Whether samples are drawn: the posterior is no normal distribution.
    """

    width: float
    height: float
    panels: tuple[Panel, ...]
    names: tuple[Tick, ...]
    ticks_x: tuple[Tick, ...]
    ticks_y: tuple[Tick, ...]
    said: str
    sampled: bool


def corner(found: ReadOff) -> Corner | None:
    """The posterior of one estimator; None where it has fewer than two quantities or cannot read the spectrum."""
    if found.posterior is None or len(found.quantities) < 2:
        return None
    n = len(found.quantities)
    side = next(one for most, one in SIDES if n <= most)
    step = side + GAP
    axes = [_axis(found, i) for i in range(n)]
    panels = [
        Panel(LEFT + j * step, ABOVE + i * step, side, *_pair(found, axes, j, i, side))
        for i in range(n)
        for j in range(i)
    ]
    panels += [
        Panel(LEFT + i * step, ABOVE + i * step, side, _alone(found, axes[i], i, side)) for i in range(n)
    ]
    most = 3 if n <= SIDES[0][0] else 2
    bottom = ABOVE + n * step - GAP
    return Corner(
        LEFT + n * step + 4, bottom + BELOW, tuple(panels),
        tuple(Tick(LEFT + i * step + side / 2, ABOVE + i * step - 6, q.name) for i, q in enumerate(found.quantities)),
        tuple(
            Tick(LEFT + i * step + side * share, bottom, text)
            for i in range(n) for share, text in _ticks(axes[i], most)
        ),
        tuple(
            Tick(LEFT, ABOVE + i * step + side * (1 - share), text)
            for i in range(1, n) for share, text in _ticks(axes[i], most)
        ),
        correlations(found), found.draws is not None,
    )  # fmt: skip


def _axis(found: ReadOff, i: int) -> Axis:
    """An axis that holds nearly all of what is known of a quantity."""
    quantity = Quantity(found.quantities[i].name)  # linear, whatever its estimates average
    if found.draws is not None:
        return axis_over(np.quantile(found.draws[:, i], [0.002, 0.998]).tolist(), quantity)
    reach = REACH * float(np.sqrt(found.covariance[i, i]))
    return axis_over([float(found.mean[i]) - reach, float(found.mean[i]) + reach], quantity)


def _ticks(axis: Axis, most: int) -> list[tuple[float, str]]:
    """Round numbers along an axis, no nearer to its ends than their texts are wide."""
    values = axis.ticks(most)
    shares = axis.share(values).tolist()
    return [(share, _text(value)) for share, value in zip(shares, values, strict=True) if 0.08 < share < 0.92]


def _text(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _pair(
    found: ReadOff, axes: Sequence[Axis], j: int, i: int, side: float
) -> tuple[tuple[tuple[str, str], ...], str]:
    """Contours of quantities j (to the right) and i (upwards), and samples where there are any."""
    both = [j, i]
    paths = [
        (f"level-{round(100 * level)}",
         _path(ellipse(found.mean[both], found.covariance[np.ix_(both, both)], level), (axes[j], axes[i]), side))
        for level in reversed(LEVELS)
    ]  # fmt: skip
    dots = "" if found.draws is None else _dots(found.draws[:, both], (axes[j], axes[i]), side, side)
    return tuple(paths), dots


def _alone(found: ReadOff, axis: Axis, i: int, side: float) -> tuple[tuple[str, str], ...]:
    """The distribution of one quantity, and its 68% interval as a band."""
    low, high = found.estimates(LEVELS[0])[i].interval or (axis.low, axis.high)
    left, right = (side * float(np.clip(one, 0, 1)) for one in axis.share([low, high]))
    band = f"M{left:.1f} {side}V0H{right:.1f}V{side}Z"
    if found.draws is None:
        values = np.linspace(axis.low, axis.high, 61)
        height = np.exp(-((values - found.mean[i]) ** 2) / (2 * found.covariance[i, i]))
    else:
        counts, edges = np.histogram(found.draws[:, i], BARS, (axis.low, axis.high))
        values, height = np.repeat(edges, 2)[1:-1], np.repeat(counts, 2) / max(counts.max(), 1)
    points = np.stack([axis.share(values) * side, side * (1 - 0.9 * height)], axis=1)
    return ("band", band), ("profile", _joined(points))


def _path(points: Floats, axes: tuple[Axis, Axis], side: float) -> str:
    """A closed line in a square panel."""
    return _joined(_on_panel(points, axes, side, side)) + "Z"


def _on_panel(points: Floats, axes: tuple[Axis, Axis], width: float, height: float) -> Floats:
    return np.stack([axes[0].share(points[:, 0]) * width, (1 - axes[1].share(points[:, 1])) * height], axis=1)


def _joined(points: Floats) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points.tolist())


def _dots(points: Floats, axes: tuple[Axis, Axis], width: float, height: float) -> str:
    """Points inside a panel as a path of lines without length, whose round ends are drawn."""
    placed = _on_panel(points, axes, width, height)
    inside = ((placed >= 0) & (placed <= (width, height))).all(axis=1)
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in placed[inside].tolist())


def correlations(found: ReadOff) -> str:
    """Which quantities go together, in words, the closest pairs first."""
    sigma = np.sqrt(np.diag(found.covariance))
    names = [one.name for one in found.quantities]
    pairs = [
        (float(found.covariance[i, j] / (sigma[i] * sigma[j])), names[j], names[i])
        for i in range(len(names))
        for j in range(i)
        if sigma[i] > 0 and sigma[j] > 0
    ]
    close = sorted((one for one in pairs if abs(one[0]) >= SAID), key=lambda one: -abs(one[0]))
    if not close:
        return f"No two of {', '.join(names)} are correlated by more than {SAID:g}."
    said = [f"{a} and {b} {r:.2f}".replace("-", "−") for r, a, b in close[:8]]
    more = f", and {len(close) - 8} more pairs by at least {SAID:g}" if len(close) > 8 else ""
    return f"Correlations: {', '.join(said)}{more}."


@dataclass(frozen=True)
class Neighbour:
    """A known object on the diagram: its place, and its place among the neighbours, from 0."""

    name: str
    x: float
    y: float
    rank: int


@dataclass(frozen=True)
class Spread:
    """Two quantities over the objects of a base.

    Attributes:
        title: Of the diagram.
        x_title, y_title: Of its axes, with units.
        width, height: Of the panel inside its axes.
        dots: Objects of the base.
        n_known, n_drawn: How many there are, and how many of them are drawn.
        near: Neighbours, nearest first.
        read: Each estimator by its name: where it puts the spectrum, and its contours as paths with their class.
        ticks_x, ticks_y: Numbers at the axes.
        said: What it shows, in words.
        window: Left, top, width and height of what the closer drawing holds; None in that one.
    """

    title: str
    x_title: str
    y_title: str
    width: float
    height: float
    dots: str
    n_known: int
    n_drawn: int
    near: tuple[Neighbour, ...]
    read: tuple[tuple[str, float, float, tuple[tuple[str, str], ...]], ...]
    ticks_x: tuple[Tick, ...]
    ticks_y: tuple[Tick, ...]
    said: str
    window: tuple[float, float, float, float] | None = None


def spreads(row: Mapping[str, Any], quantities: Mapping[str, Quantity], closer: int) -> list[Spread]:
    """The diagram of a kind of light with one spectrum on it: over the whole base, and closer; none without a place.

    Args:
        row: What `service.readings` says.
        quantities: Of the kind of light, by name.
        closer: Neighbours that the closer drawing holds.
    """
    diagram: Diagram | None = row["diagram"]
    if diagram is None:
        return []
    near: dict[str, Place] = dict(row["near"])
    read = [place for one in row["readings"] if (place := one.place(diagram)) is not None]
    if not read and not near:
        return []
    held = axes_over(diagram, quantities, None, [*list(near.values())[:closer], *read])
    drawn = _spread(row, quantities, diagram, held)
    if row["known"] is None:
        return [drawn]
    whole = axes_over(diagram, quantities, row["known"], [*near.values(), *read])
    left, right = sorted(float(one) for one in whole[0].share([held[0].low, held[0].high]))
    bottom, top = sorted(float(one) for one in whole[1].share([held[1].low, held[1].high]))
    window = (
        left * drawn.width, (1 - top) * drawn.height, (right - left) * drawn.width, (top - bottom) * drawn.height
    )  # fmt: skip
    return [replace(_spread(row, quantities, diagram, whole), window=window), drawn]


def _spread(
    row: Mapping[str, Any], quantities: Mapping[str, Quantity], diagram: Diagram, axes: tuple[Axis, Axis]
) -> Spread:
    known: Known | None = row["known"]
    near: Mapping[str, Place] = row["near"]
    read = [(one.by, place) for one in row["readings"] if (place := one.place(diagram)) is not None]
    wide, high = WIDTH - MARGIN_LEFT - MARGIN, HEIGHT - MARGIN_BELOW - MARGIN

    def placed(x: float, y: float) -> tuple[float, float]:
        [[left, top]] = _on_panel(np.array([[x, y]]), axes, wide, high).tolist()
        return round(left, 1), round(top, 1)

    def contours(place: Place) -> tuple[tuple[str, str], ...]:
        return tuple(
            (f"level-{round(100 * level)}", _joined(_on_panel(place.contour(level), axes, wide, high)) + "Z")
            for level in reversed(LEVELS)
        )

    return Spread(
        diagram.title, axis_title(diagram.x_title, quantities.get(diagram.x)),
        axis_title(diagram.y_title, quantities.get(diagram.y)), wide, high,
        "" if known is None else _dots(np.stack([known.x, known.y], axis=1), axes, wide, high),
        0 if known is None else known.n_objects, 0 if known is None else len(known.x),
        tuple(Neighbour(name, *placed(one.x, one.y), i) for i, (name, one) in enumerate(near.items())),
        tuple((by, *placed(place.x, place.y), contours(place)) for by, place in read),
        tuple(Tick(wide * share, high, text) for share, text in _along(axes[0])),
        tuple(Tick(0, high * (1 - share), text) for share, text in _along(axes[1])),
        _in_words(diagram, read, near),
    )  # fmt: skip


def _along(axis: Axis) -> list[tuple[float, str]]:
    values = axis.ticks()
    return [(share, _text(value)) for share, value in zip(axis.share(values).tolist(), values, strict=True)]


def _in_words(diagram: Diagram, read: Sequence[tuple[str, Place]], near: Mapping[str, Place]) -> str:
    """What the diagram shows, for whoever does not see it."""
    said = [f"by {by} {diagram.x} {place.x:.4g}, {diagram.y} {place.y:.3g}" for by, place in read]
    first = next(iter(near.items()), None)
    if first is not None:
        name, place = first
        said.append(
            f"its nearest known spectrum there, {name}, {diagram.x} {place.x:.4g}, {diagram.y} {place.y:.3g}"
        )
    return f"{diagram.title}: {'; '.join(said)}.".replace("-", "−")
