"""The two tables of a knowledge base: `objects` (labels, vectors) and `spectra` (pixels, or what else is measured)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.shared import is_shared
from spectrove.shared import names_by_row as shared_names
from spectrove.spectra import CORE_COLUMNS, Batch

#: Labels of an object by source; the column named after the label holds the adopted value.
LABELS = pa.list_(pa.struct([(name, pa.string()) for name in ("name", "value", "source", "version")]))

#: Columns made by the base itself; a catalog must not have them.
OWN_COLUMNS = ("object_id", "healpix29", "spectrum_key")
VECTOR = "vector_"

#: Names under which Lance gives the place of a row.
ROW_NAMES = ("_rowid", "_rowaddr", "_rowoffset")

#: The view that is searched by default.
DEFAULT_VIEW = "shape"

#: Flag of an object without a vector in one of the views.
MISSING = "view_missing"
COVERAGE = "coverage_"

#: Column of table `spectra`, which has one row per different spectrum: the hash of all its other columns.
KEY = pa.field("spectrum_key", pa.string(), nullable=False)

#: Metadata of table `objects`, written with a version that left spectra, redshifts and vectors as they were: the
#: version at which these were last written, and the number of the version that says so. Any other version changed them.
MEASURED_AT, WRITTEN_AS = "measured_at", "written_as"

#: What a base is of that does not say so.
DEFAULT_DOMAIN = "galaxies"


def is_own(column: str) -> bool:
    """Whether the base made this column itself, so that it is not a catalog column."""
    return column in OWN_COLUMNS or column.startswith((VECTOR, COVERAGE))


def measurements(spectra: Batch) -> pa.Table:
    """The columns of the spectra themselves: pixels, or whatever their class writes beside ids and rows."""
    table = spectra.to_arrow()
    own = {"object_id", *spectra.rows.column_names}
    return table.select([name for name in table.column_names if name not in own])


def spectrum_keys(spectra: Batch) -> list[str]:
    """Hash of the measurement of each spectrum; equal keys mean equal spectra."""
    columns = [
        shared_names(column) if is_shared(column.type) else _bytes_of(column)
        for column in measurements(spectra).columns
    ]
    keys = []
    for values in zip(*columns, strict=True):
        digest = blake2b(digest_size=16)
        for value in values:
            digest.update(value)
        keys.append(digest.hexdigest())
    return keys


def _bytes_of(column: pa.ChunkedArray) -> Iterator[bytes]:
    """The bytes of each value: of a list of numbers those of the numbers, of anything else those of its text."""
    kind = column.type
    numbers = (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and (
        pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)
    )
    for chunk in column.chunks:
        if not numbers:
            for value in chunk.to_pylist():
                yield value if isinstance(value, bytes) else repr(value).encode()
            continue
        flat = np.ascontiguousarray(chunk.flatten().to_numpy(zero_copy_only=False), _dtype(kind))
        lengths = chunk.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        ends = [0, *np.cumsum(lengths).tolist()]
        for start, stop in pairwise(ends):
            yield flat[start:stop].tobytes()


def _dtype(kind: pa.DataType) -> Any:
    return kind.value_type.to_pandas_dtype()


def spectra_table(spectra: Batch, keys: list[str]) -> pa.Table:
    """Rows of table `spectra`, one per different key."""
    first = sorted({key: i for i, key in reversed(list(enumerate(keys)))}.values())
    chosen = spectra if len(first) == len(spectra) else spectra.take(np.asarray(first, np.int64))
    table = measurements(chosen)
    key_column = pa.array([keys[i] for i in first], pa.string())
    return pa.Table.from_arrays([key_column, *table.columns], schema=pa.schema([KEY, *table.schema]))


def objects_table(spectra: Batch, views: Mapping[str, Embeddings], keys: list[str]) -> pa.Table:
    """Rows of table `objects`: ids, HEALPix pixel, all catalog columns, and the vectors of each view."""
    columns: dict[pa.Field, pa.Array] = {
        pa.field("object_id", pa.string()): pa.array(spectra.object_id.tolist(), pa.string()),
        pa.field("healpix29", pa.int64()): healpix29(spectra.rows),
        pa.field("spectrum_key", pa.string()): pa.array(keys, pa.string()),
    }
    for name, kind in CORE_COLUMNS.items():
        given = name in spectra.rows.column_names
        column = spectra.rows.column(name) if given else pa.nulls(len(spectra), kind)
        columns[pa.field(name, kind)] = cast(column, pa.field(name, kind))
    for name in spectra.rows.column_names:
        if name in CORE_COLUMNS:
            continue
        check_name(name)
        column = plain(spectra.rows.column(name))
        kind = LABELS if name == "labels" else column.type
        # A column without any value has no type; it is added with its first value.
        if not pa.types.is_null(kind):
            columns[pa.field(name, kind)] = cast(column, pa.field(name, kind))
    if "labels" not in spectra.rows.column_names:
        columns[pa.field("labels", LABELS)] = pa.nulls(len(spectra), LABELS)
    for view, embeddings in views.items():
        columns.update(view_columns(view, embeddings, spectra.object_id))
    table = pa.Table.from_arrays(list(columns.values()), schema=pa.schema(list(columns)))
    return flag_missing(table)


def flag_missing(table: pa.Table) -> pa.Table:
    """Table `objects` with the flag MISSING on exactly the objects that lack a vector in some view."""
    lacks = np.zeros(table.num_rows, dtype=bool)
    for name in table.column_names:
        if name.startswith(VECTOR):
            lacks |= np.asarray(table.column(name).is_null().to_numpy(zero_copy_only=False), dtype=bool)
    flags = missing_flagged(table.column("flags"), lacks)
    place = table.schema.get_field_index("flags")
    return table if flags is None else table.set_column(place, table.schema.field(place), flags)


def missing_flagged(column: pa.ChunkedArray, lacks: NDArray[np.bool_]) -> pa.Array | None:
    """Flags with MISSING on exactly the objects that lack a vector, (n_objects,); None where they are so already."""
    flags = column.to_pylist()
    if not lacks.any() and not any(MISSING in (own or ()) for own in flags):
        return None
    kept = [own if own is None else [f for f in own if f != MISSING] for own in flags]
    said = [[*(own or ()), MISSING] if lack else own for own, lack in zip(kept, lacks, strict=True)]
    return pa.array(said, CORE_COLUMNS["flags"])


def view_columns(view: str, embeddings: Embeddings, ids: NDArray[np.str_]) -> dict[pa.Field, pa.Array]:
    """Vectors and coverage in the order of `ids`; null without a vector."""
    if not view.isidentifier():
        raise KnowledgeError(f"view {view!r}: a view's name holds letters, digits and underscores only.")
    known = {str(i) for i in ids}
    if strangers := [str(i) for i in embeddings.object_id if str(i) not in known]:
        raise KnowledgeError(
            f"view {view}: {len(strangers)} vectors belong to none of the spectra (first: {strangers[0]}). "
            "Give the spectra the vectors were made from."
        )
    if not np.isfinite(embeddings.vectors).all():
        bad = embeddings.object_id[~np.isfinite(embeddings.vectors).all(axis=1)]
        raise KnowledgeError(
            f"view {view}: the vector of {bad[0]} holds NaN or infinity ({len(bad)} such vectors). "
            "Leave these spectra out, or encode them again."
        )
    where = {str(object_id): i for i, object_id in enumerate(embeddings.object_id)}
    order = np.array([where.get(str(i), -1) for i in ids], dtype=np.int64)
    missing = pa.array(order < 0)
    vector_type = pa.list_(pa.float32(), embeddings.vectors.shape[1])
    metadata = {"fingerprint": embeddings.fingerprint, "encoder": embeddings.encoder}
    return {
        pa.field(VECTOR + view, vector_type, metadata=metadata): _fixed(
            embeddings.vectors, order, vector_type, missing
        ),
        pa.field(COVERAGE + view, COVERAGE_TYPE): _fixed(embeddings.coverage, order, COVERAGE_TYPE, missing),
    }


def matrix(column: pa.ChunkedArray) -> NDArray[Any]:
    """A fixed-size list column as (n_rows, list_size)."""
    size = column.type.list_size
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    kind = column.type.value_type.to_pandas_dtype()
    return np.concatenate([np.zeros(0, kind), *parts]).reshape(-1, size).astype(kind, copy=False)


COVERAGE_TYPE = pa.list_(pa.float64(), 2)


def _fixed(values: NDArray, order: NDArray, kind: pa.DataType, missing: pa.Array) -> pa.Array:
    filled = np.zeros((len(order), values.shape[1]), dtype=kind.value_type.to_pandas_dtype())
    filled[order >= 0] = values[order[order >= 0]]
    return pa.FixedSizeListArray.from_arrays(pa.array(filled.ravel()), type=kind, mask=missing)


def healpix29(rows: pa.Table) -> pa.Array:
    """HEALPix pixel of order 29, nested, for each row; null if ra or dec is unknown or impossible."""
    import astropy.units as u
    from astropy_healpix import lonlat_to_healpix

    ra, dec = sky_positions(rows)
    known = np.isfinite(ra)
    pixels = np.zeros(len(ra), dtype=np.int64)
    if known.any():
        pixels[known] = lonlat_to_healpix(ra[known] * u.deg, dec[known] * u.deg, 2**29, order="nested")
    return pa.array(pixels, pa.int64(), mask=~known)


def sky_positions(rows: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right ascension and declination, degrees; NaN for both if either is unknown or impossible."""
    sky = []
    for name in ("ra", "dec"):
        given = name in rows.column_names
        column = rows.column(name).cast(pa.float64()) if given else pa.nulls(rows.num_rows, pa.float64())
        sky.append(np.array(column.to_numpy(zero_copy_only=False), dtype=float))
    ra, dec = sky
    # Surveys write -9999 for "unknown"; NaN compares false.
    known = np.isfinite(ra) & (np.abs(ra) <= 360) & (np.abs(dec) <= 90)
    return np.where(known, ra, np.nan), np.where(known, dec, np.nan)


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly these columns: cast if the type differs, null if missing."""
    have, n = set(table.column_names), table.num_rows
    columns = [cast(table.column(f.name), f) if f.name in have else pa.nulls(n, f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def cast(column: pa.Array | pa.ChunkedArray, field: pa.Field) -> pa.Array | pa.ChunkedArray:
    """The column in the type of the field; refuse to change a value."""
    if column.type == field.type:
        return column
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise KnowledgeError(
            f"column {field.name}: found {column.type}, expected {field.type}, and the values do not convert "
            f"({str(error).splitlines()[0]}). Convert the column in the catalog, or give it another name."
        ) from error


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories and large strings as plain strings, so that later batches may use either."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_large_string(kind):
        column = column.cast(pa.string())
    return column


def check_name(name: str) -> None:
    """Refuse the name of a catalog's column unless the base can hold it beside its own columns."""
    if is_own(name) or name in ROW_NAMES:
        raise KnowledgeError(
            f"column {name}: the base makes this column itself. Give the catalog's another name."
        )
    if "." in name or not name:
        raise KnowledgeError(f"column {name!r}: SQL would read the dot as a member of a column. Rename it.")
