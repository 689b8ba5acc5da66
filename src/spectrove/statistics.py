"""Intervals of fractions, and the division of objects into folds and parts of equal classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectrove.targets.target import id_hash

#: How groups are dealt to folds. Three ways, because fitted results depend on them to the last digit:
#: "shuffled", in parts of equally many groups, another division for each seed (as scikit-learn's GroupKFold does);
#: "largest first", each group to the fold with the fewest objects, so that folds are of equal size;
#: "in turn", by a hash of the name, so that no seed and no order of objects matters.
Deal = Literal["shuffled", "largest first", "in turn"]


def folds_by_group(
    group: NDArray | Sequence[str], n: int, deal: Deal = "shuffled", seed: int = 0
) -> NDArray[np.int64]:
    """Fold of each object, 0 to n - 1, (n_objects,); objects of a group are in one fold.

    Folds of a knowledge base (`Searched.fold`) are none of these: they go by place on the sky, and an object keeps its
    fold when others are added.

    Args:
        group: Group of each object, (n_objects,).
        n: Number of folds; with fewer groups some are empty.
        deal: How groups are dealt to folds.
        seed: Of "shuffled".
    """
    names, code = np.unique(np.asarray(group), return_inverse=True)
    fold = np.zeros(len(names), dtype=np.int64)
    if deal == "shuffled":
        order = np.random.RandomState(seed).permutation(len(names))
        for f, part in enumerate(np.array_split(order, n)):
            fold[part] = f
    elif deal == "largest first":
        sizes, filled = np.bincount(code), np.zeros(n)
        for g in np.argsort(-sizes, kind="stable"):
            fold[g] = filled.argmin()
            filled[fold[g]] += sizes[g]
    else:
        order = np.array(sorted(range(len(names)), key=lambda g: (id_hash(str(names[g])), names[g])), int)
        fold[order] = np.arange(len(names)) % n
    return fold[code]


def equal_limit(counts: NDArray[np.int64], most: int) -> int:
    """The limit for each class by which at most `most` objects remain: rare classes are whole, frequent ones equal.

    Args:
        counts: Objects of each class, more than `most` in all, (n_classes,).
    """
    limit, room = most, most
    for i, n in enumerate(np.sort(counts)):  # fill up from the rarest
        limit = room // (len(counts) - i)
        if n > limit:
            break
        room -= int(n)
    return limit


def thinned(labels: NDArray[np.str_], order: NDArray[np.int64], cap: int) -> NDArray[np.int64]:
    """Positions, ascending, of the first `cap` objects of each label in this order.

    Args:
        labels: Label of each object, (n_objects,).
        order: Positions of all objects, (n_objects,).
    """
    return np.sort(np.concatenate([order[labels[order] == label][:cap] for label in np.unique(labels)]))


def wilson(hits: int, n: int) -> tuple[float, float] | None:
    """95% interval of a fraction; None of nothing.

    Source:
        Wilson 1927, J. Am. Stat. Assoc. 22, 209.
    """
    from scipy.stats import binomtest

    if n == 0:
        return None
    limits = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return float(limits.low), float(limits.high)
