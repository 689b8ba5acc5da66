"""Space: the vector space of a search, made of one or more views with weights, and perhaps a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge.checks import check_query, check_view
from spectrove.knowledge.index.lists import Lists
from spectrove.knowledge.index.spaces import Computed, Joined, Wider
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.schema import DEFAULT_VIEW
from spectrove.knowledge.search import Proposals, Snapshot, first_by_hash, nearest
from spectrove.knowledge.store import Store
from spectrove.targets import Target
from spectrove.work import doing

#: Cache of scales by version and space.
SCALES = "scales.json"

#: Objects from which the scale is measured: the median is then good to about 3%.
SCALE_SAMPLE = 512

#: Spaces whose vectors are kept in memory.
SPACES_KEPT = 8

#: How many times more objects an index proposes for distances that are not its own: in a metric, over several views.
WIDER_IN_METRIC, WIDER_IN_VIEWS = 4, 8


class Metric(Protocol):
    """A change of coordinates before distances are measured, see `inference.metric`."""

    @property
    def fingerprint(self) -> str:
        """Identifies the change of coordinates."""
        ...

    def transform(self, vectors: NDArray) -> NDArray[np.float32]:
        """The vectors (n, d) in the new coordinates; no row depends on another."""
        ...

    def roughly(self, vectors: NDArray) -> NDArray[np.float32]:
        """The same to single precision, quickly: to find where exact distances are worth computing."""
        ...


@dataclass(frozen=True)
class Space:
    """Views with their weights, and perhaps a metric.

    The vectors of each view are divided by the median nearest-neighbour distance of that view, multiplied by the
    square root of its weight, and concatenated: a squared distance is the weighted sum of the squared distances in
    the views. A single view is used unchanged.

    Attributes:
        weights: Weight of each view.
        metric: A change of coordinates; None for plain distances.
        led_by: A similar metric (one fitted on other folds), whose index proposes objects in a large base; None for
            that of the metric itself. Distances do not depend on it.
    """

    weights: Mapping[str, float]
    metric: Metric | None = None
    led_by: Metric | None = None

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views; the wavelength range is that of the first."""
        return tuple(self.weights)

    @property
    def name(self) -> str:
        """Name to print: "shape + surprise"."""
        return " + ".join(self.views)

    @property
    def key(self) -> str:
        """Identifies the space; for a single view without metric, the name of the view."""
        if len(self.weights) == 1 and self.metric is None:
            return self.views[0]
        weights = "+".join(f"{view}*{weight:.6g}" for view, weight in self.weights.items())
        return f"{weights}|{self.metric.fingerprint if self.metric else ''}"

    @property
    def leading(self) -> Space:
        """The space whose index proposes objects in this one."""
        if self.metric is None or self.led_by is None or self.led_by.fingerprint == self.metric.fingerprint:
            return replace(self, led_by=None)
        return Space(self.weights, self.led_by)

    def plain(self) -> Space:
        """The same views and weights without the metric."""
        return Space(self.weights)


def choose_space(
    store: Store, reader: Reader, view: str | Mapping[str, float] | None, target: Target | None
) -> Space:
    """Space of the views named, else of the target's views, else of the default view.

    Raises:
        KnowledgeError, TargetError: The base lacks a view, or a weight is not positive.
    """
    if view is None:
        view = target.weights(reader.views()) if target else DEFAULT_VIEW
    weights = {view: 1.0} if isinstance(view, str) else dict(view)
    for name, weight in weights.items():
        check_view(store, reader, name)
        if not 0 < weight < float("inf"):
            raise KnowledgeError(f"view {name}: weight {weight:g}, expected a positive number.")
    if not weights:
        raise KnowledgeError("no view to search: name one or more.")
    return Space(weights)


def snapshot(store: Store, reader: Reader, space: Space) -> Snapshot:
    """The objects with a vector in every view of the space, with their vectors in it."""
    if space.key == space.views[0]:
        return reader.snapshot(space.views[0])
    key = ("space", space.key, space.leading.key)
    make = _with_metric if space.metric else _side_by_side
    return reader.remember(key, lambda: make(store, reader, space), most=SPACES_KEPT)


def _with_metric(store: Store, reader: Reader, space: Space) -> Snapshot:
    plain = snapshot(store, reader, space.plain())
    if plain.proposals is None:
        return plain.moved(placed(space, plain.vectors))
    computed: Any = Computed([(plain.vectors, None)], lambda parts: placed(space, parts[0]))
    return plain.moved(computed, _in_metric(store, reader, space, plain))


def _in_metric(store: Store, reader: Reader, space: Space, plain: Snapshot) -> Proposals:
    """What proposes objects in a metric: its own lists, or those of the metric that leads."""
    metric = space.metric
    assert metric is not None
    if (leading := space.leading).key != space.key:
        led = snapshot(store, reader, leading).proposals
        assert led is not None
        return Wider(led, WIDER_IN_METRIC)
    what = (
        f"listing {len(plain):,} objects of {store.path.name} in a metric, once for version {reader.version}"
    )
    rough: Any = Computed([(plain.vectors, None)], lambda parts: metric.roughly(parts[0]))
    return Lists(rough, store.files, reader.version, space.key, what)


def _side_by_side(store: Store, reader: Reader, space: Space) -> Snapshot:
    parts = [reader.snapshot(view) for view in space.views]
    shared = parts[0].row_id
    for part in parts[1:]:
        shared = shared[np.isin(shared, part.row_id)]
    places = [_places(part, shared) for part in parts]
    join = partial(_join, store, reader, space)
    first, own = parts[0], places[0]
    proposing = [part.proposals for part in parts if part.proposals is not None]
    vectors: Any = Computed([(part.vectors, place) for part, place in zip(parts, places, strict=True)], join)
    return Snapshot(
        row_id=shared,
        object_id=first.object_id[own],
        vectors=vectors if len(proposing) == len(parts) else vectors[:],
        coverage=first.coverage[own],
        ra=first.ra[own],
        dec=first.dec[own],
        proposals=_joined(store, reader, space, parts, places) if len(proposing) == len(parts) else None,
    )


def _joined(
    store: Store, reader: Reader, space: Space, parts: list[Snapshot], places: list[NDArray[np.int64]]
) -> Wider:
    """What proposes objects of several views: `places` is the position in each of them of each object."""
    views, start = [], 0
    for part, place, factor in zip(parts, places, _factors(store, reader, space), strict=True):
        position = np.full(len(part), -1, dtype=np.int64)
        position[place] = np.arange(len(place))
        columns = slice(start, start + part.vectors.shape[1])
        if part.proposals is not None:
            views.append((part.proposals, columns, factor, position))
        start = columns.stop
    return Wider(Joined(views), WIDER_IN_VIEWS)


def _places(part: Snapshot, row_ids: NDArray[np.uint64]) -> NDArray[np.int64]:
    order = np.argsort(part.row_id)
    return order[np.searchsorted(part.row_id, row_ids, sorter=order)]


def _join(store: Store, reader: Reader, space: Space, vectors: list[NDArray]) -> NDArray[np.float32]:
    """Scaled vectors of the views, concatenated; computed element by element, so that no row depends on another."""
    factors = _factors(store, reader, space)
    scaled = [v.astype(np.float64) * factor for v, factor in zip(vectors, factors, strict=True)]
    return np.hstack(scaled).astype(np.float32)


def _factors(store: Store, reader: Reader, space: Space) -> list[float]:
    return [np.sqrt(w) / scale(store, reader, Space({view: 1.0})) for view, w in space.weights.items()]


def placed(space: Space, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors after the metric of the space, if it has one."""
    return vectors.copy() if space.metric is None else space.metric.transform(vectors)


def query_vectors(
    store: Store, reader: Reader, space: Space, query: Embeddings | Mapping[str, Embeddings]
) -> Embeddings:
    """Vectors of the queries in the space before any metric, with ids and wavelength ranges of the first view."""
    given = {space.views[0]: query} if isinstance(query, Embeddings) else query
    if missing := [view for view in space.views if view not in given]:
        raise KnowledgeError(
            f"{store.path}: the search is in the views {', '.join(space.views)}, the queries have "
            f"{', '.join(given) or 'none'}. Give vectors of {', '.join(missing)} too, or name other views."
        )
    chosen = [given[view] for view in space.views]
    for view, vectors in zip(space.views, chosen, strict=True):
        check_query(store, reader, vectors, view)
        if vectors.object_id.tolist() != chosen[0].object_id.tolist():
            raise KnowledgeError(
                f"view {view}: its {len(vectors)} vectors are not of the same queries in the same order as the "
                f"{len(chosen[0])} of {space.views[0]}. Leave out spectra that have no vector in one of the views."
            )
    if len(chosen) == 1:
        return chosen[0]
    joined = _join(store, reader, space, [vectors.vectors for vectors in chosen])
    return replace(chosen[0], vectors=joined, fingerprint=",".join(v.fingerprint for v in chosen))


def _asked(store: Store, reader: Reader, space: Space, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """These objects as queries in the coordinates of the index of the space."""
    return snapshot(store, reader, space.leading).vectors[rows]


def scale(store: Store, reader: Reader, space: Space) -> float:
    """Median nearest-neighbour distance in a space, read from scales.json if it holds that of this version."""
    kept = ("scale", space.key)
    if kept not in reader.kept:
        key = f"{reader.version}:{space.key}"
        known = _scales(store)
        if key not in known:
            objects = snapshot(store, reader, space)
            with doing(f"measuring the distance between neighbours of {store.path.name}"):
                known[key] = typical_distance(objects, partial(_asked, store, reader, space))
            with suppress(OSError):  # a read-only base: measure again next time
                store.write_json(SCALES, known)
        reader.kept[kept] = known[key]
    return float(reader.kept[kept])


def _scales(store: Store) -> dict[str, float]:
    content = store.read_json(SCALES)
    if not isinstance(content, dict):
        return {}
    return {str(k): float(v) for k, v in content.items() if isinstance(v, int | float) and v > 0}


def typical_distance(
    snapshot: Snapshot, asked: Callable[[NDArray[np.int64]], NDArray[np.float32]] | None = None
) -> float:
    """Median nearest-neighbour distance of `SCALE_SAMPLE` of the objects; 1 if no two of them differ.

    Args:
        asked: Gives objects as queries in the coordinates of the index of the snapshot, if it has one.
    """
    sample = first_by_hash(snapshot.hashes, SCALE_SAMPLE)
    itself = [
        snapshot.same_object(str(snapshot.object_id[i]), float(snapshot.ra[i]), float(snapshot.dec[i]))
        for i in sample
    ]
    places = None if snapshot.proposals is None or asked is None else asked(sample)
    _, distance = nearest(snapshot, snapshot.vectors[sample], 1, None, itself, places)
    # Exact copies are at distance 0 and are not different objects.
    different = distance[np.isfinite(distance) & (distance > 0)]
    return float(np.median(different)) if len(different) else 1.0
