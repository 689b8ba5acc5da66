"""Objects on a diagram of two quantities: the base behind, the query with its contours, neighbours numbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from spectrove.domain import Diagram, Quantity
from spectrove.explanation.diagram import LEVELS, Axis, Known, Place, axes_over, axis_title
from spectrove.explanation.dots import dot_legend, number_dots
from spectrove.explanation.style import NORMAL, SMALL, new_figure, tidy


@dataclass(frozen=True)
class Point:
    """One object; `place` is None where it has none, and then `absent` says why."""

    name: str
    place: Place | None
    color: str
    marker: str
    size: float = 6.5
    number: str = ""
    absent: str = ""


def diagram_figure(
    diagram: Diagram,
    quantities: Mapping[str, Quantity],
    known: Known | None,
    points: Sequence[Point],
    *,
    notes: Sequence[str] = (),
    names: bool = True,
) -> Figure:
    """A diagram of two quantities.

    Args:
        diagram: Which, and how its axes run.
        quantities: Their units, by name.
        known: Where objects of the base lie: grey dots; None for none.
        points: The objects, the query first; contours hold 68 and 90%.
        notes: Sentences below the legend, or in a corner where there is none.
        names: Whether there is a legend with their names, and why some are not drawn.
    """
    figure = new_figure(8.6, 5.9) if names else new_figure(5.6, 4.9)
    ax = figure.add_axes((0.085, 0.1, 0.595, 0.84) if names else (0.125, 0.12, 0.845, 0.83))
    drawn = [(point, point.place) for point in points if point.place is not None]
    axes = axes_over(diagram, quantities, known, [place for _, place in drawn])
    if known is not None:
        ax.plot(
            known.x, known.y, ".", color="#BDBDBD", ms=2.5, mec="none", zorder=0.2, rasterized=True, label="the base"
        )  # fmt: skip
    for i, (point, place) in enumerate(drawn):
        _draw(ax, point, place, 3 + 0.1 * i)
    _set_axes(ax, axes, diagram, quantities)
    number_dots(ax, [(point, place.x, place.y) for point, place in drawn])
    if names:
        dot_legend(figure, points)
        figure.text(0.7, 0.1, "\n".join(notes), fontsize=SMALL, color="#444444", va="bottom")
    else:
        ax.text(
            0.02, 0.02, "\n".join(notes), transform=ax.transAxes, fontsize=SMALL, va="bottom", color="#444444"
        )
    return figure


def _draw(ax: Axes, point: Point, place: Place, above: float) -> None:
    if place.covariance is not None:
        for level, style in zip(LEVELS, ("-", "--"), strict=True):
            edge = place.contour(level)
            ax.plot(edge[:, 0], edge[:, 1], style, color=point.color, lw=1.1, zorder=above - 0.05)
    ax.plot(
        [place.x], [place.y], point.marker, color=point.color, ms=point.size, mec="white", mew=0.7,
        zorder=above, label=point.name,
    )  # fmt: skip


def _set_axes(
    ax: Axes, axes: tuple[Axis, Axis], diagram: Diagram, quantities: Mapping[str, Quantity]
) -> None:
    for axis, one, name, title in zip(
        (ax.xaxis, ax.yaxis), axes, (diagram.x, diagram.y), (diagram.x_title, diagram.y_title), strict=True
    ):
        ends = (one.high, one.low) if one.falling else (one.low, one.high)
        set_scale, set_ends = (
            (ax.set_xscale, ax.set_xlim) if axis is ax.xaxis else (ax.set_yscale, ax.set_ylim)
        )
        if one.logarithm:
            set_scale("log")
        set_ends(*ends)
        axis.set_label_text(axis_title(title, quantities.get(name)), fontsize=NORMAL)
        axis.set_major_locator(FixedLocator(one.ticks()))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    tidy(ax, minor=False)
