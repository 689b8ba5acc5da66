"""Labels in place: columns of a table joined to the objects of a base, as one version, without encoding anything."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa

from spectrove.catalog import SKY_RADIUS, as_catalog, read_catalog, read_ids
from spectrove.catalog.matching import (
    KEYS,
    Matches,
    Objects,
    column_called,
    match,
    name_of,
    row_name,
    said_of,
)
from spectrove.catalog.merge import IDENTITY, NOT_LABELS
from spectrove.catalog.tables import tidy
from spectrove.catalog.tiles import without_position
from spectrove.errors import CatalogError, KnowledgeError
from spectrove.hats.layout import is_hats
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.joining import ColumnsAdded, Source

#: Columns of a base by which rows of a table find its objects.
_KEY_COLUMNS = tuple(dict.fromkeys(name for names in KEYS.values() for name in names))


@dataclass(frozen=True)
class Labelled:
    """What came of labelling.

    Attributes:
        source: Name of the table, as it is noted beside each value; `version` is the start of its SHA-256.
        rows: Rows of the table.
        matched: Number of objects found, by the key that found them.
        unmatched: Rows that are about no object, by their names.
        shared: Rows that are about several objects, by their names, with the ids of these; each of them was labelled.
        contradicted: For each column the ids of objects of which several rows say different things; they got no value.
        unknown: For each column, values that stand for "not known" (-99, NaN, "n/a").
        change: What each column did, and the version of the base.
        dry_run: Whether nothing was written.
        unplaced: Objects of the base without a position, which no row of a HATS catalog can find; 0 for other tables.
    """

    source: str
    version: str
    rows: int
    matched: Mapping[str, int]
    unmatched: tuple[str, ...]
    shared: Mapping[str, tuple[str, ...]]
    contradicted: Mapping[str, tuple[str, ...]]
    unknown: Mapping[str, int]
    change: ColumnsAdded
    dry_run: bool
    unplaced: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command prints them with --json."""
        return {
            "source": self.source, "source_version": self.version, "rows": self.rows, "matched": dict(self.matched),
            "unmatched": list(self.unmatched), "shared": {row: list(ids) for row, ids in self.shared.items()},
            "columns": {
                name: {
                    "given": c.given, "new": c.new, "same": c.same, "differ": c.differ, "created": c.created,
                    "contradicted": list(self.contradicted.get(name, ())), "unknown": self.unknown.get(name, 0),
                }
                for name, c in self.change.columns.items()
            },
            "unplaced": self.unplaced, "altered": self.change.altered, "dry_run": self.dry_run,
            "version": self.change.version,
        }  # fmt: skip


def label(
    base: KnowledgeBase,
    table: str | PathLike[str] | Any,
    column: str | Sequence[str],
    *,
    name: str | None = None,
    on: str | None = None,
    value: str | bool | int | float | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> Labelled:
    """What came of adding columns of a table to the objects of a base, as one new version; rollback undoes it.

    Rows find objects as a catalog of `ingest` finds spectra: by file, object id, specobjid, targetid, plate-MJD-fibre
    or position within 2 arcsec. An object of which several rows say different things gets no value. A value that the
    base has and the table does not share stays, unless `overwrite`. The source of every value is noted in `labels`.

    Args:
        base: The base.
        table: A file (CSV, FITS, Parquet, ECSV, VOTable), a HATS catalog (only rows near the objects), a
            table of Arrow, astropy or pandas, or a mapping of columns. With `value` also a text file with an id in each
            line, or a list of ids.
        column: The column, or several.
        name: What the base calls it; the table's own name, in lower case, if None.
        on: A key of `catalog.matching.KEYS`, to join on it alone.
        value: A constant for every object of the table, in place of a column of it.
        overwrite: Whether values of the table replace others.
        dry_run: True to say what would come of it; nothing is written.

    Raises:
        CatalogError: The table cannot be read, lacks a column, has nothing to join on, or is about no object.
        KnowledgeError: A column of the base has another type or cannot be set.
    """
    found = matched(base, table, column, name=name, on=on, value=value, overwrite=overwrite)
    return found.added(base, dry_run=dry_run)


@dataclass(frozen=True)
class Matched:
    """Columns of a table whose rows have found their objects; nothing is written yet."""

    catalog: pa.Table
    matches: Matches
    ids: Sequence[str]
    columns: Mapping[str, str]
    sources: Mapping[str, Source]
    overwrite: bool
    unplaced: int = 0

    def added(self, base: KnowledgeBase, *, dry_run: bool = False) -> Labelled:
        """Write the columns as one version, and say what came of it."""
        about = [i for i, key in enumerate(self.matches.keys) if key]
        joined: dict[str, Any] = {"object_id": pa.array([self.ids[i] for i in about], pa.string())}
        contradicted = {}
        for new, old in self.columns.items():
            matches = self.matches.named if new in IDENTITY else self.matches
            values, differ = said_of(self.catalog.column(old).to_pylist(), matches)
            joined[new] = pa.array([values[i] for i in about], self.catalog.column(old).type)
            contradicted[new] = tuple(self.ids[i] for i in differ)
        change = base.add_columns(
            pa.table(joined),
            self.sources,
            existing="replace" if self.overwrite else "keep",
            noted=set(self.columns) - NOT_LABELS - IDENTITY,
            dry_run=dry_run,
        )
        return self._report(contradicted, change, dry_run)

    def _report(
        self, contradicted: Mapping[str, tuple[str, ...]], change: ColumnsAdded, dry_run: bool
    ) -> Labelled:
        metadata = self.catalog.schema.metadata or {}
        unknown = json.loads(metadata.get(b"unknown", b"{}"))
        shared = self.matches.shared
        return Labelled(
            name_of(self.catalog),
            metadata.get(b"version", b"").decode(),
            self.matches.n_rows,
            self.matches.by_key,
            tuple(row_name(self.catalog, row) for row in self.matches.unmatched),
            {row_name(self.catalog, row): tuple(self.ids[i] for i in found) for row, found in shared.items()},
            contradicted,
            {new: unknown.get(old, 0) for new, old in self.columns.items()},
            change,
            dry_run,
            self.unplaced,
        )


def matched(
    base: KnowledgeBase,
    table: Any,
    column: str | Sequence[str],
    *,
    name: str | None = None,
    on: str | None = None,
    value: str | bool | int | float | None = None,
    overwrite: bool = False,
) -> Matched:
    """The first half of `label`: the table read, its columns found, its rows matched; errors are those of `label`."""
    wanted = [column] if isinstance(column, str) else list(column)
    _check_request(wanted, name, on, overwrite)
    objects = base.rows(columns=[c for c in _KEY_COLUMNS if c in base.columns])
    catalog = _listed(table, objects, wanted[0], value) if value is not None else _read(table, objects)
    found = list(dict.fromkeys(column_called(catalog, said) for said in wanted))
    columns = {name: found[0]} if name is not None else {old: old for old in found}
    ids = objects.column("object_id").to_pylist()
    matches = match(objects, catalog, on, SKY_RADIUS)
    if not matches.by_key:
        raise CatalogError(_no_match(catalog, matches, ids, on))
    if (identity := IDENTITY & set(columns)) and not any(matches.named.rows):
        raise CatalogError(
            f"column {min(identity)}: it names an observation, and rows found by their position may be of another one. "
            "Give a table with ids or files."
        )
    sources = {new: _source(catalog, table, old) for new, old in columns.items()}
    unplaced = without_position(Objects(objects)) if _is_tiled(table) else 0
    return Matched(catalog, matches, ids, columns, sources, overwrite, unplaced)


def _check_request(columns: Sequence[str], name: str | None, on: str | None, overwrite: bool) -> None:
    """Refuse a request that cannot be meant."""
    if name is not None and len(columns) != 1:
        raise KnowledgeError(
            f"{len(columns)} columns and one new name, {name}. Give one column, or leave the name out."
        )
    if name is not None and not re.fullmatch(r"\w+", name):
        raise KnowledgeError(f"name {name!r}: expected letters, digits and underscores. Choose another name.")
    if on is not None and on not in KEYS:
        raise CatalogError(f"joining on {on!r}: expected one of {', '.join(KEYS)}. Name one of these.")
    if overwrite and (identity := [c for c in (name, *columns) if c and c.lower() in IDENTITY]):
        raise KnowledgeError(
            f"column {identity[0]}: it names an observation, and is filled where empty but never replaced. Leave "
            "overwriting out, or replace the objects with kb add --upsert."
        )


def _read(table: Any, objects: pa.Table) -> pa.Table:
    """A table in any form as a catalog, of one in HATS what is near the objects; refuse it without rows."""
    is_file = isinstance(table, str | PathLike)
    catalog = read_catalog(table, Objects(objects)) if is_file else as_catalog(table)
    if not catalog.num_rows:
        if _is_tiled(table):
            n, lost = objects.num_rows, without_position(Objects(objects))
            raise CatalogError(
                f"{name_of(catalog)}: the HATS catalog has no row near any of the {n - lost} objects that have a "
                f"position ({n} in the base). Check that it covers their part of the sky."
            )
        raise CatalogError(f"{name_of(catalog)}: the table has no rows. Check the file.")
    return catalog


def _is_tiled(table: Any) -> bool:
    """Whether this is a HATS catalog, of which rows are found by position alone."""
    return isinstance(table, str | PathLike) and is_hats(Path(table))


def _listed(table: Any, objects: pa.Table, column: str, value: str | bool | int | float) -> pa.Table:
    """A table, or a list of ids, with the constant in a column of its type."""
    if isinstance(table, list | tuple):
        catalog = as_catalog({"object_id": [str(i) for i in table]})
    else:
        listed = read_ids(table) if isinstance(table, str | PathLike) else None
        catalog = _read(table, objects) if listed is None else listed
    constant = tidy({column: pa.array([_typed(value)])}, column)
    name = constant.column_names[0]
    if constant.column(name).null_count:
        raise CatalogError(f'value {value!r}: it stands for "not known". Give another value.')
    values = pa.array(constant.column(name).to_pylist() * catalog.num_rows, constant.column(name).type)
    place = catalog.schema.get_field_index(name)
    return catalog.append_column(name, values) if place < 0 else catalog.set_column(place, name, values)


def _typed(value: str | bool | int | float) -> str | bool | int | float:
    """A constant that was typed, as the number or boolean that it is."""
    if not isinstance(value, str):
        return value
    low = value.strip().lower()
    if low in ("true", "false"):
        return low == "true"
    for kind in (int, float):
        try:
            return kind(low)
        except ValueError:
            continue
    return value.strip()


def _source(catalog: pa.Table, table: Any, column: str) -> Source:
    """Where the values of a column come from."""
    details = {"column": column}
    if isinstance(table, str | PathLike):
        details["file"] = Path(table).name
    return Source(name_of(catalog), (catalog.schema.metadata or {}).get(b"version", b"").decode(), details)


def _no_match(catalog: pa.Table, matches: Matches, ids: Sequence[str], on: str | None) -> str:
    tried = [key for key, names in KEYS.items() if set(names) <= set(catalog.column_names)]
    return (
        f"{name_of(catalog)}: none of the {matches.n_rows} rows is about one of the {len(ids)} objects; looked for by "
        f"{on or ', '.join(tried)}. The first row is {row_name(catalog, 0)}, the first object "
        f"{ids[0] if ids else '-'}. "
        "Rename the column that identifies the objects, or check that the table belongs to this base."
    )
