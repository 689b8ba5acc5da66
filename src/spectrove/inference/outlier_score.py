"""Outlier score of a spectrum from its distance to a base in some views, and its p-value among the objects of the base.

No label is used. The base may contain a few outliers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectrove.domain import Reason, Reasons
from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError, Refusal
from spectrove.inference.embed import vectors_of
from spectrove.inference.kept import Arrays, Content, contents, fitted_once
from spectrove.knowledge import KnowledgeBase
from spectrove.provenance import canonical_json
from spectrove.spectra import CATALOG_FLAGS, CORE_COLUMNS, SpectrumSet
from spectrove.work import counted

Floats = NDArray[np.floating]

#: Increased whenever the same vectors give other scores.
OUTLIER_VERSION = 1

#: Neighbours in the mean distance: a few similar outliers in a base do not hide each other.
NEIGHBORS = 5

#: Objects of a larger base among which a query is ranked, chosen by a hash of their ids.
MOST_COMPARED = 5000

#: Objects compared at once.
BLOCK = 500

#: Reasons are looked for up to this p-value; beyond it a spectrum is ordinary.
EXPLAINED = 0.1

#: P-value up to which a spectrum counts as unusual in the summary.
UNUSUAL = 0.01

#: The reason of a spectrum that is not odd.
ORDINARY = Reason("ordinary", "Ordinary: its distances to its neighbours are typical of the base.")

#: The reason of an odd spectrum in a kind of light that knows no reasons.
UNEXPLAINED = Reason("unexplained", "No reason is looked for in this kind of light.")

#: With fewer objects no p-value can be as low as 0.01.
ENOUGH = 99


@dataclass(frozen=True)
class Reference:
    """Distances of the objects of a base to their neighbours, for comparison with those of a query.

    Attributes:
        object_id: Shape (n_objects,), sorted.
        log_distance: For each view the log of the mean distance to the nearest objects of other groups; (n_objects,),
            NaN without a vector in that view.
        weights: Of the views in the score.
    """

    object_id: NDArray[np.str_]
    log_distance: Mapping[str, Floats]
    weights: Mapping[str, float]

    def __len__(self) -> int:
        return len(self.object_id)

    @property
    def views(self) -> tuple[str, ...]:
        """Views of the score."""
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
            parts.append(self.weights[view] * np.logaddexp(0, 3 * beyond) / 3)
        # Further digits of a score depend on the batch in which its vectors were encoded.
        return np.round(np.sqrt(np.sum(np.square(parts), axis=0)), 5)

    def own_scores(self, views: Sequence[str]) -> Floats:
        """Scores of the objects of the base in these views, (n_objects,); NaN without a vector."""
        return self.score({view: self.log_distance[view] for view in views})

    def p_value(self, score: float, views: Sequence[str], object_id: str = "") -> float:
        """Fraction of the objects of the base, including the query, with a score at least as large.

        For a query like the objects of the base P(p <= a) = a for any score. Leaving out the own group makes the
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
        reason: Its name.
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


def reference_of(base: KnowledgeBase, weights: Mapping[str, float], group: str = "") -> Reference:
    """Distances of the objects of a base, stored with it until its objects or encoders change.

    Args:
        base: With all of these views.
        weights: Views of the score and their weights.
        group: Objects with equal values in this column are not compared: they share night, calibration and sky. ""
            where objects stand alone.

    Raises:
        KnowledgeError: The base has too few objects.
    """
    prints = base.fingerprints

    def made() -> list[Any]:
        rows = base.rows(None, [group] if group in base.columns else [])
        return contents(base, *(rows.column(name).to_pylist() for name in rows.column_names))

    used = base.remember(("objects compared", group), made)
    key = canonical_json([OUTLIER_VERSION, used, {view: prints[view] for view in weights}])
    fit, read = partial(_fit, base, weights, group), partial(_from_arrays, weights)
    return fitted_once(
        base, "outliers", key, fit, _to_arrays, read, doing="measuring how far known objects are apart"
    )


def log_distances(
    base: KnowledgeBase,
    view: str,
    vectors: Embeddings,
    spectra: SpectrumSet | None,
    *,
    exclude: str | None = None,
) -> Floats:
    """Log of the mean distance of each query to its nearest neighbours in one view, (n_queries,); NaN without any.

    Args:
        spectra: Spectra of the queries. Only the sky position is read, so that no object is its own neighbour; and the
            column `exclude`.
        exclude: Objects with the value of the query in this column are no neighbours.
    """
    near = base.search(vectors, NEIGHBORS, spectra=spectra, view=view, exclude_column=exclude)
    finite = np.isfinite(near.distance)
    mean = np.where(finite, near.distance, 0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)
    return np.where(finite.any(axis=1), np.log(np.maximum(mean, 1e-9)), np.nan)


def score_spectra(
    base: KnowledgeBase, spectra: SpectrumSet, encoders: Mapping[str, Encoder], reference: Reference
) -> tuple[SpectrumSet, list[OutlierAnswer], list[Refusal]]:
    """The spectra that have a vector in any view, their scores and p-values without reasons, and the refusals.

    Args:
        base: The base.
        spectra: The queries.
        encoders: Of each view of the reference.
        reference: Of the base.
    """
    placed = {view: _place(base, view, spectra, encoders[view]) for view in reference.views}
    reached = np.any([np.isfinite(p.log_distance) for p in placed.values()], axis=0)
    # A spectrum without redshift or good pixels is refused by all views for the same reason; it is given once.
    refusals = [
        next(p.refused[i] for p in placed.values() if i in p.refused)
        for i in np.flatnonzero(~reached).tolist()
    ]
    answers = []
    for i in np.flatnonzero(reached).tolist():
        views = tuple(view for view, p in placed.items() if np.isfinite(p.log_distance[i]))
        score = float(reference.score({view: placed[view].log_distance[i : i + 1] for view in views})[0])
        name = str(spectra.object_id[i])
        answers.append(
            OutlierAnswer(
                name, score, reference.p_value(score, views, name), ORDINARY.name, ORDINARY.sentence, (),
                _flags(spectra, i, list(placed.values()), reference, views), views, float(spectra.z[i]),
            )
        )  # fmt: skip
    return spectra.take(reached), answers, refusals


@dataclass(frozen=True)
class _Placed:
    """Log distances in one view (n_spectra,), NaN if refused; flags of the preparation and refusals by row."""

    log_distance: Floats
    flags: dict[int, tuple[str, ...]]
    refused: dict[int, Refusal]


def _place(base: KnowledgeBase, view: str, spectra: SpectrumSet, encoder: Encoder) -> _Placed:
    index, prepared, vectors, refused = vectors_of(spectra, encoder)
    distance = np.full(len(spectra), np.nan)
    if len(index):
        distance[index] = log_distances(base, view, vectors, spectra.take(index))
    flags = {int(i): own for i, own in zip(index, prepared.flags, strict=True)}
    sentences = {r.name: r for r in refused}
    nothing = Refusal("", f"view {view}: the base has no object to compare it with.")
    reasons = {
        i: sentences.get(name, replace(nothing, name=name))
        for i, name in enumerate(spectra.object_id.tolist())
        if not np.isfinite(distance[i])
    }
    return _Placed(distance, flags, reasons)


def _flags(
    spectra: SpectrumSet, i: int, placed: Sequence[_Placed], reference: Reference, views: Sequence[str]
) -> tuple[str, ...]:
    own = [f for f in spectra.column("flags")[i] or () if f not in CATALOG_FLAGS]
    made = [flag for p in placed for flag in p.flags.get(i, ())]
    cautions = ["one_view"] * (len(views) < len(placed)) + ["small_base"] * (len(reference) < ENOUGH)
    return tuple(dict.fromkeys([*own, *made, *cautions]))


def with_reasons(
    answers: Sequence[OutlierAnswer],
    spectra: SpectrumSet,
    encoders: Mapping[str, Encoder],
    reasons: Reasons | None,
    limit: float = EXPLAINED,
) -> tuple[OutlierAnswer, ...]:
    """The answers; those with a p-value up to the limit have their reason.

    Args:
        answers: In the order of the spectra.
        encoders: Of each view of the score.
        reasons: Of the kind of light; None where it has none.
    """
    odd = {a.object_id for a in answers if a.p_value <= limit}
    whole = {a.object_id for a in answers if len(a.views) == len(encoders)}
    names = spectra.object_id.tolist()
    chosen = spectra.take([i for i, name in enumerate(names) if name in odd])
    found = reasons.find(encoders, chosen, whole) if reasons else dict.fromkeys(odd, UNEXPLAINED)
    return tuple(
        replace(a, reason=own.name, why=own.sentence, regions=own.regions)
        if (own := found.get(a.object_id))
        else a
        for a in answers
    )


def summary(answers: Sequence[OutlierAnswer]) -> str:
    """How many spectra are unusual, and how many are expected by chance."""
    n, odd = len(answers), sum(a.p_value <= UNUSUAL for a in answers)
    verb, what = "is" if 1 in (odd, n) else "are", "spectrum" if n == 1 else "spectra"
    return f"{odd} of {n} {what} {verb} unusual at p ≤ {UNUSUAL:g} (expected by chance: {UNUSUAL * n:.1f})"


def _fit(base: KnowledgeBase, weights: Mapping[str, float], group: str) -> Reference:
    columns = [c for c in ("ra", "dec", group) if c in base.columns]
    chosen = np.sort(np.array(base.some_ids(MOST_COMPARED), dtype=str))
    rows = base.rows(columns=columns)
    rows = rows.take(pc.index_in(pa.array(chosen.tolist(), pa.string()), value_set=rows.column("object_id")))
    grouped = group in columns and len(set(rows.column(group).to_pylist())) > 1
    distances = {}
    for view in weights:
        at = np.flatnonzero(base.has_vector(chosen.tolist(), view))
        distances[view] = np.full(len(chosen), np.nan)
        for start in counted(f"comparing objects in the view {view}", len(at), BLOCK):
            part = at[start : start + BLOCK]
            vectors = base.vectors_of(chosen[part].tolist(), view)
            places = _without_pixels(chosen[part], rows.take(pa.array(part)))
            distances[view][part] = log_distances(
                base, view, vectors, places, exclude=group if grouped else None
            )
        base.let_go()
        if np.isfinite(distances[view]).sum() < 2:
            raise KnowledgeError(
                f"{base.path}: {np.isfinite(distances[view]).sum()} objects can be compared in the view {view}, "
                "expected 2 or more (100 and more for p-values of 0.01). Add objects."
            )
    return Reference(chosen, distances, weights)


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


def _from_arrays(weights: Mapping[str, float], arrays: Arrays, _: Mapping[str, str]) -> Reference:
    ids = json.loads(arrays["object_id"].tobytes())
    return Reference(np.array(ids, dtype=str), {view: arrays[view] for view in weights}, weights)
