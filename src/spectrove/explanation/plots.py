"""The query and its neighbours in the rest frame, with the lines of their domain marked and named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from spectrove.explanation.evidence import Evidence, NeighborEvidence
from spectrove.explanation.line_labels import line_labels, mark_lines, mark_only, spread
from spectrove.explanation.measured import Measured
from spectrove.explanation.panel import Drawing, Window
from spectrove.explanation.style import (
    FIT_COLOR,
    GHOST_COLOR,
    LARGE,
    NORMAL,
    QUERY_COLOR,
    SMALL,
    color_of,
    new_figure,
    short,
    tidy,
)  # fmt: skip
from spectrove.lines import Line

_KEY = (
    "Above: flux density over its median{where}, offset{smooth}; strong lines are cut off.  "
    "Grey: the query, repeated.\n"
)
_ZOOM_KEY = "Below: each on its own scale.  Band: ±1σ.  Dashed: {model}.  "
#: Left end and width of the zoom panels, in widths of the figure, by their number.
_ZOOM_PLACES = {1: ((0.062, 0.926),), 2: ((0.062, 0.36), (0.468, 0.52))}
#: Below this median S/N per pixel the whole-range panel is smoothed, and says so.
SMOOTH_BELOW, SMOOTH_WIDTH = 12.0, 5


@dataclass(frozen=True)
class Trace:
    """One drawn spectrum: rest-frame wavelength (angstrom), flux over its norm with NaN where masked."""

    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    error: NDArray[np.float64]
    continuum: NDArray[np.float64] | None
    sn: float

    def within(self, low: float, high: float) -> Trace:
        """The part between two rest wavelengths."""
        keep = (self.wavelength >= low) & (self.wavelength <= high)
        continuum = None if self.continuum is None else self.continuum[keep]
        return Trace(self.wavelength[keep], self.flux[keep], self.error[keep], continuum, self.sn)

    def divided(self, norm: float) -> Trace:
        """The same over another norm."""
        continuum = None if self.continuum is None else self.continuum / norm
        return Trace(self.wavelength, self.flux / norm, self.error / norm, continuum, self.sn)


def make_trace(
    item: Measured, norm: tuple[float, float] | None = None, *, observed: bool = False
) -> Trace | None:
    """A spectrum as it is plotted: rest frame, its unit the median flux in the range `norm`, otherwise over all good
    pixels.

    `observed` keeps the observed frame, as does a missing redshift. Masked pixels are NaN, so that a line
    plot leaves a gap. None without a spectrum or a good pixel.
    """
    if item.spectrum is None or not item.spectrum.good.any():
        return None
    s, own = item.spectrum.with_gaps_filled()
    z = item.z if np.isfinite(item.z) and not observed else 0.0
    rest = s.wavelength / (1 + z)
    flux = np.where(s.good, s.flux, np.nan).astype(float)
    error = np.where(s.good, 1 / np.sqrt(np.where(s.good, s.ivar, 1)), np.nan)
    low, high = norm or (-np.inf, np.inf)
    window = (rest > low) & (rest < high) & s.good
    unit = float(np.nanmedian(flux[window] if window.sum() > 50 else flux))
    unit = unit if unit > 0 else float(np.nanstd(flux)) or 1.0
    continuum = None
    if item.measurement.model is not None:
        continuum = np.full(len(rest), np.nan)
        continuum[own] = np.asarray(item.measurement.model, float) / unit
    sn = float(np.nanmedian(np.abs(flux[s.good]) / error[s.good]))
    return Trace(rest, flux / unit, error / unit, continuum, sn)


def spectrum_figure(evidence: Evidence, *, max_neighbors: int = 5) -> Figure:
    """The query above its nearest neighbours, whole range and two zooms, in the rest frame.

    Each neighbour is plotted over a grey copy of the query, so that differences appear in grey. Without a
    redshift the observed frame is used and no lines are marked.

    Args:
        evidence: The answer to plot.
        max_neighbors: Maximum number of neighbours; the table of the report lists all of them.
    """
    drawing = evidence.panels.drawing
    query = make_trace(evidence.query, drawing.norm)
    if query is None:
        figure = new_figure(11.0, 1.2)
        figure.text(0.5, 0.4, "The query has no good pixels: there is no spectrum to plot.", ha="center")
        return figure
    known_z = bool(np.isfinite(evidence.query.z))  # else all are drawn as observed
    pairs = [(n, make_trace(n, drawing.norm, observed=not known_z)) for n in evidence.neighbors][
        :max_neighbors
    ]
    shown = [n for n, t in pairs if t is not None]
    traces = [query] + [t for _, t in pairs if t is not None]
    zooms = drawing.zooms if known_z else ()
    top, whole, between = 1.72 if known_z else 0.45, 1.2 + 0.72 * len(traces), 1.62
    zoom, foot = (0.3 + 0.78 * len(traces), 0.9) if zooms else (0.0, 0.55)
    height = top + whole + foot + (zoom + between if zooms else 0.5)
    figure = new_figure(11.0, height)
    _title(figure, evidence, height)
    ax = figure.add_axes((0.062, 1 - (top + whole) / height, 0.77, whole / height))
    ends = _whole_range(ax, traces, known_z, drawing.lines)
    _names(ax, evidence, shown, ends)
    for window, (left, width) in zip(zooms, _ZOOM_PLACES.get(len(zooms), ()), strict=True):
        _zoom(figure, (left, foot / height, width, zoom / height), window, drawing.lines, traces)
    smooth = f", smoothed by {SMOOTH_WIDTH} pixels" if query.sn < SMOOTH_BELOW else ""
    key = (
        _key(drawing, smooth)
        + (_ZOOM_KEY.format(model=drawing.model) if zooms else "")
        + "Gaps: masked pixels."
    )
    figure.text(0.062, 0.13 / height, key, fontsize=SMALL, color="#333333", va="bottom")
    middle = 1 - (top + whole / 2) / height
    figure.text(
        0.017,
        middle,
        "Flux density / median + offset",
        fontsize=NORMAL,
        rotation=90,
        ha="center",
        va="center",
    )
    return figure


def _key(drawing: Drawing, smooth: str) -> str:
    norm = drawing.norm
    where = f" at {norm[0]:.0f}–{norm[1]:.0f} Å (else over all pixels)" if norm else ""
    return _KEY.format(where=where, smooth=smooth)


def _title(figure: Figure, evidence: Evidence, height: float) -> None:
    z = f"z = {round(evidence.query.z, 4) + 0.0:.4f}" if np.isfinite(evidence.query.z) else "no redshift"
    figure.text(
        0.06, 1 - 0.12 / height, f"{evidence.object_id}, {z}, and its nearest known spectra", fontsize=LARGE,
        fontweight="bold", va="top", color=QUERY_COLOR,
    )  # fmt: skip


def _whole_range(ax: Axes, traces: list[Trace], known_z: bool, lines: Sequence[Line]) -> list[float]:
    """Draw the upper panel; returns the height of each trace at its right end."""
    drawn = [smoothed(t) for t in traces]
    low = float(np.nanmin(drawn[0].wavelength[np.isfinite(drawn[0].flux)]))
    high = float(np.nanmax(drawn[0].wavelength[np.isfinite(drawn[0].flux)]))
    margin = 0.01 * (high - low)
    ax.set_xlim(low - margin, high + margin)
    ends = _stack(ax, [t.within(low, high) for t in drawn])
    frame = "Rest" if known_z else "Observed"
    ax.set_xlabel(f"{frame} wavelength, vacuum (Å)", fontsize=NORMAL)
    tidy(ax)
    if known_z:
        mark_lines(ax, line_labels(*ax.get_xlim(), lines), size=SMALL)
    return ends


def _zoom(
    figure: Figure, box: tuple[float, float, float, float], window: Window, lines: Sequence[Line],
    traces: list[Trace],
) -> None:  # fmt: skip
    """One row per spectrum, each on its own scale, so that strong and weak lines are both visible."""
    left, bottom, width, height = box
    low, high = window.low, window.high
    each = height / len(traces)
    cut = [_local(t.within(low, high)) for t in traces]
    for i, t in enumerate(cut):
        ax = figure.add_axes((left, bottom + height - (i + 1) * each, width, each))
        ax.set_xlim(low, high)
        tidy(ax, minor=False)
        _zoom_row(ax, t, cut[0] if i else None, QUERY_COLOR if i == 0 else color_of(i - 1))
        ax.text(
            0.014, 0.93, "query" if i == 0 else str(i), transform=ax.transAxes, va="top", fontsize=SMALL,
            fontweight="bold", color=QUERY_COLOR if i == 0 else color_of(i - 1),
        )  # fmt: skip
        if i < len(cut) - 1:
            ax.tick_params(labelbottom=False)
        labels = line_labels(low, high, lines)
        if i == 0:
            mark_lines(ax, labels, size=SMALL, lift=0.28)
        else:
            mark_only(ax, labels)
    ax.set_xlabel(f"Rest wavelength, vacuum (Å):  {window.title}", fontsize=NORMAL)
    if left < 0.1:  # once is enough for both
        figure.text(
            0.017, bottom + height / 2, "Flux density / local median", fontsize=NORMAL, rotation=90,
            ha="center", va="center",
        )  # fmt: skip


def _zoom_row(ax: Axes, t: Trace, query: Trace | None, color: str) -> None:
    if np.isfinite(t.flux).sum() < 10:
        ax.set_yticks([])
        ax.text(
            0.5, 0.45, "not covered", transform=ax.transAxes, ha="center", fontsize=SMALL, color="#555555"
        )
        return
    if query is not None:
        ax.plot(query.wavelength, query.flux, color=GHOST_COLOR, lw=1.0, zorder=1.5, drawstyle="steps-mid")
    draw_with_band(ax, t, color)
    lowest = t.flux if t.continuum is None else np.fmin(t.flux, t.continuum)
    bottom, top = float(np.nanmin(lowest)), float(np.nanmax(t.flux))
    if top - bottom > 0:
        ax.set_ylim(bottom - 0.1 * (top - bottom), top + 0.14 * (top - bottom))
    ax.yaxis.set_major_locator(MaxNLocator(3, prune="both"))


def draw_with_band(ax: Axes, t: Trace, color: str) -> None:
    """A trace with the band of its one-sigma error, and what was fitted to it dashed."""
    low, high = t.flux - t.error, t.flux + t.error
    ax.fill_between(t.wavelength, low, high, color=color, alpha=0.22, lw=0, step="mid", zorder=1.8)
    ax.plot(t.wavelength, t.flux, color=color, lw=1.0, zorder=2, drawstyle="steps-mid")
    if t.continuum is not None:
        ax.plot(t.wavelength, t.continuum, color=FIT_COLOR, lw=1.0, dashes=(3, 1.5), zorder=2.5)


def _local(t: Trace) -> Trace:
    norm = float(np.nanmedian(t.flux)) if np.isfinite(t.flux).any() else 1.0
    return t.divided(norm if norm > 0.05 else 1.0)


def _stack(ax: Axes, traces: list[Trace]) -> list[float]:
    """Draw traces one below the other, each neighbour over a grey copy of the query; returns their right ends."""
    query = traces[0]
    bottom, peak = _extent(query)
    step = 0.9 * (peak - bottom)
    lows = []
    for i, t in enumerate(traces):
        if i:
            ghost = np.minimum(query.flux, peak) - i * step
            ax.plot(query.wavelength, ghost, color=GHOST_COLOR, lw=0.8, zorder=1.5)
        drawn = np.minimum(t.flux, peak) - i * step
        ax.plot(t.wavelength, drawn, color=QUERY_COLOR if i == 0 else color_of(i - 1), lw=0.8, zorder=2)
        lows.append(min(_extent(t)[0], bottom) - i * step)
    ax.set_ylim(min(lows) - 0.2 * step, peak + 0.12 * step)
    return [_right_end(t) - i * step for i, t in enumerate(traces)]


def _right_end(t: Trace) -> float:
    values = t.flux[np.isfinite(t.flux)][-300:]
    return float(np.median(values)) if len(values) else 0.0


def _extent(t: Trace) -> tuple[float, float]:
    """Bottom and top of a trace; strong lines and noise spikes above the top are cut off."""
    values = t.flux[np.isfinite(t.flux)]
    if not len(values):
        return 0.0, 1.0
    bottom, level = (float(v) for v in np.percentile(values, [0.3, 97]))
    return bottom, max(min(float(values.max()), 2 * level - bottom), bottom + 0.1)


def _names(ax: Axes, evidence: Evidence, shown: list[NeighborEvidence], ends: list[float]) -> None:
    """The names of the objects, to the right of the traces in their colours."""
    texts = [(f"query\n{short(evidence.object_id, 20)}", QUERY_COLOR)]
    for i, n in enumerate(shown):
        label = n.label or "no label"
        texts.append((f"{i + 1}  {short(n.object_id)}\n{label}, d = {n.distance:.2f}", color_of(i)))
    low, high = ax.get_ylim()
    height = ax.get_position().height * _figure_height(ax)
    gap = 2.9 * SMALL / 72 / height * (high - low)
    places = -spread([-y for y in ends], gap, -high + gap / 2, -low - gap / 2)
    for (text, color), y in zip(texts, places, strict=True):
        ax.annotate(
            text, (1.012, float(y)), xycoords=ax.get_yaxis_transform(), color=color, fontsize=SMALL,
            va="center", ha="left", linespacing=1.3, fontweight="bold" if color == QUERY_COLOR else "normal",
            annotation_clip=False,
        )  # fmt: skip


def _figure_height(ax: Axes) -> float:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return float(figure.get_size_inches()[1])


def smoothed(t: Trace) -> Trace:
    """The trace, averaged over a few pixels where its signal-to-noise is low; gaps stay gaps."""
    if t.sn >= SMOOTH_BELOW:
        return t
    good = np.isfinite(t.flux)
    box = np.ones(SMOOTH_WIDTH)
    total = np.convolve(np.where(good, t.flux, 0), box, mode="same")
    count = np.convolve(good.astype(float), box, mode="same")
    flux = np.where(good, total / np.maximum(count, 1), np.nan)
    return Trace(t.wavelength, flux, t.error / math.sqrt(SMOOTH_WIDTH), t.continuum, t.sn)
