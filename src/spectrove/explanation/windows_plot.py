"""Narrow ranges of a spectrum over its nearest neighbours: the profiles of strong lines, one small panel each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spectrove.explanation.evidence import Evidence
from spectrove.explanation.line_labels import line_labels, mark_lines
from spectrove.explanation.measured import Measured
from spectrove.explanation.panel import Window
from spectrove.explanation.plots import Trace, draw_with_band, make_trace
from spectrove.explanation.style import NORMAL, QUERY_COLOR, SMALL, color_of, new_figure, short, tidy
from spectrove.lines import Line

#: A window is drawn where the query has good pixels in this share of it.
COVERED = 0.6
#: Panels side by side.
ACROSS = 4
#: Inches: of a panel, of the names of lines above it, from row to row, and of the key below; then a gap, as a share.
_PANEL, _NAMES, _ROW, _FOOT, _BETWEEN = 1.7, 1.15, 3.35, 0.35, 0.045


def covered(item: Measured, windows: Sequence[Window]) -> tuple[Window, ...]:
    """The windows that a spectrum at rest has pixels in."""
    trace = make_trace(item)
    return () if trace is None else tuple(window for window in windows if _share(trace, window) >= COVERED)


def _share(trace: Trace, window: Window) -> float:
    """How much of a window good pixels lie in: the longest stretches without one are no part of it."""
    good = trace.wavelength[np.isfinite(trace.flux)]
    inside = good[(good >= window.low) & (good <= window.high)]
    if len(inside) < 5:
        return 0.0
    steps = np.diff(np.concatenate([[window.low], inside, [window.high]]))
    usual = 3 * float(np.median(np.diff(inside)))
    return 1 - float(steps[steps > usual].sum()) / (window.high - window.low)


def windows_figure(
    evidence: Evidence, windows: Sequence[Window], lines: Sequence[Line], *, max_neighbors: int = 3
) -> Figure:
    """The query over its nearest neighbours in each window, at rest, over a straight line fitted to the window.

    Args:
        evidence: The answer to plot.
        windows: Those that the query covers, see `covered`; one at least.
        lines: Marked and named.
        max_neighbors: Neighbours that are drawn.
    """
    query = make_trace(evidence.query)
    assert query is not None  # a window is covered
    near = [(i, n, make_trace(n)) for i, n in enumerate(evidence.neighbors[:max_neighbors])]
    across = min(ACROSS, len(windows))
    down = math.ceil(len(windows) / across)
    height = down * _ROW + _FOOT
    figure = new_figure(11.0, height)
    width = 0.926 / across
    for k, window in enumerate(windows):
        i, j = divmod(k, across)
        top = _NAMES + i * _ROW
        box = (
            0.062 + j * width,
            1 - (top + _PANEL) / height,
            width - _BETWEEN * (across > 1),
            _PANEL / height,
        )
        ax = figure.add_axes(box)
        ax.set_xlim(window.low, window.high)
        tidy(ax, minor=False)
        for place, _, trace in reversed(near):
            part = None if trace is None else flattened(trace, window)
            if part is not None:
                ax.plot(part.wavelength, part.flux, color=color_of(place), lw=1.1, zorder=1.8)
        part = flattened(query, window)
        assert part is not None
        draw_with_band(ax, part, QUERY_COLOR)
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.yaxis.set_major_locator(MaxNLocator(4, prune="both"))
        mark_lines(ax, line_labels(window.low, window.high, lines), size=SMALL, lift=0.2)
        ax.set_xlabel(f"{window.title} (Å)", fontsize=NORMAL)
    _key(figure, evidence, [(place, n) for place, n, trace in near if trace is not None], height)
    return figure


def _key(figure: Figure, evidence: Evidence, near: Sequence[tuple[int, Measured]], height: float) -> None:
    """Who is drawn in which colour, in one line at the foot."""
    entries = [(f"query {short(evidence.object_id, 20)}", QUERY_COLOR)]
    entries += [(f"{place + 1}  {short(n.object_id, 20)}", color_of(place)) for place, n in near]
    for i, (text, color) in enumerate(entries):
        figure.text(
            0.062 + 0.235 * i, 0.1 / height, text, fontsize=SMALL, color=color, va="bottom",
            fontweight="bold" if i == 0 else "normal",
        )  # fmt: skip
    figure.text(
        0.017, 0.5, "Flux density / straight line", fontsize=NORMAL, rotation=90, ha="center", va="center"
    )


def flattened(trace: Trace, window: Window) -> Trace | None:
    """The part of a spectrum in a window over the straight line that fits it best; None with too few pixels."""
    part = trace.within(window.low, window.high)
    good = np.isfinite(part.flux)
    if good.sum() < 5:
        return None
    middle = part.wavelength - (window.low + window.high) / 2
    slope, level = np.polyfit(middle[good], part.flux[good], 1)
    line = level + slope * middle
    if not (line > 0).all():
        line = np.full(len(middle), level if level > 0 else 1.0)
    continuum = None if part.continuum is None else part.continuum / line
    return Trace(part.wavelength, part.flux / line, part.error / line, continuum, part.sn)
