"""A graph of near neighbours (HNSW, by faiss), whose vectors are kept in one byte per number.

It only proposes: distances are computed from the float32 vectors themselves, so the coarse numbers cost no digit.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.knowledge.search import PROPOSED, Snapshot, nearest
from spectrove.work import counted

#: Neighbours of each object in the graph, and candidates among which they are chosen when it is made.
LINKS, CHOSEN_FROM = 32, 128

#: Objects put into the graph between two words about progress, and objects from which the range of a number is taken.
AT_ONCE, LEARNT_FROM = 5_000, 50_000

#: So many objects that the graph does not reach are looked at for every query: to choose among them takes as long.
FEW_OTHERS = 192

#: Numbers that a processor takes at once.
LANES = 16


def write_graph(vectors: NDArray[np.float32], path: Path, doing: str) -> None:
    """Make a graph of the vectors, (n_objects, n_dimensions), and write it.

    It uses all processors, or as many as OMP_NUM_THREADS says. With one the graph is the same each time.
    """
    faiss: Any = import_module("faiss")  # its types know half of it
    graph = faiss.IndexHNSWSQ(whole(vectors.shape[1]), faiss.ScalarQuantizer.QT_8bit, LINKS)
    graph.hnsw.efConstruction = CHOSEN_FROM
    every = max(1, len(vectors) // LEARNT_FROM)
    # The codes reach from the smallest to the largest number: a rare object far from all others is not cut off.
    parts = [vectors[start : start + AT_ONCE] for start in range(0, len(vectors), AT_ONCE)]
    ends = [np.min([part.min(0) for part in parts], 0), np.max([part.max(0) for part in parts], 0)]
    graph.train(padded(np.vstack([vectors[::every], *(end[None] for end in ends)]), graph.d))
    threads = faiss.omp_get_max_threads()
    try:
        if "OMP_NUM_THREADS" not in os.environ:
            faiss.omp_set_num_threads(os.cpu_count() or 1)
        for start in counted(doing, len(vectors), AT_ONCE):
            graph.add(padded(vectors[start : start + AT_ONCE], graph.d))
    finally:
        faiss.omp_set_num_threads(threads)
    faiss.write_index(graph, str(path))


def whole(dimensions: int) -> int:
    """The next number of dimensions of which a processor takes several at once: other lengths are ten times slower."""
    return -(-dimensions // LANES) * LANES


def padded(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The vectors with zeros behind, (n, dimensions): no distance changes."""
    if vectors.shape[1] == dimensions:
        return np.ascontiguousarray(vectors, np.float32)
    made = np.zeros((len(vectors), dimensions), np.float32)
    made[:, : vectors.shape[1]] = vectors
    return made


@lru_cache
def _breadth(n: int) -> Any:
    """How widely a graph is searched for n objects; made once, as that takes a tenth of a search."""
    faiss: Any = import_module("faiss")
    return faiss.SearchParametersHNSW(efSearch=n)


def read_graph(path: Path) -> Any:
    """The graph in a file, which is mapped into memory."""
    faiss: Any = import_module("faiss")
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)


@dataclass(frozen=True)
class Graph:
    """A graph beside the objects that it does not know; `search.Proposals`.

    Attributes:
        made: The graph, by faiss.
        places: Position in the snapshot of each object of the graph, -1 for one that is gone; None if it is the same.
        fresh: Positions of the objects that the graph lacks or does not reach; the nearest of them are looked at, too.
        others: These objects.
        enough, usual: As was measured when it was made, see `recall`.
    """

    made: Any
    places: NDArray[np.int64] | None = None
    fresh: NDArray[np.int64] | None = None
    others: Snapshot | None = None
    enough: int = PROPOSED
    usual: float = float("inf")

    def near(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """Positions of about the `n` nearest of each query; see `search.Proposals`."""
        found = self.made.search(padded(queries, self.made.d), n, params=_breadth(n))[1]
        if self.places is not None:
            found = np.where(found < 0, -1, self.places[found])
        return found

    def beside(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """The nearest of the others; see `search.Proposals`."""
        if self.fresh is None or self.others is None or not len(self.fresh):
            return np.zeros((len(queries), 0), np.int64)
        if len(self.fresh) <= max(n, FEW_OTHERS):
            return np.repeat(self.fresh[None], len(queries), axis=0)
        found, _ = nearest(self.others, queries, min(n, len(self.fresh)))
        return np.where(found < 0, -1, self.fresh[found])

    @cached_property
    def size(self) -> int:
        """Number of objects in the graph."""
        return int(self.made.ntotal)
