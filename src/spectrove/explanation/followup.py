"""A ranked follow-up list: what to point a telescope at, why, and what each column means to other programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spectrove.explanation.argument import reason
from spectrove.explanation.links import links
from spectrove.explanation.panel import Names
from spectrove.inference import Prediction

#: Beginnings of columns that hold magnitudes, in catalogs of imaging surveys.
MAGNITUDES = ("mag_", "psfmag_", "modelmag_", "cmodelmag_", "petromag_", "fibermag_", "fiber2mag_", "dered_")
#: What a spectrum's row is read for here, besides magnitudes.
PLACE = ("ra", "dec", "survey", "group", "objid", "specobjid")


@dataclass(frozen=True)
class Meaning:
    """The metadata of a column: its unit, its UCD (for the Virtual Observatory), and a description."""

    description: str
    unit: str = ""
    ucd: str = ""


#: Column to its meaning. Sky positions are named so that TOPCAT and Aladin plot them without being told.
MEANINGS: dict[str, Meaning] = {
    "object_id": Meaning("Name of the object", ucd="meta.id;meta.main"),
    "rank": Meaning("Place by probability, 1 the most probable", ucd="meta.number"),
    "probability": Meaning("Probability of being the target", ucd="stat.probability"),
    "lo": Meaning("Lower end of the 68% interval of the probability", ucd="stat.probability;stat.min"),
    "hi": Meaning("Upper end of the 68% interval of the probability", ucd="stat.probability;stat.max"),
    "is_target": Meaning("Whether the probability reaches the target's threshold", ucd="meta.code"),
    "calibrated": Meaning("Whether the probability is calibrated; else a share of votes", ucd="meta.code"),
    "ra": Meaning("Right ascension (ICRS)", "deg", "pos.eq.ra;meta.main"),
    "dec": Meaning("Declination (ICRS)", "deg", "pos.eq.dec;meta.main"),
    "z": Meaning("Redshift that was used", ucd="src.redshift"),
    "reason": Meaning("Who voted for it", ucd="meta.note"),
    "flags": Meaning("Cautions, joined by ;", ucd="meta.code"),
    "skyserver": Meaning("Page of the object in the SDSS SkyServer", ucd="meta.ref.url"),
    "legacy": Meaning("Place in the Legacy Surveys viewer", ucd="meta.ref.url"),
}


def places(column_names: Sequence[str]) -> list[str]:
    """The columns of a table of spectra that a follow-up list needs."""
    return [name for name in column_names if name in PLACE or is_magnitude(name)]


def is_magnitude(name: str) -> bool:
    """Whether a column's name says that it holds a magnitude."""
    return name.lower().startswith(MAGNITUDES)


def meaning(name: str) -> Meaning | None:
    """The metadata of a column of the list; None for an unknown column."""
    if is_magnitude(name):
        return Meaning("Magnitude, from the catalog", "mag", "phot.mag")
    return MEANINGS.get(name)


def follow_up(
    ranked: Sequence[Prediction],
    rows: Mapping[str, Mapping[str, Any]],
    scale: float,
    names: Names | None = None,
) -> list[dict[str, Any]]:
    """A row for each answer, in the order given.

    Args:
        ranked: Best first.
        rows: Object id to the values of its columns named by `places`; unknown ones None.
        scale: The unit of the neighbours' distances; see `Neighbors.scale`.
        names: How classes read in a sentence.
    """
    known = [name for name in dict.fromkeys(n for row in rows.values() for n in row) if is_magnitude(name)]
    return [
        _row(p, i + 1, rows.get(p.object_id, {}), known, reason(p, scale, names or {}))
        for i, p in enumerate(ranked)
    ]


def _row(
    p: Prediction, rank: int, row: Mapping[str, Any], magnitudes: Sequence[str], why: str
) -> dict[str, Any]:
    said = {
        "object_id": p.object_id, "probability": p.probability, "interval": p.interval, "is_target": bool(p.is_target),
        "calibrated": p.calibrated, "z": p.z, "flags": p.flags,
    }  # fmt: skip
    return listed(said, rank, row, magnitudes, why)


def listed(
    answer: Mapping[str, Any], rank: int, row: Mapping[str, Any], magnitudes: Sequence[str], why: str
) -> dict[str, Any]:
    """A row of the list, of an answer as plain values.

    Args:
        answer: As `Answers.to_dicts` gives it.
        rank: Its place.
        row: What is known of the object, named by `places`.
        magnitudes: Which magnitudes the list has.
        why: The reason for the answer.
    """
    low, high = answer.get("interval") or (math.nan, math.nan)
    at = links(row)
    return {
        "object_id": answer["object_id"],
        "rank": rank,
        "probability": _number(answer.get("probability")),
        "lo": _number(low),
        "hi": _number(high),
        **({"is_target": bool(answer["is_target"])} if "is_target" in answer else {}),
        "calibrated": bool(answer.get("calibrated")),
        "ra": _number(row.get("ra")),
        "dec": _number(row.get("dec")),
        "z": _number(answer.get("z")),
        **{name: _number(row.get(name)) for name in magnitudes},
        "reason": why,
        "flags": ";".join(answer.get("flags") or ()),
        "skyserver": at.get("skyserver", ""),
        "legacy": at.get("legacy", ""),
    }


def _number(value: Any) -> float:
    """NaN where unknown, so that a column stays one of numbers."""
    return math.nan if value is None else float(value)
