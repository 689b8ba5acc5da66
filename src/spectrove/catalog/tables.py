"""Catalog files as Arrow tables: FITS, CSV, Parquet, ECSV, VOTable; ids never pass through floats."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spectrove.errors import CatalogError

#: Columns that are whole numbers wherever they occur.
INTEGER_COLUMNS = ("plate", "mjd", "fiberid", "zwarning", "row")
#: Names of spectroscopic redshifts, the surest first. Photometric ones (zphot, photoz) are never among them.
REDSHIFTS = ("redshift", "z_spec", "zspec", "specz", "spec_z", "z_best", "zbest", "z_helio", "zhelio")
#: Other spellings (lower case) of the columns that catalogs are joined on.
ALIASES: dict[str, tuple[str, ...]] = {
    "object_id": ("objectid", "obj_id"),
    "specobjid": ("spec_obj_id", "specobj_id", "spec_id"),
    "plate": ("plateid", "plate_id"),
    "fiberid": ("fiber", "fibre", "fiber_id", "fibreid"),
    "ra": ("plug_ra", "target_ra", "raj2000", "ra_deg", "ra_icrs"),
    "dec": ("plug_dec", "target_dec", "dej2000", "dec_deg", "de_icrs"),
    "path": ("filename", "file"),
    "z": REDSHIFTS,
    "z_err": ("zerr", "e_z", "z_error", "redshift_err", "redshift_error"),
    "zwarning": ("zwarn", "z_warn"),
    "class": ("spectype",),
}
#: Magnitudes of single letters, beside which a column z is the z band's.
_BANDS = frozenset("ugriy")
#: A galaxy with a redshift outside is a mistake, or a number that stands for "not measured".
POSSIBLE_Z = (-0.02, 20.0)
#: Numbers that stand for "not measured" wherever they occur, and those that do where no other value is near as large.
SENTINELS = (
    -99.0,
    -99.9,
    -99.99,
    -99.999,
    -999.0,
    -999.9,
    -999.99,
    -999.999,
    -9999.0,
    -9999.9,
    -9999.99,
    -99999.0,
)
LARGE_SENTINELS = (99.0, 99.9, 99.99, 99.999, 999.0, 999.9, 999.99, 9999.0, 9999.99, 99999.0)
#: Columns in which -1 and -9 are no measurement: errors, and what is positive by its nature.
_POSITIVE = re.compile(r"(_err$|_error$|^e_|^err_|err$|^d4000|mass|^vdisp|^veldisp)")

#: What opens compressed text, by suffix.
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_ID = re.compile(r"(^id$|objid$|obj_id$|_id$|^targetid$|^sourceid$|source_id$|^specobjid$)")
_NULLS = ("", "nan", "null", "none", "n/a", "--", "masked")
#: Doubles hold whole numbers exactly below this.
_EXACT = 2**53


def read(path: Path | str) -> pa.Table:
    """A catalog with lower-case column names, ids as text, missing values as null.

    Columns of arrays are left out. The schema's metadata holds `name`, the file's stem.

    Raises:
        CatalogError: If the file is missing, empty, or in none of the known formats.
    """
    path = Path(path)
    try:
        columns = _columns(path)
    except CatalogError:
        raise
    except Exception as error:
        # Each format's parser fails in its own way on a broken file, some with an OSError of no number.
        if isinstance(error, OSError) and error.strerror:
            raise CatalogError(
                f"{path.name}: the catalog cannot be opened ({error.strerror}). Check the path."
            ) from error
        raise CatalogError(
            f"{path.name}: not a readable catalog ({type(error).__name__}: {str(error)[:200]}), expected "
            "FITS, CSV, ECSV, Parquet or VOTable. Check the suffix, or fetch it again."
        ) from error
    return tidy(columns, path.name)


def tidy(columns: dict[str, pa.Array], name: str, z_is_band: bool | None = None) -> pa.Table:
    """Columns under their usual names and types, as one table called `name`.

    Args:
        z_is_band: Whether a column z is a magnitude; by `is_z_band` if None. A part of a table does not tell.
    """
    named: dict[str, pa.Array] = {}
    for key, values in columns.items():
        low = re.sub(r"\W+", "_", key.strip().lower()).strip("_")
        if low and low not in named:
            named[low] = values
    named = _z_band_apart(named, z_is_band)
    for usual, others in ALIASES.items():
        found = next((other for other in others if other in named), None)
        if usual not in named and found is not None:
            named = {usual if key == found else key: values for key, values in named.items()}
    if not named:
        raise CatalogError(f"{name}: the catalog has no columns, expected at least one. Fetch it again.")
    typed = {key: _typed(key, values, name) for key, values in named.items()}
    arrays = {key: _measured(key, values) for key, values in typed.items()}
    unknown = {
        key: lost
        for key, values in arrays.items()
        if (lost := values.null_count - (named[key] if _ID.search(key) else typed[key]).null_count) > 0
    }
    stem = name.split(".")[0] or name
    return pa.table(arrays).replace_schema_metadata({"name": stem, "unknown": json.dumps(unknown)})


def columns_of(table: Any) -> dict[str, pa.Array] | None:
    """Columns of a table in memory: of Arrow, astropy or pandas, or of a mapping; None of anything else."""
    if hasattr(table, "to_pandas") and not isinstance(table, pa.Table) and hasattr(table, "colnames"):
        return {name: _from_numpy(table[name]) for name in table.colnames if table[name].ndim == 1}
    if hasattr(table, "iloc"):
        table = pa.Table.from_pandas(table, preserve_index=False)
    elif isinstance(table, Mapping):
        table = pa.table(dict(table))
    if not isinstance(table, pa.Table):
        return None
    whole = table.combine_chunks()
    return {name: _one_array(whole.column(name)) for name in whole.column_names}


def _one_array(values: pa.ChunkedArray) -> pa.Array:
    return (
        values.chunk(0)
        if values.num_chunks == 1
        else pa.concat_arrays(values.chunks or [pa.array([], values.type)])
    )


def is_key(name: str) -> bool:
    """Whether this is a name of a column that catalogs are joined on, in any of its spellings."""
    low = re.sub(r"\W+", "_", name.strip().lower()).strip("_")
    return (
        low in ALIASES
        or any(low in others for others in ALIASES.values())
        or low in ("targetid", "mjd", "id")
    )


def is_z_band(names: Collection[str], z: Iterable[float | None]) -> bool:
    """Whether a column z is the magnitude of the z band and no redshift.

    Args:
        names: Columns of the table, lower case.
        z: Values of column z, None or NaN where unknown.
    """
    if len(_BANDS & set(names)) < 2:
        return False
    if any(name in names for name in REDSHIFTS):
        return True
    known = [value for value in z if value is not None and 0 < value < 90]
    # Magnitudes of galaxies with spectra begin at about 8; no sample has redshifts like that.
    return bool(known) and float(np.median(known)) >= 8


def _z_band_apart(named: dict[str, pa.Array], z_is_band: bool | None) -> dict[str, pa.Array]:
    """The columns with z under the name z_mag, and its error too, where it is a magnitude and no redshift."""
    z = named.get("z")
    if z is None:
        return named
    numbers = z.to_pylist() if pa.types.is_floating(z.type) or pa.types.is_integer(z.type) else []
    if not (is_z_band(named, numbers) if z_is_band is None else z_is_band):
        return named
    new = {"z": "z_mag", "z_err": "z_mag_err", "zerr": "z_mag_err", "e_z": "z_mag_err", "err_z": "z_mag_err"}
    return {new.get(key, key): values for key, values in named.items()}


def _measured(name: str, values: pa.Array) -> pa.Array:
    """The column with null for every number or word that stands for "not measured", and for impossible redshifts."""
    if pa.types.is_string(values.type) and not (_ID.search(name) or name == "path"):
        return _known_words(values)
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)) or name in ("ra", "row"):
        return values
    array = np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), float)
    wrong = np.isin(array, SENTINELS) | (np.abs(array) >= 1e20)
    if name == "z":
        wrong |= (array < POSSIBLE_Z[0]) | (array > POSSIBLE_Z[1])
    elif _POSITIVE.search(name):
        wrong |= np.isin(array, (-1.0, -9.0))
    if pa.types.is_floating(values.type):
        large = np.isin(array, LARGE_SENTINELS)
        others = np.abs(array[np.isfinite(array) & ~large & ~wrong])
        wrong |= large & (array > 3 * others.max(initial=0.0))
    if not wrong.any():
        return values
    return pc.if_else(pa.array(wrong), pa.scalar(None, values.type), values)


def _known_words(values: pa.Array) -> pa.Array:
    """Text with null for "nan", "n/a" and the like, and for -99: a class of that name is no class."""
    wrong = [word is not None and _is_no_word(word.strip().lower()) for word in values.to_pylist()]
    return (
        pc.if_else(pa.array(wrong, pa.bool_()), pa.scalar(None, pa.string()), values)
        if any(wrong)
        else values
    )


def _is_no_word(word: str) -> bool:
    # Among text "none" is a value like another: "no lens", as opposed to "not known".
    return word != "none" and (word in _NULLS or (_is_number(word) and float(word) in SENTINELS))


def _columns(path: Path) -> dict[str, pa.Array]:
    if path.is_dir():
        return _from_folder(path)
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in _OPENERS]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in (".parquet", ".pq"):
        import pyarrow.parquet as pq

        table = pq.read_table(path).combine_chunks()
        return {name: table.column(name) for name in table.column_names}
    if suffix in (".csv", ".tsv", ".txt", ".dat"):
        return _from_text(path)
    formats = {".fits": "fits", ".fit": "fits", ".fts": "fits", ".ecsv": "ascii.ecsv", ".vot": "votable",
               ".votable": "votable", ".xml": "votable"}  # fmt: skip
    if suffix not in formats:
        raise CatalogError(
            f"{path.name}: suffix {suffix!r}, expected one of .csv, .tsv, .parquet, "
            f"{', '.join(formats)}. Rename it."
        )
    return _by_astropy(path, formats[suffix])


def _from_text(path: Path) -> dict[str, pa.Array]:
    with _OPENERS.get(path.suffix.lower(), open)(path, "rb") as file:
        text = file.read().decode("utf-8-sig", errors="replace")
    lines = _without_comments(text.splitlines())
    if not lines:
        raise CatalogError(
            f"{path.name}: the catalog is empty, expected a line of names and rows. Fetch it again."
        )
    rows = _split(lines)
    header, body = rows[0], [row for row in rows[1:] if row]
    wrong = next((i for i, row in enumerate(body) if len(row) != len(header)), None)
    if wrong is not None:
        raise CatalogError(
            f"{path.name}: row {wrong + 1} has {len(body[wrong])} values, expected {len(header)} as in the "
            "first line. Mend that row."
        )
    return {name: _from_words([row[i] for row in body]) for i, name in enumerate(header)}


def _without_comments(lines: list[str]) -> list[str]:
    """Lines of names and values: SkyServer writes #Table1 first, others put the names behind a #."""
    comment = re.compile(r"\s*(#|sep=)")
    filled = [line for line in lines if line.strip()]
    body = [line for line in filled if not comment.match(line)]
    first = filled.index(body[0]) if body else 0
    names = filled[first - 1].strip().lstrip("#").strip() if first else ""
    if not names:
        return body
    given = _split(body[:1])[0]
    return [names, *body] if _is_number(given[0]) and len(_split([names])[0]) == len(given) else body


def _split(lines: list[str]) -> list[list[str]]:
    """The fields of each line, by the mark that is most frequent in the first; by blanks where there is none."""
    bare = re.sub(r'"[^"]*"', "", lines[0])
    mark = max((",", "\t", ";", "|"), key=bare.count)
    if mark not in bare:
        return list(csv.reader([" ".join(line.split()) for line in lines], delimiter=" "))
    return list(csv.reader(io.StringIO("\n".join(lines)), delimiter=mark, skipinitialspace=True))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _from_folder(path: Path) -> dict[str, pa.Array]:
    """The files of a folder of Parquet files, one below the other."""
    import pyarrow.parquet as pq

    files = sorted(f for f in path.rglob("*.parquet") if not f.name.startswith("_"))
    if not files:
        raise CatalogError(f"{path.name}: a folder without .parquet files, expected a catalog. Name a file.")
    table = pa.concat_tables([pq.ParquetFile(f).read() for f in files], promote_options="permissive")
    return {name: table.column(name).combine_chunks() for name in table.column_names}


def _from_words(words: list[str]) -> pa.Array:
    """Text as bool, int64 or double if every value is one, else as text; long ids stay text."""
    values = [None if word.strip().lower() in _NULLS else word.strip() for word in words]
    known = [value for value in values if value is not None]
    # Among text "none" is a value like another: "no lens", as opposed to "not known".
    as_text = [
        word.strip() if word.strip().lower() == "none" else value
        for word, value in zip(words, values, strict=True)
    ]
    if not known:
        return pa.array(as_text, pa.string())
    if all(value.lower() in ("true", "false", "t", "f") for value in known):
        return pa.array([None if value is None else value.lower().startswith("t") for value in values])
    digits = all(re.fullmatch(r"[+-]?\d+", value) for value in known)
    if digits:
        fits = all(len(value) < 19 for value in known)
        return pa.array([int(v) if v else None for v in values], pa.int64()) if fits else pa.array(values)
    try:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    except ValueError:
        return pa.array(as_text, pa.string())


def _by_astropy(path: Path, kind: str) -> dict[str, pa.Array]:
    from astropy.table import Table

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units that break the standard do not matter to a join
        table = Table.read(path, format=kind, **_extension(path, kind))
    return {name: _from_numpy(table[name]) for name in table.colnames if table[name].ndim == 1}


#: Extensions of redshift catalogs that stand before others in the same file.
_REDSHIFT_TABLES = ("REDSHIFTS", "ZBEST", "ZCATALOG")


def _extension(path: Path, kind: str) -> dict[str, Any]:
    """Which extension of a FITS catalog is read: that of the redshifts where there is one, else the first table."""
    if kind != "fits":
        return {}
    from astropy.io import fits

    with fits.open(path) as hdus:
        names = [hdu.name for hdu in hdus]
    return next(({"hdu": name} for name in _REDSHIFT_TABLES if name in names), {})


def _from_numpy(column: Any) -> pa.Array:
    mask = np.ma.getmaskarray(column)
    values = np.ma.getdata(column)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "latin-1")
    if values.dtype.kind in "UO":
        return pa.array(
            [None if m or v is None else str(v).strip() for v, m in zip(values, mask, strict=True)],
            pa.string(),
        )
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=mask)


def _typed(name: str, values: pa.Array, catalog: str) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_large_string(values.type) or pa.types.is_null(values.type):
        values = values.cast(pa.string())
    if pa.types.is_floating(values.type):
        values = values.cast(pa.float64())
        values = pc.if_else(pc.fill_null(pc.is_finite(values), False), values, pa.scalar(None, pa.float64()))
    if name in INTEGER_COLUMNS:
        return _whole(name, values, catalog)
    if _ID.search(name):
        return _id_text(values)
    if pa.types.is_string(values.type):
        empty = pc.equal(pc.utf8_trim_whitespace(values), "")
        return pc.if_else(pc.fill_null(empty, True), pa.scalar(None, pa.string()), values)
    if pa.types.is_integer(values.type) and values.type != pa.int64():
        big = pa.types.is_uint64(values.type) and (pc.max(values).as_py() or 0) > 2**63 - 1
        return values.cast(pa.string() if big else pa.int64())
    return values


def _whole(name: str, values: pa.Array, catalog: str) -> pa.Array:
    try:
        if pa.types.is_string(values.type):
            values = pc.utf8_trim_whitespace(values).cast(pa.float64())
        return values.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise CatalogError(
            f"{catalog}: column {name} is not of whole numbers ({str(error)[:80]}). "
            "Rename or mend the column."
        ) from error


def _id_text(values: pa.Array) -> pa.Array:
    """Ids as text. Those that a float can no longer hold exactly are lost already, and become null."""
    if pa.types.is_floating(values.type):
        exact = pc.and_(pc.less(pc.abs(values), float(_EXACT)), pc.equal(pc.floor(values), values))
        values = pc.if_else(pc.fill_null(exact, False), values, pa.scalar(None, pa.float64())).cast(
            pa.int64()
        )
    if pa.types.is_string(values.type):
        values = pc.utf8_trim_whitespace(values)
        return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    return values.cast(pa.string())
