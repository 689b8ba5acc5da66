"""Neighbors: the nearest known objects of each query."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, repr=False)
class Neighbors:
    """The K nearest objects of each query, nearest first.

    Attributes:
        query_id: Shape (n_queries,), strings.
        query_vectors: Vectors of the queries in the metric of the search, shape (n_queries, n_dimensions), float32.
        object_id: Shape (n_queries, n_neighbors), strings; "" if there are fewer than K neighbours.
        distance: Euclidean (LanceDB and faiss return its square), shape (n_queries, n_neighbors), float64;
            infinite if there are fewer than K neighbours.
        rows: Catalog values of the neighbours, for each query a list of at most K dictionaries.
        scale: Median nearest-neighbour distance of the base, in the same views and metric. Weights are functions
            of `distance / scale`.
        flags: Names of the flags of each query, see `spectra.FLAGS`.
        view: The views searched: "shape", or "shape + surprise".
        fingerprint: Of the vectors; those of several views are joined by commas.
        version: Version of the base.
        pool: Number of searched objects of each label or class; empty if the search named no label.
        weights: Weight of each view in the distance.
        metric: Description of the metric, as plain values; empty without one.
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

    def __repr__(self) -> str:
        near = self.distance[:, :1]
        near = near[np.isfinite(near)]
        median = f", the nearest at {np.median(near):.3g} (median)" if len(near) else ""
        return f"<Neighbors of {len(self)} queries: {self.k} each, view {self.view}{median}>"

    @property
    def k(self) -> int:
        """Number of neighbours requested."""
        return self.distance.shape[1]

    def column(self, name: str) -> NDArray[np.object_]:
        """A catalog value of every neighbour, shape (n_queries, n_neighbors); None if unknown."""
        values = np.full(self.distance.shape, None, dtype=object)
        for i, found in enumerate(self.rows):
            for j, row in enumerate(found):
                values[i, j] = row.get(name)
        return values

    def take(self, index: NDArray) -> Neighbors:
        """The neighbours of the chosen queries, in the order of `index` (positions or a boolean mask)."""
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
        """One plain dictionary per query, as printed by `search --json`."""
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
