"""What a knowledge base finds, without its files: the same to the last bit, for some thousand searches a point."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.inference.metric.linear import LinearMetric
from spectrove.knowledge import Neighbors
from spectrove.knowledge.search import Snapshot, nearest
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target
from spectrove.targets.target import id_hash

#: Columns of the neighbours that anything reads.
COLUMNS = ("class_derived", "sn_median", "z", "d4000n")

#: Objects that the unit of distance is taken from, as in a knowledge base.
SCALE_SAMPLE = 512


@dataclass(frozen=True)
class Vectors:
    """Objects with their vectors in the same order; of their pixels only one each is kept."""

    spectra: SpectrumSet
    embeddings: Embeddings

    def __len__(self) -> int:
        return len(self.spectra)

    def take(self, index: NDArray) -> Vectors:
        """The chosen objects, in the order asked for."""
        return Vectors(self.spectra.take(index), self.embeddings.take(index))


@dataclass
class Held:
    """Known objects in memory; searched in the vectors' own coordinates or in those of a metric."""

    known: Vectors
    _places: dict[str, tuple[Snapshot, float]] = field(default_factory=dict)

    def search(self, queries: Vectors, k: int, target: Target, metric: LinearMetric | None) -> Neighbors:
        """As `KnowledgeBase.search` with a target that has no filter and no composition."""
        snapshot, scale = self._place(metric)
        classes = target.classes_of(self.known.spectra.column(target.label))
        allowed = np.array([c is not None for c in classes])
        vectors = (
            queries.embeddings.vectors if metric is None else metric.transform(queries.embeddings.vectors)
        )
        ids, places = queries.spectra.object_id.tolist(), _places(queries)
        excluded = [snapshot.same_object(i, ra, dec) for i, (ra, dec) in zip(ids, places, strict=True)]
        found, distance = nearest(snapshot, vectors, k, allowed, excluded)
        return Neighbors(
            query_id=queries.spectra.object_id,
            query_vectors=vectors,
            object_id=np.where(found >= 0, snapshot.object_id[found], ""),
            distance=distance,
            rows=[[self._rows[i] for i in row if i >= 0] for row in found],
            scale=scale,
            flags=((),) * len(queries),
            pool={name: classes.count(name) for name in target.classes},
        )

    def __post_init__(self) -> None:
        table = self.known.spectra.rows.select(
            [c for c in COLUMNS if c in self.known.spectra.rows.column_names]
        )
        self._rows = table.to_pylist()

    def _place(self, metric: LinearMetric | None) -> tuple[Snapshot, float]:
        name = "" if metric is None else metric.fingerprint
        if name not in self._places:
            vectors = self.known.embeddings.vectors
            places = np.array(_places(self.known)).reshape(-1, 2)
            plain = Snapshot(
                np.arange(len(self.known), dtype=np.uint64), self.known.spectra.object_id, vectors,
                self.known.embeddings.coverage, places[:, 0], places[:, 1],
            )  # fmt: skip
            moved = plain if metric is None else replace(plain, vectors=metric.transform(vectors))
            self._places[name] = moved, unit_of(moved)
        return self._places[name]


def unit_of(snapshot: Snapshot) -> float:
    """Median distance between an object and its nearest other, of up to 512 objects."""
    ids = snapshot.object_id.tolist()
    order = np.argsort(np.array([id_hash(i) for i in ids], dtype=np.uint64), kind="stable")[:SCALE_SAMPLE]
    itself = [snapshot.same_object(ids[i], float(snapshot.ra[i]), float(snapshot.dec[i])) for i in order]
    _, distance = nearest(snapshot, snapshot.vectors[order], 1, None, itself)
    different = distance[np.isfinite(distance) & (distance > 0)]
    return float(np.median(different)) if len(different) else 1.0


def _places(vectors: Vectors) -> list[tuple[float, float]]:
    """Right ascension and declination of each, NaN where unknown."""
    columns: list[NDArray[np.float64]] = [
        np.array(vectors.spectra.column(name), dtype=float) for name in ("ra", "dec")
    ]
    return [(float(a), float(d)) for a, d in zip(*columns, strict=True)]
