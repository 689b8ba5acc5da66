"""Questions to a knowledge base: similar spectra, class, membership of a target, and an explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spectrove.errors import KnowledgeError, Refusal, SpectrumError
from spectrove.explanation.evidence import Evidence, build_evidence
from spectrove.explanation.question import Question, with_against, with_influence, with_saliency
from spectrove.galaxies.lenses.signs import CommonResiduals, common_residuals_for
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
from spectrove.inference.embed import Embedded, Encoders, embed_queries, encoders_of
from spectrove.inference.question import Asking
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.redshift_estimate import RedshiftEstimate
from spectrove.spectra import CATALOG_FLAGS, SpectrumSet
from spectrove.targets import MetricMode, Target, load_target


@dataclass(frozen=True)
class Answers:
    """One batch of answers: spectra, neighbours and predictions in the same order, and the refusals.

    `predictions` is empty after `search`. `target` is the target of a hunt, with a numerical threshold. `metric` is the
    metric of the distances, `calibration` that of the probabilities, and `question` repeats the question for an
    explanation.
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
    """The k nearest known spectra of each query, in one view or in several weighted views."""
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
    witness: str = "auto",
    allow_self: bool = False,
    weighting: str = "exp",
    normalise: str = "sum",
    encoder: Encoders = None,
    redshifts: Mapping[str, RedshiftEstimate] | None = None,
) -> Answers:
    """The class of each query from its nearest labelled neighbours, with the probability of every class.

    `metric` selects a metric fitted on the labels of the base, see `inference.metric_for`. `calibration` selects
    probabilities calibrated on these labels, see `inference.calibration_for`, or shares of the weighted vote of the k
    nearest. `witness` selects the object's own lines as further evidence, see `inference.witness`. `redshifts` are the
    estimates of spectra without a redshift, by id; if an estimate is uncertain, the answer is the mean over its
    candidate redshifts.
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
    """Refuse a column unless it holds classes.

    Raises:
        KnowledgeError: If there is no such column, it is empty, or nearly all of its values are different, as ids and
            measurements are.
    """
    counts = base.label_values(label)
    n = sum(counts.values())
    if counts and len(counts) <= max(20, 0.5 * n):
        return
    found = (
        f"{len(counts)} different values in {n} objects are not classes"
        if counts
        else "no object has a value"
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
    witness: str = "auto",
    allow_self: bool = False,
    encoder: Encoders = None,
    redshifts: Mapping[str, RedshiftEstimate] | None = None,
) -> Answers:
    """Probability that each spectrum belongs to the target; `metric` is the target's if None.

    With `calibration` "auto" probabilities are calibrated on the labels of the base if there are enough, for the
    population given by the `prior` or `prevalence` of the target; with "none" they are vote shares.
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
    if target.signs and any(p.is_target for p in predictions):
        residuals = using.residuals or common_residuals_for(base, target=target, where=where)
        predictions = _with_second_redshifts(predictions, embedded.spectra, residuals)
    return replace(
        answers_of(embedded, neighbors, predictions, fitted, using, asking.question), target=target
    )


def _with_second_redshifts(
    predictions: Sequence[Prediction], spectra: SpectrumSet, residuals: CommonResiduals
) -> list[Prediction]:
    """The predictions; targets get the candidate redshifts of a second galaxy."""
    found = residuals.second_redshifts(spectra.take([i for i, p in enumerate(predictions) if p.is_target]))
    return [
        replace(p, second_redshift=tuple(c.to_dict() for c in found.get(p.object_id, [])))
        if p.is_target
        else p
        for p in predictions
    ]


def _calibration(base: KnowledgeBase, mode: CalibrationMode, allow_self: bool, **asked: Any) -> Calibrated:
    """The calibration for a question; none if an object may find itself, because calibrations exclude that."""
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
    """Explanation of the i-th answer: neighbours, weights, lines, provenance.

    Args:
        target: For answers that do not hold their target.
        saliency: Also find the wavelengths that contribute to the distance of each neighbour; about a second.
        against: Id of an object of the base to compare with the query, to see why it is not a neighbour.
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
    """Answers with the flags of their spectra added, except those that only a catalog gives."""
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
