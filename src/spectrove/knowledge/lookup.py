"""Selection of the objects to search, exclusions for each query, and flags of the neighbours found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge.index.spaces import Computed
from spectrove.knowledge.reading import Coded, Reader
from spectrove.knowledge.schema import sky_positions
from spectrove.knowledge.search import Snapshot
from spectrove.spectra import Batch
from spectrove.targets import Composition, Target, label_text

#: Folds of the objects of a base: an object is answered with a metric fitted without the labels of its fold.
FOLDS = 5

#: Selections kept in memory, for searches with one spectrum at a time.
POOLS_KEPT = 8


@dataclass(frozen=True)
class Pool:
    """The part of a snapshot that is searched, and its number of objects of each label."""

    allowed: NDArray[np.bool_] | None
    counts: dict[str, int]


@dataclass(frozen=True)
class Searched:
    """The objects of a search, with the labels, groups and folds for fitting a metric.

    Attributes:
        object_id: Shape (n_objects,), strings.
        hashes: The `id_hash` of each, shape (n_objects,).
        vectors: Before any metric, shape (n_objects, n_dimensions), float32; of a large base they are read where rows
            are asked for, by positions or as an array.
        values: Label of each object.
        groups: Value of each object in the group column (None if the base has no such column).
        fold: A number from 0 to FOLDS - 1, equal for spectra of the same position on the sky.
    """

    object_id: NDArray[np.str_]
    hashes: NDArray[np.uint64]
    vectors: NDArray[np.float32]
    values: list[Any]
    groups: list[Any]
    fold: NDArray[np.int64]


def choose(
    reader: Reader,
    snapshot: Snapshot,
    views: tuple[str, ...],
    *,
    where: str | None,
    labelled: str | None,
    target: Target | None,
) -> Pool:
    """The objects of the views that meet condition, label column and target; the last selections are kept."""
    key = ("pool", *pool_key(views, where, labelled, target))
    return reader.remember(key, lambda: _choose(reader, snapshot, where, labelled, target), most=POOLS_KEPT)


def pool_key(
    views: tuple[str, ...], where: str | None, labelled: str | None, target: Target | None
) -> tuple[object, ...]:
    """What a selection depends on, in one version of a base."""
    return views, where, labelled, target.model_dump_json() if target else None


def _choose(
    reader: Reader, snapshot: Snapshot, where: str | None, labelled: str | None, target: Target | None
) -> Pool:
    allowed = np.ones(len(snapshot), dtype=bool)
    for condition in (where, target.filter if target else None):
        if condition:
            allowed &= reader.meets(snapshot, condition)
    counts: dict[str, int] = {}
    if labelled:
        values = reader.coded(snapshot, labelled)
        labels = named(values, [label_text(v) for v in values.values])
        allowed &= labels.codes >= 0
        counts = _count(labels, allowed)
    if target:
        allowed, counts = _compose(reader, snapshot, target, allowed)
    if not allowed.any():
        raise KnowledgeError(
            f"no object is left to search: of {len(snapshot)} objects with a vector none meets "
            + " and ".join(_said(where, labelled, target) or ["any condition (the base is empty)"])
            + ". Loosen the condition, or add such objects."
        )
    return Pool(None if allowed.all() else allowed, counts)


def _compose(
    reader: Reader, snapshot: Snapshot, target: Target, allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    target.check(reader.columns())
    values = reader.coded(snapshot, target.label)
    target.check(
        reader.columns(), [values.values[code] for code in np.unique(values.codes[allowed]) if code >= 0]
    )
    classes = named(values, target.classes_of(values.values))
    keep = allowed & (classes.codes >= 0)
    if target.composition != Composition():
        own = Coded(np.where(allowed, classes.codes, -1), classes.values).per_object(classes.values)
        keep = np.array(target.compose(snapshot.object_id.tolist(), own.tolist()), dtype=bool)
    counts = _count(classes, keep)
    return keep, {name: counts.get(name, 0) for name in target.classes}


def named(values: Coded, names: Sequence[str | None]) -> Coded:
    """The names of values, each once; of several values that have one name, or of those that have none."""
    kept = {name: code for code, name in enumerate(dict.fromkeys(n for n in names if n is not None))}
    codes = np.array([-1 if name is None else kept[name] for name in names] + [-1], dtype=np.int64)
    return Coded(codes[values.codes], list(kept))


def _count(labels: Coded, allowed: NDArray[np.bool_]) -> dict[str, int]:
    counts = np.bincount(labels.codes[allowed & (labels.codes >= 0)], minlength=len(labels.values))
    return dict(sorted((name, int(n)) for name, n in zip(labels.values, counts, strict=True) if n))


def _said(where: str | None, labelled: str | None, target: Target | None) -> list[str]:
    said = [f"the condition {where!r}"] if where else []
    said += [f"having a value in {labelled!r}"] if labelled else []
    return said + ([f"the target {target.name}"] if target else [])


def searched(reader: Reader, snapshot: Snapshot, pool: Pool, label: str, group: str) -> Searched:
    """The objects of the pool, sorted by id, so that equal bases give equal metrics."""
    chosen = np.arange(len(snapshot)) if pool.allowed is None else np.flatnonzero(pool.allowed)
    if not snapshot.in_order:
        chosen = chosen[np.argsort(snapshot.object_id[chosen], kind="stable")]

    def column(name: str) -> list[Any]:
        if name not in reader.columns():
            return [None] * len(chosen)
        values = reader.coded(snapshot, name)
        return values.per_object(values.values)[chosen].tolist()

    read: Any = Computed([(snapshot.vectors, chosen)], lambda parts: parts[0]) if snapshot.proposals else None
    return Searched(
        snapshot.object_id[chosen], snapshot.hashes[chosen], snapshot.vectors[chosen] if read is None else read,
        column(label), column(group), snapshot.folds(FOLDS)[chosen],
    )  # fmt: skip


def exclusions(
    reader: Reader,
    snapshot: Snapshot,
    query: Embeddings,
    spectra: Batch | None,
    itself: list[NDArray[np.int64]],
    column: str | None,
) -> list[NDArray[np.int64]]:
    """Positions excluded for each query: the object itself, and objects with its value in `column`."""
    excluded = itself
    if column is not None:
        index, nothing = _rows_of(query, spectra), np.zeros(0, dtype=np.int64)
        groups, own = reader.coded(snapshot, column), _query_values(reader, spectra, column)
        alike = {value: groups.places(value) for value in {own[int(i)] for i in index} if value is not None}
        excluded = [
            np.union1d(positions, alike.get(own[int(i)], nothing))
            for positions, i in zip(excluded, index, strict=True)
        ]
    return excluded


def same_objects(snapshot: Snapshot, query: Embeddings, spectra: Batch | None) -> list[NDArray[np.int64]]:
    """Positions of the same object for each query: by id, and by sky position if `spectra` gives it."""
    index = _rows_of(query, spectra)
    ra = dec = np.full(len(query), np.nan)
    if spectra is not None:
        ra, dec = (values[index] for values in sky_positions(spectra.rows))
    return [
        snapshot.same_object(str(query.object_id[i]), float(ra[i]), float(dec[i])) for i in range(len(query))
    ]


def own_folds(snapshot: Snapshot, pool: Pool, itself: list[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """For each query 1 + its fold, or 0 if it is no object of the pool."""
    which = np.zeros(len(itself), dtype=np.int64)
    for i, positions in enumerate(itself):
        inside = positions if pool.allowed is None else positions[pool.allowed[positions]]
        if len(inside):
            which[i] = 1 + snapshot.fold(int(inside[0]), n)
    return which


def _rows_of(query: Embeddings, spectra: Batch | None) -> NDArray[np.int64]:
    """Row of each query in `spectra`."""
    if spectra is None:
        return np.zeros(len(query), dtype=np.int64)
    where = {str(object_id): i for i, object_id in enumerate(spectra.object_id)}
    if absent := [str(i) for i in query.object_id if str(i) not in where]:
        raise KnowledgeError(
            f"{absent[0]}: this query has no spectrum ({len(absent)} of {len(query)} have none). "
            "Give the spectra that the vectors were made from."
        )
    return np.array([where[str(i)] for i in query.object_id], dtype=np.int64)


def _query_values(reader: Reader, spectra: Batch | None, column: str) -> list[object]:
    """Values of the queries in the type of the base, so that 1445.0 and "1445" equal 1445."""
    if spectra is None or column not in spectra.rows.column_names:
        raise KnowledgeError(
            f"column {column!r}: the queries lack it, so no object can be excluded by it. "
            "Give their spectra with that column, or search without exclude_column."
        )
    try:
        return spectra.rows.column(column).cast(reader.column_type(column)).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise KnowledgeError(
            f"column {column!r}: the queries have {spectra.rows.column(column).type}, the base "
            f"{reader.column_type(column)}, and the values do not convert. Give both the same type."
        ) from error


def flags(snapshot: Snapshot, query: Embeddings, positions: NDArray[np.int64]) -> tuple[tuple[str, ...], ...]:
    """Flags of each query: too few neighbours, or a neighbour with less than half of its wavelength range in common."""
    result = []
    for i, found in enumerate(positions):
        low, high = query.coverage[i]
        ranges = snapshot.coverage[found[found >= 0]]
        shared = np.minimum(high, ranges[:, 1]) - np.maximum(low, ranges[:, 0])
        names = ["few_neighbors"] if (found < 0).any() else []
        # An unknown range (NaN) compares false: no flag.
        names += ["neighbor_coverage"] if (shared < 0.5 * (high - low)).any() else []
        result.append(tuple(names))
    return tuple(result)
