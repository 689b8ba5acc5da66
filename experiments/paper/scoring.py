"""Hunts over every split of a sample, and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from experiments.samples.vectors import take
from experiments.samples.workshop import Part, Sample, Workshop
from spectrove.embeddings import Embeddings
from spectrove.errors import RecipeError
from spectrove.evaluation.metrics import RESAMPLES, Score, class_scores
from spectrove.galaxies.domain import GALAXIES
from spectrove.inference import Prediction, answer, calibration_for, hunt, metric_for
from spectrove.inference.pool import Pool
from spectrove.inference.terms import terms_of
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline import Embedded
from spectrove.targets import Target


@dataclass(frozen=True)
class Outcome:
    """Queries of one split with a true class: their rows, truth, answer and plate."""

    rows: NDArray[np.int64]
    truth: NDArray[np.str_]
    called: NDArray[np.str_]
    groups: NDArray[np.str_]


#: One list of outcomes (of the splits) per repetition.
Outcomes = list[list[Outcome]]


def hunted(
    workshop: Workshop,
    part: Part,
    target: Target,
    ks: Sequence[int],
    *,
    among: NDArray[np.bool_] | None = None,
    calibrated: bool = False,
) -> dict[int, Outcome]:
    """The outcome of a hunt for each K, from one search: the K nearest are the first of the most.

    `among` chooses queries; by default all that have a class are asked about. `calibrated` answers do not depend on K.
    """
    truth = np.array([c or "" for c in target.classes_of(part.queries.spectra.column(target.label))])
    rows = np.flatnonzero((truth != "") & (True if among is None else among))
    base, queries = workshop.base(part), take(part.queries, rows)
    found = search(base, queries, target, max(ks))
    outcomes = {}
    for k in ks:
        answers = hunt(first(found, k), target)
        if calibrated:
            answers = calibrate(answers, base, queries, target)
        called = np.array([called_class(p, target) for p in answers])
        outcomes[k] = Outcome(rows, truth[rows], called, part.groups[rows])
    return outcomes


def search(base: KnowledgeBase, queries: Embedded, target: Target, k: int) -> Neighbors:
    """The K nearest known objects of each query, as the target wants them searched."""
    fitted = metric_for(Pool.of(base, target=target), target.metric, group=GALAXIES.group)
    vectors = _views(base, queries, target)
    return base.search(vectors, k, spectra=queries.spectra, target=target, metric=fitted.metric)


def calibrate(
    answers: list[Prediction], base: KnowledgeBase, queries: Embedded, target: Target
) -> list[Prediction]:
    """The votes of `search` as probabilities calibrated on the base's labels, as `spectrove hunt` gives them.

    Raises:
        RecipeError: The spectra have no pixels, which calibrated answers read.
    """
    if len(queries.spectra) and len(queries.spectra[0].wavelength) < 2:
        raise RecipeError(
            "calibrated answers read pixels, and there are none. Set `pixels = true` in the recipe."
        )
    pool = Pool.of(base, target=target)
    metric = metric_for(pool, target.metric, group=GALAXIES.group)
    calibrated = calibration_for(pool, metric=metric, terms=terms_of(GALAXIES, pool, "none"))
    return answer(answers, calibrated, _views(base, queries, target), queries.spectra)


def _views(base: KnowledgeBase, queries: Embedded, target: Target) -> dict[str, Embeddings]:
    return {view: queries.views[view] for view in base.space(target=target).views}


def first(neighbors: Neighbors, k: int) -> Neighbors:
    """The nearest K of what was found."""
    return replace(
        neighbors,
        object_id=neighbors.object_id[:, :k],
        distance=neighbors.distance[:, :k],
        rows=[row[:k] for row in neighbors.rows],
    )


def called_class(prediction: Prediction, target: Target) -> str:
    """The class a prediction amounts to; in a two-class hunt the threshold decides."""
    if len(target.classes) == 2:
        other = next(c for c in target.classes if c != target.positive)
        return target.positive if prediction.is_target else other
    return prediction.value or ""


def hunt_sample(
    workshop: Workshop, sample: Sample, target: Target, ks: Sequence[int] = (), *, calibrated: bool = False
) -> dict[int, Outcomes]:
    """Outcomes of every repetition, for each K (the target's where none is named)."""
    ks = ks or (target.k,)
    results: dict[int, Outcomes] = {k: [] for k in ks}
    for repeat in sample:
        found = [hunted(workshop, part, target, ks, calibrated=calibrated) for part in repeat]
        for k in ks:
            results[k].append([outcomes[k] for outcomes in found])
    return results


def scores_of(outcomes: Outcomes, classes: Sequence[str]) -> dict[str, dict[str, Score]]:
    """Precision, recall and F1 of each class and "macro", with 95% intervals over plates."""
    columns = [
        [np.concatenate([getattr(o, name) for o in repeat]) for repeat in outcomes]
        for name in ("truth", "called", "groups")
    ]
    return class_scores(columns[0], columns[1], columns[2], classes)


def accuracy(outcomes: Outcomes, seed: int = 0) -> Score:
    """Share of right answers, mean over repetitions, with its 95% interval by bootstrap over plates."""
    plates = np.unique(np.concatenate([o.groups for repeat in outcomes for o in repeat]))
    draws = np.random.default_rng(seed).multinomial(
        len(plates), np.full(len(plates), 1 / len(plates)), size=RESAMPLES
    )
    points, spreads = [], []
    for repeat in outcomes:
        place = np.concatenate([np.searchsorted(plates, o.groups) for o in repeat])
        right = np.concatenate([o.truth == o.called for o in repeat]).astype(float)
        hits, n = np.bincount(place, right, len(plates)), np.bincount(place, minlength=len(plates))
        points.append(right.mean())
        spreads.append((draws @ hits) / np.maximum(draws @ n, 1))
    low, high = np.percentile(np.mean(spreads, axis=0), [2.5, 97.5])
    return Score(float(np.mean(points)), float(low), float(high), sum(len(o.truth) for o in outcomes[0]))


def headline(outcomes: Outcomes, target: Target) -> dict[str, Score]:
    """Of the hunted class, or over all classes where the target tells several apart."""
    scores = scores_of(outcomes, list(target.classes))
    return scores[target.positive if len(target.classes) == 2 else "macro"]


def n_true(outcomes: Outcomes, name: str) -> int:
    """How many queries of the first repetition are of that class."""
    return int(sum((o.truth == name).sum() for o in outcomes[0]))
