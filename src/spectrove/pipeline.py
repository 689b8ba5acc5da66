"""READ FIRST: the path of the data, as code.

    spectra -> prepare -> embed -> search -> predict -> explain

Each step takes what the one before gives. Nothing here knows about files' formats (ingest), how a vector is
made (encoders), how it is kept (knowledge), how neighbours vote (inference) or how a page looks (explain).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder, load_encoder, shipped_encoders
from spectrove.errors import KnowledgeError, Refusal, SpectrumError
from spectrove.explain.evidence import Evidence, build_evidence
from spectrove.inference import Fitted, Prediction, metric_for
from spectrove.inference import classify as vote_classes
from spectrove.inference import hunt as vote_target
from spectrove.knowledge import DEFAULT_VIEW, KnowledgeBase, Neighbors
from spectrove.preprocess import Prepared, prepare
from spectrove.spectra import CATALOG_FLAGS, CORE_COLUMNS, SpectrumSet
from spectrove.targets import MetricMode, Target, load_target

Progress = Callable[[int], None]

#: Spectra that are encoded together.
BATCH = 1024


#: View to its encoder: what a new base gets besides its shape, as far as these encoders come along.
STANDARD_VIEWS: dict[str, str] = {"surprise": "surprise"}

#: Encoders by view; one alone is that of the default view.
Encoders = Encoder | Mapping[str, Encoder] | None


@dataclass(frozen=True)
class Embedded:
    """Spectra that could be embedded, their vectors in the same order, and what was refused.

    Attributes:
        embeddings: Vectors of the default view.
        views: View to vectors, the default view's among them; others may lack some of the spectra.
        unmade: For each spectrum that a further view refused, why.
    """

    spectra: SpectrumSet
    embeddings: Embeddings
    refusals: tuple[Refusal, ...] = ()
    views: dict[str, Embeddings] = field(default_factory=dict)
    unmade: tuple[Refusal, ...] = ()

    @property
    def whole(self) -> Embedded:
        """Only the spectra that have a vector in every view; the others are refused."""
        keep = np.ones(len(self.spectra), dtype=bool)
        for vectors in self.views.values():
            keep &= np.isin(self.spectra.object_id, vectors.object_id)
        views = {v: e.take(np.isin(e.object_id, self.spectra.object_id[keep])) for v, e in self.views.items()}
        refusals = (*self.refusals, *self.unmade)
        return Embedded(self.spectra.take(keep), self.embeddings.take(keep), refusals, views)


@dataclass(frozen=True)
class Answers:
    """One batch of answers: spectra, neighbours and predictions in the same order, and what was refused.

    `predictions` is empty after `search`, which decides nothing. `metric` is what distances were measured in.
    """

    spectra: SpectrumSet
    neighbors: Neighbors
    predictions: tuple[Prediction, ...] = ()
    refusals: tuple[Refusal, ...] = field(default=())
    metric: Fitted = field(default_factory=Fitted)


def embed(
    spectra: SpectrumSet, encoder: Encoder, views: Mapping[str, Encoder | str] | None = None
) -> Embedded:
    """Vectors of all spectra that the encoder can take; the others are refused by name.

    Only flux, ivar, mask, wavelength, LSF and, for rest-frame encoders, the redshift are read.

    Args:
        views: Further views and what makes them. A spectrum that one of them refuses stays.
    """
    index, prepared, vectors, refusals = _vectors(spectra, encoder)
    kept = _with_flags(spectra.take(index), prepared)
    made, unmade = {DEFAULT_VIEW: vectors}, []
    for view, other in loaded(views or {}).items():
        _, _, made[view], refused = _vectors(kept, other)
        unmade += [Refusal(r.name, f"view {view}: {r.error}") for r in refused]
    return Embedded(kept, vectors, tuple(refusals), made, tuple(unmade))


def _vectors(
    spectra: SpectrumSet, encoder: Encoder
) -> tuple[NDArray[np.int64], Prepared, Embeddings, list[Refusal]]:
    """Which of the spectra the encoder takes, prepared and encoded, and why not the others."""
    prepared, refusals = prepare(spectra, encoder.preprocess)
    embeddings = encoder.encode(prepared)
    finite: NDArray[np.bool_] = np.all(np.isfinite(embeddings.vectors), axis=1)
    for name in embeddings.object_id[~finite].tolist():
        refusals.append(
            Refusal(
                name,
                f"{name}: {encoder.name} gives no finite vector. Check the file's flux and ivar for extremes.",
            )
        )
    index = _in_order(spectra, prepared.object_id)[finite]
    return index, prepared.take(finite), embeddings.take(finite), refusals


def _in_order(spectra: SpectrumSet, object_id: NDArray[np.str_]) -> NDArray[np.int64]:
    """Where the spectra with these ids stand, which are some of the set's, in its own order."""
    left = iter(range(len(spectra)))
    return np.array([next(i for i in left if spectra.object_id[i] == name) for name in object_id], dtype=int)


def _with_flags(spectra: SpectrumSet, prepared: Prepared) -> SpectrumSet:
    """The spectra with what preparation found added to their flags."""
    flags = [
        list(dict.fromkeys([*(own or ()), *new]))
        for own, new in zip(spectra.column("flags"), prepared.flags, strict=True)
    ]
    place = spectra.rows.column_names.index("flags")
    return spectra.with_rows(spectra.rows.set_column(place, "flags", pa.array(flags, CORE_COLUMNS["flags"])))


def loaded(encoders: Mapping[str, Encoder | str]) -> dict[str, Encoder]:
    """Encoders by view, those that are named by name or folder loaded."""
    return {view: load_encoder(e) if isinstance(e, str) else e for view, e in encoders.items()}


def standard_views() -> dict[str, str]:
    """The further views of a new base: those of `STANDARD_VIEWS` whose encoder comes with the package."""
    return {view: name for view, name in STANDARD_VIEWS.items() if name in shipped_encoders()}


def create(
    path: Path | str,
    batches: Iterable[SpectrumSet],
    encoder: Encoder | str = "base",
    *,
    views: Mapping[str, Encoder | str] | None = None,
    progress: Progress | None = None,
) -> tuple[KnowledgeBase, list[Refusal]]:
    """A new knowledge base from batches of spectra; `progress` is told how many were added.

    Args:
        encoder: What makes the view "shape". Spectra that it refuses are left out.
        views: Further views and what makes them; `standard_views()` if None.
    """
    encoder = load_encoder(encoder) if isinstance(encoder, str) else encoder
    others = loaded(standard_views() if views is None else views)
    base: KnowledgeBase | None = None
    refusals: list[Refusal] = []
    for batch in batches:
        embedded = embed(batch, encoder, others)
        refusals += embedded.refusals
        if len(embedded.spectra):
            if base is None:
                # Until `complete` a base that was stopped half-way is recognised as half-made.
                base = KnowledgeBase.create(
                    path, embedded.spectra, embedded.views, encoder=encoder.name, complete=False
                )
            else:
                base.add(embedded.spectra, embedded.views)
        if progress:
            progress(len(batch))
    if base is None:
        reason = f" The first reason: {refusals[0].error}" if refusals else ""
        raise KnowledgeError(
            f"{path}: no spectrum could be added ({len(refusals)} refused), so no base was made.{reason}"
        )
    base.optimize()
    base.complete()
    return base, refusals


def add(
    base: KnowledgeBase,
    batches: Iterable[SpectrumSet],
    *,
    upsert: bool = False,
    progress: Progress | None = None,
) -> list[Refusal]:
    """Add spectra to a base, embedded with its own encoders; returns what was refused."""
    encoders = loaded(base.encoders)
    main = encoders.pop(base.space().views[0])
    refusals: list[Refusal] = []
    for batch in batches:
        embedded = embed(batch, main, encoders)
        refusals += embedded.refusals
        if len(embedded.spectra):
            write = base.upsert if upsert else base.add
            write(embedded.spectra, embedded.views)
        if progress:
            progress(len(batch))
    return refusals


def reencode(
    base: KnowledgeBase,
    views: Mapping[str, Encoder | str] | None = None,
    *,
    progress: Progress | None = None,
) -> list[Refusal]:
    """Make views of a base anew from its stored spectra, or add views, as one new version; what they refused.

    `views` says what makes each; if None all of the base's are made by their own encoders. Every object stays: one
    that a view refuses has no vector in it, and the flag `view_missing`.
    """
    encoders = loaded(base.encoders if views is None else views)
    since, ids = base.version, base.rows(columns=[]).column("object_id").to_pylist()
    parts: dict[str, list[Embeddings]] = {view: [] for view in encoders}
    refusals: list[Refusal] = []
    for start in range(0, len(ids), BATCH):
        spectra = base.spectra(ids[start : start + BATCH])
        for view, encoder in encoders.items():
            _, _, vectors, refused = _vectors(spectra, encoder)
            parts[view].append(vectors)
            refusals += [Refusal(r.name, f"view {view}: {r.error}") for r in refused]
        if progress:
            progress(len(spectra))
    base.reencode({view: _joined(found) for view, found in parts.items()}, since=since)
    return refusals


def _joined(parts: Sequence[Embeddings]) -> Embeddings:
    return replace(
        parts[0],
        vectors=np.concatenate([p.vectors for p in parts]),
        object_id=np.concatenate([p.object_id for p in parts]),
        coverage=np.concatenate([p.coverage for p in parts]),
    )


def search(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    *,
    k: int = 3,
    where: str | None = None,
    view: str | Mapping[str, float] | None = None,
    allow_self: bool = False,
    encoder: Encoders = None,
) -> Answers:
    """The k nearest known spectra of each query, in one view or in several with their weights."""
    space = base.space(view)
    embedded = _embed_queries(base, spectra, encoder, space.views)
    neighbors = base.search(
        embedded.views, k, spectra=embedded.spectra, where=where, view=space.weights, allow_self=allow_self
    )
    return _answers(embedded, neighbors)


def classify(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    label: str,
    *,
    k: int = 3,
    where: str | None = None,
    view: str | Mapping[str, float] | None = None,
    metric: MetricMode = "auto",
    allow_self: bool = False,
    weighting: str = "exp",
    normalise: str = "sum",
    encoder: Encoders = None,
) -> Answers:
    """The class of each query by the weighted vote of its k nearest labelled neighbours.

    `metric` says whether distances are in one fitted on the base's own labels, see `inference.metric_for`.
    """
    check_label(base, label)
    space = base.space(view)
    fitted = metric_for(base, metric, labelled=label, view=space.weights, where=where)
    embedded = _embed_queries(base, spectra, encoder, space.views)
    neighbors = base.search(
        embedded.views,
        k,
        spectra=embedded.spectra,
        where=where,
        view=space.weights,
        allow_self=allow_self,
        labelled=label,
        metric=fitted.metrics or None,
    )
    predictions = vote_classes(neighbors, label, weighting=weighting, normalise=normalise)
    return _answers(embedded, neighbors, predictions, fitted)


def check_label(base: KnowledgeBase, label: str) -> None:
    """Nothing, if a column holds classes that can be voted for.

    Raises:
        KnowledgeError: If there is no such column, it is empty, or as good as no value in it occurs twice, as in ids
            and measurements.
    """
    counts = base.label_values(label)
    n = sum(counts.values())
    if counts and len(counts) <= max(20, 0.5 * n):
        return
    found = (
        f"{len(counts)} different values in {n} objects are no classes" if counts else "no object has a value"
    )
    known = ", ".join(base.info()["labels"]) or "none"
    raise KnowledgeError(
        f"{base.path}: {found} in {label!r}; label columns with values: {known}. "
        "Name one of these, or add labels with a catalog."
    )


def hunt(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    target: Target | str,
    *,
    k: int | None = None,
    where: str | None = None,
    metric: MetricMode | None = None,
    allow_self: bool = False,
    encoder: Encoders = None,
) -> Answers:
    """Which of these spectra are what the target names; `metric` is the target's if None."""
    target = load_target(target) if isinstance(target, str) else target
    fitted = metric_for(base, metric or target.metric, target=target, where=where)
    embedded = _embed_queries(base, spectra, encoder, base.space(target=target).views)
    neighbors = base.search(
        embedded.views,
        k,
        spectra=embedded.spectra,
        where=where,
        allow_self=allow_self,
        target=target,
        metric=fitted.metrics or None,
    )
    predictions = vote_target(neighbors, target, spectra=embedded.spectra)
    return _answers(embedded, neighbors, predictions, fitted)


def encoders_of(base: KnowledgeBase, views: Iterable[str], given: Encoders = None) -> dict[str, Encoder]:
    """What makes the vectors of these views: what is given, else what the base names."""
    known = {DEFAULT_VIEW: given} if isinstance(given, Encoder) else dict(given or {})
    return {view: known.get(view) or load_encoder(base.encoders[view]) for view in views}


def _embed_queries(
    base: KnowledgeBase, spectra: SpectrumSet, given: Encoders, views: Sequence[str]
) -> Embedded:
    """Vectors of the queries in all of these views; a query that lacks one of them is refused."""
    encoders = encoders_of(base, views, given)
    first, *others = views
    embedded = embed(spectra, encoders[first], {view: encoders[view] for view in others})
    made = {view: embedded.views[DEFAULT_VIEW if view == first else view] for view in views}
    return replace(embedded, views=made).whole


def _answers(
    embedded: Embedded,
    neighbors: Neighbors,
    predictions: Sequence[Prediction] = (),
    fitted: Fitted | None = None,
) -> Answers:
    """Answers whose flags begin with those of their own spectra, less what only a catalog says."""
    fitted = fitted or Fitted()
    own = [[f for f in flags or () if f not in CATALOG_FLAGS] for flags in embedded.spectra.column("flags")]
    merged = tuple(tuple(dict.fromkeys([*a, *b])) for a, b in zip(own, neighbors.flags, strict=True))
    cautioned = tuple(
        replace(p, flags=tuple(dict.fromkeys([*flags, *p.flags])))
        for p, flags in zip(predictions, own, strict=False)
    )
    found = replace(neighbors, flags=merged, metric=neighbors.metric | fitted.about)
    return Answers(embedded.spectra, found, cautioned, embedded.refusals, fitted)


def explain(base: KnowledgeBase, answers: Answers, i: int = 0, *, target: Target | None = None) -> Evidence:
    """Everything that made the i-th answer what it is: neighbours, weights, lines, provenance."""
    if not answers.predictions:
        raise SpectrumError("explain: these answers hold no prediction; call classify or hunt first.")
    return build_evidence(
        base, answers.spectra[i], answers.predictions[i], answers.neighbors, i, target=target
    )


def in_batches(spectra: SpectrumSet, size: int = BATCH) -> Iterator[SpectrumSet]:
    """A large set, a batch at a time."""
    return (spectra.take(np.arange(i, min(i + size, len(spectra)))) for i in range(0, len(spectra), size))
