"""The gallery of unusual stars: each with its lines, those of the ordinary star most like it, and the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrove.explanation.outlier_page import Gallery, Shown
from spectrove.explanation.style import NORMAL, QUERY_COLOR, SMALL, new_figure, png, tidy
from spectrove.inference.outlier_score import OutlierAnswer
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.grid import log_wavelength
from spectrove.stars.measuring import rest
from spectrove.stars.oddities.evidence import Ordinary
from spectrove.stars.velocity import velocities

Floats = NDArray[np.float64]

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


def gallery(drawn: Sequence[DrawnStar], meanings: Mapping[str, str]) -> Gallery:
    """What the page says of these answers.

    Args:
        drawn: The answers shown with a figure, most unusual first.
        meanings: Of reasons, by name.
    """
    return Gallery(
        shown=map(_shown, drawn),
        compared="by the distance to neighbours",
        rules="the residual from what ordinary stars are made of",
        meanings=meanings,
        column="km/s",
        cells={one.answer.object_id: f"{one.velocity:+.0f}" for one in drawn if np.isfinite(one.velocity)},
        key=_KEY,
        footer=FOOTER,
    )


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
    stretch = 1 + one.velocity / SPEED_OF_LIGHT
    for low, high in one.answer.regions:
        below.axvspan(low / stretch, high / stretch, color=_MARK, alpha=0.45, lw=0, zorder=0)
    seen = np.isfinite(one.lines)
    below.set_xlim(float(wavelength[seen][0]), float(wavelength[seen][-1]))
    low, high = np.nanpercentile(one.lines, [0.5, 99.8])
    below.set_ylim(min(float(low), -0.8) - 0.1, max(float(high), 0.2) + 0.1)
    below.set_ylabel("Lines", fontsize=NORMAL)
    below.set_xlabel("Wavelength at rest (Å)", fontsize=NORMAL)
    return figure


def _shown(one: DrawnStar) -> Shown:
    a = one.answer
    where = ", ".join(f"{low:,.0f}–{high:,.0f}" for low, high in a.regions)
    return Shown(
        a,
        one.spectrum.row,
        png(outlier_figure(one)),
        f"{a.object_id}: the spectrum, its lines, and those of the ordinary star most like it",
        a.why,
        [
            ("Velocity", f"{one.velocity:+.0f} km/s" if np.isfinite(one.velocity) else "not known"),
            *([("Where (observed, Å)", where)] if where else []),
        ],
    )
