"""Measurements as text: one spectrum in full, by groups; many in a table of a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spectrove.serve.text import columns, count

if TYPE_CHECKING:
    from spectrove.domain import Measure
    from spectrove.pipeline.measure import MeasuredSpectrum

#: Errors above zero below which a strength is marked as not significant.
SIGNIFICANT = 3.0

#: Powers of ten below this are printed as such.
SMALLEST_POWER = -5


def one(found: MeasuredSpectrum) -> list[str]:
    """Every number of a spectrum, under the heading of its group, and what could not be measured."""
    lines = [f" {found.object_id}   {_redshift(found)}{_cautions(found)}"]
    known = [m for m in found.measures if found.values[m.name] is not None]
    rows = [("", "", "value ± one sigma", "")]
    for group in dict.fromkeys(m.group for m in known):
        inside = [m for m in known if m.group == group]
        rows.append((group, "", "", ""))
        rows += [(f"  {m.title}", m.name, _value(found, m), f"{m.unit}{_doubt(found, m)}") for m in inside]
    lines += columns(rows) if known else []
    lost = [m.name for m in found.measures if found.values[m.name] is None]
    if lost:
        lines.append(f" not measured (not covered, too weak, or flux without a unit): {', '.join(lost)}")
    return lines


def many(found: Sequence[MeasuredSpectrum], headline: Sequence[str] | None = None) -> list[str]:
    """A line for each spectrum: redshift and the numbers of the headline, all that were asked for if None."""
    if not found:
        return []
    shown = [m for m in found[0].measures if headline is None or m.name in headline]
    heads = [f"{m.name} ({m.unit})" if m.unit else m.name for m in shown]
    rows = [("object", "z", *heads, "")]
    for row in found:
        cells = [_value(row, m) + (" ?" if _weak(row, m) else "") for m in shown]
        rows.append((row.object_id, "-" if row.z is None else f"{row.z:.4f}", *cells, _cautions(row)))
    return columns(rows)


def summary(found: Sequence[MeasuredSpectrum]) -> str:
    """The number of spectra, and of redshifts that may be wrong."""
    if not found:
        return "nothing could be measured"
    unsure = sum("z_uncertain" in row.flags for row in found)
    said = f", {unsure} of them at an estimated redshift that may be wrong" if unsure else ""
    return f"measured {count(len(found), 'spectrum', 'spectra')}{said}; ? is less than {SIGNIFICANT:g} sigma"


def _redshift(found: MeasuredSpectrum) -> str:
    if found.z is None:
        return ""
    return f"z {found.z:.5f}" + (f" ({found.z_source})" if found.z_source else "")


def _cautions(found: MeasuredSpectrum) -> str:
    flags = [
        "redshift estimated, another one may be right" if flag == "z_uncertain" else flag
        for flag in found.flags
    ]
    return f"   ? {', '.join(flags)}" if flags else ""


def _weak(found: MeasuredSpectrum, measure: Measure) -> bool:
    """Whether a strength stands less than `SIGNIFICANT` errors above zero."""
    value, error = found.values[measure.name], found.values[measure.error]
    return measure.strength and value is not None and error is not None and value < SIGNIFICANT * error


def _doubt(found: MeasuredSpectrum, measure: Measure) -> str:
    value, error = found.values[measure.name], found.values[measure.error]
    if not _weak(found, measure) or value is None or error is None:
        return ""
    return f"   ? {value / error:.1f} sigma"


def _value(found: MeasuredSpectrum, measure: Measure) -> str:
    """ "12.3 ± 0.4", with two digits of the error; "-" for what could not be measured."""
    value, error = found.values[measure.name], found.values[measure.error]
    if value is None or error is None:
        return "-"
    power = int(f"{max(abs(value), error):e}".partition("e")[2])
    if power < SMALLEST_POWER:  # 1e-13 erg/s/cm2: zeros tell nobody anything
        digits = max(0, power + 1 - int(f"{error:e}".partition("e")[2]))
        return f"({value / 10**power:.{digits}f} ± {error / 10**power:.{digits}f})e{power}"
    digits = max(0, 1 - int(f"{error:e}".partition("e")[2]))
    return f"{value:.{digits}f} ± {error:.{digits}f}"
