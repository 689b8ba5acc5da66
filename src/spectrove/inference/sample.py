"""The objects that fits learn from: all of a small base, of a larger one a sample that does not grow with it.

Metrics, calibrations and trends have some thousand parameters, and their cost would grow with the base. What a sample
loses beside all objects is measured by benchmarks/sample.py. The neighbours that are shown and that vote, and the
shares of the classes, are always those of the whole base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrove.knowledge import Searched
from spectrove.statistics import equal_limit

#: Most objects that a fit learns from. With fewer, every fit is as it always was. Not yet chosen by what it loses: the
#: one measurement at hand is of 13,240 jittered copies of real galaxies, seed 0, all / 12,000: macro F1 .7551 / .7551,
#: calibration error .0306 / .0306, average precision of a hunt .8076 / .8132 (benchmarks/sample.py).
SIZE = 6_000


@dataclass(frozen=True)
class Sample:
    """Objects that a fit learns from, and what they stand for.

    Attributes:
        known: The objects, sorted by id.
        counts: Objects of each label among all of which they were chosen, by the text of the label.
        complete: Whether they are all.
    """

    known: Searched
    counts: Mapping[str, int]
    complete: bool


def stratified(hashes: NDArray[np.uint64], labels: Sequence[str], most: int) -> NDArray[np.int64]:
    """Positions of at most `most` objects, ascending: rare classes whole, frequent ones to an equal limit.

    Within a class the objects are chosen by a hash of their ids: the choice depends neither on their order nor on a
    seed, and most of it stays when objects are added. Objects are chosen one by one and not by group, because folds
    divide the sample by group, so that the limit of a class does not cut the number of its groups.

    Args:
        hashes: The `id_hash` of each object, (n_objects,).
        labels: Their classes, (n_objects,).
        most: Number of objects; at least one of each class is kept, also where there are more classes.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    codes: dict[str, int] = {}
    code = np.array([codes.setdefault(label, len(codes)) for label in labels], dtype=np.int64)
    counts = np.bincount(code)
    limit = max(equal_limit(counts, most), 1)
    keep = counts[code] <= limit
    crowded = np.flatnonzero(~keep)
    order = crowded[np.lexsort((hashes[crowded], code[crowded]))]
    _, first, size = np.unique(code[order], return_index=True, return_counts=True)
    keep[order[np.arange(len(order)) - np.repeat(first, size) < limit]] = True
    return np.flatnonzero(keep)


def taken(known: Searched, chosen: NDArray[np.int64]) -> Searched:
    """Some of the objects, by position."""
    places = chosen.tolist()
    return replace(
        known,
        object_id=known.object_id[chosen],
        hashes=known.hashes[chosen],
        vectors=known.vectors[chosen],
        values=[known.values[i] for i in places],
        groups=[known.groups[i] for i in places],
        fold=known.fold[chosen],
    )
