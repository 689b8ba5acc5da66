"""A catalog in HATS, of which only the tiles near the objects are read.

It may be larger than memory. A tile is read whole and its values are judged among all of its rows, so that what an
object is told does not depend on the other objects of its batch; then only the rows near objects are kept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.catalog import tables
from spectrove.catalog.lookup import Lookup, Named
from spectrove.errors import CatalogError
from spectrove.hats.layout import Tile
from spectrove.hats.pixels import Surroundings
from spectrove.hats.reading import Catalog

#: Rows of tiles that are kept in memory for the next batch, so long as there is more than one tile.
MOST_ROWS = 2_000_000


class Tiles:
    """A HATS catalog whose rows are looked up near objects.

    Attributes:
        name: Name of the folder, without its suffix.
        version: Hash of what describes the catalog.
        table: Its columns under their usual names, without rows.
    """

    def __init__(self, path: Path, radius: float) -> None:
        self._catalog = Catalog.open(path)
        self._radius = radius
        self._kept: dict[Tile, pa.Table] = {}
        self._unknown: dict[Tile, dict[str, int]] = {}
        self.name = path.name.split(".")[0] or path.name
        self.version = self._catalog.version
        self.table = self._columns().replace_schema_metadata(self._about())

    @property
    def unknown(self) -> dict[str, int]:
        """How many values of each column count as unknown, in the tiles that were read."""
        return dict(sum((Counter(lost) for lost in self._unknown.values()), Counter()))

    def near(self, objects: Named) -> Lookup:
        """The rows near objects, ready to be looked up; none for objects without a position.

        Raises:
            CatalogError: A tile near them is missing or torn.
        """
        ra, dec = positions(objects)
        known = np.isfinite(ra) & np.isfinite(dec)
        parts = [self.table]
        if known.any():
            around = Surroundings(ra[known], dec[known], self._radius)
            parts += [self._rows(tile, around) for tile in around.tiles(self._catalog.tiles)]
        table = pa.concat_tables([part.replace_schema_metadata() for part in parts])
        return Lookup(table.replace_schema_metadata(self._about()), self.name, self._radius)

    def whole(self) -> pa.Table:
        """All rows, under the usual names."""
        parts = [self._tidy(tile) for tile in self._catalog.tiles]
        table = pa.concat_tables([part.replace_schema_metadata() for part in parts])
        return table.replace_schema_metadata(self._about())

    def _about(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version, "unknown": json.dumps(self.unknown)}

    def _rows(self, tile: Tile, around: Surroundings) -> pa.Table:
        """The rows of a tile that are near."""
        table = self._kept.pop(tile, None)
        if table is None:
            table = self._tidy(tile)
        self._kept[tile] = table  # the latest is the last
        while len(self._kept) > 1 and sum(t.num_rows for t in self._kept.values()) > MOST_ROWS:
            del self._kept[next(iter(self._kept))]
        ra, dec = (_numbers(table.column(name)) for name in ("ra", "dec"))
        known = np.isfinite(ra) & (np.abs(dec) <= 90)
        near = np.zeros(len(ra), bool)
        near[known] = around.holds(ra[known], dec[known])
        return table.filter(pa.array(near))

    def _tidy(self, tile: Tile) -> pa.Table:
        """A tile under the usual names, with the columns of every tile."""
        read = tables.tidy(self._named(self._catalog.read(tile)), self._catalog.path.name, self._z_is_band)
        self._unknown[tile] = json.loads((read.schema.metadata or {}).get(b"unknown", b"{}"))
        columns = {}
        for field in self.table.schema:
            values = (
                read.column(field.name)
                if field.name in read.column_names
                else pa.nulls(read.num_rows, field.type)
            )
            columns[field.name] = self._cast(values, field, tile)
        return pa.table(columns)

    def _cast(self, values: Any, field: pa.Field, tile: Tile) -> Any:
        if values.type == field.type:
            return values
        try:
            return values.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise CatalogError(
                f"{self.name}: column {field.name} of tile {tile.file} is of type {values.type}, expected {field.type} "
                f"as in the other tiles ({str(error)[:80]}). Leave the column out of the catalog."
            ) from error

    @cached_property
    def _z_is_band(self) -> bool:
        """Whether column z is a magnitude: judged by all tiles, as a few objects do not tell."""
        numbers = [
            f.name
            for f in self._catalog.schema
            if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)
        ]
        z = next((name for name in numbers if name.lower() == "z"), None)
        names = {name.lower() for name in self._catalog.schema.names}
        return z is not None and tables.is_z_band(names, self._catalog.values(z))

    def _named(self, table: pa.Table) -> dict[str, Any]:
        """Columns by name, those of positions as `ra` and `dec`, before which no other of that name comes."""
        own = {self._catalog.ra: "ra", self._catalog.dec: "dec"}
        taken = {*own, "ra", "dec"}
        others = [name for name in table.column_names if name not in taken and name.lower() not in taken]
        columns = {new: table.column(old) for old, new in own.items()} | {n: table.column(n) for n in others}
        return {name: values.combine_chunks() for name, values in columns.items()}

    def _columns(self) -> pa.Table:
        """The columns of every tile: z may be a redshift in one and the magnitude of a band in another."""
        fields = [f for f in self._catalog.schema if not pa.types.is_nested(f.type)]
        empty = pa.table({f.name: pa.nulls(0, f.type) for f in fields})
        found = {f.name: f.type for f in tables.tidy(self._named(empty), self.name).schema}
        bright = {f.name: pa.array([20], pa.int64()).cast(f.type) if f.name.lower() == "z" and _is_number(f.type)
                  else pa.nulls(1, f.type) for f in fields}  # fmt: skip
        magnitudes = tables.tidy(self._named(pa.table(bright)), self.name).schema
        found |= {f.name: f.type for f in magnitudes if f.name not in found}
        for name in ("healpix_29", "norder", "dir", "npix"):
            found.pop(name, None)
        return pa.table({name: pa.nulls(0, kind) for name, kind in found.items()})


def positions(objects: Named) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right ascension and declination of objects, degrees; NaN where they are unknown or impossible."""
    names = objects.rows.column_names
    ra, dec = (
        _numbers(objects.rows.column(name)) if name in names else np.full(len(objects), np.nan)
        for name in ("ra", "dec")
    )
    known = np.isfinite(ra) & (np.abs(ra) <= 360) & (np.abs(dec) <= 90)
    return np.where(known, ra, np.nan), np.where(known, dec, np.nan)


def without_position(objects: Named) -> int:
    """How many objects have no position, or one that is impossible."""
    ra, dec = positions(objects)
    return int((~(np.isfinite(ra) & np.isfinite(dec))).sum())


def unplaced(catalogs: Sequence[Any], objects: Named) -> dict[str, int]:
    """For each catalog in HATS how many objects have no position, by which its rows are found."""
    tiled = [catalog.name for catalog in catalogs if isinstance(catalog, Tiles)]
    lost = without_position(objects) if tiled else 0
    return dict.fromkeys(tiled, lost) if lost else {}


def _numbers(values: Any) -> NDArray[np.float64]:
    return np.array(values.cast(pa.float64()).to_numpy(zero_copy_only=False), float)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
