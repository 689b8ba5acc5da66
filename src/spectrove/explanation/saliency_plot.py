"""Where distances come from, drawn: per wavelength by gradients, and per region by both ways of asking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from spectrove.explanation.line_labels import line_labels, mark_lines, mark_only
from spectrove.explanation.panel import Drawing
from spectrove.explanation.saliency import Saliency
from spectrove.explanation.style import LARGE, NORMAL, SMALL, color_of, new_figure, short, tidy

#: Width of a bar of attributions, angstrom.
BIN = 20.0
#: Regions named beside each spectrum.
NAMED = 6
#: A share below this is not said, percent.
_SAID = 1.0
_HOLLOW = "#FFFFFF"


def saliency_figure(
    found: Sequence[Saliency], drawing: Drawing, *, known_z: bool = True, title: str = ""
) -> Figure:
    """A row for each object: attributions along the spectrum on the left, the leading regions on the right.

    Args:
        found: Nearest first; numbers and colours are those of the other figures.
        drawing: Lines and bands to mark.
        known_z: Whether wavelengths are in the rest frame, so that lines can be marked.
        title: Heading, where the objects are no numbered neighbours; a general one if "".
    """
    each, gap, head, foot = 1.42, 0.32, 1.88 if known_z else 0.75, 1.05
    height = head + len(found) * each + (len(found) - 1) * gap + foot
    figure = new_figure(11.0, height)
    heading = title or "Wavelengths that contribute to the distance to each neighbour"
    figure.text(0.06, 1 - 0.12 / height, heading, fontsize=LARGE, fontweight="bold", va="top")
    limits = _limits(found)
    for i, one in enumerate(found):
        bottom = (foot + (len(found) - 1 - i) * (each + gap)) / height
        ax = figure.add_axes((0.062, bottom, 0.575, each / height))
        bars = figure.add_axes((0.765, bottom, 0.215, each / height))
        _along(
            ax,
            one,
            i,
            limits,
            drawing,
            f"{i + 1}  {short(one.object_id)}" if not title else short(one.object_id),
        )
        labels = line_labels(*limits, drawing.lines) if known_z else []
        if i == 0:
            mark_lines(ax, labels, size=SMALL)
        else:
            mark_only(ax, labels)
        _regions(bars, one, i)
        if i < len(found) - 1:
            ax.tick_params(labelbottom=False)
            continue
        ax.set_xlabel(f"{'Rest' if known_z else 'Observed'} wavelength, vacuum (Å)", fontsize=NORMAL)
        bars.set_xlabel("% of the distance", fontsize=NORMAL)
    middle = (foot + (height - head)) / 2 / height
    figure.text(
        0.014,
        middle,
        f"% of the distance per {BIN:.0f} Å",
        fontsize=NORMAL,
        rotation=90,
        ha="center",
        va="center",
    )
    _key(figure, height)
    return figure


def _limits(found: Sequence[Saliency]) -> tuple[float, float]:
    """From the first to the last wavelength that was observed in the query or is a gap of it."""
    ends = [end for one in found for low, high, _ in one.unseen for end in (low, high)]
    ends += [end for one in found for end in (one.regions[0].band.low, one.regions[-1].band.high)]
    return min(ends), max(ends)


def _along(
    ax: Axes, one: Saliency, number: int, limits: tuple[float, float], drawing: Drawing, name: str
) -> None:
    color = color_of(number)
    ax.set_xlim(*limits)
    tidy(ax)
    for _, low, high in drawing.bands:
        if limits[0] < high and low < limits[1]:
            ax.axvspan(max(low, limits[0]), min(high, limits[1]), color="#EEEEEE", lw=0, zorder=0.1)
    ax.axhline(0, color="#444444", lw=0.7, zorder=1)
    for low, high, _ in one.unseen:
        if limits[0] < high and low < limits[1]:
            ax.axvspan(
                max(low, limits[0]), min(high, limits[1]), facecolor="none", edgecolor="#999999", hatch="////", lw=0,
                zorder=0.2, label="observed in one only",
            )  # fmt: skip
    if len(one.wavelength):
        edges, sums = binned(one.wavelength, one.attribution, *limits)
        ax.stairs(100 * sums / one.distance, edges, fill=True, color=color, alpha=0.85, zorder=2)
    else:
        ax.text(0.5, 0.5, "no gradients in this view", transform=ax.transAxes, ha="center", fontsize=SMALL)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.42 * (high - low))
    known = one.distance > 0 and len(one.wavelength) > 0
    errors = f"errors {100 * one.errors / one.distance:.0f}%{_left(one)}" if known else ""
    ax.text(
        0.008, 0.955, f"{name}, d = {one.distance:.2f}\n{errors}".rstrip().replace(" -", " −"),
        transform=ax.transAxes, fontsize=SMALL, fontweight="bold", color=color, va="top", zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.8},
    )  # fmt: skip


def _left(one: Saliency) -> str:
    """The part that the bars do not show, with its reason: ", gaps 86% (not observed in the query)"."""
    text = ""
    if (gaps := 100 * one.gaps / one.distance) >= _SAID:
        text += f", gaps {gaps:.0f}% ({_lacking(one)})"
    if (views := 100 * one.elsewhere / one.distance) >= _SAID:
        text += f", views without gradients {views:.0f}%"
    return text


def _lacking(one: Saliency) -> str:
    sides = {in_query for _, _, in_query in one.unseen}
    if not sides:
        return "single masked pixels"
    if len(sides) == 2:
        return "hatched: observed in one of the two"
    return f"hatched: not observed in {'it' if True in sides else 'the query'}"


def _regions(ax: Axes, one: Saliency, number: int) -> None:
    """Two bars for each leading region: filled by gradients, hollow by replacement."""
    best = sorted(one.regions, key=lambda r: -max(abs(np.nan_to_num(r.gradient)), abs(r.occlusion)))[:NAMED]
    best.sort(key=lambda r: r.band.low)
    y = np.arange(len(best))[::-1].astype(float)
    color = color_of(number)
    ax.barh(
        y + 0.19, [100 * np.nan_to_num(r.gradient) for r in best], 0.34, color=color, alpha=0.85, zorder=2
    )
    ax.barh(
        y - 0.19, [100 * r.occlusion for r in best], 0.34, color=_HOLLOW, edgecolor=color, lw=1.1, zorder=2
    )
    ax.axvline(0, color="#444444", lw=0.7, zorder=1)
    ax.set_yticks(y, [r.band.name for r in best], fontsize=SMALL)
    ax.set_ylim(-0.7, len(best) - 0.3)
    tidy(ax, minor=False)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    rho = f"rank correlation {one.correlation:.2f}" if np.isfinite(one.correlation) else "not compared"
    ax.set_title(rho.replace("-", "−"), fontsize=SMALL, pad=3, loc="right")


def _key(figure: Figure, height: float) -> None:
    text = (
        "Left: integrated gradients; above 0 the light there keeps the two apart, below 0 it brings them nearer. "
        "Bands: regions of lines.\n"
        "Hatched: observed in one of the two only, so without a gradient; its share is given in the row as gaps."
    )
    figure.text(0.062, 0.12 / height, text, fontsize=SMALL, color="#333333", va="bottom")
    handles = [
        Patch(facecolor="#777777", alpha=0.85, label="gradients"),
        Patch(facecolor=_HOLLOW, edgecolor="#777777", label="region replaced"),
    ]
    place = (0.985, 0.06 / height)
    figure.legend(handles=handles, loc="lower right", bbox_to_anchor=place, fontsize=SMALL, frameon=False)


def binned(
    wavelength: NDArray[np.float64], values: NDArray[np.float64], low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges and sums of values in bins of `BIN` from low to high; the sum of all is kept."""
    edges = np.linspace(low, high, max(round((high - low) / BIN), 1) + 1)
    inside = np.clip(np.searchsorted(edges, wavelength, side="right") - 1, 0, len(edges) - 2)
    return edges, np.bincount(inside, weights=values, minlength=len(edges) - 1).astype(np.float64)
