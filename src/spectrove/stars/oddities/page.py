"""The gallery of unusual stars: each with its lines, those of the ordinary star most like it, and the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrove.explanation.links import NAMES, links
from spectrove.explanation.pages import render
from spectrove.explanation.style import NORMAL, QUERY_COLOR, SMALL, new_figure, png, save, tidy
from spectrove.inference.outlier_score import UNUSUAL, OutlierAnswer, summary
from spectrove.spectra import FLAGS, Spectrum, SpectrumSet
from spectrove.stars.grid import log_wavelength
from spectrove.stars.measuring import rest
from spectrove.stars.oddities.evidence import Ordinary
from spectrove.stars.velocity import velocities

Floats = NDArray[np.float64]

#: Most answers that a page lists, and how many that are not unusual.
MOST, OTHERS = 2000, 20

FOOTER = (
    "Velocities and lines are measured in the spectra by Spectrove; nothing that a catalog says of a star is read. "
    "Wavelengths are vacuum."
)
_KEY = (
    "Above: the spectrum. Below: its lines over the running mean, at rest (black), those of the ordinary star most "
    "like it (orange), and their difference, moved down. Yellow: where the reason is seen."
)
_MODEL, _MARK = "#D55E00", "#F0E442"


@dataclass(frozen=True)
class DrawnStar:
    """One answer with the arrays of its figure.

    Attributes:
        answer: Of the outlier score.
        spectrum: As it was observed.
        velocity: km/s.
        lines, model: At rest on the common pixels, NaN where not used, (n_pixels,); None without a velocity.
    """

    answer: OutlierAnswer
    spectrum: Spectrum
    velocity: float
    lines: Floats | None = None
    model: Floats | None = None


def drawn(spectra: SpectrumSet, answers: Sequence[OutlierAnswer], ordinary: Ordinary) -> list[DrawnStar]:
    """Each answer with its spectrum, and its lines where it has a velocity."""
    found, _ = velocities(spectra)
    grid, _, _ = rest(spectra, found)
    lines, weight = grid.lines()
    place = {str(name): i for i, name in enumerate(grid.object_id)}
    made = []
    for spectrum, answer in zip(spectra, answers, strict=True):
        i = place.get(spectrum.object_id)
        if i is None:
            made.append(DrawnStar(answer, spectrum, float("nan")))
            continue
        model, _ = ordinary.fit(lines[i], weight[i])
        shown = [np.where(weight[i] > 0, values, np.nan) for values in (lines[i], model)]
        made.append(DrawnStar(answer, spectrum, found[spectrum.object_id].value, *shown))
    return made


def write_outlier_page(
    path: Path,
    drawn: Sequence[DrawnStar],
    answers: Sequence[OutlierAnswer],
    *,
    base: str,
    size: int,
    refused: Sequence[tuple[str, str]] = (),
    progress: Callable[[int], None] | None = None,
    meanings: Mapping[str, str],
) -> Path:
    """Write the gallery as one self-contained file; returns its path.

    Args:
        path: The file.
        drawn: The answers shown with a figure, most unusual first.
        answers: Every answer, in any order.
        base: Name of the base, and `size` how many objects it has.
        refused: Names of spectra that could not be used, each with its sentence.
        progress: Called with 1 for each figure.
        meanings: Of reasons, by name.

    Raises:
        DatasetError: If the file cannot be written.
    """
    ranked = sorted(answers, key=lambda a: a.rank)
    odd = [a for a in ranked if a.p_value <= UNUSUAL]
    listed = [*odd[:MOST], *ranked[len(odd) : len(odd) + OTHERS]]
    anchors = {one.answer.object_id: f"object-{i}" for i, one in enumerate(drawn, 1)}
    speed = {one.answer.object_id: f"{one.velocity:+.0f}" for one in drawn if np.isfinite(one.velocity)}
    sections = []
    for i, one in enumerate(drawn, 1):
        sections.append(_section(one, i, anchors[one.answer.object_id], meanings))
        if progress:
            progress(1)
    place = {a.object_id: i for i, a in enumerate(ranked, 1)}
    rows = [
        {
            "rank": place[a.object_id], "id": a.object_id, "anchor": anchors.get(a.object_id, ""),
            "score": f"{a.score:.2f}", "p": f"{a.p_value:.3g}", "reason": a.reason,
            "velocity": speed.get(a.object_id, "–"), "odd": a.p_value <= UNUSUAL, "flags": ", ".join(a.flags),
        }
        for a in listed
    ]  # fmt: skip
    more = len(ranked) - len(listed)
    html = render(
        "outliers.html", home="spectrove.stars", title="Spectra unlike the base", footer=FOOTER,
        summary=summary(answers), base=base, size=size, refused=refused, ranked=rows, sections=sections,
        left_out=[f"Not listed here: {more:,} more; -o FILE.csv writes a table of every answer."] if more else [],
    )  # fmt: skip
    return save(html.encode(), Path(path))


def outlier_figure(one: DrawnStar) -> Figure:
    """The spectrum, and its lines at rest with those of an ordinary star; regions are marked in both."""
    figure = new_figure(10.5, 3.9 if one.lines is not None else 2.6)
    top = figure.add_axes(
        (0.065, 0.55 if one.lines is not None else 0.19, 0.925, 0.4 if one.lines is not None else 0.74)
    )
    tidy(top)
    spectrum, _ = one.spectrum.with_gaps_filled()
    flux = np.where(spectrum.good, spectrum.flux, np.nan)
    top.plot(spectrum.wavelength, flux, color=QUERY_COLOR, lw=0.5)
    top.set_ylabel("Flux", fontsize=NORMAL)
    top.set_xlabel("Observed wavelength (Å)", fontsize=SMALL)
    for low, high in one.answer.regions:
        top.axvspan(low, high, color=_MARK, alpha=0.45, lw=0, zorder=0)
    if one.lines is None or one.model is None:
        return figure
    below, wavelength = figure.add_axes((0.065, 0.12, 0.925, 0.32)), 10 ** log_wavelength()
    tidy(below)
    left = one.lines - one.model
    for values, color, width in (
        (one.lines, QUERY_COLOR, 0.5),
        (one.model, _MODEL, 0.7),
        (left - 0.6, "#0072B2", 0.4),
    ):
        below.plot(wavelength, values, color=color, lw=width)
    stretch = 1 + one.velocity / 299792.458
    for low, high in one.answer.regions:
        below.axvspan(low / stretch, high / stretch, color=_MARK, alpha=0.45, lw=0, zorder=0)
    seen = np.isfinite(one.lines)
    below.set_xlim(float(wavelength[seen][0]), float(wavelength[seen][-1]))
    low, high = np.nanpercentile(one.lines, [0.5, 99.8])
    below.set_ylim(min(float(low), -0.8) - 0.1, max(float(high), 0.2) + 0.1)
    below.set_ylabel("Lines", fontsize=NORMAL)
    below.set_xlabel("Wavelength at rest (Å)", fontsize=NORMAL)
    return figure


def _section(one: DrawnStar, rank: int, anchor: str, meanings: Mapping[str, str]) -> dict[str, Any]:
    a = one.answer
    where = ", ".join(f"{low:,.0f}–{high:,.0f}" for low, high in a.regions)
    return {
        "anchor": anchor,
        "rank": rank,
        "id": a.object_id,
        "answer": f"{a.reason}, p {a.p_value:.3g}",
        "why": a.why,
        "cautions": [FLAGS.get(flag, flag) for flag in a.flags],
        "facts": [
            ("Reason", f"{a.reason}: {meanings.get(a.reason, '')}"),
            ("Score", f"{a.score:.2f} ({' + '.join(a.views)})"),
            ("Velocity", f"{one.velocity:+.0f} km/s" if np.isfinite(one.velocity) else "not known"),
            *([("Where (observed, Å)", where)] if where else []),
        ],
        "links": [(NAMES[key], url) for key, url in links(one.spectrum.row).items()],
        "png": png(outlier_figure(one)),
        "key": _KEY,
        "caption": f"{a.object_id}: the spectrum, its lines, and those of the ordinary star most like it",
    }
