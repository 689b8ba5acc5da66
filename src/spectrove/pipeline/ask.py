"""Questions to a knowledge base: what is like this, what is it, is it what I hunt, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from spectrove.errors import KnowledgeError, Refusal, SpectrumError
from spectrove.explain.evidence import Evidence, build_evidence
from spectrove.inference import Fitted, Prediction, metric_for
from spectrove.inference import classify as vote_classes
from spectrove.inference import hunt as vote_target
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline.embed import Embedded, Encoders, embed_queries
from spectrove.spectra import CATALOG_FLAGS, SpectrumSet
from spectrove.targets import MetricMode, Target, load_target


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
    embedded = embed_queries(base, spectra, encoder, space.views)
    neighbors = base.search(
        embedded.views, k, spectra=embedded.spectra, where=where, view=space.weights, allow_self=allow_self
    )
    return answers_of(embedded, neighbors)


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
    embedded = embed_queries(base, spectra, encoder, space.views)
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
    return answers_of(embedded, neighbors, predictions, fitted)


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
    embedded = embed_queries(base, spectra, encoder, base.space(target=target).views)
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
    return answers_of(embedded, neighbors, predictions, fitted)


def explain(base: KnowledgeBase, answers: Answers, i: int = 0, *, target: Target | None = None) -> Evidence:
    """Everything that made the i-th answer what it is: neighbours, weights, lines, provenance."""
    if not answers.predictions:
        raise SpectrumError("explain: these answers hold no prediction; call classify or hunt first.")
    return build_evidence(
        base, answers.spectra[i], answers.predictions[i], answers.neighbors, i, target=target
    )


def answers_of(
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
