"""Answers as an astropy table: units, and missing values masked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrove.flat import flat_table, matrix
from spectrove.pixels.foreign import unit_of

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import QTable

#: Columns of an answer that are in the unit of its quantity, each with the number of a neighbour or without.
OF_QUANTITY = re.compile(r"(value|interval_low|interval_high|trend|(label|adjusted)_\d+)$")


def answer_table(
    rows: Sequence[Mapping[str, Any]], units: Mapping[str, str], meta: Mapping[str, Any]
) -> QTable:
    """A row for each answer and one value in each column.

    Args:
        rows: Answers as plain values.
        units: Column to the unit of its numbers.
        meta: Of the table.

    Returns:
        Numbers with a unit are quantities. What is missing is masked, an empty text too, which no format tells from a
        missing one; a column of which nothing is missing has no mask. An estimated number is a column of the name of
        its quantity: astropy writes no quantity that is called "value".
    """
    from astropy.table import QTable

    flat = flat_table(rows)
    table = QTable(meta=dict(meta))
    asked = {str(row["quantity"]) for row in rows if row.get("quantity")}
    for name in flat.column_names:
        column = flat.column(name)
        called = next(iter(asked)) if name == "value" and len(asked) == 1 else name
        table[called] = _column(called, column, units.get(name, ""))
    return table


def units_of(rows: Sequence[Mapping[str, Any]], predictions: Sequence[Any]) -> dict[str, str]:
    """The units of flat columns: of measurements, and of an estimated quantity."""
    found: dict[str, str] = {}
    for measure in getattr(predictions[0], "measures", ()) if predictions else ():
        found |= {f"measured_{measure.name}": measure.unit, f"measured_{measure.error}": measure.unit}
    for one in rows[0].get("estimates", {}).items() if rows else ():
        quantity, unit = one[0], one[1]["unit"]
        found |= {f"{quantity}{end}": unit for end in ("", "_low", "_high", "_samples")}
    asked = {row.get("unit") or "" for row in rows}
    if len(asked) == 1 and (unit := asked.pop()):
        names = flat_table(rows).column_names
        found |= {name: unit for name in names if OF_QUANTITY.match(name)}
    return found


def _column(name: str, column: pa.ChunkedArray, unit: str) -> Any:
    """A quantity, or a column without a unit; masked if something is missing."""
    from astropy.table import Column, MaskedColumn
    from astropy.units import dimensionless_unscaled
    from astropy.units.function import FunctionUnitBase
    from astropy.utils.masked import Masked

    kind, empty = _kind(column.type)
    values = column.to_pylist()
    if kind is list:
        rows = matrix(values)
        return rows if (of := unit_of(unit)) is None else rows * of
    # NaN is not itself.
    missing = np.array([value in (None, "") or value != value for value in values], dtype=bool)
    filled = [empty if lost else value for value, lost in zip(values, missing, strict=True)]
    masked = bool(missing.any())
    data: Any = np.array(filled, dtype=kind)
    in_unit = unit_of(unit) if kind in (int, float) else None
    if in_unit is None or in_unit == dimensionless_unscaled:
        return MaskedColumn(data, name, mask=missing) if masked else Column(data, name)
    if isinstance(in_unit, FunctionUnitBase):  # dex and mag: astropy masks no logarithmic quantities
        return MaskedColumn(data, name, unit=in_unit, mask=missing) if masked else data * in_unit
    quantity = data.astype(float) * in_unit
    return Masked(quantity, mask=missing) if masked else quantity


def _kind(stored: pa.DataType) -> tuple[type, Any]:
    """The type of a column, and what stands under its mask."""
    import pyarrow as pa

    if pa.types.is_boolean(stored):
        return bool, False
    if pa.types.is_list(stored):
        return list, ()
    if pa.types.is_integer(stored):
        return int, 0
    return (float, np.nan) if pa.types.is_floating(stored) else (str, "")
