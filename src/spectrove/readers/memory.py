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
