"""From a fold's vectors, or a trained classifier, to the class of each query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments.baselines.vectors import Fitted
from experiments.samples.problems import Problem
from experiments.samples.surveys import GROUP
from spectrove.embeddings import Embeddings
from spectrove.galaxies.domain import GALAXIES
from spectrove.inference import Prediction, answer, calibration_for, hunt, metric_for
from spectrove.inference.pool import Pool
from spectrove.inference.terms import terms_of
from spectrove.knowledge import KnowledgeBase
from spectrove.preprocess import Prepared
from spectrove.targets import Target

Variant = Literal["none", "auto", "calibrated", "f1", ""]

#: How classes were told apart: by plain neighbours, by neighbours under a fitted metric where it helps, by what
#: calibration on the base's labels makes of those, which is what `classify` and `hunt` answer, by the same with
#: a hunt's threshold where the base expects the largest F1, or by a supervised method's own probabilities.
PLAIN: Literal["none"] = "none"
METRIC: Literal["auto"] = "auto"
CALIBRATED: Literal["calibrated"] = "calibrated"
BEST_F1: Literal["f1"] = "f1"
SUPERVISED: Literal[""] = ""

#: (task, one of the above) to the predicted class of each query, fold after fold; "" is no answer.
CalledClasses = dict[tuple[str, str], NDArray[np.str_]]


def neighbors_say(
    problem: Problem, fold: int, views: Mapping[str, Embeddings], k: int, variants: Sequence[Variant]
) -> CalledClasses:
    """The answers of a knowledge base of one fold, made and searched as any other; no vector, no answer.

    Args:
        problem: What is asked.
        fold: Which of its folds.
        views: View name to vectors of the problem's spectra, those of the queries included.
        k: Neighbours that vote.
        variants: Some of `PLAIN`, `METRIC`, `CALIBRATED` and, for hunts of one class alone, `BEST_F1`.
    """
    ids = problem.spectra.object_id
    has_all = np.all([np.isin(ids, vectors.object_id) for vectors in views.values()], axis=0)
    places = {view: {name: i for i, name in enumerate(v.object_id.tolist())} for view, v in views.items()}

    def of(rows: NDArray[np.int64]) -> dict[str, Embeddings]:
        return {
            view: v.take(np.array([places[view][name] for name in ids[rows].tolist()], dtype=int))
            for view, v in views.items()
        }

    rows = problem.folds[fold].base
    rows = rows[has_all[rows]]
    out: CalledClasses = {}
    base = KnowledgeBase.in_memory(problem.spectra.take(rows), of(rows), encoder="fold")
    for task, target in problem.tasks.items():
        asked = problem.queries(task)[fold]
        answerable = asked[has_all[asked]]
        if "surprise" not in views:  # vectors are compared, not the lines of a second galaxy beside them
            target = target.model_copy(update={"signs": ()})
        spectra, vectors = problem.spectra.take(answerable), of(answerable)
        for variant in variants:
            if variant == SUPERVISED or (variant == BEST_F1 and len(target.classes) > 2):
                continue
            pool = Pool.of(base, target=target)
            metric = metric_for(pool, "none" if variant == PLAIN else "auto", group=GROUP)
            neighbors = base.search(
                vectors, k, spectra=spectra, target=target, exclude_column=GROUP, metric=metric.metric
            )
            said = hunt(neighbors, target)
            if variant in (CALIBRATED, BEST_F1):
                wanted = target.model_copy(update={"threshold": "f1"} if variant == BEST_F1 else {})
                pool = replace(pool, target=wanted)
                terms = terms_of(GALAXIES, pool, "none")
                said = answer(said, calibration_for(pool, metric=metric, terms=terms), vectors, spectra)
            called = np.full(len(asked), "", dtype="U40")
            called[has_all[asked]] = called_classes(said, target)
            out[task, variant] = called
    return out


def called_by(fitted: Fitted, prepared: Prepared, problem: Problem, task: str, fold: int) -> NDArray[np.str_]:
    """The class a classifier gives each query of a fold."""
    target = problem.tasks[task]
    place = {name: i for i, name in enumerate(prepared.object_id.tolist())}
    asked = problem.queries(task)[fold]
    found = [place.get(name, -1) for name in problem.spectra.object_id[asked].tolist()]
    answerable = np.array(found) >= 0
    probability = fitted.probabilities(prepared.take(np.array(found)[answerable]))
    called = np.full(len(asked), "", dtype="U40")
    called[answerable] = called_by_probability(probability, fitted.labels, target)
    return called


def class_probabilities(
    probability: NDArray[np.float64], labels: Sequence[str], target: Target
) -> NDArray[np.float64]:
    """Labels summed to the target's classes, (n_spectra, n_classes); labels of no class are left out."""
    of = target.classes_of(labels)
    columns = [[j for j, c in enumerate(of) if c == name] for name in target.classes]
    return np.stack([probability[:, j].sum(axis=1) for j in columns], axis=1)


def called_by_probability(
    probability: NDArray[np.float64], labels: Sequence[str], target: Target
) -> NDArray[np.str_]:
    """The class of the most probable label where two classes are told apart, else the class of the highest sum.

    A threshold on one label's probability would handicap methods that spread theirs over many labels. Measured for the
    random forest: LINER F1 .12 by a threshold of a half, .60 so (mock); .19 and .48 (real).
    """
    if len(target.classes) > 2:
        return np.array(list(target.classes))[class_probabilities(probability, labels, target).argmax(axis=1)]
    of = [c or "" for c in target.classes_of(labels)]
    counts = np.array([c != "" for c in of])
    return np.array(of)[np.where(counts, probability, -1.0).argmax(axis=1)]


def called_classes(answers: Sequence[Prediction], target: Target) -> list[str]:
    """The class each answer amounts to; in a two-class hunt the threshold decides."""
    if len(target.classes) == 2:
        other = next(c for c in target.classes if c != target.positive)
        return [target.positive if a.is_target else other for a in answers]
    return [a.value or "" for a in answers]
