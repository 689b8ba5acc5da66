"""A table with positions as a HATS catalog, tile by tile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.errors import DatasetError
from spectrove.folders import put, recover, remove_parts
from spectrove.hats.layout import (
    COLUMNS,
    DATASET,
    FOOTERS,
    INDEX,
    PARTITIONS,
    Tile,
    need_free,
    write_properties,
)
from spectrove.hats.pixels import FINEST, pixels_at, tiles_of
from spectrove.version import __version__

#: Rows that a tile has at most, by default: with a view of 256 numbers a file of 100 MB.
TILE_ROWS = 100_000


def write(
    folder: Path,
    ra: NDArray[np.float64],
    dec: NDArray[np.float64],
    rows: Callable[[NDArray[np.int64]], pa.Table],
    about: Mapping[str, Any] | None = None,
    tile_rows: int = TILE_ROWS,
) -> int:
    """Write a catalog, whole or not at all; the number of tiles.

    Args:
        folder: A new folder, or that of a HATS catalog, which is replaced.
        ra: Right ascension of every row, degrees.
        dec: Declination.
        rows: Gives the rows of these numbers, in this order, with the columns `ra` and `dec`; always the same columns.
        about: What the file of properties says besides.
        tile_rows: Rows that a tile may have; at order 12, where tiles are not split further, it may have more.

    Raises:
        DatasetError: There is no row, a position is unknown, or the folder is taken or cannot be written.
    """
    recover(folder)
    _check(folder, ra, dec)
    remove_parts(folder)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        temporary.mkdir(parents=True)
        tiles = _write_all(temporary, folder.stem, ra, dec, rows, about or {}, tile_rows)
        put(temporary, folder)
    except OSError as error:
        raise DatasetError(
            f"{folder}: cannot be written ({error.strerror or error}). Nothing was changed there; make room or choose "
            "another place, then run the same command again."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return tiles


def placed(table: pa.Table) -> pa.Table:
    """The rows that have a position, `ra` (0 to 360) and `dec` as doubles; none of a table without these columns."""
    positions = []
    for name in ("ra", "dec"):
        given = table.column(name) if name in table.column_names else pa.nulls(table.num_rows, pa.float64())
        positions.append(np.array(given.cast(pa.float64()).to_numpy(zero_copy_only=False), float))
    ra, dec = positions
    # Surveys write -9999 for "unknown"; NaN compares false.
    known = np.isfinite(ra) & (np.abs(ra) <= 360) & (np.abs(dec) <= 90)
    for name, values in (("ra", np.mod(ra, 360.0)), ("dec", dec)):
        place = table.schema.get_field_index(name)
        field = pa.field(name, pa.float64(), metadata=table.field(place).metadata if place >= 0 else None)
        column = pa.array(values)
        table = table.append_column(field, column) if place < 0 else table.set_column(place, field, column)
    return table.filter(pa.array(known))


def _check(folder: Path, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> None:
    need_free(folder)
    if not len(ra):
        raise DatasetError(
            f"{folder}: found no row with a position (ra, dec), by which a HATS catalog is tiled. Join positions with "
            "--catalog, or write .parquet."
        )
    wrong = int((~(np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90))).sum())
    if wrong:
        raise DatasetError(
            f"{folder}: found {wrong} of {len(ra)} positions that are none, expected degrees. Leave these rows out."
        )


def _write_all(
    folder: Path, name: str, ra: NDArray[np.float64], dec: NDArray[np.float64],
    rows: Callable[[NDArray[np.int64]], pa.Table], about: Mapping[str, Any], tile_rows: int,
) -> int:  # fmt: skip
    numbers = pixels_at(ra, dec)
    order = np.argsort(numbers, kind="stable")
    tiles = tiles_of(numbers[order], tile_rows)
    footers, schema = [], None
    for tile, part in tiles:
        places = order[part]
        table = _indexed(rows(places), numbers[places])
        schema = table.schema if schema is None else schema
        footers.append(_write_tile(folder / DATASET, tile, table.cast(schema)))
    assert schema is not None
    _write_footers(folder / DATASET, schema, footers)
    lines = "".join(f"{tile.order},{tile.number}\n" for tile, _ in tiles)
    (folder / PARTITIONS).write_text(f"Norder,Npix\n{lines}", "utf-8")
    most = max(part.stop - part.start for _, part in tiles)
    write_properties(folder, _properties(name, len(ra), most, tiles, schema) | _said(about))
    _sync(folder)
    return len(tiles)


def _indexed(table: pa.Table, numbers: NDArray[np.int64]) -> pa.Table:
    own = table.drop_columns([INDEX]) if INDEX in table.column_names else table
    return own.add_column(0, pa.field(INDEX, pa.int64()), pa.array(numbers))


def _write_tile(folder: Path, tile: Tile, table: pa.Table) -> Any:
    """Write one file; its footer, which knows where it lies."""
    import pyarrow.parquet as pq

    path = folder / f"{tile.file}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    collected: list[Any] = []
    pq.write_table(table, path, compression="zstd", metadata_collector=collected)
    collected[-1].set_file_path(f"{tile.file}.parquet")
    return collected[-1]


def _write_footers(folder: Path, schema: pa.Schema, footers: list[Any]) -> None:
    import pyarrow.parquet as pq

    pq.write_metadata(schema, folder / COLUMNS)
    pq.write_metadata(schema, folder / FOOTERS, metadata_collector=footers)


def _properties(
    name: str, n_rows: int, most: int, tiles: list[tuple[Tile, slice]], schema: pa.Schema
) -> dict[str, Any]:
    """What readers want to know; by default they read all columns but the vectors."""
    plain = [field.name for field in schema if not pa.types.is_nested(field.type) and field.name != INDEX]
    covered = sum(4 * pi / (12 * 4**tile.order) for tile, _ in tiles) / (4 * pi)
    return {
        "obs_collection": name,
        "dataproduct_type": "object",
        "hats_nrows": n_rows,
        "hats_col_ra": "ra",
        "hats_col_dec": "dec",
        "hats_col_healpix": INDEX,
        "hats_col_healpix_order": FINEST,
        "hats_cols_default": " ".join(plain) if len(plain) + 1 < len(schema) else None,
        "hats_npix_suffix": ".parquet",
        "hats_max_rows": most,
        "hats_order": max(tile.order for tile, _ in tiles),
        "moc_sky_fraction": f"{covered:.5g}",
        "hats_builder": f"spectrove v{__version__}",
        "hats_creation_date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MUTC"),
        "hats_version": "v1.0",
    }


def _said(about: Mapping[str, Any]) -> dict[str, Any]:
    return {f"spectrove_{name}": value for name, value in about.items()}


def _sync(folder: Path) -> None:
    """Wait until every file is on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
