"""The row columns that readers give, with their types, so that every batch of a dataset has one schema."""

from __future__ import annotations

import pyarrow as pa

from spectrove.errors import DatasetError
from spectrove.spectra import CORE_COLUMNS

#: Measured lines whose flux, error and equivalent width are kept, as catalogs name them.
LINE_KEYS = ("ha", "hb", "oiii", "nii", "sii", "oi")

#: Readers give these and no others; a dataset always has all of them.
READER_COLUMNS: dict[str, pa.DataType] = {
    "plate": pa.int64(),
    "mjd": pa.int64(),
    "fiberid": pa.int64(),
    "specobjid": pa.string(),
    "targetid": pa.string(),
    "class": pa.string(),
    "subclass": pa.string(),
    "run2d": pa.string(),
    "sn_median": pa.float64(),
    "vdisp": pa.float64(),
    "vdisp_err": pa.float64(),
    **{f"{key}_{kind}": pa.float64() for key in LINE_KEYS for kind in ("flux", "err", "ew", "ew_err")},
}

#: Size and time of the file, and how it was read: by these a file that was stored before is known again.
BOOKKEEPING: dict[str, pa.DataType] = {
    "file_bytes": pa.int64(),
    "file_mtime_ns": pa.int64(),
    "file_recipe": pa.string(),
}

#: All columns of a row before a catalog is joined.
ROW_COLUMNS: dict[str, pa.DataType] = {**CORE_COLUMNS, **READER_COLUMNS, **BOOKKEEPING}


def conform_rows(rows: pa.Table, columns: dict[str, pa.DataType] | None = None) -> pa.Table:
    """Rows with exactly these columns and types, null where a column was missing.

    Raises:
        DatasetError: If a column's values do not fit the type.
    """
    wanted = ROW_COLUMNS if columns is None else columns
    arrays = {}
    for name, kind in wanted.items():
        if name not in rows.column_names:
            arrays[name] = pa.nulls(rows.num_rows, kind)
            continue
        values = rows.column(name)
        try:
            arrays[name] = values if values.type == kind else values.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DatasetError(
                f"column {name} is {values.type}, the dataset has it as {kind} ({str(error)[:80]}). "
                "Rename the column in its catalog, or write another dataset."
            ) from error
    return pa.table(arrays)
