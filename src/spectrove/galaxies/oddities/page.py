"""The gallery of outliers: each with its spectrum, its reconstruction, the residual, and the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from spectrove.explanation.outlier_page import Gallery, Shown
from spectrove.explanation.style import (
    DECIDES,
    GRID_COLOR,
    NORMAL,
    QUERY_COLOR,
    SMALL,
    new_figure,
    png,
    tidy,
)  # fmt: skip
from spectrove.galaxies.oddities.reasons import REASONS
from spectrove.galaxies.panels import FOOTER
from spectrove.galaxies.residual.features import smoothed
from spectrove.galaxies.residual.reconstruction import Residual
from spectrove.inference.outlier_score import OutlierAnswer
from spectrove.spectra import Spectrum

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


def gallery(drawn: Sequence[DrawnOutlier], answers: Sequence[OutlierAnswer]) -> Gallery:
    """What the page says of these answers.

    Args:
        drawn: The answers shown with a figure, most unusual first.
        answers: Every answer, in any order.
    """
    return Gallery(
        shown=map(_shown, drawn),
        compared="each with its own plate left out, by the distance to neighbours in the views shape and surprise (the "
        "residual from a reconstruction by ordinary galaxies)",
        rules="the residual",
        meanings=REASONS,
        column="z",
        cells={a.object_id: f"{a.z:.4f}" for a in answers},
        key=_KEY,
        footer=FOOTER,
    )


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


def _shown(one: DrawnOutlier) -> Shown:
    a = one.answer
    return Shown(
        a,
        one.spectrum.row,
        png(outlier_figure(one)),
        f"{a.object_id}: its reconstruction by ordinary galaxies, and the residual",
        " ".join(part for part in (a.why, rests_on(a)) if part),
        _facts(a),
    )


def _facts(a: OutlierAnswer) -> list[tuple[str, str]]:
    regions = ", ".join(f"{low:,.0f}–{high:,.0f}" for low, high in a.regions)
    facts = [
        ("Redshift used", f"{a.z:.5f}"),
        ("Where (observed, Å)", regions or "no region with a large residual"),
    ]
    rest = ", ".join(f"{low / (1 + a.z):,.0f}–{high / (1 + a.z):,.0f}" for low, high in a.regions)
    return [*facts, ("Where (rest, Å)", rest)] if rest else facts
