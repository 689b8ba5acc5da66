"""Estimates as text: the value with its interval first, then the evidence, then the cautions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectrove.serve.text import columns, count
from spectrove.serve.text_measures import SMALLEST_POWER

Row = Mapping[str, Any]


def estimate_table(found: Sequence[Row]) -> list[str]:
    """A line per spectrum: value with interval, the values of its neighbours, cautions."""
    if found and "estimates" in found[0]:
        return _joint_table(found)
    head = "value"
    if found:
        unit = f" ({found[0]['unit']})" if found[0]["unit"] else ""
        head = f"{found[0]['quantity']}{unit} {found[0]['level']:.0%}"
    rows = [("object", head, "evidence")]
    rows += [(row["object_id"], _value(row), _evidence(row) + _cautions(row)) for row in found]
    return columns(rows)


def _joint_table(found: Sequence[Row]) -> list[str]:
    """A line per spectrum and a column per quantity."""
    heads = [
        f"{name} ({one['unit']})" if one["unit"] else name for name, one in found[0]["estimates"].items()
    ]
    rows = [("object", *(f"{head} {found[0]['level']:.0%}" for head in heads), "evidence")]
    for row in found:
        by = f"by {row['by']}" if "by" in row else "by neighbours"
        chi2 = f"; chi2 {row['chi2']:.0f} of {row['n_pixels']} pixels" if row.get("chi2") is not None else ""
        values = [_value(one) for one in row["estimates"].values()]
        rows.append((row["object_id"], *values, f"{by}{chi2}{_cautions(row)}"))
    return columns(rows)


def redshift_table(found: Sequence[Row]) -> list[str]:
    """A line per spectrum: redshift with interval, type, the next best ones, cautions, warnings as sentences."""
    rows = [("object", f"z {found[0]['level']:.0%}" if found else "z", "evidence")]
    for row in found:
        best, *others = row["z_candidates"] or [{}]
        near = ", ".join(f"{other['z']:.4f} ({other['chi2'] - best['chi2']:+.0f})" for other in others[:2])
        evidence = (
            f"{row['type']}; chi2 {best['chi2']:.0f}; next best {near or 'none'}"
            if best
            else "no redshift fits"
        )
        said = " ".join(["", *row["cautions"]])
        rows.append((row["object_id"], _value(row, _decimals(row)), evidence + _cautions(row) + said))
    return columns(rows)


def _decimals(row: Row) -> int:
    """Of a redshift: five, and more for a star, whose velocity is the better known part of a km/s (3e-6)."""
    low, high = row["interval"] or (0.0, 0.0)
    if row["type"] != "star" or not 0 < high - low < 1e-4:
        return 5
    return max(5, 1 - int(f"{high - low:e}".partition("e")[2]))


def estimate_summary(found: Sequence[Row]) -> str:
    """The number of spectra with a value, and of confident ones among them."""
    if not found:
        return "nothing could be estimated"
    asked = [list(row.get("estimates", {"": row}).values()) for row in found]
    name = ", ".join(found[0]["estimates"]) if "estimates" in found[0] else found[0]["quantity"]
    known = sum(all(one["value"] is not None for one in ones) for ones in asked)
    sure = sum(row["confident"] for row in found)
    return f"{name} of {known} of {count(len(found), 'spectrum', 'spectra')}, {sure} of them confident"


def _value(row: Row, digits: int | None = None) -> str:
    """ "1.52 [1.47 1.58]", with as many digits as the interval justifies."""
    if row["value"] is None:
        return "-"
    if row["interval"] is None:
        return f"{row['value']:.4g}"
    low, high = row["interval"]
    text = f".{digits}f" if digits is not None else _precision(high - low)
    return f"{row['value']:{text}} [{low:{text}} {high:{text}}]"


def _precision(width: float) -> str:
    """A format that shows two digits of the width."""
    if not 0 < width < float("inf"):
        return ".4g"
    first = int(f"{width:e}".partition("e")[2])
    if first < SMALLEST_POWER:
        return ".3g"
    return f".{max(0, 1 - first)}f"


def _evidence(row: Row) -> str:
    if by := row.get("by"):
        chi2 = row.get("chi2")
        return f"by {by}" + ("" if chi2 is None else f"; chi2 {chi2:.0f} of {row['n_pixels']} pixels")
    if row["value"] is None and row.get("reason_no_interval"):
        return str(row["reason_no_interval"])
    voters = [n for n in row["neighbors"] if n["adjusted"] is not None]
    if not voters:
        return "no neighbour with a value"
    said = sorted(n["adjusted"] for n in voters)
    form = _precision(said[-1] - said[0])
    nearest = voters[0]
    return (
        f"{count(len(voters), 'neighbour says', 'neighbours say')} {said[0]:{form}} to {said[-1]:{form}}; "
        f"nearest {nearest['object_id']} ({nearest['label']:.4g}, d {nearest['distance']:.3g})"
    )


def _cautions(row: Row) -> str:
    names = [*([] if row["confident"] else ["not confident"]), *row["flags"]]
    return f"   ? {', '.join(names)}" if names else ""
