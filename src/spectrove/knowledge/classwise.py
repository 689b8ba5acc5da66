"""Distances to the nearest objects of every class, the input of a calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.knowledge import lookup
from spectrove.knowledge.finding import Conditions, Search, search_of
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.search import Snapshot, nearest_of_each
from spectrove.knowledge.space import SPACES_KEPT, Space, placed, typical_distance
from spectrove.knowledge.store import Store
from spectrove.provenance import canonical_json
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
        scale: With `among`, the unit of `distance` in the first metric.
    """

    query_id: NDArray[np.str_]
    classes: tuple[str, ...]
    distance: NDArray[np.float64]
    counts: NDArray[np.int64]
    scale: float = 1.0


@dataclass(frozen=True)
class Among:
    """Some objects of a base, to which alone distances are measured.

    Attributes:
        object_id: Shape (n_objects,), strings.
    """

    object_id: NDArray[np.str_]

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the objects."""
        return blake2b("\n".join(self.object_id.tolist()).encode(), digest_size=16).hexdigest()


def find_by_class(
    store: Store,
    reader: Reader,
    query: Embeddings | Mapping[str, Embeddings],
    k: int,
    conditions: Conditions,
    kinds: Mapping[str, str] | None = None,
    among: Among | None = None,
) -> ClassDistances:
    """Distances by class, for `KnowledgeBase.search_by_class`."""
    search = search_of(store, reader, query, conditions)
    part = () if among is None else (among.fingerprint,)
    if among is not None:
        search = _part_of(search, among, conditions)
    target = conditions.target
    label = conditions.labelled or (target.label if target else "")
    named = reader.remember(
        ("members", *_identity(search.space.views, conditions, kinds), *part),
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
    found = ClassDistances(queries.object_id, tuple(members), distance, counts)
    if among is None:
        return found
    return replace(found, scale=search.scale(Space(search.space.weights, search.metrics[0])))


@dataclass(frozen=True)
class _PartOf(Search):
    """A search in some objects of a base, with places and a unit of distance of their own; `part` identifies them."""

    part: str = ""

    def snapshot(self, space: Space) -> Snapshot:
        if space.metric is None:
            return self.known
        key = ("space of a part", space.key, self.part)
        known = self.known
        return self.reader.remember(key, lambda: known.moved(placed(space, known.vectors)), most=SPACES_KEPT)

    def scale(self, space: Space) -> float:
        key = ("scale of a part", space.key, self.part)
        return self.reader.remember(key, lambda: typical_distance(self.snapshot(space)))


def _part_of(search: Search, among: Among, conditions: Conditions) -> _PartOf:
    """The same search in some of its objects."""
    whole, pool, name = search.known, search.pool, among.fingerprint
    allowed = np.ones(len(whole), dtype=bool) if pool.allowed is None else pool.allowed
    views = search.space.views

    def chosen() -> NDArray[np.int64]:
        places = [whole.position(object_id) for object_id in among.object_id.tolist()]
        there = np.array([place for place in places if place is not None], dtype=np.int64)
        return np.sort(there[allowed[there]])

    # With the weights of the views: they are in the vectors.
    identity = (*_identity(views, conditions, None), search.space.key, name)
    at = search.reader.remember(("part", *identity), chosen, most=lookup.POOLS_KEPT)
    known = search.reader.remember(
        ("objects of a part", *identity), lambda: _taken(whole, at), most=lookup.POOLS_KEPT
    )
    excluded = [np.flatnonzero(np.isin(at, positions)) for positions in search.excluded]
    shared = {f.name: getattr(search, f.name) for f in fields(search)}
    part = canonical_json([*map(str, identity)])
    return _PartOf(
        **shared | {"known": known, "pool": replace(pool, allowed=None), "excluded": excluded}, part=part
    )


def _taken(whole: Snapshot, at: NDArray[np.int64]) -> Snapshot:
    names = [f.name for f in fields(Snapshot) if f.name != "proposals"]
    return Snapshot(**{name: getattr(whole, name)[at] for name in names})


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
