"""Distances to the nearest objects of every class, the input of a calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.knowledge import lookup
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.search import Snapshot, nearest_of_each
from spectrove.knowledge.space import Metric, Space, choose_space, placed, query_vectors, scale, snapshot
from spectrove.knowledge.store import Store
from spectrove.spectra import Batch
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
    *,
    spectra: Batch | None = None,
    where: str | None = None,
    view: str | Mapping[str, float] | None = None,
    allow_self: bool = False,
    labelled: str | None = None,
    exclude_column: str | None = None,
    target: Target | None = None,
    metric: Sequence[Metric] = (),
    kinds: Mapping[str, str] | None = None,
) -> ClassDistances:
    """Distances by class, for `KnowledgeBase.search_by_class`."""
    space = choose_space(store, reader, view, target)
    asked = query_vectors(store, reader, space, query)
    known = snapshot(store, reader, space)
    pool = lookup.choose(reader, known, space.views, where=where, labelled=labelled, target=target)
    itself = lookup.same_objects(known, asked, spectra)
    nobody = [np.zeros(0, dtype=np.int64)] * len(asked)
    excluded = lookup.exclusions(
        reader, known, asked, spectra, nobody if allow_self else itself, exclude_column
    )
    label = labelled or (target.label if target else "")
    members = _members(reader, known, pool, label, target, kinds)
    which = np.zeros(len(asked), dtype=int)
    if len(metric) > 1 and not allow_self:
        which = lookup.own_folds(known, pool, itself, len(metric) - 1)
    distance = np.full((len(asked), len(members), k), np.inf)
    for number in sorted({int(i) for i in which}):
        own = np.flatnonzero(which == number)
        place = Space(space.weights, metric[number] if metric else None)
        found = nearest_of_each(
            snapshot(store, reader, place),
            placed(place, asked.vectors[own]),
            k,
            list(members.values()),
            [excluded[int(i)] for i in own],
        )
        distance[own] = found / scale(store, reader, place)
    counts = np.array([len(m) for m in members.values()], dtype=np.int64)
    return ClassDistances(asked.object_id, tuple(members), distance, counts)


def _members(
    reader: Reader,
    known: Snapshot,
    pool: lookup.Pool,
    label: str,
    target: Target | None,
    kinds: Mapping[str, str] | None,
) -> dict[str, NDArray[np.int64]]:
    """Positions of the searched objects of each class."""
    texts = [label_text(v) or "" for v in reader.values(known, label)]
    if kinds is not None:
        names = [kinds.get(text, "") for text in texts]
    else:
        names = [name or "" for name in target.classes_of(texts)] if target else texts
    allowed = np.ones(len(known), dtype=bool) if pool.allowed is None else pool.allowed
    text = np.array(names, dtype=str)
    wanted = dict.fromkeys(kinds.values()) if kinds is not None else pool.counts
    return {name: np.flatnonzero(allowed & (text == name)) for name in wanted}
