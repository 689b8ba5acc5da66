"""Neighbors: what a search found, for each query."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Neighbors:
    """The K nearest objects of each query, nearest first.

    Attributes:
        query_id: Shape (n_queries,), strings.
        query_vectors: Places of the queries in what was searched, shape (n_queries, n_dimensions), float32.
        object_id: Shape (n_queries, n_neighbors), strings; "" where there are fewer than K.
        distance: Euclidean (LanceDB and faiss return its square), shape (n_queries, n_neighbors), float64;
            infinite where there are fewer than K.
        rows: For each query a list of dictionaries, the catalog values of the neighbours that there are
            (so never longer than K, and shorter where there are fewer).
        scale: The median nearest-neighbour distance of the base, where and as it was searched; weights see
            `distance / scale`.
        flags: For each query the names of its cautions, see `spectra.FLAGS`.
        view: The vector columns that were searched: "shape", or "shape + surprise".
        fingerprint: Of the vectors; of several views with commas.
        version: Of the base.
        pool: Label or class to the number of such objects that were searched; empty if the search asked
            for no label.
        weights: View to its weight in the distance.
        metric: What is known of the metric in which distances are, as plain values; empty without one.
    """

    query_id: NDArray[np.str_]
    query_vectors: NDArray[np.float32]
    object_id: NDArray[np.str_]
    distance: NDArray[np.float64]
    rows: list[list[dict[str, Any]]]
    scale: float
    flags: tuple[tuple[str, ...], ...]
    view: str = "shape"
    fingerprint: str = ""
    version: int = 0
    pool: dict[str, int] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    metric: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.query_id)

    @property
    def k(self) -> int:
        """How many neighbours were asked for."""
        return self.distance.shape[1]

    def column(self, name: str) -> NDArray[np.object_]:
        """A catalog value of every neighbour, shape (n_queries, n_neighbors); None where unknown."""
        values = np.full(self.distance.shape, None, dtype=object)
        for i, found in enumerate(self.rows):
            for j, row in enumerate(found):
                values[i, j] = row.get(name)
        return values

    def take(self, index: NDArray) -> Neighbors:
        """The chosen queries, in the order asked for. `index` holds positions or a boolean mask."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        return replace(
            self,
            query_id=self.query_id[index],
            query_vectors=self.query_vectors[index],
            object_id=self.object_id[index],
            distance=self.distance[index],
            rows=[self.rows[i] for i in index],
            flags=tuple(self.flags[i] for i in index),
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """What `search --json` prints: one plain dictionary per query."""
        return [
            {
                "object_id": str(self.query_id[i]),
                "neighbors": [
                    {"object_id": str(self.object_id[i, j]), "distance": float(self.distance[i, j])}
                    for j in range(len(found))
                ],
                "flags": list(self.flags[i]),
            }
            for i, found in enumerate(self.rows)
        ]
