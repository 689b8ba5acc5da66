"""Questions to a knowledge base: what is like this, what is it, is it what I hunt, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spectrove.errors import KnowledgeError, Refusal, SpectrumError
from spectrove.explain.evidence import Evidence, build_evidence
from spectrove.explain.question import Question, with_against, with_influence, with_saliency
from spectrove.inference import (
    Calibrated,
    CalibrationMode,
    Fitted,
    Prediction,
    calibration_for,
    metric_for,
)
from spectrove.inference import classify as vote_classes
from spectrove.inference import hunt as vote_target
from spectrove.inference.redshift import RedshiftEstimate
from spectrove.inference.signs import CommonResiduals, common_residuals_for
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline.asking import Asking
from spectrove.pipeline.embed import Embedded, Encoders, embed_queries, encoders_of
from spectrove.spectra import CATALOG_FLAGS, SpectrumSet
from spectrove.targets import MetricMode, Target, Witness, load_target


@dataclass(frozen=True)
class Answers:
    """One batch of answers: spectra, neighbours and predictions in the same order, and what was refused.

    `predictions` is empty after `search`, which decides nothing. `target` is what was hunted, its threshold a number.
    `metric` is what distances were measured in,
    `calibration` what made probabilities of them, and `question` asks again, for an explanation.
    """

    spectra: SpectrumSet
    neighbors: Neighbors
    predictions: tuple[Prediction, ...] = ()
    refusals: tuple[Refusal, ...] = field(default=())
    metric: Fitted = field(default_factory=Fitted)
    calibration: Calibrated = field(default_factory=Calibrated)
    question: Question | None = field(default=None, repr=False)
    target: Target | None = None


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
    calibration: CalibrationMode = "auto",
    witness: Witness = "auto",
    allow_self: bool = False,
    weighting: str = "exp",
    normalise: str = "sum",
    encoder: Encoders = None,
    redshifts: Mapping[str, RedshiftEstimate] | None = None,
) -> Answers:
    """The class of each query from its nearest labelled neighbours, with the probability of every class.

    `metric` says whether distances are in one fitted on the base's own labels, see `inference.metric_for`;
    `calibration` whether probabilities are calibrated on them, see `inference.calibration_for`, or the shares of the
    weighted vote of the k nearest; `witness` whether an object's own lines count in a calibrated probability, see
    `inference.witness`. `redshifts` are the estimates of spectra that came without one, by id: where an
    estimate is open the answer is the mean over the redshifts that it may be.
    """
    check_label(base, label)
    space = base.space(view)
    fitted = metric_for(base, metric, labelled=label, view=space.weights, where=where)
    who = {"labelled": label, "view": space.weights}
    using = _calibration(base, calibration, allow_self, metric=fitted, where=where, witness=witness, **who)

    def vote(neighbors: Neighbors, _: SpectrumSet) -> list[Prediction]:
        return vote_classes(neighbors, label, weighting=weighting, normalise=normalise)

    encoders = encoders_of(base, space.views, encoder)
    asking = Asking(base, space, encoders, who, where, allow_self, fitted, using, vote, redshifts or {})
    return answers_of(*asking(spectra, k), fitted, using, asking.question)


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
    calibration: CalibrationMode = "auto",
    witness: Witness = "auto",
    allow_self: bool = False,
    encoder: Encoders = None,
    redshifts: Mapping[str, RedshiftEstimate] | None = None,
) -> Answers:
    """Which of these spectra are what the target names; `metric` is the target's if None.

    With `calibration` "auto" probabilities are calibrated on the base's labels where it has enough of them, for the
    population that the target's `prior` or `prevalence` describes; with "none" they are shares of the vote.
    `witness` and `redshifts` as in `classify`.
    """
    target = load_target(target) if isinstance(target, str) else target
    fitted = metric_for(base, metric or target.metric, target=target, where=where)
    using = _calibration(
        base, calibration, allow_self, metric=fitted, target=target, where=where, witness=witness
    )
    target = using.settled(target)

    def vote(neighbors: Neighbors, spectra: SpectrumSet) -> list[Prediction]:
        return vote_target(neighbors, target, spectra=spectra)

    space = base.space(target=target)
    encoders = encoders_of(base, space.views, encoder)
    asking = Asking(
        base, space, encoders, {"target": target}, where, allow_self, fitted, using, vote, redshifts or {}
    )
    embedded, neighbors, predictions = asking(spectra, k)
    if target.second_redshift and any(p.is_target for p in predictions):
        residuals = using.residuals or common_residuals_for(base, target=target, where=where)
        predictions = _with_second_redshifts(predictions, embedded.spectra, residuals)
    return replace(
        answers_of(embedded, neighbors, predictions, fitted, using, asking.question), target=target
    )


def _with_second_redshifts(
    predictions: Sequence[Prediction], spectra: SpectrumSet, residuals: CommonResiduals
) -> list[Prediction]:
    """Those that are targets with the redshifts at which a second galaxy's lines may stand."""
    found = residuals.second_redshifts(spectra.take([i for i, p in enumerate(predictions) if p.is_target]))
    return [
        replace(p, second_redshift=tuple(c.to_dict() for c in found.get(p.object_id, [])))
        if p.is_target
        else p
        for p in predictions
    ]


def _calibration(base: KnowledgeBase, mode: CalibrationMode, allow_self: bool, **asked: Any) -> Calibrated:
    """The calibration for a question; none where an object may find itself, which no calibration has seen."""
    if mode == "auto" and allow_self:
        return Calibrated(reason="an object may be its own neighbour.")
    return calibration_for(base, mode, **asked)


def explain(
    base: KnowledgeBase,
    answers: Answers,
    i: int = 0,
    *,
    target: Target | None = None,
    saliency: bool = False,
    against: str | None = None,
) -> Evidence:
    """Everything that made the i-th answer what it is: neighbours, weights, lines, provenance.

    Args:
        target: Of answers that do not say themselves what was hunted.
        saliency: Also find the wavelengths that each neighbour's distance comes from, which takes about a second.
        against: Id of an object of the base to compare the query with: why is it not among the neighbours?
    """
    if not answers.predictions:
        raise SpectrumError("explain: these answers hold no prediction; call classify or hunt first.")
    evidence = build_evidence(
        base, answers.spectra[i], answers.predictions[i], answers.neighbors, i,
        target=answers.target or target,
    )  # fmt: skip
    question, query = answers.question, answers.spectra.take([i])
    if question is None:
        return evidence
    evidence = with_influence(evidence, question, query)
    if saliency:
        evidence = with_saliency(evidence, question, query)
    return with_against(evidence, question, query, against) if against else evidence


def answers_of(
    embedded: Embedded,
    neighbors: Neighbors,
    predictions: Sequence[Prediction] = (),
    fitted: Fitted | None = None,
    using: Calibrated | None = None,
    question: Question | None = None,
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
    used = using or Calibrated()
    return Answers(embedded.spectra, found, cautioned, embedded.refusals, fitted, used, question)
