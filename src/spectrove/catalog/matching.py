"""Which rows of a catalog are about which objects, in both directions, and what they say of them together.

A join gives each spectrum one row. Whoever adds labels has to know more: rows that match nothing, rows that contradict
each other about one object, and objects that share a row.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectrove.catalog import tables
from spectrove.catalog.lookup import Lookup
from spectrove.errors import CatalogError, did_you_mean

#: What a join may be limited to, with the columns that it needs; the order is that of trust.
KEYS: dict[str, tuple[str, ...]] = {
    "path": ("path",),
    "object_id": ("object_id",),
    "specobjid": ("specobjid",),
    "targetid": ("targetid",),
    "plate-mjd-fibre": ("plate", "mjd", "fiberid"),
    "position": ("ra", "dec"),
}
#: Names that `Lookup` gives the same keys.
_ORDER = ("path", "object_id", "specobjid", "targetid", "plate-mjd-fiber", "sky")
_TRIPLE = re.compile(r"(\d{1,5})-(\d{5})-(\d{1,4})$")


@dataclass(frozen=True)
class Objects:
    """Rows of a table in the form in which a `Lookup` looks them up."""

    rows: pa.Table

    @property
    def object_id(self) -> NDArray[np.str_]:
        """Ids, "" where there is none."""
        if "object_id" not in self.rows.column_names:
            return np.full(len(self), "", dtype=object)
        return np.array([name or "" for name in self.rows.column("object_id").to_pylist()], dtype=object)

    def column(self, name: str) -> list[Any]:
        """Values of a column."""
        return self.rows.column(name).to_pylist()

    def __len__(self) -> int:
        return self.rows.num_rows


@dataclass(frozen=True)
class Matches:
    """Rows of a catalog and the objects that they are about.

    Attributes:
        rows: For each object its rows, all found by the same key, the most trusted that finds any.
        keys: For each object that key, "" if no row is about it.
        n_rows: Rows of the catalog.
    """

    rows: Sequence[tuple[int, ...]]
    keys: Sequence[str]
    n_rows: int

    @property
    def by_key(self) -> dict[str, int]:
        """Number of objects found by each key."""
        return dict(Counter(key for key in self.keys if key))

    @property
    def named(self) -> Matches:
        """Only what was not found by its position."""
        rows = [() if key == "position" else rows for rows, key in zip(self.rows, self.keys, strict=True)]
        return Matches(rows, self.keys, self.n_rows)

    @property
    def unmatched(self) -> list[int]:
        """Rows that are about no object."""
        found = {row for rows in self.rows for row in rows}
        return [row for row in range(self.n_rows) if row not in found]

    @property
    def shared(self) -> dict[int, list[int]]:
        """Rows that are about several objects, with these."""
        objects = defaultdict(list)
        for i, rows in enumerate(self.rows):
            for row in rows:
                objects[row].append(i)
        return {row: found for row, found in sorted(objects.items()) if len(found) > 1}


def match(objects: pa.Table, catalog: pa.Table, on: str | None, radius: float) -> Matches:
    """The rows about each object.

    Args:
        objects: Ids and positions of the objects, under the usual names.
        catalog: A table of `read_catalog`.
        on: A key of `KEYS`; None for all of them, as in a join.
        radius: Largest distance on the sky, arcsec.

    Raises:
        CatalogError: The key needs a column that the table, or every object, lacks.
    """
    objects = _with_triples(_on_sky(objects))
    if on is not None:
        _need_key(objects, catalog, on)
        catalog, objects = catalog.select(KEYS[on]), objects.select(KEYS[on])
    # A look-up gives the nearest or first row of an object: asked both ways, it gives all rows of every object.
    pairs: dict[int, dict[int, str]] = defaultdict(dict)
    place, key = Lookup(catalog, "table", radius).find(Objects(objects))
    for i in np.flatnonzero(place >= 0).tolist():
        pairs[i][int(place[i])] = str(key[i])
    here = Lookup(objects.replace_schema_metadata({"name": "base"}), "base", radius)
    place, key = here.find(Objects(catalog))
    for row in np.flatnonzero(place >= 0).tolist():
        pairs[int(place[row])].setdefault(row, str(key[row]))
    rows: list[tuple[int, ...]] = []
    keys: list[str] = []
    for i in range(objects.num_rows):
        best = min((_ORDER.index(k) for k in pairs[i].values()), default=None) if i in pairs else None
        keys.append("" if best is None else list(KEYS)[best])
        rows.append(
            tuple(sorted(r for r, k in pairs[i].items() if _ORDER.index(k) == best)) if i in pairs else ()
        )
    return Matches(rows, keys, catalog.num_rows)


def said_of(values: Sequence[Any], matches: Matches) -> tuple[list[Any], list[int]]:
    """The value that all rows of each object give, None where none does or they differ; the objects of the latter."""
    found: list[Any] = []
    contradicted = []
    for i, rows in enumerate(matches.rows):
        known = [values[row] for row in rows if values[row] is not None]
        spellings = {v.strip().casefold() if isinstance(v, str) else v for v in known}
        found.append(known[0] if len(spellings) == 1 else None)
        if len(spellings) > 1:
            contradicted.append(i)
    return found, contradicted


def column_called(catalog: pa.Table, name: str) -> str:
    """The column of a catalog that people call so: in any case, or by another of its usual names."""
    low = re.sub(r"\W+", "_", name.strip().lower()).strip("_")
    usual = next((u for u, others in tables.ALIASES.items() if low in others), low)
    for candidate in (name, low, usual):
        if candidate in catalog.column_names:
            return candidate
    raise CatalogError(
        f"{name_of(catalog)}: no column {name!r}{did_you_mean(name, catalog.column_names)}. Name another column; "
        "columns of arrays are not read."
    )


def name_of(catalog: pa.Table) -> str:
    """Name of a catalog: the stem of its file."""
    return (catalog.schema.metadata or {}).get(b"name", b"table").decode()


def row_name(catalog: pa.Table, row: int) -> str:
    """What people call a row: its id or file, else its number and position."""
    for key in ("object_id", "path", "specobjid", "targetid"):
        if key in catalog.column_names and (value := catalog.column(key)[row].as_py()):
            return str(value)
    where = [f"{k} {catalog.column(k)[row].as_py()}" for k in (*KEYS["plate-mjd-fibre"], "ra", "dec")
             if k in catalog.column_names]  # fmt: skip
    return f"row {row + 1}" + (f" ({', '.join(where)})" if where else "")


def _need_key(objects: pa.Table, catalog: pa.Table, on: str) -> None:
    for name in KEYS[on]:
        if name not in catalog.column_names:
            raise CatalogError(
                f"{name_of(catalog)}: no column {name}, which joining on {on} needs, among "
                f"{', '.join(catalog.column_names[:12])}. Rename the one that fits, or join on something else."
            )
        if name not in objects.column_names or not _known(objects.column(name)):
            raise CatalogError(
                f"no object of the base has {name}, which joining on {on} needs. Join on something else."
            )


def _known(values: pa.ChunkedArray) -> bool:
    return values.null_count < len(values)


def _on_sky(objects: pa.Table) -> pa.Table:
    """The objects with null for positions that are none."""
    for name, most in (("ra", 360), ("dec", 90)):
        if name in objects.column_names:
            values = objects.column(name)
            possible = pc.fill_null(pc.less_equal(pc.abs(values), most), False)  # NaN compares false
            known = pc.if_else(possible, values, pa.scalar(None, values.type))
            objects = objects.set_column(objects.schema.get_field_index(name), name, known)
    return objects


def _with_triples(objects: pa.Table) -> pa.Table:
    """The objects with plate, MJD and fibre, taken from their ids where the columns are empty."""
    names = KEYS["plate-mjd-fibre"]
    if "object_id" not in objects.column_names:
        return objects
    columns: Mapping[str, list[Any]] = {
        name: objects.column(name).to_pylist() if name in objects.column_names else [None] * objects.num_rows
        for name in names
    }
    for i, object_id in enumerate(objects.column("object_id").to_pylist()):
        if all(values[i] is None for values in columns.values()) and (
            parts := _TRIPLE.match(object_id or "")
        ):
            for name, part in zip(names, parts.groups(), strict=True):
                columns[name][i] = int(part)
    for name in names:
        values = pa.array(columns[name], pa.int64())
        place = objects.schema.get_field_index(name)
        objects = (
            objects.append_column(name, values) if place < 0 else objects.set_column(place, name, values)
        )
    return objects
