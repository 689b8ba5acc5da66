"""A snapshot of the version that is read, from the index of another version and what has changed since.

An index is never trusted for a row that may have changed: the log of operations says whether rows are recognised by
their place in the table, by their id, or by their vector alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectrove.knowledge.files import Files
from spectrove.knowledge.index.graph import Graph, read_graph
from spectrove.knowledge.index.origin import goes_on_from
from spectrove.knowledge.index.sidecar import ARRAYS, DERIVED, FOLDER, GIVEN, GRAPH, Description, mapped
from spectrove.knowledge.index.spaces import Mended
from spectrove.knowledge.schema import COVERAGE, VECTOR, matrix, sky_positions
from spectrove.knowledge.search import Snapshot, cells_of, hashes_of, squared_norms_of
from spectrove.work import LOG

#: From so many objects an index is made and used. Below, looking at all of them takes less than .2 s and misses none.
INDEX_FROM = 50_000

#: Part of the objects of an index that may have changed: of more, every object is looked at.
MOST_CHANGED = 0.2

#: Operations that leave every row that they do not change at its place in the table, as do those whose lines in the
#: log say `in_place`: columns written beside the others, and reviews of few objects.
IN_PLACE = frozenset({"add", "upsert", "delete"})

#: Operations that change no vector of an object that they leave in the base.
SAME_VECTORS = frozenset({"delete", "optimize"})


class Version(Protocol):
    """What is read of one version of a base; `reading.Reader`."""

    version: int

    @property
    def measured_version(self) -> int: ...

    def views(self) -> Any: ...

    def scan(self, columns: Sequence[str], where: str | None = None) -> pa.Table: ...

    def taken(self, row_ids: NDArray[np.uint64], columns: Sequence[str]) -> pa.Table: ...

    def operations(self) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Sidecar:
    """An open index: what it says of itself, its arrays by name, and its graph."""

    about: Description
    arrays: dict[str, NDArray[Any]]
    graph: Any

    def snapshot(self, row_id: NDArray[np.uint64] | None = None) -> Snapshot:
        """The snapshot of its own version; `row_id` where these have changed."""
        kept: dict[str, Any] = {name: self.arrays[name] for name in GIVEN}
        kept |= {} if row_id is None else {"row_id": row_id}
        made = self.proposing(Snapshot(**kept), np.arange(self.about.rows))
        return _ready(made, {name: self.arrays[name] for name in DERIVED})

    def proposing(self, whole: Snapshot, places: NDArray[np.int64]) -> Snapshot:
        """A snapshot with the graph, which knows all of its objects but those that are not among `places`.

        Args:
            whole: The objects.
            places: Where each object of the index is among them, -1 for one that is not, (n_indexed,).
        """
        places[np.asarray(self.about.unreached, np.int64)] = -1
        known = np.zeros(len(whole), dtype=bool)
        known[places[places >= 0]] = True
        fresh = np.flatnonzero(~known)
        others = Snapshot(
            whole.row_id[fresh], whole.object_id[fresh], whole.vectors[fresh], whole.coverage[fresh],
            whole.ra[fresh], whole.dec[fresh],
        )  # fmt: skip
        graph = Graph(self.graph, places, fresh, others, self.about.proposed, self.about.usual)
        return replace(whole, proposals=graph)


@dataclass(frozen=True)
class Found:
    """What was found of the index of a view.

    Attributes:
        state: "used", "absent", "other history", "other vectors", "newer", "damaged" or "stale".
        why: What the index is or was, after "the view shape"; "" if it is used.
        snapshot: The view in the version that is read; None if it has to be read without an index. A stale index
            proposes nothing, and its vectors are used.
        changed: Objects that are new, replaced or gone since it was made.
    """

    state: str
    why: str = ""
    snapshot: Snapshot | None = None
    changed: int = 0


def opened(files: Files, base: Version, view: str, read: Callable[[], Snapshot]) -> Snapshot | None:
    """The view in the version that is read, by its index; None if there is no index that can be used.

    Args:
        files, base, view, read: As in `looked_for`.
    """
    if files.place(FOLDER) is None:
        return None
    found = looked_for(files, base, view, read)
    if found.state not in ("used", "newer"):
        LOG.warning(
            "the view %s %s: every search looks at all objects, which is slower. kb optimize makes one.",
            view,
            found.why,
        )
    return found.snapshot


def looked_for(files: Files, base: Version, view: str, read: Callable[[], Snapshot]) -> Found:
    """The index of a view, and whether it can be used.

    Args:
        files: The files of the base, in a local folder.
        base: The version.
        view: Name of the view.
        read: Reads the view without an index.
    """
    about = Description.read(files, view)
    if about is None:
        there = f"{view}.json" in files.names(FOLDER)
        return Found("absent", "has an index of another version of Spectrove" if there else "has no index")
    if not goes_on_from(files, about.version, about.origin, base.operations):
        return Found(
            "other history", "has an index of another history of the base, as before a backup was restored"
        )
    known = base.views()[view]
    if (about.fingerprint, about.dimensions) != (known.fingerprint, known.dimensions):
        return Found("other vectors", "was encoded anew after its index was made")
    if about.version > base.version:  # made while an older version is still read
        return Found("newer", "has an index of a later version")
    try:
        sidecar = opened_files(files, about)
    except (OSError, RuntimeError, ValueError):  # its files are gone: another process makes it anew
        sidecar = None
    if sidecar is None and Description.read(files, view) != about:
        return looked_for(files, base, view, read)
    if sidecar is None:
        return Found("damaged", "has a damaged index")
    if about.version == base.version:
        return Found("used", snapshot=sidecar.snapshot())
    return _caught_up(sidecar, base, read)


def opened_files(files: Files, about: Description) -> Sidecar | None:
    """The index that a description is of; None if a file of it is not what was written."""
    places = {what: about.place(files, what) for what in (*ARRAYS, GRAPH)}
    if any(place is None for place in places.values()):
        return None
    arrays = {name: mapped(place) for name in ARRAYS if (place := places[name]) is not None}
    place = places[GRAPH]
    assert place is not None
    return Sidecar(about, arrays, read_graph(place))


def _caught_up(sidecar: Sidecar, base: Version, read: Callable[[], Snapshot]) -> Found:
    """The snapshot of a later version than that of the index."""
    view, about = sidecar.about.view, sidecar.about
    later = [o for o in base.operations() if o["after"] >= about.version]
    since = {str(o["operation"]) for o in later}
    if since and all(_in_place(o, view) for o in later):
        recognised = partial(_by_place, sidecar)
    elif (since and since <= SAME_VECTORS) or base.measured_version <= about.version:
        recognised = partial(_by_id, sidecar)
    else:
        return _compared(sidecar, read())
    # Rows without a vector are few as a rule; to look for them among all reads every vector.
    table = base.scan(["object_id", "ra", "dec"])
    found = recognised(table)
    if np.count_nonzero(found < 0) > MOST_CHANGED * about.rows:
        table = base.scan(["object_id", "ra", "dec"], f"{VECTOR}{view} IS NOT NULL").sort_by("object_id")
        found = recognised(table)
    if np.count_nonzero(found < 0) > MOST_CHANGED * about.rows:
        return _proposed(sidecar, read(), found)
    return _merged(sidecar, base, table, found)


def _in_place(operation: Mapping[str, Any], view: str) -> bool:
    """Whether an operation left every row that it did not change at its place, and at its vector in this view."""
    if operation.get("in_place") is True:
        return view not in operation.get("views", ())
    return operation["operation"] in IN_PLACE


def _by_place(sidecar: Sidecar, table: pa.Table) -> NDArray[np.int64]:
    """Position in the index of each row of a table, by its place in the base's table; -1 for a new one."""
    known, rows = sidecar.arrays["row_id"], table.column("_rowid").to_numpy()
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known, rows, sorter=order), len(known) - 1)
    found = np.where(known[order[at]] == rows, order[at], -1)
    # A place that a writer of another kind has used again is recognised by the id.
    ids = _ids(table.column("object_id"))
    return np.where(sidecar.arrays["object_id"][found] == ids, found, -1)


def _by_id(sidecar: Sidecar, table: pa.Table) -> NDArray[np.int64]:
    """Position in the index of each row of a table, by its id; -1 for a new one."""
    known = pa.array(sidecar.arrays["object_id"], pa.string())
    found = pc.index_in(table.column("object_id"), value_set=known)
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)


def _merged(sidecar: Sidecar, base: Version, table: pa.Table, found: NDArray[np.int64]) -> Found:
    """The snapshot of the rows of a table that have a vector, with `found` their positions in the index."""
    rows, (ra, dec) = np.asarray(table.column("_rowid").to_numpy(), np.uint64), sky_positions(table)
    arrays, view = sidecar.arrays, sidecar.about.view
    kept = np.flatnonzero(found >= 0)
    kept = kept[np.argsort(found[kept])]
    at = found[kept]
    fresh = np.flatnonzero(found < 0)
    vectors, coverage = np.zeros((0, sidecar.about.dimensions), np.float32), np.zeros((0, 2))
    if len(fresh):
        new = base.taken(rows[fresh], [VECTOR + view, COVERAGE + view])
        there = new.column(VECTOR + view).is_valid().to_numpy(zero_copy_only=False)
        fresh, new = fresh[there], new.filter(pa.array(there))
        vectors, coverage = matrix(new.column(VECTOR + view)), matrix(new.column(COVERAGE + view))
    moved = ~(_same(arrays["ra"][at], ra[kept]) & _same(arrays["dec"][at], dec[kept]))
    if not len(fresh) and not moved.any() and len(at) == sidecar.about.rows:
        return Found("used", snapshot=sidecar.snapshot(rows[kept]))
    ids = _ids(table.column("object_id").take(pa.array(fresh)))
    order = np.argsort(ids, kind="stable")
    fresh, ids, vectors, coverage = fresh[order], ids[order], vectors[order], coverage[order]
    cells = arrays["cells"][at]
    cells[moved] = cells_of(arrays["object_id"][at[moved]], ra[kept][moved], dec[kept][moved])
    before = np.searchsorted(arrays["object_id"][at], ids)

    def among(known: NDArray[Any], own: NDArray[Any]) -> NDArray[Any]:
        """Values of the objects of the index, with those of the fresh ones among them, sorted by id."""
        return np.insert(
            known.astype(np.promote_types(known.dtype, own.dtype), copy=False), before, own, axis=0
        )

    places = among(at, -1 - np.arange(len(fresh)))
    mended: Any = Mended(arrays["vectors"], vectors, places)
    whole = Snapshot(
        among(rows[kept], rows[fresh]), among(arrays["object_id"][at], ids), mended,
        among(arrays["coverage"][at], coverage), among(ra[kept], ra[fresh]), among(dec[kept], dec[fresh]),
    )  # fmt: skip
    made = _proposed(sidecar, whole, np.maximum(places, -1))
    assert made.snapshot is not None
    derived = {
        "squared_norms": among(arrays["squared_norms"][at], squared_norms_of(vectors)),
        "cells": among(cells, cells_of(ids, ra[fresh], dec[fresh])),
        "hashes": among(arrays["hashes"][at], hashes_of(ids)),
    }
    _ready(made.snapshot, derived)
    return made


def _compared(sidecar: Sidecar, whole: Snapshot) -> Found:
    """A snapshot that was read, with the graph for its objects whose vectors are the same as in the index."""
    found = _by_id(sidecar, pa.table({"object_id": pa.array(whole.object_id, pa.string())}))
    known, same = sidecar.arrays["vectors"], found >= 0
    for start in range(0, len(found), 1 << 16):
        own = slice(start, start + (1 << 16))
        same[own] &= (known[found[own]] == whole.vectors[own]).all(axis=1)
    return _proposed(sidecar, whole, np.where(same, found, -1))


def _proposed(sidecar: Sidecar, whole: Snapshot, found: NDArray[np.int64]) -> Found:
    """The snapshot with the graph, which knows the objects at `found`; without it if too many have changed."""
    places = np.full(sidecar.about.rows, -1, dtype=np.int64)
    kept = np.flatnonzero(found >= 0)
    places[found[kept]] = kept
    changed = len(whole) - len(kept) + int((places < 0).sum())
    if changed > MOST_CHANGED * sidecar.about.rows:
        since = f"has an index of version {sidecar.about.version}, since when {changed:,} objects changed"
        return Found("stale", since, replace(whole, vectors=np.asarray(whole.vectors)), changed)
    return Found("used", "", sidecar.proposing(whole, places), changed)


def _ready(snapshot: Snapshot, derived: Mapping[str, NDArray[Any]]) -> Snapshot:
    """The snapshot with what was derived from it before, so that it is not computed again."""
    vars(snapshot).update({"_cells" if name == "cells" else name: array for name, array in derived.items()})
    return snapshot


def _ids(column: pa.ChunkedArray) -> NDArray[np.str_]:
    return np.array(column.to_pylist(), dtype=str)


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (one == other) | (np.isnan(one) & np.isnan(other))
