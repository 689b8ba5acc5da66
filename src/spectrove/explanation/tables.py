"""The tables of a report: neighbours with distances, weights and ratios; the query's lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spectrove.explanation.evidence import Evidence, Measured, NeighborEvidence
from spectrove.explanation.line_labels import pretty
from spectrove.explanation.links import NAMES
from spectrove.galaxies.diagram.bpt import is_detected, ratio
from spectrove.galaxies.lines import LINE

#: Ratios of the neighbour table, as log10: heading, numerator, denominator.
RATIOS = (
    ("[N II]/Hα", "nii", "ha"),
    ("[O III]/Hβ", "oiii", "hb"),
    ("[S II]/Hα", "sii", "ha"),
    ("[O I]/Hα", "oi", "ha"),
)
_SUM_NAMES = {"oii": "[O II] 3726+3729", "sii": "[S II] 6716+6731"}
#: The two [O II] lines are blended at survey resolution: only their sum is meaningful.
_HIDDEN = ("oii_3726", "oii_3729")


@dataclass(frozen=True)
class Table:
    """A table for the page: heading row, rows of text, and a note below it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def neighbor_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Rows of the neighbour table: the query first, then each neighbour."""
    query = _object_row(evidence.query) | {
        "number": "query", "distance": "", "scaled": "", "weight": "", "label": "", "agrees": None,
    }  # fmt: skip
    return [query, *(_neighbor_row(evidence, n, i + 1) for i, n in enumerate(evidence.neighbors))]


def line_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Flux and equivalent width of each line of the query, with errors; empty if none was measured."""
    lines = evidence.query.lines
    if lines is None:
        return []
    keys = sorted((k for k in lines.flux if k not in _HIDDEN), key=_wavelength)
    return [
        {
            "name": _SUM_NAMES.get(key) or pretty(LINE[key].name),
            "flux": with_error(lines.flux[key], lines.error.get(key, math.nan)),
            "ew": with_error(lines.ew.get(key, math.nan), lines.ew_error.get(key, math.nan)),
            "sn": _sn(lines.flux[key], lines.error.get(key, math.nan)),
            "detected": is_detected(lines, key),
        }
        for key in keys
    ]


def influence_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """The answer without each neighbour; empty if that is not known."""
    return [
        {
            "number": str(i + 1),
            "id": one.object_id,
            "instead": one.instead or "none",
            "value": one.value or "no answer",
            "probability": "–" if one.probability is None else f"{one.probability:.2f}",
            "change": "–" if one.change is None else _change(one.change),
            "overturns": one.overturns,
        }
        for i, one in enumerate(evidence.influence)
    ]


def difference_rows(evidence: Evidence, most: int = 8) -> list[dict[str, Any]]:
    """Lines of the query and of the object it is compared with, the largest difference first."""
    lines = evidence.against.lines if evidence.against else ()
    return [
        {
            "name": d.name,
            "query": with_error(d.query, d.query_error),
            "other": with_error(d.other, d.other_error),
            "sigma": f"{d.sigma:+.1f}".replace("-", "−"),
        }
        for d in lines[:most]
    ]


def with_error(value: float, error: float) -> str:
    """A value with its error to two figures of the error: "12.3 ± 1.4"; a dash if not known."""
    if not (math.isfinite(value) and math.isfinite(error)):
        return "–"
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 2
    return f"{value:.{min(digits, 4)}f} ± {error:.{min(digits, 4)}f}".replace("-", "−")


def _change(value: float) -> str:
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if float(f"{value:.2f}") == 0 else text


def _neighbor_row(evidence: Evidence, n: NeighborEvidence, number: int) -> dict[str, Any]:
    scaled = f"{n.distance / evidence.scale:.2f}" if evidence.scale > 0 else "–"
    return _object_row(n) | {
        "number": str(number),
        "distance": f"{n.distance:.3f}",
        "scaled": scaled,
        "weight": "no vote" if n.group is None else f"{n.weight:.3f}",
        "label": n.label or "–",
        "agrees": None if n.group is None else n.group == evidence.asked,
    }


def _object_row(item: Measured) -> dict[str, Any]:
    ratios = ["–"] * len(RATIOS)
    if item.lines is not None:
        ratios = [ratio(item.lines, top, bottom).text() for _, top, bottom in RATIOS]
    b = item.bpt
    return {
        "id": item.object_id,
        "links": [(NAMES[key], address) for key, address in item.links.items()],
        "z": f"{item.z:.4f}".replace("-", "−") if math.isfinite(item.z) else "–",
        "ratios": ratios,
        "own": "–"
        if b is None
        else "no lines"
        if b.no_lines
        else b.own_class or " / ".join(b.possible) or "unknown",
        "reason": item.reason,
    }


def _wavelength(key: str) -> float:
    return LINE[{"oii": "oii_3729", "sii": "sii_6731"}.get(key, key)].wavelength + 0.1 * (key in _SUM_NAMES)


def _sn(flux: float, error: float) -> str:
    return f"{flux / error:.1f}".replace("-", "−") if error > 0 and math.isfinite(flux) else "–"
