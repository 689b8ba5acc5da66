"""Reader: reads one version of a base and keeps the result in memory until the version changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError, did_you_mean, sql_problem
from spectrove.knowledge.index import opening
from spectrove.knowledge.index.catalog import opened_catalog
from spectrove.knowledge.index.spaces import let_go
from spectrove.knowledge.schema import (
    COVERAGE,
    MEASURED_AT,
    VECTOR,
    WRITTEN_AS,
    is_own,
    matrix,
    sky_positions,
)
from spectrove.knowledge.search import Snapshot, first_by_hash, hashes_of
from spectrove.knowledge.store import Store, sentence
from spectrove.shared import joined as joined_shared
from spectrove.spectra import Batch, SpectrumSet
from spectrove.targets import label_text
from spectrove.work import doing

Kept = TypeVar("Kept")

#: Ids in one SQL condition.
IDS_AT_ONCE = 500


@dataclass(frozen=True)
class Coded:
    """A column whose equal values are held once.

    Attributes:
        codes: Number of the value of each object, -1 for none, shape (n_objects,).
        values: The different values.
    """

    codes: NDArray[np.int64]
    values: list[Any]

    def per_object(self, of_value: Sequence[Any], of_none: Any = None) -> NDArray[np.object_]:
        """What is said of each value, for each object, shape (n_objects,)."""
        said = np.empty(len(self.values) + 1, dtype=object)
        said[:-1], said[-1] = of_value, of_none
        return said[self.codes]

    def places(self, value: Any) -> NDArray[np.int64]:
        """Positions of the objects with this value, the first first; none for None."""
        if self._by_value is not None:
            codes = self._by_value.get(value, [])
        else:
            codes = [code for code, known in enumerate(self.values) if known == value]
        order, ends = self._sorted
        found = [order[ends[code] : ends[code + 1]] for code in codes]
        return np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *found]))

    @cached_property
    def _by_value(self) -> dict[Any, list[int]] | None:
        """Codes of each value; None where values cannot be keys, as lists."""
        found: dict[Any, list[int]] = {}
        try:
            for code, value in enumerate(self.values):
                found.setdefault(value, []).append(code)
        except TypeError:
            return None
        return found

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions in the order of their codes, and where those of each code begin, and of the one after the last."""
        order = np.argsort(self.codes, kind="stable")
        return order, np.searchsorted(self.codes[order], np.arange(len(self.values) + 1))


@dataclass(frozen=True)
class View:
    """A vector column: fingerprint of its encoder, length of its vectors, name or folder of the encoder."""

    fingerprint: str
    dimensions: int
    encoder: str


#: The readers that stay at their version, by identity.
_HELD: ContextVar[tuple[int, ...]] = ContextVar("readers held", default=())


class Reader:
    """Reads one version of a base; `refresh` moves to the newest and drops what was kept of an older one."""

    def __init__(self, store: Store, batch: type[Batch] = SpectrumSet) -> None:
        self._store = store
        self._batch: Any = batch
        self.version = store.refresh()
        self._snapshots: dict[str, Snapshot] = {}
        self._columns: dict[str, tuple[NDArray[np.uint64], Coded]] = {}
        self._coded: dict[tuple[str, int], tuple[NDArray[np.uint64], Coded]] = {}
        #: Results that other modules keep until the version changes.
        self.kept: dict[Any, Any] = {}

    def refresh(self) -> int:
        """Number of the newest version, which is read from now on; inside `held` that of its beginning."""
        if id(self) in _HELD.get():
            return self.version
        version = self._store.refresh()
        if version != self.version:
            self.version = version
            self._columns.clear()
            self.forget_vectors()
        return version

    @property
    def measured_version(self) -> int:
        """The version at which spectra, redshifts and vectors were last written: later ones joined columns only."""
        return self.remember(("measured version",), self._measured_version)

    def _measured_version(self) -> int:
        said = {k.decode(): v.decode() for k, v in (self._store.objects.schema.metadata or {}).items()}
        # An addition, a rollback and the like keep these words, but under another number.
        return int(said[MEASURED_AT]) if said.get(WRITTEN_AS) == str(self.version) else self.version

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, one version is read, the newest at the beginning: one answer has one version, and is quicker."""
        self.refresh()
        token = _HELD.set((*_HELD.get(), id(self)))
        try:
            yield
        finally:
            _HELD.reset(token)

    def remember(self, key: Any, make: Callable[[], Kept], most: int | None = None) -> Kept:
        """Result of `make()`, kept until the version changes; of keys with one first part at most so many."""
        if key in self.kept:
            return self.kept[key]
        version = self.version
        made = make()
        if (
            self.version != version
        ):  # another process wrote meanwhile, and what was made may be of both versions
            return made
        alike = [k for k in self.kept if k[0] == key[0]]
        if most is not None and len(alike) >= most:
            self.kept.pop(alike[0], None)
        self.kept[key] = made
        return made

    @property
    def _schema(self) -> pa.Schema:
        if id(self) not in _HELD.get():  # a writer changes it before the version is read anew
            return self._store.objects.schema
        return self.remember(("schema",), lambda: self._store.objects.schema)

    def views(self) -> dict[str, View]:
        """The views, read from the metadata of their vector columns."""
        if id(self) not in _HELD.get():
            return self._views()
        return dict(self.remember(("views",), self._views))

    def _views(self) -> dict[str, View]:
        found = {}
        for field in self._schema:
            if field.name.startswith(VECTOR):
                said = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
                # Older bases, with a single view, name the encoder in kb.json only.
                encoder = said.get("encoder") or str(self._store.about.get("encoder", ""))
                name = field.name.removeprefix(VECTOR)
                found[name] = View(said.get("fingerprint", ""), field.type.list_size, encoder)
        return found

    def columns(self) -> list[str]:
        """Columns that a condition may name: all but the vectors."""
        return [name for name in self._schema.names if not name.startswith((VECTOR, COVERAGE))]

    def catalog_columns(self) -> list[str]:
        """Columns that came with the spectra."""
        return [name for name in self._schema.names if not is_own(name)]

    def column_type(self, column: str) -> pa.DataType:
        """Arrow type of a column."""
        self.need_column(column)
        return self._schema.field(column).type

    def need_column(self, column: str) -> None:
        """Refuse a column name unless a condition may use it."""
        if column not in self.columns():
            raise KnowledgeError(
                f"{self._store.path}: no column {column!r}{did_you_mean(column, self.columns())}. "
                "kb info lists the columns."
            )

    def count(self, where: str | None = None) -> int:
        """Number of objects that meet the condition."""
        with self._condition(where):
            return int(self._store.objects.count_rows(where))

    def scan(self, columns: Sequence[str], where: str | None = None) -> pa.Table:
        """The named columns and `_rowid` of every object that meets the condition."""
        with self._condition(where):
            query = self._store.objects.search().select(list(columns)).with_row_id(True)
            return (query.where(where) if where else query).to_arrow()

    def forget_vectors(self) -> None:
        """Read vectors anew when they are next asked for: they have an index now."""
        self._snapshots.clear()
        self._coded.clear()
        self.kept.clear()

    def let_go(self) -> None:
        """Of mapped vectors no page is needed now."""
        for known in self._snapshots.values():
            let_go(known.vectors)

    def batches(self, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        """Parts of `scan`, one after the other."""
        with self._condition(where):
            query = self._store.objects.search().select(list(columns)).with_row_id(True)
            yield from (query.where(where) if where else query).to_batches()

    def taken(self, row_ids: NDArray[np.uint64], columns: Sequence[str]) -> pa.Table:
        """The named columns of these rows, in their order."""
        with sentence(self._store.path, "read rows"):
            query = (
                self._store.objects.take_row_ids([int(r) for r in row_ids])
                .select(list(columns))
                .with_row_id()
            )
            found = query.to_arrow()
        own = np.asarray(found.column("_rowid").to_numpy(), np.uint64)
        order = np.argsort(own)
        return found.take(pa.array(order[np.searchsorted(own, row_ids, sorter=order)], pa.int64()))

    def operations(self) -> list[dict[str, Any]]:
        """The log of operations."""
        return self._store.operations()

    def rows(self, where: str | None, columns: Sequence[str] | None) -> pa.Table:
        """Catalog values, object_id first."""
        names = list(self.catalog_columns() if columns is None else columns)
        for name in names:
            self.need_column(name)
        names = ["object_id", *(n for n in names if n != "object_id")]
        return self.scan(names, where).select(names)

    def known_ids(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that the base has."""
        return _stored(self._store.objects, "object_id", ids)

    def stored_keys(self, keys: Iterable[str]) -> set[str]:
        """The keys that table `spectra` has already."""
        return _stored(self._store.spectra, "spectrum_key", keys)

    def first_by_hash(self, most: int) -> list[str]:
        """Ids of the `most` objects with the smallest `id_hash`, in its order."""
        whole = next((known for known in self._snapshots.values() if len(known) == self.count()), None)
        if whole is not None:
            ids, hashes = whole.object_id, whole.hashes
        else:
            ids = np.array(self.scan(["object_id"]).column("object_id").to_pylist(), dtype=str)
            hashes = hashes_of(ids)
        return [str(name) for name in ids[first_by_hash(hashes, most)].tolist()]

    def snapshot(self, view: str) -> Snapshot:
        """The vectors of a view, in memory, sorted by id: no answer depends on the order of writing."""
        if view not in self._snapshots:
            with doing(f"reading the vectors of the view {view} of {self._store.path.name}"):
                self._snapshots[view] = self._indexed(view) or self._read_vectors(view)
        return self._snapshots[view]

    def _indexed(self, view: str) -> Snapshot | None:
        """The vectors of a view by its index; None in a small base, and where there is no index."""
        if self.count() < opening.INDEX_FROM:
            return None
        return opening.opened(self._store.files, self, view, lambda: self._read_vectors(view))

    def with_index(self, view: str) -> opening.Found:
        """The index of a view of a base in a local folder, and whether a search uses it."""
        return opening.looked_for(self._store.files, self, view, lambda: self._read_vectors(view))

    def _read_vectors(self, view: str) -> Snapshot:
        table = self.scan(
            ["object_id", "ra", "dec", VECTOR + view, COVERAGE + view], f"{VECTOR}{view} IS NOT NULL"
        )
        table = table.sort_by("object_id")
        ra, dec = sky_positions(table)
        return Snapshot(
            row_id=np.asarray(table.column("_rowid").to_numpy(), dtype=np.uint64),
            object_id=np.array(table.column("object_id").to_pylist(), dtype=str),
            vectors=matrix(table.column(VECTOR + view)),
            coverage=matrix(table.column(COVERAGE + view)),
            ra=ra,
            dec=dec,
        )

    def embeddings(self, view: str, where: str | None) -> Embeddings:
        """Vectors sorted by id."""
        known = self.views()[view]
        snapshot = self.snapshot(view)
        keep = np.ones(len(snapshot), bool) if where is None else self.meets(snapshot, where)
        order = np.flatnonzero(keep)
        order = order[np.argsort(snapshot.object_id[order])]
        return Embeddings(
            snapshot.vectors[order],
            snapshot.object_id[order],
            known.fingerprint,
            snapshot.coverage[order],
            known.encoder,
        )

    def vectors_of(self, view: str, object_ids: Sequence[str]) -> Embeddings:
        """Vectors of some objects, in this order."""
        known, snapshot = self.views()[view], self.snapshot(view)
        places = [snapshot.position(name) for name in object_ids]
        if absent := [name for name, place in zip(object_ids, places, strict=True) if place is None]:
            raise KnowledgeError(
                f"{self._store.path}: {absent[0]} has no vector in the view {view} ({len(absent)} of {len(object_ids)} "
                "have none). Check the ids with kb list."
            )
        at = np.array(places, dtype=np.int64)
        return Embeddings(
            snapshot.vectors[at],
            snapshot.object_id[at],
            known.fingerprint,
            snapshot.coverage[at],
            known.encoder,
        )

    def meets(self, snapshot: Snapshot, where: str) -> NDArray[np.bool_]:
        """Mask of the objects of the snapshot that meet the condition."""
        found = self.scan(["object_id"], where).column("_rowid").to_numpy()
        return np.isin(snapshot.row_id, found)

    def values(self, snapshot: Snapshot, column: str) -> list[Any]:
        """A column's values in the order of the snapshot."""
        coded = self.coded(snapshot, column)
        return coded.per_object(coded.values).tolist()

    def coded(self, snapshot: Snapshot, column: str) -> Coded:
        """A column in the order of the snapshot, its different values once."""
        key = (column, id(snapshot.row_id))
        if key not in self._coded:
            if column not in self._columns:
                self.need_column(column)
                self._columns[column] = self._read_column(column)
            rows, whole = self._columns[column]
            codes = whole.codes[np.searchsorted(rows, snapshot.row_id)]
            # What holds the array keeps its identity from being used again.
            self._coded[key] = snapshot.row_id, Coded(codes, whole.values)
        return self._coded[key][1]

    def _read_column(self, column: str) -> tuple[NDArray[np.uint64], Coded]:
        """The rows of the table in order, and the column."""
        table = self.scan([column])
        rows = np.asarray(table.column("_rowid").to_numpy(), np.uint64)
        order = np.argsort(rows)
        found = table.column(column)
        if pa.types.is_nested(found.type):
            codes, values = np.arange(len(rows)), found.to_pylist()
        else:
            chunks = found.dictionary_encode().unify_dictionaries().chunks
            parts = [pc.fill_null(chunk.indices, -1).to_numpy() for chunk in chunks]
            codes, values = (
                np.concatenate([np.zeros(0), *parts]),
                chunks[0].dictionary.to_pylist() if chunks else [],
            )
        return rows[order], Coded(np.asarray(codes, np.int64)[order], values)

    def label_values(self, column: str) -> dict[str, int]:
        """Number of objects of each label, most frequent first."""
        self.need_column(column)
        return dict(self.remember(("label values", column), lambda: self._label_values(column)))

    def _label_values(self, column: str) -> dict[str, int]:
        counts = Counter(label_text(v) for v in self.scan([column]).column(column).to_pylist())
        counts.pop(None, None)
        return {str(v): n for v, n in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))}

    def rows_at(self, snapshot: Snapshot, positions: NDArray[np.int64]) -> list[list[dict[str, Any]]]:
        """Catalog values at these positions, a list for each row of `positions`; -1 is skipped."""
        wanted = np.unique(positions[positions >= 0])
        table: dict[int, dict[str, Any]] = {}
        if len(wanted):
            table = dict(zip(wanted.tolist(), self._catalog_values(snapshot.row_id[wanted]), strict=True))
        return [[table[int(p)] for p in found if p >= 0] for found in positions]

    def _catalog_values(self, row_ids: NDArray[np.uint64]) -> list[dict[str, Any]]:
        """Id and catalog values of these rows: from the file beside an index of this version, or from the table."""
        kept = self.remember(("catalog",), lambda: opened_catalog(self._store.files, self.version))
        if kept is not None:
            return kept.values(row_ids)
        names = ["object_id", *self.catalog_columns()]
        with sentence(self._store.path, "read the neighbours"):
            query = self._store.objects.take_row_ids([int(r) for r in row_ids]).select(names).with_row_id()
            found = query.to_arrow()
        by_id = dict(zip(found.column("_rowid").to_pylist(), found.select(names).to_pylist(), strict=True))
        return [by_id[int(r)] for r in row_ids]

    def spectra(self, object_ids: Sequence[str]) -> SpectrumSet:
        """Stored spectra in the order of `object_ids`."""
        names = ["object_id", "spectrum_key", *self.catalog_columns()]
        objects = self.of_objects(object_ids, names)
        where = {object_id: i for i, object_id in enumerate(objects.column("object_id").to_pylist())}
        if absent := [i for i in object_ids if i not in where]:
            raise KnowledgeError(
                f"{self._store.path}: {absent[0]} is not in the base ({len(absent)} of {len(object_ids)} are "
                "not). Check the ids with kb info, or add these objects."
            )
        objects = objects.take(pa.array([where[i] for i in object_ids], pa.int64()))
        pixels = self._pixels(objects.column("spectrum_key").to_pylist())
        rows = objects.select(self.catalog_columns())
        columns = [objects.column("object_id"), *pixels.columns, *rows.columns]
        return self._batch.from_arrow(
            pa.table(columns, names=["object_id", *pixels.column_names, *rows.column_names])
        )

    def of_objects(self, object_ids: Iterable[str], columns: Sequence[str]) -> pa.Table:
        """The named columns and `_rowid` of these objects, in any order; of those that the base lacks nothing."""
        tables = [self.scan(columns, one_of("object_id", part)) for part in _parts(sorted(set(object_ids)))]
        return pa.concat_tables(tables) if tables else self.scan(columns, "false")

    def _pixels(self, keys: list[str]) -> pa.Table:
        """The columns of the spectra themselves for these keys, in order."""
        tables = []
        with sentence(self._store.path, "read the spectra"):
            for part in _parts(sorted(set(keys))):
                tables.append(self._store.spectra.search().where(one_of("spectrum_key", part)).to_arrow())
        table = pa.concat_tables(tables) if tables else self._store.spectra.schema.empty_table()
        where = {key: i for i, key in enumerate(table.column("spectrum_key").to_pylist())}
        if lost := [key for key in keys if key not in where]:
            raise KnowledgeError(
                f"{self._store.path}: {len(lost)} spectra are missing from table spectra. "
                "Restore the folder from a copy, or upsert these objects again."
            )
        ordered = table.take(pa.array([where[key] for key in keys], pa.int64()))
        own = ordered.select([name for name in self._store.spectra.schema.names if name != "spectrum_key"])
        return joined_shared(own, self._store.shared_value)

    def _condition(self, where: str | None) -> _Condition:
        return _Condition(self, self._store, where)


class _Condition:
    """Turns the error of a wrong SQL condition into a sentence that suggests similar column names."""

    def __init__(self, reader: Reader, store: Store, where: str | None) -> None:
        self._reader, self._store, self._where = reader, store, where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError | RuntimeError | ValueError | pa.ArrowException):
            return
        if self._where is None:
            raise KnowledgeError(f"{self._store.path}: cannot be read ({_first_line(error)}).") from error
        raise KnowledgeError(
            f"{self._store.path}: the condition {self._where!r} cannot be used "
            f"({sql_problem(error, self._reader.columns())}). kb info lists the columns."
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _stored(table: Any, column: str, values: Iterable[str]) -> set[str]:
    """Those of the values that a table has, by the index that `optimize` made, and a scan of the rows after it."""
    found: set[str] = set()
    for part in _parts(sorted(set(values))):
        rows = table.search().select([column]).where(one_of(column, part)).to_arrow()
        found.update(rows.column(column).to_pylist())
    return found


def _parts(items: list[str]) -> list[list[str]]:
    return [items[i : i + IDS_AT_ONCE] for i in range(0, len(items), IDS_AT_ONCE)]


def one_of(column: str, values: Iterable[str]) -> str:
    """The condition that a column has one of these values."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"
