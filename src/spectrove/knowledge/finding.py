"""One search: the neighbours of queries under given conditions and metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import lookup
from spectrove.knowledge.neighbors import Neighbors
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.search import Snapshot, nearest
from spectrove.knowledge.space import Metric, Space, choose_space, placed, query_vectors, scale, snapshot
from spectrove.knowledge.store import Store
from spectrove.spectra import Batch
from spectrove.targets import Target


@dataclass(frozen=True)
class Conditions:
    """What is searched, and how distances are measured: arguments of `KnowledgeBase.search`, explained there."""

    spectra: Batch | None = None
    where: str | None = None
    view: str | Mapping[str, float] | None = None
    allow_self: bool = False
    labelled: str | None = None
    exclude_column: str | None = None
    target: Target | None = None
    metric: Metric | Sequence[Metric] | None = None
    with_rows: bool = True

    @property
    def metrics(self) -> list[Metric | None]:
        """The metrics; None stands for plain distances."""
        if self.metric is None or not isinstance(self.metric, Sequence):
            return [self.metric]
        return list(self.metric) or [None]


@dataclass(frozen=True)
class Search:
    """A search that is about to be made.

    Attributes:
        space: Of plain distances.
        queries: Vectors of the queries in it.
        known: The objects of the base.
        pool: Those of them that are searched.
        excluded: Positions of objects that each query may not find.
        metrics: The metrics, and `which` of them is that of each query, (n_queries,).
    """

    store: Store
    reader: Reader
    space: Space
    queries: Embeddings
    known: Snapshot
    pool: lookup.Pool
    excluded: Sequence[NDArray[np.int64]]
    metrics: Sequence[Metric | None]
    which: NDArray[np.int64]

    def snapshot(self, space: Space) -> Snapshot:
        """The objects of the base, placed in a space."""
        return snapshot(self.store, self.reader, space)

    def scale(self, space: Space) -> float:
        """The unit of distances in a space."""
        return scale(self.store, self.reader, space)


def search_of(
    store: Store, reader: Reader, query: Embeddings | Mapping[str, Embeddings], conditions: Conditions
) -> Search:
    """The search under these conditions; a query that is an object of fold i has the metric 1 + i."""
    target, where, labelled = conditions.target, conditions.where, conditions.labelled
    space = choose_space(store, reader, conditions.view, target)
    queries = query_vectors(store, reader, space, query)
    known = snapshot(store, reader, space)
    pool = lookup.choose(reader, known, space.views, where=where, labelled=labelled, target=target)
    itself = lookup.same_objects(known, queries, conditions.spectra)
    nobody = [np.zeros(0, dtype=np.int64)] * len(queries)
    excluded = lookup.exclusions(
        reader, known, queries, conditions.spectra, nobody if conditions.allow_self else itself,
        conditions.exclude_column,
    )  # fmt: skip
    metrics = conditions.metrics
    which = np.zeros(len(queries), dtype=int)
    if len(metrics) > 1 and not conditions.allow_self:
        which = lookup.own_folds(known, pool, itself, len(metrics) - 1)
    return Search(store, reader, space, queries, known, pool, excluded, metrics, which)


def find(
    store: Store, reader: Reader, query: Embeddings | Mapping[str, Embeddings], k: int, conditions: Conditions
) -> Neighbors:
    """The K nearest objects of each query, for `KnowledgeBase.search`."""
    if k < 1:
        raise KnowledgeError(f"k is {k}, expected 1 or more.")
    search = search_of(store, reader, query, conditions)
    space, queries, known, first = search.space, search.queries, search.known, search.metrics[0]
    vectors, positions, distance = _nearest(search, k)
    ids = [[str(known.object_id[p]) if p >= 0 else "" for p in near] for near in positions]
    if conditions.with_rows:
        rows = reader.rows_at(known, positions)
    else:
        rows = [[{} for p in near if p >= 0] for near in positions.tolist()]
    return Neighbors(
        query_id=queries.object_id,
        query_vectors=vectors,
        object_id=np.array(ids, dtype=str).reshape(positions.shape),
        distance=distance,
        rows=rows,
        scale=search.scale(Space(space.weights, first)),
        flags=lookup.flags(known, queries, positions),
        view=space.name,
        fingerprint=queries.fingerprint,
        version=reader.version,
        pool=search.pool.counts,
        weights=dict(space.weights),
        metric={} if first is None else {"name": "linear", "fingerprint": first.fingerprint},
    )


def _nearest(search: Search, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Query vectors, neighbour positions and distances, each query in its own metric.

    Distances in the second and later metrics are converted to the unit of the first.
    """
    spaces = [Space(search.space.weights, metric, search.metrics[0]) for metric in search.metrics]
    queries = search.queries
    vectors = placed(spaces[0], queries.vectors)
    positions = np.full((len(queries), k), -1, dtype=np.int64)
    distance = np.full((len(queries), k), np.inf)
    for number in sorted({int(i) for i in search.which}):
        own = np.flatnonzero(search.which == number)
        space = spaces[number]
        places = placed(space, queries.vectors[own])
        excluded = [search.excluded[int(i)] for i in own]
        known, asked = search.snapshot(space), placed(space.leading, queries.vectors[own])
        near, far = nearest(known, places, k, search.pool.allowed, excluded, asked)
        if number:
            far = far * (search.scale(spaces[0]) / search.scale(space))
        if places.shape[1] == vectors.shape[1]:
            vectors[own] = places
        positions[own], distance[own] = near, far
    return vectors, positions, distance
