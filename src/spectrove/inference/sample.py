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

#: Most objects to which distances by class are measured, the input of a calibration: a probability is the better the
#: more there are, and to look at all of them takes some milliseconds.
AMONG = 24_000

#: Most objects that the regressions of a metric are fitted to, which take minutes of many. Against all of 14,834
#: made-up galaxies of five classes, in three divisions, 3,000 change macro F1 by -.003, +.009 and +.005, calibration
#: errors by .000, .000 and +.002, the average precision of LINERs by -.002, .000 and -.001; 6,000 change F1 by -.001,
#: +.004 and -.001. Distances by class to 12,000 instead of all cost a further .002, .005 and .001 of F1
#: (benchmarks/sample.py).
METRIC = 3_000

#: Most objects that a calibration is fitted to. Against 4,000, in three divisions of 18,973 made-up galaxies, 2,000
#: change macro F1 by +.001, +.006 and .000, calibration errors by +.001, +.001 and -.006, the average precision of
#: LINERs by .000, -.001 and -.001; 1,500 change F1 by -.004, +.007 and -.005
#: (benchmarks/sample.py --sizes 3000:12000:4000 3000:12000:2000 --largest).
CALIBRATED = 2_000

#: Most objects that trends of numbers are fitted to.
TRENDS = 12_000


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
