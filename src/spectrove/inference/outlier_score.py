"""Outlier score of a spectrum from its distance to a base in two views, and its p-value among the objects of the base.

No label is used. The base may contain a few outliers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.inference.kept import Arrays, Content, fitted_once
from spectrove.knowledge import KnowledgeBase
from spectrove.provenance import canonical_json
from spectrove.spectra import CORE_COLUMNS, SpectrumSet
from spectrove.targets.target import id_hash

Floats = NDArray[np.floating]

#: Increased whenever the same vectors give other scores.
OUTLIER_VERSION = 1

#: Views of the score and their weights. Ordinary bases contain a few galaxies of rare but real types far from the
#: others in shape; with equal weights these set the threshold of 1% false alarms. Measured on 400 + 399 mocks of recipe
#: `train` with the six kinds of `outlier_reasons.DESIGNED_ON`: with weight .3 recall at 1% false alarms is .74 and the
#: AUC .990, with .5 .71 and .991, with .7 .60 and .992; with the second view alone .74 and .989.
VIEWS: Mapping[str, float] = {"shape": 0.4, "surprise": 1.0}

#: Neighbours in the mean distance: a few similar outliers in a base do not hide each other.
NEIGHBORS = 5

#: Objects of a larger base among which a query is ranked, chosen by a hash of their ids.
MOST_COMPARED = 5000

#: Objects with equal values in this column are not compared: they share night, calibration and sky.
GROUP = "plate"

#: With fewer objects no p-value can be as low as 0.01.
ENOUGH = 99


@dataclass(frozen=True)
class Reference:
    """Distances of the objects of a base to their neighbours, for comparison with those of a query.

    Attributes:
        object_id: Shape (n_objects,), sorted.
        log_distance: For each view the log of the mean distance to the nearest objects of other plates; (n_objects,),
            NaN without a vector in that view.
    """

    object_id: NDArray[np.str_]
    log_distance: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.object_id)

    @property
    def views(self) -> tuple[str, ...]:
        """Views of the base."""
        return tuple(self.log_distance)

    def score(self, log_distance: Mapping[str, Floats]) -> Floats:
        """Outlier score of each query, (n_queries,); one in ten objects of the base exceeds 1 in a view.

        In each view the log distance is measured from the median of the base, in units of the difference between its
        90th percentile and its median. Both are robust against a few percent of outliers. Views are added in
        quadrature.

        Args:
            log_distance: Log mean distances by view, (n_queries,) each. A missing view does not count.
        """
        parts = []
        for view, values in log_distance.items():
            own = self.log_distance[view]
            middle, high = np.nanquantile(own, [0.5, 0.9])
            beyond = (np.asarray(values, float) - middle) / max(high - middle, 1e-6)
            # A smooth cut-off at 0, so that ordinary objects do not have equal scores.
            parts.append(VIEWS[view] * np.logaddexp(0, 3 * beyond) / 3)
        # Further digits of a score depend on the batch in which its vectors were encoded.
        return np.round(np.sqrt(np.sum(np.square(parts), axis=0)), 5)

    def own_scores(self, views: Sequence[str]) -> Floats:
        """Scores of the objects of the base in these views, (n_objects,); NaN without a vector."""
        return self.score({view: self.log_distance[view] for view in views})

    def p_value(self, score: float, views: Sequence[str], object_id: str = "") -> float:
        """Fraction of the objects of the base, including the query, with a score at least as large.

        For a query like the objects of the base P(p <= a) = a for any score. Leaving out the own plate makes the
        objects of the base appear slightly farther. An object of the base is ranked among the others.

        Source:
            Conformal p-value; Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World, section 2.2.
        """
        own = self.own_scores(views)
        own = own[np.isfinite(own) & (self.object_id != object_id)]
        return float((1 + np.count_nonzero(own >= score)) / (1 + len(own)))


@dataclass(frozen=True)
class OutlierAnswer:
    """Outlier score of one spectrum, its p-value and its reason.

    Attributes:
        score: Increases with the distance from the base; see `Reference.score`.
        p_value: Fraction of the objects of the base with a score at least as large.
        reason: A key of `outlier_reasons.REASONS`.
        why: The reason as a sentence, with the decisive numbers.
        regions: (low, high), observed vacuum angstrom, most significant first.
        views: Views of the score.
        z: Redshift of the rest frame.
    """

    object_id: str
    score: float
    p_value: float
    reason: str
    why: str
    regions: tuple[tuple[float, float], ...]
    flags: tuple[str, ...]
    views: tuple[str, ...]
    z: float

    @property
    def rank(self) -> tuple[float, float, str]:
        """Sort key, the largest outliers first."""
        return self.p_value, -self.score, self.object_id

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "object_id": self.object_id,
            "score": self.score,
            "p_value": self.p_value,
            "reason": self.reason,
            "why": self.why,
            "regions": [list(region) for region in self.regions],
            "flags": list(self.flags),
        }


def reference_of(base: KnowledgeBase) -> Reference:
    """Distances of the objects of a base, stored in its folder until its objects or encoders change.

    Raises:
        KnowledgeError: The base lacks a view or has too few objects.
    """
    prints = base.fingerprints
    if missing := [view for view in VIEWS if view not in prints]:
        raise KnowledgeError(
            f"{base.path}: outliers are scored in the views {' and '.join(VIEWS)}; this base lacks {missing[0]}. "
            f"Add it with kb reencode {base.path} --view {missing[0]}={missing[0]}"
        )
    key = canonical_json([OUTLIER_VERSION, base.version, {view: prints[view] for view in VIEWS}])
    return fitted_once(base, "outliers", key, partial(_make, base), _to_arrays, _from_arrays)


def log_distances(
    base: KnowledgeBase,
    view: str,
    vectors: Embeddings,
    spectra: SpectrumSet | None,
    *,
    own_group: bool = True,
) -> Floats:
    """Log of the mean distance of each query to its nearest neighbours in one view, (n_queries,); NaN without any.

    Args:
        spectra: Spectra of the queries. Only the sky position is read, so that no object is its own neighbour; and,
            unless `own_group`, the plate.
        own_group: Whether objects of the same plate count as neighbours.
    """
    column = None if own_group else GROUP
    found = base.search(vectors, NEIGHBORS, spectra=spectra, view=view, exclude_column=column)
    known = np.isfinite(found.distance)
    mean = np.where(known, found.distance, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known.any(axis=1), np.log(np.maximum(mean, 1e-9)), np.nan)


def _make(base: KnowledgeBase) -> Reference:
    columns = [c for c in ("ra", "dec", GROUP) if c in base.columns]
    rows = base.rows(columns=columns)
    ids = np.array(rows.column("object_id").to_pylist(), dtype=str)
    order = np.argsort([id_hash(name) for name in ids], kind="stable")[:MOST_COMPARED]
    order = order[np.argsort(ids[order], kind="stable")]
    chosen, rows = ids[order], rows.take(pa.array(order))
    grouped = GROUP in columns and len(set(rows.column(GROUP).to_pylist())) > 1
    distances = {}
    for view in VIEWS:
        every = base.embeddings(view)
        vectors = every.take(np.isin(every.object_id, chosen))
        at = np.searchsorted(chosen, vectors.object_id)
        places = _without_pixels(vectors.object_id, rows.take(pa.array(at)))
        distances[view] = np.full(len(chosen), np.nan)
        distances[view][at] = log_distances(base, view, vectors, places, own_group=not grouped)
        if np.isfinite(distances[view]).sum() < 2:
            raise KnowledgeError(
                f"{base.path}: {np.isfinite(distances[view]).sum()} objects can be compared in the view {view}, "
                "expected 2 or more (100 and more for p-values of 0.01). Add objects."
            )
    return Reference(chosen, distances)


def _without_pixels(ids: NDArray[np.str_], rows: pa.Table) -> SpectrumSet:
    """Ids and rows as spectra without pixels; a search reads only their positions."""
    table = rows.drop_columns(["object_id"])
    for name, kind in CORE_COLUMNS.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(ids), kind))
    none = np.zeros(0, np.float32)
    return SpectrumSet(
        ids,
        np.zeros(len(ids) + 1, np.int64),
        none.astype(float),
        none,
        none,
        none.astype(np.int32),
        none,
        table,
    )


def _to_arrays(made: Reference) -> Content:
    ids = np.frombuffer(json.dumps(made.object_id.tolist()).encode(), dtype=np.uint8)
    arrays = {view: np.asarray(values, np.float64) for view, values in made.log_distance.items()}
    return {**arrays, "object_id": ids}, {}


def _from_arrays(arrays: Arrays, _: Mapping[str, str]) -> Reference:
    ids = json.loads(arrays["object_id"].tobytes())
    return Reference(np.array(ids, dtype=str), {view: arrays[view] for view in VIEWS})
