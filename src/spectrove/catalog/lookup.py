"""One catalog's rows found by path, object id, specobjid, targetid, plate-MJD-fibre or position."""

from __future__ import annotations

import json
import re
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.catalog import tables
from spectrove.errors import CatalogError

_ROW_IN_ID = re.compile(r"#(\d+)$")
_PLATE_MJD_FIBER = re.compile(r"(\d{1,5})-(\d{5})-(\d{1,4})$")
_COMPRESSION = re.compile(r"\.(gz|bz2|xz)$", re.I)


class Named(Protocol):
    """What is looked up: spectra, or anything else with ids and rows."""

    @property
    def object_id(self) -> NDArray[Any]: ...

    @property
    def rows(self) -> pa.Table: ...

    def column(self, name: str) -> list[Any]: ...

    def __len__(self) -> int: ...


class Lookup:
    """One catalog and its look-ups by each key."""

    def __init__(self, table: pa.Table, default_name: str, radius: float) -> None:
        metadata = table.schema.metadata or {}
        if b"name" not in metadata:
            table = tables.tidy(
                {name: table.column(name).combine_chunks() for name in table.column_names}, default_name
            )
        self.table = table.combine_chunks()
        self.name = metadata.get(b"name", default_name.encode()).decode()
        self.version = metadata.get(b"version", b"").decode()
        self.unknown: dict[str, int] = json.loads((self.table.schema.metadata or {}).get(b"unknown", b"{}"))
        if not {"object_id", "specobjid", "targetid", "path", "plate", "ra"} & set(table.column_names):
            raise CatalogError(
                f"{self.name}: no column to join on among {', '.join(table.column_names[:12])}; expected one "
                "of object_id, specobjid, targetid, path, plate + mjd + fiberid, ra + dec. Rename the one that fits."
            )
        self.repeated = 0
        self._by_id = self._index("object_id")
        self._by_spec = self._index("specobjid")
        self._by_target = self._index("targetid")
        self._by_pmf = self._triples()
        self._by_path = self._paths()
        self._sky, self._sky_rows = self._tree()
        self._chord = 2 * np.sin(np.deg2rad(radius / 3600) / 2)

    def near(self, objects: Named) -> Lookup:
        """What has the rows near objects: all of it, being in memory."""
        return self

    def find(self, spectra: Named) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
        """For each spectrum the catalog's row (-1 for none) and the key that found it."""
        names = spectra.rows.column_names
        columns = {c: spectra.column(c) if c in names else [None] * len(spectra)
                   for c in ("path", "specobjid", "targetid", "plate", "mjd", "fiberid", "ra", "dec")}  # fmt: skip
        place = np.full(len(spectra), -1, np.int64)
        key = np.full(len(spectra), "", dtype="U16")
        for i, object_id in enumerate(spectra.object_id):
            triple = (columns["plate"][i], columns["mjd"][i], columns["fiberid"][i])
            for name, found in (
                ("path", self._path_row(columns["path"][i], str(object_id))),
                ("object_id", self._by_id.get(_padded(str(object_id)), -1)),
                ("specobjid", self._by_spec.get(columns["specobjid"][i] or "", -1)),
                ("targetid", self._by_target.get(columns["targetid"][i] or "", -1)),
                ("plate-mjd-fiber", self._by_pmf.get(triple, -1)),
            ):
                if found >= 0:
                    place[i], key[i] = found, name
                    break
        self._find_on_sky(columns["ra"], columns["dec"], place, key)
        return place, key

    def take(self, name: str, place: NDArray[np.int64], kind: pa.DataType) -> pa.Array:
        """The column's value for each spectrum, null where it has no row."""
        indices = pa.array(place, mask=place < 0)
        values = self.table.column(name).combine_chunks().take(indices)
        return values if values.type == kind else values.cast(kind)

    def object_ids(self, place: NDArray[np.int64], key: NDArray[np.str_]) -> NDArray:
        """The id that the catalog gives each file it names, "" where it names none."""
        if "object_id" not in self.table.column_names:
            return np.full(len(place), "", dtype=object)
        taken = self.take("object_id", np.where(key == "path", place, -1), pa.string()).to_pylist()
        return np.array([value or "" for value in taken], dtype=object)

    def _column(self, name: str) -> list[Any]:
        return self.table.column(name).to_pylist() if name in self.table.column_names else []

    def _index(self, name: str) -> dict[Any, int]:
        found: dict[Any, int] = {}
        for i, value in enumerate(self._column(name)):
            if value is not None and found.setdefault(_padded(value), i) != i and name == "object_id":
                self.repeated += 1
        return found

    def _triples(self) -> dict[Any, int]:
        parts = [self._column(name) for name in ("plate", "mjd", "fiberid")]
        if not all(parts):
            return {}
        found: dict[Any, int] = {}
        for i, triple in enumerate(zip(*parts, strict=True)):
            if None not in triple:
                found.setdefault(triple, i)
        return found

    def _paths(self) -> dict[str, list[tuple[tuple[str, ...], int | None, int]]]:
        numbers = self._column("row") or [None] * self.table.num_rows
        found: dict[str, list[tuple[tuple[str, ...], int | None, int]]] = {}
        for i, (path, number) in enumerate(zip(self._column("path"), numbers, strict=False)):
            if path:
                parts = _path_parts(path)
                found.setdefault(parts[-1], []).append((parts, number, i))
        return found

    def _path_row(self, path: str | None, object_id: str) -> int:
        """The row whose path shares the longest end with the file's; none if two share equally much."""
        if not path or not self._by_path:
            return -1
        parts = _path_parts(path)
        row = _ROW_IN_ID.search(object_id)
        number = int(row[1]) if row else None
        best, length, tied = -1, 0, False
        for other, other_number, i in self._by_path.get(parts[-1], []):
            if number is not None and other_number is not None and number != other_number:
                continue
            shared = 0
            while shared < min(len(parts), len(other)) and parts[-1 - shared] == other[-1 - shared]:
                shared += 1
            if shared > length:
                best, length, tied = i, shared, False
            elif shared == length:
                tied = True
        return -1 if tied else best

    def _tree(self) -> tuple[Any, NDArray[np.int64]]:
        ra, dec = self._column("ra"), self._column("dec")
        if not ra or not dec or not all(isinstance(v, int | float | None) for v in (*ra, *dec)):
            return None, np.zeros(0, np.int64)
        from scipy.spatial import cKDTree

        position = np.array([(np.nan, np.nan) if None in p else p for p in zip(ra, dec, strict=True)], float)
        rows = np.flatnonzero(np.isfinite(position).all(axis=1))
        return (cKDTree(_unit_vectors(*position[rows].T)) if len(rows) else None), rows

    def _find_on_sky(self, ra: list[Any], dec: list[Any], place: NDArray, key: NDArray) -> None:
        lost = [i for i in np.flatnonzero(place < 0) if ra[i] is not None and dec[i] is not None]
        if self._sky is None or not lost:
            return
        vectors = _unit_vectors(np.array([ra[i] for i in lost]), np.array([dec[i] for i in lost]))
        distance, nearest = self._sky.query(vectors)
        for i, d, row in zip(lost, distance, nearest, strict=True):
            if d <= self._chord:
                place[i], key[i] = self._sky_rows[row], "sky"


def _padded(object_id: str) -> str:
    """PLATE-MJD-FIBER with plate and fibre of four digits at least, whichever way it was written."""
    parts = _PLATE_MJD_FIBER.match(object_id)
    return f"{int(parts[1]):04d}-{parts[2]}-{int(parts[3]):04d}" if parts else object_id


def _path_parts(path: str) -> tuple[str, ...]:
    return tuple(
        part for part in _COMPRESSION.sub("", path.replace("\\", "/")).split("/") if part not in ("", ".")
    )


def _unit_vectors(ra: NDArray, dec: NDArray) -> NDArray[np.float64]:
    """Directions of positions in degrees, shape (n, 3)."""
    a, d = np.deg2rad(np.asarray(ra, float)), np.deg2rad(np.asarray(dec, float))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)
