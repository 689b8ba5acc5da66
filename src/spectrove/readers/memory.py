"""An astropy table in memory, read as the file that it would be written to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import spectra_of
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.options import Options
from spectrove.readers.tables import ROW_NAMES, tables
from spectrove.spectra import PIXEL_COLUMNS, Spectrum, SpectrumSet

if TYPE_CHECKING:
    from astropy.table import Table


def read_table(table: Table, name: str = "#0", **options: Any) -> tuple[SpectrumSet, list[Refusal]]:
    """The spectra of a table: one in columns of numbers, or one in each row of columns of arrays; and the refusals.

    Columns are found by their names, as in a file: wavelength, flux, error or ivar, mask, with their units; of rows
    also `object_id`, `ra`, `dec` and `z`. A table that `SpectrumSet.to_table` made is taken as it is.

    Args:
        table: A `Table` or a `QTable`.
        name: The id of its only spectrum, unless a column names it.
        options: As in `read_file`: columns, medium, wavelength_unit, flux_unit, error_unit.

    Raises:
        FormatError: No columns of wavelength and flux, or the only spectrum cannot be used.
    """
    if {"object_id", *PIXEL_COLUMNS} <= set(table.colnames):
        return SpectrumSet.from_table(table), []
    path, chosen = Path(name), Options.of(options)
    parts = tables([_hdu(table)], chosen, path)
    if parts is None:
        raise FormatError(
            f"table {name}: found columns {', '.join(table.colnames)}; expected wavelength and flux. Say which they "
            "are, as columns={'wavelength': 'lam', 'flux': 'counts'}."
        )
    items = spectra_of(parts, path, chosen)
    named = any(column.lower() in ("object_id", *ROW_NAMES) for column in table.colnames)
    spectra = [_of_memory(item, f"{name}#" if named else "") for item in items if isinstance(item, Spectrum)]
    return SpectrumSet.from_spectra(spectra), [item for item in items if isinstance(item, Refusal)]


def _hdu(table: Table) -> Hdu:
    """The table with its units as cards of a header; names in lower case."""
    header: dict[str, Any] = {"TFIELDS": len(table.colnames)}
    columns: dict[str, NDArray] = {}
    for i, name in enumerate(table.colnames, 1):
        unit = getattr(table[name], "unit", None)
        header |= {f"TTYPE{i}": name, f"TUNIT{i}": "" if unit is None else unit.to_string()}
        columns[name.lower()] = _array(table[name])
    if "object_id" in columns:
        columns.setdefault(ROW_NAMES[0], columns.pop("object_id"))
    return Hdu(header, table=columns)


def _array(column: Any) -> NDArray:
    """The numbers of a column; what is masked becomes NaN where the column can hold it."""
    values = getattr(column, "value", column)
    if np.ma.isMaskedArray(values) and values.dtype.kind == "f":
        return np.ma.filled(values, np.nan)
    return np.asarray(values)


def _of_memory(spectrum: Spectrum, prefix: str) -> Spectrum:
    """The spectrum without the name of a file that is not there."""
    return replace(
        spectrum,
        object_id=spectrum.object_id.removeprefix(prefix),
        row={**spectrum.row, "path": None},
    )


def astropy_table(table: Any) -> Table:
    """A table of pandas, or a mapping of columns, as one of astropy; lists of equal length in each row become arrays.

    Raises:
        FormatError: Columns differ in length, or the rows of a column of lists do.
    """
    from astropy.table import Table

    if hasattr(table, "colnames"):
        return table
    names = [str(name) for name in (table.columns if hasattr(table, "iloc") else table)]
    try:
        return Table({name: _stacked(name, table[key]) for name, key in zip(names, table, strict=True)})
    except ValueError as error:
        raise FormatError(
            f"table with columns {', '.join(names[:12])}: {error}. Give columns of equal length, as pixels of one "
            "spectrum or rows of several."
        ) from error


def _stacked(name: str, values: Any) -> Any:
    """A column; (n_rows, n_pixels) of one that holds a list or an array in each row."""
    if hasattr(values, "unit"):
        return values
    column = np.asarray(values)
    if column.dtype != object or not len(column) or isinstance(column[0], str):
        return column
    if isinstance(column[0], list | tuple | np.ndarray):
        lengths = {len(row) for row in column}
        if len(lengths) > 1:
            raise ValueError(
                f"rows of {name} have {min(lengths)} to {max(lengths)} values, expected equally many"
            )
        return np.stack([np.asarray(row) for row in column])
    return np.array(["" if value is None else value for value in column.tolist()])
