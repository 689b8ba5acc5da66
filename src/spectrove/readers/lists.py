"""CSV tables whose cells are lists of numbers in quotes, "(1.0, 2.0)" or "[1.0, 2.0]", as the Gaia archive has them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.readers.fitsfile import Hdu

#: How the first cell with a list begins.
_MARKS = ('"(', '"[')

#: What stands where a value is missing; tables that Gaia's archive gives out whole have "null".
_MISSING = ("null", "none", "nan", "--")

#: Characters of a cell.
_LONGEST = 1 << 24


def has_lists(text: str) -> bool:
    """Whether the first rows below the names have lists in quotes."""
    lines = [line for line in text[: 1 << 16].splitlines()[:4] if line[:1] != "#"]
    return any(mark in line for line in lines[1:] for mark in _MARKS)


def read_lists(text: str, path: Path) -> Hdu:
    """The table, in which a list is a row of a two-dimensional column; what is missing is NaN.

    Raises:
        FormatError: Rows differ in length, or lists of a column do.
    """
    limit = csv.field_size_limit(_LONGEST)
    try:
        names, *rows = [row for row in csv.reader(io.StringIO(text)) if row and row[0][:1] != "#"]
    except csv.Error as error:
        raise FormatError(f"{path.name}: no table of lists in quotes ({error}). Fetch it again.") from error
    finally:
        csv.field_size_limit(limit)
    if wrong := sum(len(row) != len(names) for row in rows):
        raise FormatError(
            f"{path.name}: {wrong} of {len(rows)} rows do not have {len(names)} cells, as the names. Fetch it again."
        )
    columns = {
        name.strip().lower(): _column([row[i].strip() for row in rows], f"{path.name}: column {name}")
        for i, name in enumerate(names)
    }
    return Hdu({"TFIELDS": len(names)} | {f"TTYPE{i + 1}": n for i, n in enumerate(columns)}, table=columns)


def _column(cells: Sequence[str], where: str) -> NDArray:
    cells = ["" if cell.lower() in _MISSING else cell for cell in cells]
    if any(cell[:1] in ("(", "[") for cell in cells):
        return _lists(cells, where)
    try:
        return np.array([int(cell) for cell in cells])  # ids of 19 digits are no floats
    except (ValueError, OverflowError):
        pass
    try:
        return np.array([float(cell or "nan") for cell in cells])
    except ValueError:
        return np.array(cells)


def _lists(cells: Sequence[str], where: str) -> NDArray:
    parts = [cell.strip("()[]").replace("\n", " ").split(",") for cell in cells]
    try:
        values = [np.array([float(item) for item in part if item.strip()]) for part in parts]
    except ValueError as error:
        raise FormatError(f"{where}: a list with what is no number ({error}). Fetch it again.") from error
    lengths = {len(value) for value in values if len(value)}
    if len(lengths) > 1:
        raise FormatError(
            f"{where}: lists of {sorted(lengths)} numbers, expected as many in each row. Fetch it again."
        )
    empty = np.full(lengths.pop() if lengths else 0, np.nan)
    return np.stack([value if len(value) else empty for value in values])
