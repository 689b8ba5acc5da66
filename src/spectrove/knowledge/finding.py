"""One search: the neighbours of queries under given conditions and metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import lookup
from spectrove.knowledge.neighbors import Neighbors
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.search import nearest
from spectrove.knowledge.space import Metric, Space, choose_space, placed, query_vectors, scale, snapshot
from spectrove.knowledge.store import Store
from spectrove.spectra import Batch
from spectrove.targets import Target


def find(
    store: Store,
    reader: Reader,
    query: Embeddings | Mapping[str, Embeddings],
    k: int,
    *,
    spectra: Batch | None,
    where: str | None,
    view: str | Mapping[str, float] | None,
    allow_self: bool,
    labelled: str | None,
    exclude_column: str | None,
    target: Target | None,
    metric: Metric | Sequence[Metric] | None,
) -> Neighbors:
    """The K nearest objects of each query, for `KnowledgeBase.search`."""
    if k < 1:
        raise KnowledgeError(f"k is {k}, expected 1 or more.")
    space = choose_space(store, reader, view, target)
    asked = query_vectors(store, reader, space, query)
    known = snapshot(store, reader, space)
    pool = lookup.choose(reader, known, space.views, where=where, labelled=labelled, target=target)
    itself = lookup.same_objects(known, asked, spectra)
    nobody = [np.zeros(0, dtype=np.int64)] * len(asked)
    excluded = lookup.exclusions(
        reader, known, asked, spectra, nobody if allow_self else itself, exclude_column
    )
    metrics = [metric] if metric is None or not isinstance(metric, Sequence) else list(metric)
    which = np.zeros(len(asked), dtype=int)
    if len(metrics) > 1 and not allow_self:
        which = lookup.own_folds(known, pool, itself, len(metrics) - 1)
    vectors, positions, distance = _nearest(store, reader, space, metrics, which, asked, k, pool, excluded)
    ids = [[str(known.object_id[p]) if p >= 0 else "" for p in found] for found in positions]
    return Neighbors(
        query_id=asked.object_id,
        query_vectors=vectors,
        object_id=np.array(ids, dtype=str).reshape(positions.shape),
        distance=distance,
        rows=reader.rows_at(known, positions),
        scale=scale(store, reader, Space(space.weights, metrics[0])),
        flags=lookup.flags(known, asked, positions),
        view=space.name,
        fingerprint=asked.fingerprint,
        version=reader.version,
        pool=pool.counts,
        weights=dict(space.weights),
        metric={} if metrics[0] is None else {"name": "linear", "fingerprint": metrics[0].fingerprint},
    )


def _nearest(
    store: Store,
    reader: Reader,
    plain: Space,
    metrics: Sequence[Metric | None],
    which: NDArray[np.int64],
    asked: Embeddings,
    k: int,
    pool: lookup.Pool,
    excluded: Sequence[NDArray[np.int64]],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Query vectors, neighbour positions and distances, each query in its own metric.

    Distances in the second and later metrics are converted to the unit of the first.
    """
    spaces = [Space(plain.weights, metric) for metric in metrics]
    vectors = placed(spaces[0], asked.vectors)
    positions = np.full((len(asked), k), -1, dtype=np.int64)
    distance = np.full((len(asked), k), np.inf)
    for number in sorted({int(i) for i in which}):
        own = np.flatnonzero(which == number)
        space = spaces[number]
        places = placed(space, asked.vectors[own])
        found, far = nearest(
            snapshot(store, reader, space), places, k, pool.allowed, [excluded[int(i)] for i in own]
        )
        if number:
            far = far * (scale(store, reader, spaces[0]) / scale(store, reader, space))
        if places.shape[1] == vectors.shape[1]:
            vectors[own] = places
        positions[own], distance[own] = found, far
    return vectors, positions, distance
