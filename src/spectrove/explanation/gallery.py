"""Figures of a hunt: a contact sheet of the best hits, and the histogram of probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spectrove.explanation.evidence import Evidence
from spectrove.explanation.line_labels import KIND_STYLE, LineLabel, mark_only, spread
from spectrove.explanation.panel import CloseUp
from spectrove.explanation.plots import SMOOTH_BELOW, Trace, make_trace, smoothed
from spectrove.explanation.style import (
    DECIDES,
    GRID_COLOR,
    NORMAL,
    QUERY_COLOR,
    SMALL,
    new_figure,
    tidy,
)  # fmt: skip
from spectrove.inference import Prediction

#: Truth is shown by hatching as well as by colour.
_TRUE, _FALSE, _UNKNOWN = ("#0072B2", ""), ("#E69F00", "////"), ("#BBBBBB", "....")


def gallery_figure(hits: Sequence[Evidence], *, columns: int = 2) -> Figure:
    """A contact sheet: each hit's whole spectrum and its close-up, ranked, with probability and redshift.

    What the answer rests on, if the close-up names it, is marked in both panels.

    Args:
        hits: Best first; the printed rank is the position in this order.
        columns: Hits per row.
    """
    rows = max(-(-len(hits) // columns), 1)
    width, each, head, foot = 11.0, 1.42, 0.06, 0.45
    height = rows * each + head + foot
    figure = new_figure(width, height)
    cell = 0.945 / columns
    span = _span(hits)
    for i, hit in enumerate(hits):
        row, column = divmod(i, columns)
        left = 0.045 + column * cell
        bottom = (foot + (rows - 1 - row) * each) / height
        last = i + columns >= len(hits)
        box = (left, bottom, cell, (each - 0.33) / height)
        _cell(figure, box, hit, i + 1, last, span)
    figure.text(0.02, 0.5, "Flux density / median", rotation=90, fontsize=NORMAL, va="center", ha="center")
    return figure


def probability_figure(
    predictions: Sequence[Prediction], *, threshold: float, truth: Mapping[str, bool] | None = None
) -> Figure:
    """Histogram of the probabilities of all spectra, with the threshold, split by truth where it is known."""
    figure = new_figure(5.4, 4.0)
    ax = figure.add_axes((0.125, 0.14, 0.845, 0.8))
    known = [(p.object_id, p.probability) for p in predictions if p.probability is not None]
    values = np.array([v for _, v in known], dtype=float)
    edges = np.linspace(0, 1, 21)
    if truth is None:
        _bars(ax, edges, [(np.histogram(values, edges)[0], "all spectra", ("#777777", ""))])
    else:
        is_true = [truth.get(name) for name, _ in known]
        names = (
            ("truly the target", True, _TRUE),
            ("not the target", False, _FALSE),
            ("truth unknown", None, _UNKNOWN),
        )
        parts = [(name, np.array([t is value for t in is_true], bool), style) for name, value, style in names]
        _bars(ax, edges, [(np.histogram(values[k], edges)[0], n, s) for n, k, s in parts if k.any()])
    ax.axvline(threshold, color=QUERY_COLOR, lw=1.2, dashes=(4, 2), label=f"threshold {threshold:.2f}")
    ax.set_xlim(0, 1)
    ax.set_yscale("symlog", linthresh=10)
    ax.set_ylim(0, None)
    ax.set_xlabel("Probability of being the target", fontsize=NORMAL)
    ax.set_ylabel("Spectra per bin of 0.05", fontsize=NORMAL)
    tidy(ax, grid=True)
    ax.legend(fontsize=SMALL, frameon=True, edgecolor=GRID_COLOR, loc="upper center")
    return figure


def _bars(ax: Axes, edges: np.ndarray, parts: list[tuple[np.ndarray, str, tuple[str, str]]]) -> None:
    base = np.zeros(len(edges) - 1)
    for counts, name, (color, hatch) in parts:
        ax.bar(
            edges[:-1], counts, width=np.diff(edges), bottom=base, align="edge", color=color, hatch=hatch,
            edgecolor="white", lw=0.6, label=f"{name}: {int(counts.sum())}",
        )  # fmt: skip
        base = base + counts


def _span(hits: Sequence[Evidence]) -> tuple[float, float]:
    """The wavelength range that covers every hit, so that all panels share one axis."""
    traces = [t for t in map(_trace, hits) if t is not None]
    good = [t.wavelength[np.isfinite(t.flux)] for t in traces]
    if not good:
        return 3600.0, 9200.0
    return min(float(w.min()) for w in good), max(float(w.max()) for w in good)


def _trace(hit: Evidence) -> Trace | None:
    return make_trace(hit.query, hit.panels.drawing.norm)


def _cell(
    figure: Figure, box: tuple[float, float, float, float], hit: Evidence, rank: int, last: bool,
    span: tuple[float, float],
) -> None:  # fmt: skip
    left, bottom, width, height = box
    trace, closer = _trace(hit), hit.panels.close
    figure.text(
        left, bottom + height + 0.05 / figure.get_figheight(), _cell_title(hit, rank, trace), fontsize=SMALL,
        fontweight="bold", va="bottom",
    )  # fmt: skip
    wide = figure.add_axes((left, bottom, (0.64 if closer else 0.95) * width, height))
    _dress(wide, span, last)
    close = None
    if closer is not None:
        close = figure.add_axes((left + 0.715 * width, bottom, 0.235 * width, height))
        _dress(close, (closer.window.low, closer.window.high), last)
    if trace is None:
        wide.text(0.5, 0.5, "no good pixel", transform=wide.transAxes, ha="center", fontsize=SMALL)
        return
    known = bool(np.isfinite(hit.query.z))
    _draw(wide, smoothed(trace).within(*span), hit.panels.drawing.marked if known else (), cut=True)
    if closer is not None and close is not None:
        _draw_closer(wide, close, closer, trace, known)
    if last:
        wide.set_xlabel(f"{'Rest' if known else 'Observed'} wavelength, vacuum (Å)", fontsize=SMALL)


def _dress(ax: Axes, limits: tuple[float, float], last: bool) -> None:
    tidy(ax, minor=False)
    ax.set_xlim(*limits)
    ax.tick_params(labelsize=7.5, labelbottom=last)


def _draw_closer(wide: Axes, close: Axes, closer: CloseUp, trace: Trace, known: bool) -> None:
    """The close-up of a spectrum, with the mark on what decides in both panels."""
    window, line = closer.window, closer.decides
    _draw(close, trace.within(window.low, window.high), closer.labels if known else (), cut=False)
    if line is not None:
        for ax in (wide, close):
            at_top = ax.get_xaxis_transform()
            ax.plot([line], [1.0], "v", color=DECIDES, ms=7, transform=at_top, clip_on=False, zorder=4)
        close.axvspan(line - 8, line + 8, color=DECIDES, alpha=0.16, lw=0, zorder=0.3)
    close.xaxis.set_major_locator(MaxNLocator(3))


def _cell_title(hit: Evidence, rank: int, trace: Trace | None) -> str:
    p, z = hit.prediction.probability, hit.query.z
    title = f"{rank}   {hit.object_id}   " + ("P unknown" if p is None else f"P {p:.2f}")
    title += f"   z {z:.4f}" if np.isfinite(z) else "   no redshift"
    if hit.panels.close is not None and hit.panels.close.note:
        title += f"  {hit.panels.close.note}"
    return title + ("   smoothed" if trace is not None and trace.sn < SMOOTH_BELOW else "")


def _draw(ax: Axes, t: Trace, marked: Sequence[LineLabel], *, cut: bool) -> None:
    if np.isfinite(t.flux).sum() < 10:
        ax.text(0.5, 0.45, "not covered", transform=ax.transAxes, ha="center", fontsize=7.5)
        ax.set_yticks([])
        return
    values = t.flux[np.isfinite(t.flux)]
    bottom, level, top = (float(v) for v in np.percentile(values, [1 if cut else 0, 97, 100]))
    top = min(top, 2.2 * level - 1.2 * bottom) if cut else top
    top = max(top, bottom + 0.05)
    ax.plot(t.wavelength, t.flux, color=QUERY_COLOR, lw=0.6 if cut else 0.9)
    ax.set_ylim(bottom - 0.1 * (top - bottom), top + 0.36 * (top - bottom))
    ax.yaxis.set_major_locator(MaxNLocator(3, prune="upper"))
    _mark(ax, marked)


def _mark(ax: Axes, labels: Sequence[LineLabel]) -> None:
    """Dashed marks, and names inside the top of the axes, moved apart so that they do not touch."""
    low, high = ax.get_xlim()
    inside = [item for item in labels if low < item.center < high]
    figure = ax.get_figure(root=True)
    assert figure is not None
    per_inch = (high - low) / (ax.get_position().width * figure.get_figwidth())
    margin = 0.17 * per_inch
    names = spread([item.center for item in inside], 0.36 * per_inch, low + margin, high - margin)
    mark_only(ax, inside)
    for item, x in zip(inside, names, strict=True):
        ax.text(
            float(x), 0.97, item.text, transform=ax.get_xaxis_transform(), fontsize=7,
            color=KIND_STYLE["emission"][0], ha="center", va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
        )  # fmt: skip
