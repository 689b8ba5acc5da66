"""The map of a base: laid out once for a version of its vectors, and kept in KB/maps/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import FingerprintError, KnowledgeError
from spectrove.inference.kept import Arrays, Content, Unfinished, fitted_once, is_kept
from spectrove.inference.projection.layout import NEIGHBORS, layout
from spectrove.inference.projection.placing import AT_ONCE, Placed, in_lists, nearest_others, place
from spectrove.knowledge import DEFAULT_VIEW, KnowledgeBase
from spectrove.knowledge.search import first_by_hash
from spectrove.provenance import canonical_json
from spectrove.work import counted

#: Increased whenever the same vectors give another map.
MAP_VERSION = 1

#: Objects that are laid out; of a larger base those first by a hash of their ids, and the others are placed among
#: them. Of 100,000, a map of 20,000 keeps .14 of the ten nearest and .34 among fifty, one of all .13 and .40, one of
#: 5,000 .10 and .28. Samples with an equal number from each region of the space keep neither more of all nor more of
#: the rare (benchmarks/projection.py).
SAMPLE = 20_000

#: Objects that are placed before they are kept.
KEPT_AT_ONCE = 32 * AT_ONCE

#: Objects of a sample from which on it is divided into lists while others are placed.
IN_LISTS = 10_000

#: A query is far from all at so many times the distance from their nearest that this part of the base keeps.
BEYOND, KEEP = 1.3, 0.99


@dataclass(frozen=True)
class Projection:
    """The map of a base in one view.

    Attributes:
        object_id: Sorted, (n_objects,).
        places: Of each object, (n_objects, 2), float32; the axes have no meaning.
        sample: Positions of the objects that were laid out, ascending, (n_sample,).
        radius: The usual distance on the map of the tenth neighbour.
        limit: Distance of vectors beyond which a query is far from all.
        view: Name of the view.
    """

    object_id: NDArray[np.str_]
    places: NDArray[np.float32]
    sample: NDArray[np.int64]
    radius: float
    limit: float
    view: str

    def __len__(self) -> int:
        return len(self.object_id)

    def __repr__(self) -> str:
        return f"<Projection of {len(self):,} objects in the view {self.view}>"

    def position(self, object_id: str) -> int | None:
        """Position of an object; None if it is not on the map."""
        if len(object_id) * np.dtype("U1").itemsize > self.object_id.dtype.itemsize:
            return None
        at = int(np.searchsorted(self.object_id, np.array(object_id, self.object_id.dtype)))
        return at if at < len(self) and self.object_id[at] == object_id else None

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of what is on the map."""
        low, high = self.places.min(axis=0), self.places.max(axis=0)
        return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def map_of(base: KnowledgeBase, view: str | None = None) -> Projection:
    """The map of a base, from its files if it was made before.

    It is made of vectors alone: no class or other value of the catalog changes it. It is the same whenever it is made
    from the same vectors on the same kind of machine.

    Args:
        base: The base; the map is kept with it.
        view: Name of the view; the default view (or the first, if there is none) if None.

    Raises:
        KnowledgeError: The base lacks the view, or has no vector in it.
    """
    view = view or view_of(base)
    return base.remember(("map", view), partial(_map_of, base, view))


def view_of(base: KnowledgeBase) -> str:
    """The view that a map is made of unless another is named: the default view, or the first."""
    return DEFAULT_VIEW if DEFAULT_VIEW in base.views else base.views[0]


def is_made(base: KnowledgeBase, view: str | None = None) -> bool:
    """Whether `map_of` finds a map that was made before, in a moment."""
    return is_kept(base, "maps", _key(base, view or view_of(base)))


def placed(base: KnowledgeBase, made: Projection, query: Embeddings) -> Placed:
    """Where queries lie on the map of a base, by their vectors alone.

    Args:
        base: The base.
        made: Its map.
        query: Vectors of the view of the map.

    Raises:
        FingerprintError: They were made by another encoder.
    """
    if (expected := base.fingerprints[made.view]) != query.fingerprint:
        raise FingerprintError(
            f"{base.path}: the map is of vectors with the fingerprint {expected}, these have {query.fingerprint}. "
            "Encode the queries with the encoder of the base."
        )

    def known() -> NDArray[np.float32]:
        return base.vectors_of(made.object_id[made.sample].tolist(), made.view).vectors

    vectors = base.remember(("map vectors", made.view), known)
    return place(vectors, made.places[made.sample], made.radius, query.vectors, made.limit)


def _map_of(base: KnowledgeBase, view: str) -> Projection:
    checked = base.space(view).views[0]
    made = fitted_once(
        base, "maps", _key(base, checked), partial(_made, base, checked), _to_arrays, partial(_from_arrays, checked),
        doing=f"making the map of the view {checked}",
    )  # fmt: skip
    if is_made(base, checked):
        _placing(base, checked).end()
    return made


def _key(base: KnowledgeBase, view: str, stage: str = "map") -> str:
    """Everything a map depends on, as text: whatever is added, removed or encoded anew gives a new version."""
    return canonical_json(
        {
            "map_version": MAP_VERSION, "stage": stage, "view": view, "vectors": base.fingerprints[view],
            "version": base.measured_version, "sample": SAMPLE,
        }
    )  # fmt: skip


def _made(base: KnowledgeBase, view: str) -> Projection:
    """The map: the sample is laid out and kept, then the others are placed."""
    known = base.searched(view=view)
    n, sample = len(known.object_id), np.sort(first_by_hash(known.hashes, SAMPLE))
    if not n:
        raise KnowledgeError(
            f"{base.path}: no object has a vector in the view {view}. There is nothing to map."
        )
    vectors = np.asarray(known.vectors[sample])

    def laid_out() -> Projection:
        laid, apart = _laid_out(vectors)
        return Projection(
            known.object_id[sample], laid, np.arange(len(sample)), _radius(laid), _limit(apart), view
        )

    if len(sample) == n:
        return laid_out()
    # Kept for itself: an interruption afterwards costs no more than the placing.
    first = fitted_once(
        base, "maps", _key(base, view, "layout"), laid_out, _to_arrays, partial(_from_arrays, view),
        doing=f"laying out a sample of {len(sample):,}",
    )  # fmt: skip
    others = np.setdiff1d(np.arange(n), sample, assume_unique=True)
    places = np.zeros((n, 2), np.float32)
    places[sample] = first.places
    places[others], apart = _placed(_placing(base, view), known.vectors, sample, others, first)
    return Projection(known.object_id, places, sample, first.radius, _limit(apart), view)


def _placing(base: KnowledgeBase, view: str) -> Unfinished:
    """The objects that are placed already, while not all are."""
    return Unfinished(base, "maps", _key(base, view, "placing"))


def _placed(
    kept: Unfinished, known: Any, sample: NDArray[np.int64], others: NDArray[np.int64], first: Projection
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Places of the others, (n_others, 2), and their distances from the nearest of the sample; begun where it ended."""
    places, apart = np.zeros((len(others), 2), np.float32), np.zeros(len(others))
    before = kept.read()
    done = len(before["apart"]) if before.keys() == {"places", "apart"} else 0
    if done:
        places[:done], apart[:done] = before["places"], before["apart"]
    vectors = np.asarray(known[sample])
    lists = in_lists(vectors) if len(sample) >= IN_LISTS else None
    for start in counted(f"placing {len(others):,} objects among {len(sample):,}", len(others), AT_ONCE):
        end = min(start + AT_ONCE, len(others))
        if end <= done:
            continue
        found = place(vectors, first.places, first.radius, np.asarray(known[others[start:end]]), lists=lists)
        places[start:end], apart[start:end] = found.places, found.distance
        if end - done >= KEPT_AT_ONCE:
            done = end
            kept.keep({"places": places[:done], "apart": apart[:done]})
    return places, apart


def _laid_out(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Places of all of these, and how far each is from its nearest."""
    distance, near = nearest_others(vectors, NEIGHBORS)
    apart = distance[:, 0] if distance.size else np.zeros(len(vectors))
    return layout(vectors, near, distance), apart


def _radius(places: NDArray[np.float32]) -> float:
    """The usual distance on the map of the tenth neighbour."""
    from scipy.spatial import KDTree

    if len(places) < 2:
        return 1.0
    distance, _ = KDTree(places).query(places, min(11, len(places)))
    return float(np.median(distance[:, -1])) or 1.0


def _limit(apart: NDArray[np.float64]) -> float:
    return float(BEYOND * np.quantile(apart, KEEP)) if len(apart) > 1 else float("inf")


def _to_arrays(made: Projection) -> Content:
    names = [name.encode() for name in made.object_id.tolist()]
    return {
        "places": made.places, "sample": made.sample, "limits": np.array([made.radius, made.limit]),
        "names": np.frombuffer(b"".join(names), np.uint8),
        "lengths": np.array([len(name) for name in names], np.int32),
    }, {}  # fmt: skip


def _from_arrays(view: str, arrays: Arrays, _: Mapping[str, str]) -> Projection:
    ends = np.concatenate([[0], np.cumsum(arrays["lengths"])]).astype(np.int32)
    names = pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(arrays["names"]))
    radius, limit = arrays["limits"].tolist()
    return Projection(
        np.array(names.to_pylist(), dtype=str), arrays["places"], arrays["sample"], radius, limit, view
    )
