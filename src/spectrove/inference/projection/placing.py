"""Places of further vectors among those that were laid out."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.projection.layout import NEIGHBORS
from spectrove.work import counted

#: Vectors that are looked up at once.
AT_ONCE = 4096

#: Lists into which many known vectors are divided, and those that are looked in for each vector.
LISTS, LOOKED_IN = 128, 8

#: How fast a neighbour counts less with its distance, in units of the mean distance beyond the first. In spaces of
#: many dimensions all neighbours are about as far: with 1 in place of .2 everything moves to the middle of its group,
#: and .07 in place of .14 of the ten nearest are kept (benchmarks/projection.py).
SHARP = 0.2

#: Neighbours count that lie on the map within about so many times the usual distance of the tenth neighbour from the
#: nearest one: a mean over two groups would lie in neither.
RADII = 10.0

#: Part of the weight of the neighbours that has to lie in one group.
TOGETHER = 0.5

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Placed:
    """Where vectors lie on a map.

    Attributes:
        places: Shape (n, 2), float32.
        distance: To the nearest object that was laid out, (n,).
        together: Part of the weight of the neighbours that lies in the group of the nearest, (n,).
        far: Whether the nearest is farther than it is for nearly all objects of the base, (n,).
    """

    places: Floats
    distance: NDArray[np.float64]
    together: NDArray[np.float64]
    far: NDArray[np.bool_]

    def cautions(self, i: int) -> tuple[str, ...]:
        """Why the place of one says little, in sentences."""
        said = []
        if self.far[i]:
            said.append(
                "It is farther from every known spectrum than nearly all of these are from each other: its place on "
                "the map says little."
            )
        if self.together[i] < TOGETHER:
            said.append(
                "Its nearest known spectra lie in different parts of the map: it is drawn beside the nearest one."
            )
        return tuple(said)


def place(
    known: Floats,
    places: Floats,
    radius: float,
    vectors: Floats,
    limit: float = np.inf,
    lists: Any = None,
) -> Placed:
    """Vectors near the places of their nearest known ones.

    Args:
        known: Vectors that were laid out, (n_known, n_dimensions).
        places: Where they lie, (n_known, 2).
        radius: The usual distance on the map of the tenth neighbour.
        vectors: Those to place, (n, n_dimensions).
        limit: Distance from the nearest beyond which one is far from all.
        lists: Of `in_lists`, where many are placed.
    """
    distance, index = nearest(known, vectors, NEIGHBORS, lists)
    own = places[index]
    beyond = distance - distance[:, :1]
    unit = np.maximum(SHARP * beyond.mean(axis=1, keepdims=True), 1e-12)
    weight = np.exp(-beyond / unit)
    aside = ((own - own[:, :1]) ** 2).sum(axis=2) / (RADII * max(radius, 1e-12)) ** 2
    inside = weight * np.exp(-aside / 2)
    total = inside.sum(axis=1)
    made = (inside[..., None] * own).sum(axis=1) / total[:, None]
    return Placed(made.astype(np.float32), distance[:, 0], total / weight.sum(axis=1), distance[:, 0] > limit)


def in_lists(known: Floats) -> Any:
    """The known vectors in lists of like ones, for `nearest` of many vectors: five times as fast, and the nearest of
    998 in 1,000 is the same."""
    faiss: Any = import_module("faiss")  # its types know half of it
    lists = faiss.index_factory(known.shape[1], f"IVF{LISTS},Flat")
    lists.train(np.ascontiguousarray(known, np.float32))
    lists.add(np.ascontiguousarray(known, np.float32))
    lists.nprobe = LOOKED_IN
    return lists


def nearest(
    known: Floats, vectors: Floats, k: int, lists: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances and positions of the nearest known vectors, nearest first, each (n, k), or as many as there are.

    Args:
        known: Shape (n_known, n_dimensions).
        vectors: Shape (n, n_dimensions).
        k: How many.
        lists: Of `in_lists`; without them all known vectors are compared.
    """
    faiss: Any = import_module("faiss")
    whole = faiss.IndexFlatL2(known.shape[1])
    whole.add(np.ascontiguousarray(known, np.float32))
    k = min(k, len(known))
    squared, found = np.zeros((len(vectors), k)), np.zeros((len(vectors), k), np.int64)
    what = f"comparing {len(vectors):,} vectors with {len(known):,}"
    for start in counted(what, len(vectors), AT_ONCE) if len(vectors) > AT_ONCE else (0,):
        part = np.ascontiguousarray(vectors[start : start + AT_ONCE], np.float32)
        far, near = (whole if lists is None else lists).search(part, k)
        if (short := near[:, -1] < 0).any():  # the lists that were looked in hold too few
            far[short], near[short] = whole.search(part[short], k)
        squared[start : start + AT_ONCE], found[start : start + AT_ONCE] = far, near
    return np.sqrt(np.maximum(squared, 0)), found


def nearest_others(vectors: Floats, k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """`nearest` of each vector among the others."""
    distance, found = nearest(vectors, vectors, k + 1)
    k = found.shape[1] - 1
    own = found == np.arange(len(vectors))[:, None]
    own[~own.any(axis=1), -1] = True  # of many equal vectors, itself is not always among those found
    order = np.argsort(own, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distance, order, 1), np.take_along_axis(found, order, 1)
