"""A HATS catalog opened: its columns, its tiles, and the rows of some of them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from spectrove.errors import CatalogError, did_you_mean
from spectrove.hats.layout import (
    COLLECTION,
    COLUMNS,
    DATASET,
    FOOTERS,
    OF_THE_TILE,
    OLD_PROPERTIES,
    PARTITIONS,
    PROPERTIES,
    Tile,
    read_properties,
)

_AGAIN = "Fetch the catalog again."


@dataclass(frozen=True)
class Catalog:
    """A HATS catalog whose tiles are read when they are asked for.

    Attributes:
        path: Its folder.
        ra: Column of the right ascension, degrees.
        dec: Column of the declination, degrees.
        tiles: All tiles.
        suffix: What the name of a tile's file ends in; "/" if it is a folder of files.
    """

    path: Path
    ra: str
    dec: str
    tiles: tuple[Tile, ...]
    suffix: str = ".parquet"

    @classmethod
    def open(cls, path: Path) -> Catalog:
        """The catalog of a folder; of a collection that which it names.

        Raises:
            CatalogError: A file is missing or torn, or no columns of positions are named.
        """
        path = _primary(path)
        said = _properties(path)
        lost = [name for name in ("hats_col_ra", "hats_col_dec") if not said.get(name)]
        if lost:
            raise CatalogError(
                f"{path / PROPERTIES}: no {' and no '.join(lost)}, expected the names of the columns of positions. "
                "Name a catalog of objects, not one of margins or an index."
            )
        catalog = cls(
            path,
            said["hats_col_ra"],
            said["hats_col_dec"],
            _tiles(path),
            said.get("hats_npix_suffix", ".parquet"),
        )
        names = catalog.schema.names
        for name in (catalog.ra, catalog.dec):
            if name not in names:
                raise CatalogError(
                    f"{path.name}: no column {name!r}{did_you_mean(name, names)}, which {PROPERTIES} names for "
                    "positions. Mend that file."
                )
        return catalog

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns of every tile."""
        import pyarrow.parquet as pq

        whole = next((p for n in (COLUMNS, FOOTERS) if (p := self.path / DATASET / n).is_file()), None)
        path = self._files(self.tiles[0])[0] if whole is None else whole
        try:
            return pq.read_schema(path)
        except (OSError, pa.ArrowException) as error:
            raise CatalogError(_torn(path, error)) from error

    @cached_property
    def version(self) -> str:
        """A hash of what describes the catalog, and of the names, sizes and times of its files."""
        digest = hashlib.sha256()
        for name in (PROPERTIES, OLD_PROPERTIES, PARTITIONS, f"{DATASET}/{FOOTERS}"):
            path = self.path / name
            digest.update(path.read_bytes() if path.is_file() else b"")
        for path in (path for tile in self.tiles for path in self._files(tile)):
            known = path.stat() if path.is_file() else None
            state = (known.st_size, known.st_mtime_ns) if known is not None else ()
            digest.update(repr((path.name, state)).encode())
        return f"sha256:{digest.hexdigest()[:12]}"

    def values(self, name: str) -> Iterator[float | None]:
        """A column of numbers in all tiles, read as far as it is asked for.

        Raises:
            CatalogError: A file is missing, torn, or lacks the column.
        """
        import pyarrow.parquet as pq

        for path in (path for tile in self.tiles for path in self._files(tile)):
            try:
                column = pq.read_table(path, columns=[name], partitioning=None).column(0)
            except (OSError, pa.ArrowException) as error:
                raise CatalogError(_torn(path, error)) from error
            yield from column.to_pylist()

    def read(self, tile: Tile) -> pa.Table:
        """The rows of a tile: all columns but those of lists and those of the tile itself.

        Raises:
            CatalogError: A file of it is missing, torn, or lacks a column.
        """
        import pyarrow.parquet as pq

        names = [f.name for f in self.schema if f.name not in OF_THE_TILE and not pa.types.is_nested(f.type)]
        tables = []
        for path in self._files(tile):
            try:
                with pq.ParquetFile(path) as file:
                    if lost := [name for name in names if name not in file.schema_arrow.names]:
                        raise CatalogError(
                            f"{path}: no column {lost[0]}, which the other tiles of the catalog have. {_AGAIN}"
                        )
                    tables.append(file.read(columns=names))
            except (OSError, pa.ArrowException) as error:
                raise CatalogError(_torn(path, error)) from error
        return pa.concat_tables(tables, promote_options="permissive")

    def _files(self, tile: Tile) -> list[Path]:
        folder = self.path / DATASET / tile.file
        if self.suffix not in ("/", "\\"):
            return [folder.with_name(folder.name + self.suffix)]
        files = sorted(folder.glob("*.parquet"))
        if not files:
            raise CatalogError(f"{folder}: no .parquet file, but {PARTITIONS} lists this tile. {_AGAIN}")
        return files


def _primary(path: Path) -> Path:
    """The folder of the catalog; of a collection that of the catalog of objects which it names."""
    if not (path / COLLECTION).is_file():
        return path
    named = read_properties(path / COLLECTION).get("hats_primary_table_url", "")
    if not named or not (path / named).is_dir():
        raise CatalogError(
            f"{path / COLLECTION}: hats_primary_table_url is {named!r}, expected the name of a folder beside it. "
            f"{_AGAIN}"
        )
    return path / named


def _properties(path: Path) -> dict[str, str]:
    for name in (PROPERTIES, OLD_PROPERTIES):
        if (path / name).is_file():
            return read_properties(path / name)
    raise CatalogError(f"{path}: no {PROPERTIES}, which says what a HATS catalog is. {_AGAIN}")


def _tiles(path: Path) -> tuple[Tile, ...]:
    try:
        with open(path / PARTITIONS, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        tiles = [Tile(int(row["Norder"]), int(row["Npix"])) for row in rows]
    except FileNotFoundError as error:
        raise CatalogError(
            f"{path}: no {PARTITIONS}, expected it beside {PROPERTIES}: it lists the tiles of the catalog. {_AGAIN}"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogError(
            f"{path / PARTITIONS}: cannot be read ({error}), expected the columns Norder and Npix of whole numbers. "
            f"{_AGAIN}"
        ) from error
    if not tiles:
        raise CatalogError(f"{path / PARTITIONS}: lists no tile, expected at least one. {_AGAIN}")
    return tuple(tiles)


def _torn(path: Path, error: BaseException) -> str:
    if not path.exists():
        return f"{path}: no such file, but {PARTITIONS} lists this tile. {_AGAIN}"
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return f"{path}: not a whole Parquet file ({reason}). {_AGAIN}"
