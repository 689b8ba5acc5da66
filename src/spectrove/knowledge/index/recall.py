"""How many of the nearest objects an index finds: measured when it is made, and kept with it."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.knowledge.index.graph import Graph
from spectrove.knowledge.search import PROPOSED, Snapshot, nearest, of_all, single
from spectrove.work import counted

#: Queries of the measurement, and neighbours of each.
QUERIES, NEIGHBORS = 200, 10

#: Numbers of proposals that are tried, and the recall that the chosen one reaches.
TRIED, REACHED = (64, 96, 128, 192, 256, 384, 512), 0.995

#: Part of the objects that have another one within the usual distance.
USUAL = 0.95

#: Objects that are looked for between two words about progress.
AT_ONCE = 5_000

#: Part of the objects that a graph may fail to find and yet be mended. Its recall tells of a worse one.
MOST_UNREACHED = 0.01


def unreached(graph: Any, vectors: NDArray[np.float32], doing: str) -> list[int]:
    """Positions of the objects that a graph does not find by their own vectors, (n_objects, n_dimensions), ascending.

    Of a million drawn objects these are 200: alone where they are, so that no object counts them among its near ones.
    A copy of an object that is found is found with it. None if they are more than MOST_UNREACHED.
    """
    lost: list[int] = []
    for start in counted(doing, len(vectors), AT_ONCE):
        left = np.arange(start, min(start + AT_ONCE, len(vectors)))
        for n in (TRIED[0] // 4, TRIED[0]):  # few suffice for most
            found = Graph(graph).near(vectors[left], min(n, len(vectors)))
            left = left[~(found == left[:, None]).any(axis=1)]
        found = Graph(graph).near(vectors[left], min(TRIED[0], len(vectors)))
        for i, near in zip(left.tolist(), found, strict=True):
            if not (vectors[near[near >= 0]] == vectors[i]).all(axis=1).any():
                lost.append(i)
    return lost if len(lost) <= MOST_UNREACHED * len(vectors) else []


def measured(snapshot: Snapshot) -> tuple[int, float, dict[str, Any]]:
    """How many proposals suffice, which distances are usual, and what fraction of the nearest objects is found.

    The queries lie halfway between objects and near ones, so that the index does not know them.

    Returns:
        The smallest number that reaches REACHED, else the largest that is tried; the distance within which USUAL of
        the objects have another one; and `recall`, with the ends `low` and `high` of its 95% interval, `queries` and
        `neighbors`. Neighbours of one query are missed together, so the interval (Wilson) takes each query as one
        trial.
    """
    graph = snapshot.proposals
    assert isinstance(graph, Graph)
    chosen = np.unique(np.linspace(0, len(snapshot) - 1, QUERIES).astype(np.int64))
    objects = np.asarray(snapshot.vectors[chosen])
    near, distance = nearest(snapshot, objects, min(PROPOSED, len(snapshot)))
    usual = float(np.quantile(distance[:, min(1, near.shape[1] - 1)], USUAL))
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
    return (
        proposed,
        usual,
        {"recall": recall, "low": low, "high": min(high, 1.0), "queries": n, "neighbors": k},
    )
