"""The gallery of outliers: each with its spectrum, its reconstruction, the residual, and the reason in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from spectrove.explanation.links import NAMES, links
from spectrove.explanation.pages import render
from spectrove.explanation.style import (
    DECIDES,
    GRID_COLOR,
    NORMAL,
    QUERY_COLOR,
    SMALL,
    new_figure,
    png,
    save,
    tidy,
)  # fmt: skip
from spectrove.galaxies.oddities.reasons import REASONS
from spectrove.galaxies.panels import FOOTER
from spectrove.galaxies.residual.features import smoothed
from spectrove.galaxies.residual.reconstruction import Residual
from spectrove.inference.outlier_score import UNUSUAL, OutlierAnswer, summary
from spectrove.spectra import FLAGS, Spectrum

_MODEL_COLOR, _MARK_COLOR, _LEFT_COLOR = "#D55E00", "#F0E442", "#0072B2"
_KEY = (
    "Black: the spectrum. Orange: its best reconstruction by ordinary galaxies. Below: the residual in sigma, smoothed "
    "in blue. Yellow: where the residual is large."
)
#: Sigma beyond which the residual is cut off in a picture.
_MOST_SIGMA = 12.0
#: A region narrower than this may be a line; margin of the close-up on either side. Observed angstrom.
_NARROW, _AROUND = 90.0, 60.0
_WIDTH = 10.5
#: Maximum number of objects within `UNUSUAL` listed on a page; with more it would be too long to open.
MOST_FOUND = 2000
#: Further answers that the table lists after those within `UNUSUAL`.
OTHERS = 20


@dataclass(frozen=True)
class DrawnOutlier:
    """One answer with the arrays of its figure.

    Attributes:
        spectrum: As it was observed.
        wavelength: The reconstruction's grid, rest vacuum angstrom, (n_pixels,); None if there is no reconstruction.
        flux: On that grid, scaled like the reconstruction, 0 where unknown.
        left: The residual, arrays (1, n_pixels).
    """

    answer: OutlierAnswer
    spectrum: Spectrum
    wavelength: NDArray[np.floating] | None = field(default=None, repr=False)
    flux: NDArray[np.floating] | None = field(default=None, repr=False)
    left: Residual | None = field(default=None, repr=False)


def write_outlier_page(
    path: Path | str,
    drawn: Sequence[DrawnOutlier],
    answers: Sequence[OutlierAnswer],
    *,
    base: str,
    size: int,
    refused: Sequence[tuple[str, str]] = (),
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Write the gallery as one self-contained file; returns its path.

    Args:
        drawn: The answers shown with a figure, most unusual first.
        answers: Every answer, in any order.
        base: Name of the base, and `size` how many objects it has.
        refused: Names of spectra that could not be used, each with its sentence.
        progress: Called with 1 for each figure.

    Raises:
        DatasetError: If the file cannot be written.
    """
    ranked = sorted(answers, key=lambda a: a.rank)
    odd = [a for a in ranked if a.p_value <= UNUSUAL]
    listed = [*odd[:MOST_FOUND], *ranked[len(odd) : len(odd) + OTHERS]]
    shown = {a.object_id for a in listed}
    anchors = {d.answer.object_id: f"object-{i}" for i, d in enumerate(drawn, 1)}
    sections = []
    for i, one in enumerate(drawn, 1):
        sections.append(_section(one, i, anchors[one.answer.object_id]))
        if progress:
            progress(1)
    html = render(
        "outliers.html", home="spectrove.galaxies", title="Spectra unlike the base", footer=FOOTER,
        summary=summary(answers), base=base, size=size, refused=refused,
        ranked=[_row(a, i, anchors.get(a.object_id, "")) for i, a in enumerate(ranked, 1) if a.object_id in shown],
        left_out=_left_out(len(ranked) - len(listed)), sections=sections,
    )  # fmt: skip
    return save(html.encode(), Path(path))


def outlier_figure(one: DrawnOutlier) -> Figure:
    """The spectrum with its reconstruction, and below it the residual in sigma; regions are marked in both."""
    figure = new_figure(_WIDTH, 3.9 if one.left is not None else 2.6)
    if one.left is None or one.wavelength is None or one.flux is None:
        _bare(figure.add_axes((0.065, 0.19, 0.925, 0.74)), one)
        return figure
    place = narrow_place(one.answer)
    width = 0.925 if place is None else 0.66
    top = figure.add_axes((0.065, 0.44, width, 0.44))
    low = figure.add_axes((0.065, 0.13, width, 0.29), sharex=top)
    stretch = 1 + one.answer.z
    seen = one.left.valid[0] > 0
    observed = one.wavelength * stretch
    values, model = (np.where(seen, a, np.nan) for a in (one.flux, one.left.model[0]))
    for ax in (top, low):
        tidy(ax, grid=ax is low)
        for start, stop in one.answer.regions:
            ax.axvspan(start, stop, color=_MARK_COLOR, alpha=0.45, lw=0, zorder=0)
    top.plot(observed, values, color=QUERY_COLOR, lw=0.5, label="spectrum")
    top.plot(observed, model, color=_MODEL_COLOR, lw=0.9, label="reconstruction")
    _limits(top, values, model)
    top.set_ylabel("Flux / median", fontsize=NORMAL)
    top.tick_params(labelbottom=False)
    top.legend(fontsize=SMALL, loc="upper right", ncols=2, frameon=True, edgecolor=GRID_COLOR)
    sigma = np.where(seen, np.clip(one.left.sigma[0], -_MOST_SIGMA, _MOST_SIGMA), np.nan)
    low.plot(observed, sigma, color="#AAAAAA", lw=0.4)
    smooth = np.clip(smoothed(np.clip(one.left.sigma, -30, 30))[1][0], -_MOST_SIGMA, _MOST_SIGMA)
    low.plot(observed, np.where(seen, smooth, np.nan), color=_LEFT_COLOR, lw=0.8)
    low.axhline(0, color=QUERY_COLOR, lw=0.5)
    low.set_ylim(-_MOST_SIGMA * 1.05, _MOST_SIGMA * 1.05)
    low.set_ylabel("Residual (σ)", fontsize=NORMAL)
    low.set_xlabel("Observed wavelength, vacuum (Å)", fontsize=NORMAL)
    edge = observed[seen]
    low.set_xlim(float(edge.min()), float(edge.max()))
    rest = top.secondary_xaxis("top", functions=(partial(_times, 1 / stretch), partial(_times, stretch)))
    rest.tick_params(direction="in", labelsize=SMALL)
    rest.set_xlabel(f"Rest wavelength at z {one.answer.z:.4f} (Å)", fontsize=SMALL)
    if place is not None:
        _close_up(figure.add_axes((0.785, 0.13, 0.205, 0.75)), observed, values, model, place)
    return figure


def narrow_place(answer: OutlierAnswer) -> tuple[float, float] | None:
    """The region with the largest residual, observed angstrom, if it is as narrow as a line; otherwise None."""
    first = next(iter(answer.regions), None)
    return first if first is not None and first[1] - first[0] <= _NARROW else None


def rests_on(answer: OutlierAnswer) -> str:
    """A sentence if the decision rests on one line; "" if there are more regions, none, or a broad one."""
    place = narrow_place(answer)
    if place is None or len(answer.regions) > 1 or answer.reason == "ordinary":
        return ""
    middle = (place[0] + place[1]) / 2
    return (
        f"The decision rests on one line: only {place[0]:,.0f}–{place[1]:,.0f} Å (observed; "
        f"{middle / (1 + answer.z):,.0f} Å at rest) has a large residual. Check for a cosmic ray or a sky residual."
    )


def _close_up(
    ax: Axes, observed: NDArray[np.floating], values: NDArray[np.floating], model: NDArray[np.floating],
    place: tuple[float, float],
) -> None:  # fmt: skip
    """The region with the largest residual magnified, with the reconstruction."""
    low, high = place[0] - _AROUND, place[1] + _AROUND
    inside = (observed >= low) & (observed <= high)
    tidy(ax, minor=False)
    ax.axvspan(*place, color=_MARK_COLOR, alpha=0.45, lw=0, zorder=0)
    ax.plot(
        [sum(place) / 2], [1.0], "v", color=DECIDES, ms=9, transform=ax.get_xaxis_transform(), clip_on=False
    )
    ax.plot(observed[inside], values[inside], color=QUERY_COLOR, lw=0.9, drawstyle="steps-mid")
    ax.plot(observed[inside], model[inside], color=_MODEL_COLOR, lw=0.9)
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_title("largest residual", fontsize=SMALL, color=DECIDES, pad=9)


def _left_out(n: int) -> list[str]:
    return [f"Not listed here: {n:,} more; -o FILE.csv writes a table of every answer."] if n > 0 else []


def _times(factor: float, wavelength: Any) -> Any:
    return np.asarray(wavelength) * factor


def _bare(ax: Axes, one: DrawnOutlier) -> None:
    """The spectrum alone, if there is no reconstruction."""
    tidy(ax)
    spectrum, _ = one.spectrum.with_gaps_filled()
    flux = np.where(spectrum.good, spectrum.flux, np.nan)
    ax.plot(spectrum.wavelength, flux, color=QUERY_COLOR, lw=0.5)
    _limits(ax, flux)
    ax.set_xlabel("Observed wavelength, vacuum (Å); no reconstruction available", fontsize=NORMAL)
    ax.set_ylabel("Flux", fontsize=NORMAL)


def _limits(ax: Axes, *curves: NDArray[np.floating]) -> None:
    values = np.concatenate([c[np.isfinite(c)] for c in curves])
    if not len(values):
        return
    bottom, level, top = (float(v) for v in np.percentile(values, [0.5, 98, 99.9]))
    top = max(min(top, 2.5 * level - 1.5 * bottom), bottom + 0.05)
    ax.set_ylim(bottom - 0.08 * (top - bottom), top + 0.22 * (top - bottom))


def _section(one: DrawnOutlier, rank: int, anchor: str) -> dict[str, Any]:
    a = one.answer
    return {
        "anchor": anchor,
        "rank": rank,
        "id": a.object_id,
        "answer": f"{a.reason}, p {p_text(a.p_value)}",
        "why": " ".join(part for part in (a.why, rests_on(a)) if part),
        "cautions": [FLAGS.get(flag, flag) for flag in a.flags],
        "facts": _facts(a),
        "links": [(NAMES[key], url) for key, url in links(one.spectrum.row).items()],
        "png": png(outlier_figure(one)),
        "key": _KEY,
        "caption": f"{a.object_id}: its reconstruction by ordinary galaxies, and the residual",
    }


def _facts(a: OutlierAnswer) -> list[tuple[str, str]]:
    facts = [
        ("Reason", f"{a.reason}: {REASONS[a.reason]}"),
        ("Score", f"{a.score:.2f} ({' + '.join(a.views)})"),
    ]
    facts.append(("Redshift used", f"{a.z:.5f}"))
    regions = ", ".join(f"{low:,.0f}–{high:,.0f}" for low, high in a.regions)
    facts.append(("Where (observed, Å)", regions or "no region with a large residual"))
    rest = ", ".join(f"{low / (1 + a.z):,.0f}–{high / (1 + a.z):,.0f}" for low, high in a.regions)
    return [*facts, ("Where (rest, Å)", rest)] if rest else facts


def _row(a: OutlierAnswer, rank: int, anchor: str) -> dict[str, Any]:
    return {
        "rank": rank, "id": a.object_id, "anchor": anchor, "score": f"{a.score:.2f}", "p": p_text(a.p_value),
        "reason": a.reason, "z": f"{a.z:.4f}", "odd": a.p_value <= UNUSUAL, "flags": ", ".join(a.flags),
    }  # fmt: skip


def p_text(p: float) -> str:
    """A p-value as printed."""
    return f"{p:.3f}" if p >= 0.01 else f"{p:.4f}"
