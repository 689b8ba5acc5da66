"""The [N II] diagram: dividing lines named, the query as a star with errors, neighbours numbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from spectrove.explanation.dots import dot_legend, number_dots
from spectrove.explanation.evidence import Evidence
from spectrove.explanation.line_labels import pretty
from spectrove.explanation.style import (
    LARGE,
    NORMAL,
    QUERY_COLOR,
    SMALL,
    color_of,
    marker_of,
    new_figure,
    short,
    tidy,
)  # fmt: skip
from spectrove.galaxies.diagram.bpt import DIVIDING_LINES, Bpt, Ratio
from spectrove.galaxies.diagram.measured import bpt_of

X_LABEL, Y_LABEL = "log ([N II] 6583 / Hα)", "log ([O III] 5007 / Hβ)"
#: The usual limits; wider where a point lies outside.
X_RANGE, Y_RANGE = (-1.5, 0.75), (-1.2, 1.5)
#: Printed name, dash pattern, where along x the name is centred, and how far above its line (dex).
_LINE_STYLE = {
    "Kauffmann 2003": ("Kauffmann+ 2003", (5, 2), -0.43, 0.07),
    "Kewley 2001": ("Kewley+ 2001", (), -0.72, 0.03),
    "1.18x+0.77": ("1.18x + 0.77", (1, 1.5), 0.3, 0.03),
}
_REGIONS = {
    "Star-forming": (-1.1, -0.75),
    "Composite": (-0.005, -1.12),
    "Seyfert": (-0.75, 1.2),
    "LINER": (0.5, -0.2),
}


@dataclass(frozen=True)
class Point:
    """One object on the diagram."""

    name: str
    bpt: Bpt | None
    color: str
    marker: str
    size: float = 6.5
    number: str = ""

    @property
    def place(self) -> tuple[Ratio, Ratio] | None:
        """Its two ratios, where both have a number or a limit."""
        if self.bpt is None or not (self.bpt.nii_ha.known and self.bpt.oiii_hb.known):
            return None
        return self.bpt.nii_ha, self.bpt.oiii_hb

    @property
    def absent(self) -> str:
        """Why it has no place; "" if it has one."""
        return _why_absent(self.bpt) if self.place is None else ""


def bpt_figure(evidence: Evidence, *, background: tuple[ArrayLike, ArrayLike] | None = None) -> Figure:
    """The [N II] diagram with the query, its numbered neighbours and the dividing lines.

    An object with an undetected line is drawn at its limit with an arrow; one without numbers is named
    below the legend.

    Args:
        evidence: What to draw.
        background: log [N II]/Ha and log [O III]/Hb of the base's own objects, each (n_objects,), drawn as
            grey dots; None for none.
    """
    figure = new_figure(8.6, 5.9)
    ax = figure.add_axes((0.085, 0.1, 0.595, 0.84))
    points = [
        Point(
            f"{short(n.object_id)} ({n.label or 'no label'})",
            bpt_of(n),
            color_of(i),
            marker_of(i),
            number=str(i + 1),
        )
        for i, n in enumerate(evidence.neighbors)
    ]
    query = Point(f"query {short(evidence.object_id)}", bpt_of(evidence.query), QUERY_COLOR, "*", size=17)
    draw_diagram(ax, background)
    draw_points(ax, [query, *points])  # neighbours on top: the star is the largest
    dot_legend(figure, [query, *points])
    notes = ["Bars: 1σ. Arrows: 3σ limits.", "Lines measured by Spectrove."]
    notes += ["Grey: objects of the base."] if background is not None else []
    figure.text(0.7, 0.1, "\n".join(notes), fontsize=SMALL, color="#444444", va="bottom")
    return figure


def hits_bpt_figure(
    hits: Sequence[Evidence],
    *,
    background: tuple[ArrayLike, ArrayLike] | None = None,
    truth: Mapping[str, bool] | None = None,
) -> Figure:
    """The [N II] diagram of the hits, numbered by rank, by our own measurement of their lines."""
    figure = new_figure(5.6, 4.9)
    ax = figure.add_axes((0.125, 0.12, 0.845, 0.83))
    draw_diagram(ax, background)
    points = []
    for i, hit in enumerate(hits):
        wrong = truth is not None and truth.get(hit.object_id) is False
        color, marker = (color_of(0), "X") if wrong else (color_of(1), "o")
        points.append(Point(hit.object_id, bpt_of(hit.query), color, marker, number=str(i + 1), size=6))
    draw_points(ax, points)
    absent = [p.number for p in points if p.place is None]
    notes = [f"not on the diagram: {', '.join(absent)}"] if absent else []
    notes += ["cross: truly not the target"] if any(p.marker == "X" for p in points) else []
    ax.text(
        0.02, 0.02, "\n".join(notes), transform=ax.transAxes, fontsize=SMALL, va="bottom", color="#444444"
    )
    return figure


def draw_diagram(
    ax: Axes, background: tuple[ArrayLike, ArrayLike] | None = None, *, names: bool = True
) -> None:
    """The empty diagram: background dots, dividing lines and regions with their names, axes."""
    if background is not None:
        x, y = (np.asarray(v, dtype=float) for v in background)
        ax.plot(x, y, ".", color="#BDBDBD", ms=2.5, mec="none", zorder=0.2, rasterized=True, label="the base")
    for key, (text, dashes, where, above) in _LINE_STYLE.items():
        _draw_line(ax, key, dashes)
        if names:
            _name_line(ax, key, text, where, above)
    if names:
        for text, place in _REGIONS.items():
            size = NORMAL if text == "Composite" else LARGE  # it stands in a narrow strip
            ax.text(*place, text, fontsize=size, color="#767676", ha="center", style="italic", zorder=0.6)
    ax.set(xlim=X_RANGE, ylim=Y_RANGE)
    ax.set_xlabel(X_LABEL, fontsize=NORMAL)
    ax.set_ylabel(Y_LABEL, fontsize=NORMAL)
    tidy(ax)


def draw_points(ax: Axes, points: Sequence[Point]) -> None:
    """Points with errors or limit arrows, numbers beside them; limits of the axes widened where needed."""
    drawn = [(p, *p.place) for p in points if p.place is not None]
    if drawn:
        _widen(ax, np.array([[x.value, y.value] for _, x, y in drawn]))
    span_x, span_y = np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())
    for z, (p, x, y) in enumerate(drawn):
        ax.errorbar(
            x.value, y.value,
            xerr=x.error if x.kind == "measured" else 0.045 * span_x,
            yerr=y.error if y.kind == "measured" else 0.045 * span_y,
            xuplims=x.kind == "upper", xlolims=x.kind == "lower",
            uplims=y.kind == "upper", lolims=y.kind == "lower",
            fmt=p.marker, ms=p.size, color=p.color, mec="white", mew=0.7, ecolor=p.color, elinewidth=1.1,
            capsize=2.0, zorder=3 + 0.1 * z, label=p.name,
        )  # fmt: skip
    number_dots(ax, [(p, x.value, y.value) for p, x, y in drawn])


def _draw_line(ax: Axes, key: str, dashes: tuple[float, ...]) -> None:
    x = np.linspace(-4, 3, 3500)
    y = DIVIDING_LINES[key](x)
    if key == "1.18x+0.77":  # it divides AGN only, so it begins where it leaves Kewley's curve
        y = np.where(y > DIVIDING_LINES["Kewley 2001"](x), y, np.nan)
    y = np.where(np.isfinite(y), y, np.nan)
    ax.plot(x, y, color="#333333", lw=1.3, dashes=dashes or (None, None), zorder=1)


def _name_line(ax: Axes, key: str, text: str, x: float, above: float) -> None:
    """The name along its line, turned to its slope on the page."""
    f = DIVIDING_LINES[key]
    figure = ax.get_figure(root=True)
    assert figure is not None
    box, (w, h) = ax.get_position(), figure.get_size_inches()
    slope = float(f(x + 0.05) - f(x - 0.05)) / 0.1
    scale = (box.height * h / np.ptp(Y_RANGE)) / (box.width * w / np.ptp(X_RANGE))
    ax.text(
        x, float(f(x)) + above, text, fontsize=SMALL, color="#333333", ha="center", va="bottom",
        rotation=np.degrees(np.arctan(slope * scale)), rotation_mode="anchor", zorder=1.2, clip_on=True,
    )  # fmt: skip


def _widen(ax: Axes, xy: NDArray[np.float64]) -> None:
    for values, get, put in ((xy[:, 0], ax.get_xlim, ax.set_xlim), (xy[:, 1], ax.get_ylim, ax.set_ylim)):
        low, high = get()
        put(min(low, float(values.min()) - 0.2), max(high, float(values.max()) + 0.2))


def _why_absent(b: Bpt | None) -> str:
    if b is None:
        return "lines not measured"
    if b.uncovered():
        return "not covered: " + ", ".join(pretty(v) for v in b.uncovered())
    return "no line detected" if b.no_lines else "undetected: " + ", ".join(pretty(v) for v in b.missing())
