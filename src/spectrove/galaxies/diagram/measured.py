"""The lines of a spectrum as an explanation shows them: measured here, with the place in the [N II] diagram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spectrove.errors import SpectrumError
from spectrove.explanation.measured import Measured
from spectrove.explanation.panel import Column, Measurement
from spectrove.galaxies.diagram.bpt import Bpt, bpt, ratio
from spectrove.galaxies.line_fit import LineFit, measure_lines
from spectrove.plain import plain
from spectrove.spectra import Spectrum

#: Ratios of the neighbour table, as log10: heading, numerator, denominator.
RATIOS = (
    ("[N II]/Hα", "nii", "ha"),
    ("[O III]/Hβ", "oiii", "hb"),
    ("[S II]/Hα", "sii", "ha"),
    ("[O I]/Hα", "oi", "ha"),
)
#: Columns of the neighbour table, and what is said under it.
COLUMNS = (
    *(Column(("log", name)) for name, _, _ in RATIOS),
    Column(("Class from", "its lines"), numeric=False),
)
COLUMNS_NOTE = "Errors are 1σ; “<” and “>” are 3σ limits; [S II] is the sum of the doublet."


@dataclass(frozen=True)
class MeasuredLines:
    """The lines of a spectrum, and where they put it in the [N II] diagram."""

    lines: LineFit
    bpt: Bpt


def measure(spectrum: Spectrum | None, z: float) -> Measurement:
    """The lines of a spectrum at redshift z, or the reason why there are none."""
    if spectrum is None:
        return measurement(None, "its spectrum is not in the base")
    if not np.isfinite(z):
        return measurement(None, "it has no redshift")
    if not spectrum.good.any():
        return measurement(None, "it has no good pixel")
    try:
        return measurement(measure_lines(spectrum, z))
    except SpectrumError as error:
        return measurement(None, str(error))


def measurement(lines: LineFit | None, reason: str = "") -> Measurement:
    """Measured lines, or the reason why there are none, in the form that explanations take."""
    if lines is None:
        return Measurement(None, reason, None, ("–",) * len(COLUMNS), {"lines": None, "bpt": None})
    place = bpt(lines)
    ratios = [ratio(lines, top, bottom).text() for _, top, bottom in RATIOS]
    json = {"lines": line_table(lines), "bpt": place.to_dict()}
    cells = (*ratios, own_class(place))
    return Measurement(MeasuredLines(lines, place), reason, lines.continuum, cells, json)


def lines_of(item: Measured) -> LineFit | None:
    """The lines measured in an object's spectrum; None if none could be."""
    values = item.measurement.values
    return values.lines if isinstance(values, MeasuredLines) else None


def bpt_of(item: Measured) -> Bpt | None:
    """An object's place in the [N II] diagram by the lines measured here; None if none could be."""
    values = item.measurement.values
    return values.bpt if isinstance(values, MeasuredLines) else None


def own_class(b: Bpt) -> str:
    """The class by an object's own lines, as a table has it."""
    return "no lines" if b.no_lines else b.own_class or " / ".join(b.possible) or "unknown"


def line_table(lines: LineFit) -> dict[str, dict[str, float | None]]:
    """Flux, equivalent width and their errors of each line, keyed by `Line.key`; None where not covered."""
    sources = {"flux": lines.flux, "error": lines.error, "ew": lines.ew, "ew_error": lines.ew_error}
    return {
        key: {name: plain(values.get(key, math.nan)) for name, values in sources.items()}
        for key in lines.flux
    }
