"""How many of the nearest objects an index finds: measured when it is made, and kept with it."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from spectrove.knowledge.search import PROPOSED, Snapshot, nearest, of_all, single

#: Queries of the measurement, and neighbours of each.
QUERIES, NEIGHBORS = 200, 10


def measured(snapshot: Snapshot) -> dict[str, Any]:
    """Recall of an index: the fraction of the nearest objects that it finds, with a 95% interval.

    The queries lie halfway between objects and near ones, so that the index does not know them.

    Returns:
        `recall`, `low` and `high`, `queries` and `neighbors`. Neighbours of one query are missed together, so the
        interval (Wilson) takes each query as one trial.
    """
    assert snapshot.proposals is not None
    chosen = np.unique(np.linspace(0, len(snapshot) - 1, QUERIES).astype(np.int64))
    objects = np.asarray(snapshot.vectors[chosen])
    near, _ = nearest(snapshot, objects, min(PROPOSED, len(snapshot)))
    others = near[np.arange(len(chosen)), np.arange(len(chosen)) % near.shape[1]]
    queries = (objects + np.asarray(snapshot.vectors[others])) / 2
    k = min(NEIGHBORS, len(snapshot))
    found, _ = nearest(snapshot, queries, k)
    truth, _ = of_all(snapshot, queries, k, None, None, single)
    hits = [len(set(one) & set(other)) for one, other in zip(found.tolist(), truth.tolist(), strict=True)]
    recall, n, z = sum(hits) / (k * len(hits)), len(hits), 1.96
    middle, width = recall + z**2 / (2 * n), z * sqrt(recall * (1 - recall) / n + z**2 / (4 * n**2))
    low, high = (middle - width) / (1 + z**2 / n), (middle + width) / (1 + z**2 / n)
    return {"recall": recall, "low": low, "high": min(high, 1.0), "queries": n, "neighbors": k}
