"""What a page shows of a fit of photometry that was joined to an object: its bands, and what they say of the galaxy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrove.explanation.panel import FigurePanel, RowPanel
from spectrove.explanation.tables import Table, to_error, with_error
from spectrove.sed.in_base import MODELS
from spectrove.sed.joined_bands import Band, Notes, bands_of, number, unit_of
from spectrove.sed.joined_names import ALWAYS
from spectrove.sed.posterior import UNITS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The quantities of the first sentence: words, and the unit of what the logarithm is of.
HEADLINE = {
    "log_mass": ("log stellar mass", "Msun"),
    "log_sfr100": ("log star formation rate", "Msun/yr, 100 Myr"),
}

#: How a flag says which end of the grid it is.
END = {"low": "lowest", "high": "highest"}

#: Difference of redshifts over 1 + z from which it is said.
ELSEWHERE = 0.01


def panel_of(row: Mapping[str, Any], notes: Notes) -> RowPanel:
    """What the columns of an object say to which a fit was joined.

    Args:
        row: Of the object in its base.
        notes: On the columns of the base, see `KnowledgeBase.column_notes`.
    """
    bands = bands_of(row, notes)
    return RowPanel(
        "Photometry",
        sentence=_sentence(row),
        cautions=tuple(_cautions(row)),
        figures=tuple(_figures(row, bands)),
        tables=tuple(_tables(row, bands)),
    )


def _sentence(row: Mapping[str, Any]) -> str:
    """The mass, the rate, and how well the best model fits."""
    said = []
    for name, (words, unit) in HEADLINE.items():
        mean, error = number(row, f"bayes_{name}"), number(row, f"bayes_{name}_err")
        if math.isfinite(mean):
            said.append(
                f"{words} {with_error(mean, error) if math.isfinite(error) else f'{mean:.2f}'} ({unit})"
            )
    text = ", ".join(said)
    return f"{text[:1].upper()}{text[1:]}{'; ' if text else ''}{_quality(row)}."


def _quality(row: Mapping[str, Any]) -> str:
    """ "chi2 12.8 in 9 bands and 1 upper limit, with an error floor of 5% of each flux"."""
    chi2, bands, limits = (number(row, name) for name in (ALWAYS, "sed_n_bands", "sed_n_limits"))
    said = f"chi2 {chi2:.1f}"
    if math.isfinite(bands):
        said += f" in {bands:.0f} bands"
    if limits > 0:
        said += f" and {limits:.0f} upper limit{'s' if limits > 1 else ''}"
    floor = number(row, "sed_error_floor")
    return said + (f", with an error floor of {100 * floor:g}% of each flux" if math.isfinite(floor) else "")


def _cautions(row: Mapping[str, Any]) -> Iterator[str]:
    flags = [flag.strip() for flag in str(row.get("sed_flags") or "").split(";") if flag.strip()]
    edges = [flag for flag in flags if flag.endswith((" low", " high"))]
    if edges:
        said = [
            f"{_words(name)} at its {END[end]}" for name, _, end in (flag.rpartition(" ") for flag in edges)
        ]
        yield f"The best model is at the end of the grid: {', '.join(said)}."
    yield from (f"Flag: {flag}." for flag in flags if flag not in edges)
    if (widening := number(row, "sed_widening")) > 1:
        yield f"No model fits as well as errors say: estimates are those of errors {widening:.2f} times as large."
    own, fitted = number(row, "z"), number(row, "sed_redshift")
    if math.isfinite(own) and math.isfinite(fitted) and abs(own - fitted) > ELSEWHERE * (1 + own):
        yield (
            f"The fit is at redshift {fitted:.4f}, the spectrum at {own:.4f}: it is of another object, or one is wrong."
        )
    found = number(row, "bayes_redshift")
    if math.isfinite(found):
        error = number(row, "bayes_redshift_err")
        beside = f"; that of the spectrum is {own:.4f}" if math.isfinite(own) else ""
        yield f"The redshift of the fit was found in the photometry: {with_error(found, error)}{beside}."


def _words(name: str) -> str:
    """A parameter in words, "time scale of the delayed star formation"."""
    words = UNITS.get(name, ("", name))[1]
    return words if words[:2].isupper() or words[1:2] == "(" else f"{words[:1].lower()}{words[1:]}"


def _tables(row: Mapping[str, Any], bands: tuple[Band, ...]) -> Iterator[Table]:
    rows = []
    for name, (unit, words) in UNITS.items():
        mean, error, low, high, best = (
            number(row, f"{kind}_{name}{end}")
            for kind, end in (
                ("bayes", ""),
                ("bayes", "_err"),
                ("bayes", "_low"),
                ("bayes", "_high"),
                ("best", ""),
            )
        )
        if math.isfinite(mean):
            between = f"{_to_error(low, error)} to {_to_error(high, error)}" if high > low else "–"
            given = "–" if math.isnan(best) else _to_error(best, error) if error > 0 else f"{best:.4g}"
            rows.append((words, with_error(mean, error), between, given, unit))
    if rows:
        said = [_quality(row), str(row.get(MODELS) or "")]
        yield Table(
            "Masses, rates and dust from photometry",
            ("Quantity", "Mean of all models", "68% interval", "Best model", "Unit"),
            rows,
            note=f"{'; '.join(text for text in said if text)}. The best model is no estimate.",
            numeric=(1, 2, 3),
        )
    if bands:
        factor, unit = unit_of(bands)
        yield Table(
            "Bands",
            ("Band", "Pivot (Å)", f"Flux ({unit})", "Error", "Best model", "Residual (σ)"),
            [_band_row(one, factor) for one in bands],
            note="Fluxes as they were fitted; < marks upper limits, whose residual is how far above the model they "
            "are. Residuals are over the error with its floor.",
            numeric=(1, 2, 3, 4, 5),
            faint=tuple(i for i, one in enumerate(bands) if not one.measured),
        )


def _to_error(value: float, error: float) -> str:
    """A value to two figures of its error, without the sign of a zero."""
    text = to_error(value, error)
    return text if any(digit in text for digit in "123456789") else text.lstrip("−")


def _band_row(one: Band, factor: float) -> tuple[str, ...]:
    flux = "–" if math.isnan(one.flux) else f"{'< ' if one.is_limit else ''}{factor * one.flux:.4g}"
    numbers = (factor * one.error, 2), (factor * one.model, 4)
    error, model = ("–" if math.isnan(value) else f"{value:.{digits}g}" for value, digits in numbers)
    residual = "–" if math.isnan(one.residual) else f"{one.residual:+.1f}"
    pivot = "–" if math.isnan(one.pivot) else f"{one.pivot:.0f}"
    return one.label, pivot, *(text.replace("-", "−") for text in (flux, error, model, residual))


def _figures(row: Mapping[str, Any], bands: tuple[Band, ...]) -> Iterator[FigurePanel]:
    drawn = [one for one in bands if math.isfinite(one.pivot)]
    if not any(one.measured for one in drawn):
        return
    below = [one.label for one in drawn if one.measured and one.flux <= 0]
    caption = "Photometry as it was fitted, and the model of least chi2 in the same bands; below, residuals in sigma."
    if below:
        caption += f" Fluxes not above 0 are in the table alone: {', '.join(below)}."
    worst = max((abs(one.residual) for one in drawn if math.isfinite(one.residual)), default=math.nan)
    alt = f"Fluxes in {len(drawn)} bands with the best model; {_quality(row)}; largest residual {worst:.1f} sigma"

    def draw(background: Any) -> Figure:
        from spectrove.sed.panel_plot import bands_figure

        return bands_figure(drawn, float(np.nan_to_num(number(row, "sed_error_floor"))))

    yield FigurePanel("photometry", alt, draw, caption)
