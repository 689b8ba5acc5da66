"""Distances to the nearest objects of every class, the input of a calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.knowledge import lookup
from spectrove.knowledge.finding import Conditions, search_of
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.search import Snapshot, nearest_of_each
from spectrove.knowledge.space import Space, placed
from spectrove.knowledge.store import Store
from spectrove.targets import Target, label_text


@dataclass(frozen=True)
class ClassDistances:
    """Distances of each query to the nearest objects of each class.

    Attributes:
        query_id: Shape (n_queries,), strings.
        classes: Subclasses if they were given, else classes of the target or values of the label column.
        distance: In units of the base's median nearest-neighbour distance, nearest first, shape
            (n_queries, n_classes, k); infinite if a class has fewer than k objects.
        counts: Number of objects searched in each class, shape (n_classes,).
    """

    query_id: NDArray[np.str_]
    classes: tuple[str, ...]
    distance: NDArray[np.float64]
    counts: NDArray[np.int64]


def find_by_class(
    store: Store,
    reader: Reader,
    query: Embeddings | Mapping[str, Embeddings],
    k: int,
    conditions: Conditions,
    kinds: Mapping[str, str] | None = None,
) -> ClassDistances:
    """Distances by class, for `KnowledgeBase.search_by_class`."""
    search = search_of(store, reader, query, conditions)
    target = conditions.target
    label = conditions.labelled or (target.label if target else "")
    named = reader.remember(
        ("members", *_identity(search.space.views, conditions, kinds)),
        lambda: _members(reader, search.known, search.pool, label, target, kinds),
        most=lookup.POOLS_KEPT,
    )
    members = dict(named)
    queries = search.queries
    distance = np.full((len(queries), len(members), k), np.inf)
    for number in sorted({int(i) for i in search.which}):
        own = np.flatnonzero(search.which == number)
        place = Space(search.space.weights, search.metrics[number], search.metrics[0])
        near = nearest_of_each(
            search.snapshot(place),
            placed(place, queries.vectors[own]),
            k,
            list(members.values()),
            [search.excluded[int(i)] for i in own],
        )
        distance[own] = near / search.scale(place)
    counts = np.array([len(m) for m in members.values()], dtype=np.int64)
    return ClassDistances(queries.object_id, tuple(members), distance, counts)


def _identity(
    views: tuple[str, ...], conditions: Conditions, kinds: Mapping[str, str] | None
) -> tuple[object, ...]:
    """Everything that the members of classes depend on, in one version of a base."""
    key = lookup.pool_key(views, conditions.where, conditions.labelled, conditions.target)
    return (*key, None if kinds is None else tuple(kinds.items()))


def _members(
    reader: Reader,
    known: Snapshot,
    pool: lookup.Pool,
    label: str,
    target: Target | None,
    kinds: Mapping[str, str] | None,
) -> dict[str, NDArray[np.int64]]:
    """Positions of the searched objects of each class."""
    values = reader.coded(known, label)
    texts = [label_text(v) for v in values.values]
    if kinds is not None:
        texts = [None if text is None else kinds.get(text) for text in texts]
    elif target:
        texts = target.classes_of(texts)
    classes = lookup.named(values, texts)
    allowed = np.ones(len(known), dtype=bool) if pool.allowed is None else pool.allowed
    wanted = dict.fromkeys(kinds.values()) if kinds is not None else pool.counts
    own = {name: code for code, name in enumerate(classes.values)}
    return {name: np.flatnonzero(allowed & (classes.codes == own.get(name, len(own)))) for name in wanted}
