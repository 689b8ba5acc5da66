"""What an index of a base proposes of the nearest objects, in plain distances and in metrics, and what that takes.

    python benchmarks/generate.py ...                 # a base of any size
    python benchmarks/index.py BASE --label class_derived

One thread, processor time. The queries are objects drawn at random, which the index does not hold. `blend` is
the weight of the vector itself beside the scores of a metric; the smallest that is tried by a fit is the hardest case.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from spectrove.inference.metric.linear import BLENDS, _fit
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.index.graph import CHOSEN_FROM, LINKS

K, QUERIES, FITTED, STRENGTH = 10, 200, 3000, 0.05


def truth(known: NDArray, queries: NDArray) -> NDArray[np.int64]:
    """Positions of the K nearest, by a product in float64."""
    squared = (known.astype(float) ** 2).sum(axis=1) - 2 * queries.astype(float) @ known.T.astype(float)
    return np.argpartition(squared, K, axis=1)[:, :K]


def tell(name: str, expected: NDArray[np.int64], search: Callable[[], NDArray[np.int64]]) -> None:
    """A line: time of one query, and the part of the nearest that is proposed."""
    start = time.process_time()
    found = search()
    taken = (time.process_time() - start) / len(found)
    recall = np.mean([len(set(one) & set(other)) / K for one, other in zip(found, expected, strict=True)])
    print(f"{name:44} {1000 * taken:7.2f} ms  recall@{K} {recall:.4f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("--view", default="shape")
    parser.add_argument("--label", default="class_derived")
    options = parser.parse_args()
    base = KnowledgeBase.open(options.base)
    vectors = base.embeddings(options.view)
    table = base.rows(None, [options.label])
    label = dict(zip(table["object_id"].to_pylist(), table[options.label].to_pylist(), strict=True))
    order = np.random.default_rng(0).permutation(len(vectors))
    queries, own = vectors.vectors[order[:QUERIES]], order[QUERIES:]
    known, labels = vectors.vectors[own], np.array([str(label[i]) for i in vectors.object_id[own].tolist()])
    faiss.omp_set_num_threads(1)
    eight = faiss.ScalarQuantizer.QT_8bit
    graph = faiss.IndexHNSWSQ(known.shape[1], eight, LINKS)
    graph.hnsw.efConstruction = CHOSEN_FROM
    start = time.process_time()
    graph.train(known)
    graph.add(known)
    print(f"{len(known):,} objects; graph made in {time.process_time() - start:.0f} s")

    def proposed(n: int) -> NDArray[np.int64]:
        return graph.search(queries, n, params=faiss.SearchParametersHNSW(efSearch=n))[1]

    nearest = truth(known, queries)
    for n in (32, 64, 128, 256, 512):
        tell(f"graph, {n} proposed", nearest, lambda n=n: proposed(n))
    chosen = np.flatnonzero(labels != "None")[:FITTED]
    for blend in BLENDS:
        metric = _fit(known[chosen].astype(float), labels[chosen], STRENGTH, blend)
        placed, asked = metric.transform(known), metric.transform(queries)
        nearest = truth(placed, asked)
        for n in (128, 512, 4096):
            tell(f"blend {blend}: {n} by the plain graph", nearest, lambda n=n: proposed(n))
        lists = faiss.index_factory(placed.shape[1], "IVF1024,SQ8")
        lists.train(placed[:: max(1, len(placed) // 40_000)])
        lists.add(placed)
        for n in (8, 16, 32, 64):
            wide = faiss.SearchParametersIVF(nprobe=n)
            look = lambda wide=wide, lists=lists, asked=asked: lists.search(asked, 128, params=wide)[1]  # noqa: E731
            tell(f"blend {blend}: 128 by the {n} nearest lists", nearest, look)


if __name__ == "__main__":
    main()
