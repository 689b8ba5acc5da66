"""READ FIRST: the path from spectra to answers, as code.

    spectra -> prepare -> embed -> search -> predict -> explain

`search` is the path in its shortest form. `classify` and `hunt` make a `Question`, whose `answer` (in
`inference/question.py`) prepares, embeds, searches and predicts. The other verbs have a file each beside this one.
What a kind of light brings (galaxies, ...) comes from `domains.py`; the table of all verbs is `verbs.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spectrove.errors import KnowledgeError
from spectrove.explanation.evidence import Evidence
from spectrove.inference import FittedCalibration, calibration_for, metric_for
from spectrove.inference.embed import BATCH, Embedded, embed, embed_queries, in_batches
from spectrove.inference.labels.review import Review
from spectrove.inference.numbers.estimate import Estimate
from spectrove.inference.pool import Pool
from spectrove.inference.question import Question, Vote
from spectrove.inference.terms import terms_of
from spectrove.knowledge import KnowledgeBase
from spectrove.moved import forwarding
from spectrove.pipeline.answers import (
    Answer,
    Answers,
    Match,
    described,
    matches_of,
    own_flags,
    provenance_of,
)
from spectrove.pipeline.build import add, create, create_from_vectors, encoders_for, reencode, standard_views
from spectrove.pipeline.by_condition import hunt_by_condition, hunted
from spectrove.pipeline.column_views import add_view, refuse_asked
from spectrove.pipeline.contrast import contrast, contrast_of
from spectrove.pipeline.curate import curate, trusted
from spectrove.pipeline.domains import DOMAINS, domain_of
from spectrove.pipeline.encoders import Encoders, encoders_of, loaded
from spectrove.pipeline.epochs import epochs
from spectrove.pipeline.estimate import check_quantities, check_quantity, estimate
from spectrove.pipeline.examples import hunt_like
from spectrove.pipeline.hunt_text import hunt_by_text, only_text
from spectrove.pipeline.measure import measure, store_measures
from spectrove.pipeline.options import ClassifyOptions, HuntOptions, SearchOptions, options_of
from spectrove.pipeline.outliers import outlier_reference, outliers, write_outlier_page
from spectrove.pipeline.prevalence import prevalence_of
from spectrove.pipeline.queries import any_spectra
from spectrove.pipeline.redshift import at_redshift, complete_redshifts, redshift, with_redshifts
from spectrove.pipeline.regions import search_region
from spectrove.pipeline.words import search_text
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target

__all__ = [
    "BATCH",
    "DOMAINS",
    "Answer",
    "Answers",
    "Embedded",
    "Encoders",
    "Estimate",
    "Match",
    "Review",
    "add",
    "add_view",
    "at_redshift",
    "check_label",
    "check_quantities",
    "check_quantity",
    "classify",
    "complete_redshifts",
    "contrast",
    "contrast_of",
    "create",
    "create_from_vectors",
    "curate",
    "domain_of",
    "embed",
    "encoders_for",
    "encoders_of",
    "epochs",
    "estimate",
    "explain",
    "hunt",
    "hunt_like",
    "in_batches",
    "loaded",
    "measure",
    "outlier_reference",
    "outliers",
    "redshift",
    "reencode",
    "search",
    "search_region",
    "search_text",
    "standard_views",
    "store_measures",
    "trusted",
    "with_redshifts",
    "write_outlier_page",
]

if not TYPE_CHECKING:  # names of version 0.1, with a warning
    __getattr__ = forwarding(__name__)


@any_spectra
def search(base: KnowledgeBase, spectra: SpectrumSet, **options: Any) -> Answers:
    """The nearest known spectra of each query, in one view or in several weighted views.

    Args:
        base: The base.
        spectra: The queries.
        options: See `options.SearchOptions`.
    """
    chosen = options_of(SearchOptions, "search", options)
    space = base.space(chosen.view)
    encoders = encoders_of(base, space.views, chosen.encoder)

    embedded = embed_queries(spectra, encoders)
    found = base.search(
        embedded.views, chosen.k, spectra=embedded.spectra, where=chosen.where, view=space.weights,
        allow_self=chosen.allow_self,
    )  # fmt: skip
    neighbors = described(embedded, found)
    return Answers(
        "search", base, embedded.spectra, matches_of(neighbors), embedded.refusals, neighbors,
        provenance=provenance_of(base, encoders, **chosen.model_dump()),
    )  # fmt: skip


@any_spectra
def classify(base: KnowledgeBase, spectra: SpectrumSet, label: str, **options: Any) -> Answers:
    """The class of each query from its nearest labelled neighbours, with the probability of every class.

    Args:
        base: The base.
        spectra: The queries.
        label: Column of the base that holds the classes.
        options: See `options.ClassifyOptions`. `metric` selects a metric fitted on the labels of the base, see
            `inference.metric_for`; `calibration` probabilities calibrated on these labels, see
            `inference.calibration_for`, or shares of the weighted vote of the k nearest; `witness` what the object
            itself says of the classes as further evidence; `prevalence` "equal" gives each class the same share among
            the queries, so that the most probable class is the best guess whatever the base holds most of.

    Raises:
        KnowledgeError: A prevalence is given and cannot be read, or there are no calibrated probabilities.
    """
    chosen = options_of(ClassifyOptions, "classify", options)
    check_label(base, label)
    prevalence = prevalence_of(chosen.prevalence)
    pool = Pool(base, base.space(chosen.view), label, None, chosen.where, chosen.allow_self, prevalence)
    return _ask(pool, spectra, chosen)


@any_spectra
def hunt(
    base: KnowledgeBase, spectra: SpectrumSet, target: Target | str | None = None, **options: Any
) -> Answers:
    """Probability that each spectrum belongs to the target. Without a target but with examples see `hunt_like`.

    Args:
        base: The base.
        spectra: The queries.
        target: What is hunted; the name of a target or its file. None where the option `condition` or `text` says it.
        options: See `options.HuntOptions`. With `calibration` "auto" probabilities are calibrated on the labels of the
            base if there are enough, for the population given by the `prior` or `prevalence` of the target; with "none"
            they are vote shares.
    """
    chosen = options_of(HuntOptions, "hunt", options)
    if chosen.text is not None:
        if chosen.view is not None:
            raise KnowledgeError("hunt: a sentence is measured in spectra and has no views. Leave one out.")
        only_text(target, chosen.condition)
        return hunt_by_text(base, spectra, chosen)
    target = chosen.applied(hunted(target, chosen.condition))
    if target.where is not None:
        return hunt_by_condition(base, spectra, target, chosen)
    pool = Pool(base, base.space(target=target), "", target, chosen.where, chosen.allow_self)
    return _ask(pool, spectra, chosen)


def _ask(pool: Pool, spectra: SpectrumSet, chosen: ClassifyOptions | HuntOptions) -> Answers:
    """Answers to a classification or a hunt."""
    question = _question(pool, chosen)
    embedded, neighbors, predictions = question.answer(spectra, chosen.k)
    predictions = question.with_signs(predictions, embedded.spectra)
    neighbors = described(embedded, neighbors, question.metric)
    flagged = tuple(
        replace(p, flags=tuple(dict.fromkeys([*flags, *p.flags])))
        for p, flags in zip(predictions, own_flags(embedded.spectra), strict=True)
    )
    return Answers(
        "hunt" if pool.target else "classify", pool.base, embedded.spectra, flagged, embedded.refusals, neighbors,
        question.metric, question.calibration, question, question.target,
        provenance_of(pool.base, question.encoders, **chosen.model_dump()),
    )  # fmt: skip


def _question(pool: Pool, chosen: ClassifyOptions | HuntOptions) -> Question:
    """The question, with metric and calibration fitted on the objects searched."""
    base, target = pool.base, pool.target
    refuse_asked(base, pool.space.weights, pool.column)
    domain = domain_of(base)
    mode = chosen.metric or (target.metric if target else "auto")
    metric = metric_for(pool, mode, group=domain.group)
    if chosen.calibration == "auto" and pool.allow_self:
        calibration = FittedCalibration(reason="an object may be its own neighbour.")
    else:
        terms = terms_of(domain, pool, chosen.witness)
        calibration = calibration_for(pool, chosen.calibration, metric=metric, terms=terms)
    if pool.prevalence is not None and calibration.calibration is None:
        raise KnowledgeError(
            f"{base.path}: a prevalence needs calibrated probabilities, and there are none"
            f"{': ' + calibration.reason if calibration.reason else '.'} Leave it out."
        )
    if target is not None:
        pool = replace(pool, target=calibration.settled(target))
    votes = Vote(chosen.weighting, chosen.normalise) if isinstance(chosen, ClassifyOptions) else Vote()
    encoders = encoders_of(base, pool.space.views, chosen.encoder)
    return Question(pool, domain, encoders, metric, calibration, votes, chosen.redshifts or {})


def explain(base: KnowledgeBase, answers: Answers, i: int = 0, **options: Any) -> Evidence:
    """The reasons for the i-th answer of a classification or hunt; `options` as for `Answers.explain`."""
    return answers.explain(i, **options)


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
    problem = (
        f"{len(counts)} different values in {n} objects are not classes"
        if counts
        else "no object has a value"
    )
    columns = ", ".join(base.info()["labels"]) or "none"
    raise KnowledgeError(
        f"{base.path}: {problem} in {label!r}; label columns with values: {columns}. "
        "Name one of these, or add labels with kb label."
    )
