"""Tables of measured lines: those of the query, and the query's beside another object's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from spectrove.explanation.evidence import Evidence
from spectrove.explanation.line_labels import pretty
from spectrove.explanation.measured import Measured
from spectrove.explanation.panel import Comparison
from spectrove.explanation.tables import Table, with_error
from spectrove.galaxies.diagram.bpt import DETECTION, is_detected
from spectrove.galaxies.diagram.measured import lines_of
from spectrove.galaxies.line_fit import LineFit
from spectrove.galaxies.lines import LINE
from spectrove.plain import plain

_SUM_NAMES = {"oii": "[O II] 3726+3729", "sii": "[S II] 6716+6731"}
#: The two [O II] lines are blended at survey resolution: only their sum is meaningful.
_HIDDEN = ("oii_3726", "oii_3729")
#: Lines of a blend whose sum is measured better.
_PARTS = (*_HIDDEN, "sii_6716", "sii_6731")
#: Maximum number of lines in a comparison, and in its sentence.
_MOST, _NAMED = 8, 3


def line_tables(evidence: Evidence) -> tuple[Table, ...]:
    """Flux and equivalent width of each line of the query, with errors; empty if none was measured."""
    lines = lines_of(evidence.query)
    if lines is None or not lines.flux:
        return ()
    keys = sorted((k for k in lines.flux if k not in _HIDDEN), key=_wavelength)
    header = ("Line", "Flux", "Equivalent width (Å, rest)", "S/N", "")
    rows = [_row(lines, key) for key in keys]
    spectrum = evidence.query.spectrum
    unit = str((spectrum.row.get("flux_unit") if spectrum else None) or "the unit of the spectrum")
    note = f"Flux in {unit} × Å. Equivalent widths are positive in emission."
    faint = tuple(i for i, key in enumerate(keys) if not is_detected(lines, key))
    title, label = "Lines of the query, as measured", "Lines of the query"
    return (Table(title, header, rows, note, numeric=(1, 2, 3), faint=faint, label=label),)


def _row(lines: LineFit, key: str) -> tuple[str, ...]:
    name = _SUM_NAMES.get(key) or pretty(LINE[key].name)
    error = lines.error.get(key, math.nan)
    flux = with_error(lines.flux[key], error)
    ew = with_error(lines.ew.get(key, math.nan), lines.ew_error.get(key, math.nan))
    remark = "" if is_detected(lines, key) else "not detected (S/N < 3)"
    return name, flux, ew, _sn(lines.flux[key], error), "not covered" if flux == "–" else remark


@dataclass(frozen=True)
class LineDifference:
    """One line in both spectra: rest equivalent widths, angstrom, positive in emission, and how far they differ."""

    name: str
    query: float
    query_error: float
    other: float
    other_error: float

    @property
    def sigma(self) -> float:
        """Query less other over the error of both."""
        return (self.query - self.other) / math.hypot(self.query_error, self.other_error)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name, "query_ew": plain(self.query), "query_ew_error": plain(self.query_error),
            "other_ew": plain(self.other), "other_ew_error": plain(self.other_error), "sigma": plain(self.sigma),
        }  # fmt: skip


def compare(query: Measured, other: Measured) -> Comparison:
    """The lines of the query beside those of another object: those that differ most in a sentence, more in a table."""
    found = line_differences(query, other)
    json = {"line_differences": [d.to_dict() for d in found]}
    worst = [d for d in found if abs(d.sigma) >= DETECTION][:_NAMED]
    said = [
        f"{d.name} {d.other:.1f} ± {d.other_error:.1f} Å there, {d.query:.1f} ± {d.query_error:.1f} Å here"
        for d in worst
    ]
    sentence = f"The equivalent widths that differ most: {'; '.join(said)}.".replace("-", "−")
    return Comparison((sentence,) if said else (), (_difference_table(found),) if found else (), json)


def _difference_table(found: tuple[LineDifference, ...]) -> Table:
    header = ("Line", "EW here (Å, rest)", "EW there", "Difference (σ)")
    rows = [
        (
            d.name,
            with_error(d.query, d.query_error),
            with_error(d.other, d.other_error),
            f"{d.sigma:+.1f}".replace("-", "−"),
        )
        for d in found[:_MOST]
    ]
    return Table("", header, rows, numeric=(1, 2, 3), label="Lines here and there")


def line_differences(query: Measured, other: Measured) -> tuple[LineDifference, ...]:
    """Lines that were measured in both, those that differ by most sigma first."""
    here, there = lines_of(query), lines_of(other)
    if here is None or there is None:
        return ()
    found = []
    for key in here.ew:
        values = [m.get(key, math.nan) for o in (here, there) for m in (o.ew, o.ew_error)]
        if key in _PARTS or not all(map(math.isfinite, values)) or not (values[1] > 0 and values[3] > 0):
            continue
        found.append(LineDifference(_SUM_NAMES.get(key) or pretty(LINE[key].name), *values))
    return tuple(sorted(found, key=lambda d: -abs(d.sigma)))


def _wavelength(key: str) -> float:
    return LINE[{"oii": "oii_3729", "sii": "sii_6731"}.get(key, key)].wavelength + 0.1 * (key in _SUM_NAMES)


def _sn(flux: float, error: float) -> str:
    return f"{flux / error:.1f}".replace("-", "−") if error > 0 and math.isfinite(flux) else "–"
