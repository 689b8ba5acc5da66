"""How many of the nearest objects an index finds: measured when it is made, and kept with it."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np

from spectrove.knowledge.index.graph import Graph
from spectrove.knowledge.search import PROPOSED, Snapshot, nearest, of_all, single

#: Queries of the measurement, and neighbours of each.
QUERIES, NEIGHBORS = 200, 10

#: Numbers of proposals that are tried, and the recall that the chosen one reaches.
TRIED, REACHED = (64, 96, 128, 192, 256, 384, 512), 0.995


def measured(snapshot: Snapshot) -> tuple[int, dict[str, Any]]:
    """How many proposals suffice, and what fraction of the nearest objects is found with them.

    The queries lie halfway between objects and near ones, so that the index does not know them.

    Returns:
        The smallest number that reaches REACHED, else the largest that is tried; and `recall`, with the ends `low` and
        `high` of its 95% interval, `queries` and `neighbors`. Neighbours of one query are missed together, so the
        interval (Wilson) takes each query as one trial.
    """
    graph = snapshot.proposals
    assert isinstance(graph, Graph)
    chosen = np.unique(np.linspace(0, len(snapshot) - 1, QUERIES).astype(np.int64))
    objects = np.asarray(snapshot.vectors[chosen])
    near, _ = nearest(snapshot, objects, min(PROPOSED, len(snapshot)))
    others = near[np.arange(len(chosen)), np.arange(len(chosen)) % near.shape[1]]
    queries = (objects + np.asarray(snapshot.vectors[others])) / 2
    k = min(NEIGHBORS, len(snapshot))
    truth, _ = of_all(snapshot, queries, k, None, None, single)
    proposed, recall = TRIED[-1], 0.0
    for proposed in TRIED:
        found, _ = nearest(replace(snapshot, proposals=replace(graph, enough=proposed)), queries, k)
        hits = [len(set(one) & set(other)) for one, other in zip(found.tolist(), truth.tolist(), strict=True)]
        recall = sum(hits) / (k * len(hits))
        if recall >= REACHED:
            break
    n, z = len(queries), 1.96
    middle, width = recall + z**2 / (2 * n), z * sqrt(recall * (1 - recall) / n + z**2 / (4 * n**2))
    low, high = (middle - width) / (1 + z**2 / n), (middle + width) / (1 + z**2 / n)
    return proposed, {"recall": recall, "low": low, "high": min(high, 1.0), "queries": n, "neighbors": k}
