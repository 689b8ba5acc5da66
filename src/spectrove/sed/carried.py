"""What a table says of a row beside its photometry that a later join needs: where it lies, and its other ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from spectrove.catalog.matching import KEYS
from spectrove.catalog.tables import ALIASES

POSITION = KEYS["position"]

#: Ids by which catalogs are joined; `object_id` and the like. Those of text, and those that are whole numbers.
IDS = tuple(name for key, names in KEYS.items() if key != "position" for name in names)


@dataclass(frozen=True)
class Carried:
    """What is carried from a table to its results.

    Attributes:
        values: Positions (`ra` and `dec`, degrees, NaN where there is none) and ids of rows, by usual name, (n,) each.
        columns: Those of the table that they are from.
        unplaced: Why positions of the table are not among them; "" if they are, or it has none.
    """

    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    unplaced: str = ""

    def first(self, rows: slice) -> Carried:
        """The same for some of the rows."""
        return replace(self, values={name: one[rows] for name, one in self.values.items()})


def carried(table: Mapping[str, Any], position: tuple[str, str] | None = None) -> Carried:
    """Positions and ids of the rows of a table.

    Args:
        table: Columns by name, which may have a unit.
        position: The columns of the position; by their usual names if None.
    """
    found: dict[str, Sequence[Any]] = {}
    by_name = {name.lower(): name for name in reversed(list(table))}
    used = set()
    for name in IDS:
        column = next((by_name[one] for one in (name, *ALIASES.get(name, ())) if one in by_name), None)
        if column is not None and (name != "path" or column.lower() == "path"):
            found[name] = [_id(value) for value in np.ma.asarray(table[column]).tolist()]
            used.add(column)
    names = position or tuple(
        next((by_name[one] for one in (name, *ALIASES[name]) if one in by_name), "") for name in POSITION
    )
    if not all(name in table for name in names):
        return Carried(found, frozenset(used))
    sky = {}
    for name, column, most in zip(POSITION, names, (360.0, 90.0), strict=True):
        degrees, why = _degrees(table[column], column)
        if why:
            return Carried(found, frozenset(used), why)
        sky[name] = np.where(np.abs(degrees) <= most, degrees, np.nan)
    known = np.isfinite(sky["ra"]) & np.isfinite(sky["dec"])
    placed = {name: np.where(known, values, np.nan).tolist() for name, values in sky.items()}
    return Carried(placed | found, frozenset(used | set(names)))


def _id(value: Any) -> Any:
    """An id as it is written, whole numbers as such; None where there is none."""
    if value is None or value != value:
        return None
    if isinstance(value, bytes):
        value = value.decode()
    return (
        value.strip() or None if isinstance(value, str) else int(value) if value == int(value) else str(value)
    )


def _degrees(column: Any, name: str) -> tuple[NDArray[np.float64], str]:
    """A column of angles in degrees, and why it is none."""
    values = np.ma.filled(np.ma.asarray(column).astype(object), np.nan)
    numbers = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        text = value.decode() if isinstance(value, bytes) else value
        try:
            numbers[i] = (
                float(text) if str(text).strip().lower() not in ("", "nan", "none", "null", "--") else np.nan
            )
        except ValueError:
            return numbers, (
                f"{name} is {str(text)!r} in row {i + 1}, expected degrees: positions are not carried to the results"
            )
    unit = getattr(column, "unit", None)
    if unit in (None, ""):
        return numbers, ""
    try:
        return np.asarray(numbers * u.Unit(str(unit)).to(u.deg), float), ""
    except (ValueError, u.UnitConversionError):
        return numbers, f"{name} is in {unit}, expected an angle: positions are not carried to the results"
