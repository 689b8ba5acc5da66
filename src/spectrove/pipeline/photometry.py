"""Fits of photometry joined to the objects of a base: each object gets all of one fit or nothing of it.

A value of one fit beside an error of another would be wrong without a word, so that columns are not joined one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spectrove.catalog import SKY_RADIUS, as_catalog
from spectrove.catalog.matching import KEYS, Matches, match, row_name
from spectrove.errors import CatalogError, KnowledgeError
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.joining import ColumnsAdded, Source
from spectrove.provenance import file_hash
from spectrove.sed.in_base import Results, read_results
from spectrove.sed.joined_names import ALWAYS, KIND

#: Difference of redshifts over 1 + z from which a fit is at another redshift than the object's spectrum.
ELSEWHERE = 0.01

#: Of what is noted of a column, what stays where it is emptied.
KEPT = ("column", "unit", "band", "pivot", "kind", "remark")

_KEY_COLUMNS = tuple(dict.fromkeys(name for names in KEYS.values() for name in names))


@dataclass(frozen=True)
class FitsJoined:
    """What came of joining fits.

    Attributes:
        source: Name of the table; `version` is the start of its SHA-256.
        rows: Rows of the table.
        matched: Number of objects found, by the key that found them.
        by_id: Why positions were not used; "" if they were.
        unmatched: Rows that are about no object, by their names.
        shared: Rows that are about several objects, by their names, with the ids of these; each got the fit.
        contradicted: Ids of objects that several different rows are about; they got none.
        new: Number of objects that had no fit.
        same: Number of those that had this one.
        kept: Ids of objects that have another fit, which stays.
        replaced: Ids of those whose other fit was replaced.
        elsewhere: Ids of objects whose spectrum has another redshift than the fit.
        floors: Error floors of the joined fits, and those of other fits in the base, ascending.
        columns: Names in the base.
        states_units: Whether the table states units; those of fits are taken where it does not.
        altered: Whether the base is, or would be, another than before.
        dry_run: Whether nothing was written.
        version_of_base: The version of the base.
    """

    source: str
    version: str
    rows: int
    matched: Mapping[str, int]
    by_id: str
    unmatched: tuple[str, ...]
    shared: Mapping[str, tuple[str, ...]]
    contradicted: tuple[str, ...]
    new: int
    same: int
    kept: tuple[str, ...]
    replaced: tuple[str, ...]
    elsewhere: tuple[str, ...]
    floors: tuple[tuple[float, ...], tuple[float, ...]]
    columns: tuple[str, ...]
    states_units: bool
    altered: bool
    dry_run: bool
    version_of_base: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command prints them with --json."""
        return {
            "source": self.source, "source_version": self.version, "rows": self.rows, "matched": dict(self.matched),
            "joined_by_id_because": self.by_id or None, "unmatched": list(self.unmatched),
            "shared": {row: list(ids) for row, ids in self.shared.items()}, "contradicted": list(self.contradicted),
            "new": self.new, "same": self.same, "kept": list(self.kept), "replaced": list(self.replaced),
            "other_redshift": list(self.elsewhere), "error_floors": list(self.floors[0]),
            "error_floors_of_others": list(self.floors[1]), "columns": list(self.columns),
            "states_units": self.states_units, "altered": self.altered, "dry_run": self.dry_run,
            "version": self.version_of_base,
        }  # fmt: skip


def join_fits(
    base: KnowledgeBase,
    table: str | PathLike[str],
    *,
    on: str | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> FitsJoined:
    """What came of joining a table of `sed fit` to the objects of a base, as one new version; rollback undoes it.

    Rows find objects by position within 2 arcsec where the table and the base have positions, else by id. An object
    that two different rows are about gets none. An object that has another fit keeps it, unless `overwrite`; it then
    has nothing of the old one. Columns are `bayes_X` and `best_X` for quantities and `sed_...` for what else there is,
    with their units (`KnowledgeBase.column_notes`).

    Args:
        base: The base.
        table: A table that `sed fit` wrote.
        on: A key of `catalog.matching.KEYS`, to join on it alone.
        overwrite: Whether other fits are replaced.
        dry_run: True to say what would come of it; nothing is written.

    Raises:
        CatalogError: It is no such table, a unit or a value in it is wrong, or it is about no object.
        KnowledgeError: A column of the base has another type.
    """
    path = Path(table)
    results = read_results(path)
    objects = base.rows(columns=[c for c in _KEY_COLUMNS if c in base.columns])
    found, by_id = _matched(path, results, objects, on)
    return _Joining(base, path, results, found, objects, by_id).written(overwrite, dry_run)


def _matched(path: Path, results: Results, objects: pa.Table, on: str | None) -> tuple[Matches, str]:
    """Rows and objects, and why positions were not used."""
    if on is not None and on not in KEYS:
        raise CatalogError(f"joining on {on!r}: expected one of {', '.join(KEYS)}. Name one of these.")
    catalog = as_catalog(dict(results.keys)).replace_schema_metadata({"name": path.stem})
    by_id = ""
    if on is None:
        if "ra" not in catalog.column_names or not _known(catalog):
            by_id = f"{path.name} has no positions"
        elif not _known(objects):
            by_id = "no object of the base has a position"
    if on is None and not by_id:
        on = "position"
    found = match(objects, catalog, on, SKY_RADIUS)
    if not found.by_key:
        tried = on or ", ".join(key for key, names in KEYS.items() if set(names) <= set(catalog.column_names))
        first = objects.column("object_id")[0].as_py() if objects.num_rows else "-"
        hint = (
            ""
            if on
            else f" {by_id}: give it columns ra and dec in degrees, which sed fit carries through, or"
        )
        raise CatalogError(
            f"{path.name}: none of the {len(results)} rows is about one of the {objects.num_rows} objects; looked for "
            f"by {tried}. The first row is {row_name(catalog, 0) if len(results) else '-'}, the first object {first}."
            f"{hint} {'check' if hint else 'Check'} that the table belongs to this base."
        )
    return found, by_id


def _known(rows: pa.Table) -> bool:
    """Whether any row has a position."""
    return all(
        name in rows.column_names and pc.any(pc.is_finite(rows.column(name))).as_py()
        for name in ("ra", "dec")
    )


class _Joining:
    """A table whose rows have found their objects."""

    def __init__(
        self, base: KnowledgeBase, path: Path, results: Results, found: Matches, objects: pa.Table, by_id: str
    ) -> None:
        self.base, self.path, self.results, self.found, self.by_id = base, path, results, found, by_id
        self.ids: Sequence[str] = objects.column("object_id").to_pylist()
        self.values = {name: one.to_pylist() for name, one in results.columns.items()}

    def written(self, overwrite: bool, dry_run: bool) -> FitsJoined:
        """Join what is to be joined, and say what came of it."""
        row_of, contradicted = self._rows()
        names = self._earlier()
        has, floor_of = self._fitted(names)
        both = [i for i in row_of if i in has]
        known = self.base.rows(columns=names).select(names).take(both).to_pylist() if both else []
        same = {i for i, own in zip(both, known, strict=True) if self._is_same(own, row_of[i])}
        other = sorted(set(both) - same)
        new = sorted(set(row_of) - has)
        chosen = sorted([*new, *other]) if overwrite else new
        change = self._change(chosen, row_of, names, dry_run)
        given = {self.values["sed_error_floor"][row] for row in row_of.values()}
        stay = has - same - (set(other) if overwrite else set())
        floors = _ordered(given), _ordered({floor_of[i] for i in stay})
        rows = {row: [self.ids[i] for i in places] for row, places in self.found.shared.items()}
        return FitsJoined(
            self.path.stem, f"sha256:{file_hash(self.path)[:12]}", len(self.results), self.found.by_key, self.by_id,
            tuple(self._name(row) for row in self.found.unmatched),
            {self._name(row): tuple(ids) for row, ids in rows.items()},
            tuple(self.ids[i] for i in contradicted), len(new), len(same),
            tuple(self.ids[i] for i in other) if not overwrite else (),
            tuple(self.ids[i] for i in other) if overwrite else (),
            self._elsewhere(row_of), floors, tuple(self.values), self.results.states_units,
            change.altered, dry_run, change.version,
        )  # fmt: skip

    def _name(self, row: int) -> str:
        return str(self.results.keys["object_id"][row].as_py() or f"row {row + 1}")

    def _rows(self) -> tuple[dict[int, int], list[int]]:
        """The row of each object that has one, by its place, and the objects that different rows are about."""
        row_of, contradicted = {}, []
        for i, rows in enumerate(self.found.rows):
            if not rows:
                continue
            if any(self._differ(rows[0], row) for row in rows[1:]):
                contradicted.append(i)
            else:
                row_of[i] = rows[0]
        return row_of, contradicted

    def _differ(self, one: int, other: int) -> bool:
        return any(values[one] != values[other] for values in self.values.values())

    def _earlier(self) -> list[str]:
        """Columns of fits that the base has.

        Raises:
            KnowledgeError: A column of another kind has the name of one.
        """
        notes = self.base.column_notes()
        names = [n for n in self.base.columns if notes.get(n, {}).get("kind") == KIND["kind"]]
        for name in self.values:
            if name in self.base.columns and name not in names:
                raise KnowledgeError(
                    f"{self.base.path}: it has a column {name} that no whole fit of photometry brought. Remove it with "
                    f"kb label --drop {name}, if it was added so."
                )
        return names

    def _fitted(self, names: Sequence[str]) -> tuple[set[int], list[Any]]:
        """Places of the objects that have a fit, and the error floor of each object's."""
        if ALWAYS not in names:
            return set(), []
        rows = self.base.rows(columns=[ALWAYS, "sed_error_floor"])
        chi2 = rows.column(ALWAYS).to_pylist()
        return {i for i, one in enumerate(chi2) if one is not None}, rows.column(
            "sed_error_floor"
        ).to_pylist()

    def _is_same(self, own: Mapping[str, Any], row: int) -> bool:
        """Whether an object has all of the fit in a row and nothing else."""
        given = {name: values[row] for name, values in self.values.items()}
        return all(own.get(name) == given.get(name) for name in {*own, *given})

    def _change(
        self, chosen: Sequence[int], row_of: Mapping[int, int], names: Sequence[str], dry_run: bool
    ) -> ColumnsAdded:
        """All of a fit for each chosen object, and nothing of an older one."""
        if not chosen:
            return ColumnsAdded({}, 0, (), False, self.base.version)
        take = pa.array([row_of[i] for i in chosen])
        columns = {"object_id": pa.array([self.ids[i] for i in chosen], pa.string())}
        columns |= {name: one.take(take) for name, one in self.results.columns.items()}
        gone = [name for name in names if name not in columns]
        if gone:
            kinds = self.base.rows(where="false", columns=gone).schema
            columns |= {name: pa.nulls(len(chosen), kinds.field(name).type) for name in gone}
        version = f"sha256:{file_hash(self.path)[:12]}"
        notes = self.base.column_notes()
        sources: dict[str, Source] = {}
        for name in columns:
            about = self.results.details.get(name) or {
                k: v for k, v in notes.get(name, {}).items() if k in KEPT
            }
            sources[name] = Source(self.path.stem, version, {**about, "file": self.path.name})
        return self.base.add_columns(pa.table(columns), sources, existing="renew", noted=(), dry_run=dry_run)

    def _elsewhere(self, row_of: Mapping[int, int]) -> tuple[str, ...]:
        """Ids of objects whose spectrum has another redshift than their fit."""
        if "sed_redshift" not in self.values or "z" not in self.base.columns:
            return ()
        own = self.base.rows(columns=["z"]).column("z").to_pylist()
        found = []
        for i, row in row_of.items():
            z, fitted = own[i], self.values["sed_redshift"][row]
            if z is not None and fitted is not None and abs(z - fitted) > ELSEWHERE * (1 + z):
                found.append(self.ids[i])
        return tuple(found)


def _ordered(values: set[Any]) -> tuple[float, ...]:
    return tuple(sorted(float(v) for v in values if v is not None and np.isfinite(v)))
