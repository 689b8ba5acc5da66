"""How well classes are told apart, by whom and with how much noise: grouped cross-validation through the whole path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove import pipeline
from spectrove.encoders import Encoder
from spectrove.errors import CatalogError
from spectrove.evaluation.metrics import Score, class_scores
from spectrove.evaluation.noise import degrade
from spectrove.evaluation.protocol import (
    Fold,
    check_groups,
    group_folds,
    group_names,
    not_trained_on,
    stripped,
)
from spectrove.inference.pool import Pool
from spectrove.inference.terms import terms_of
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.domains import domain_of
from spectrove.pipeline.shipped import load_encoder, load_target
from spectrove.preprocess import Prepared
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target
from spectrove.training import fit_pca

#: Tasks by name: each a target whose classes are told apart.
TASKS: dict[str, Target] = {
    "3-class": load_target("star_forming_agn_normal"),
    "5-class": Target(
        name="five_classes",
        label="class_derived",
        positive="LINER",
        classes={c: (c,) for c in ("SF", "Composite", "Seyfert2-like", "LINER", "quiescent")},
    ),
    "LINER": load_target("liner"),
}

Progress = Callable[[int, int, str], None]


#: Who answers: shares of the votes of K neighbours, calibrated neighbours, the lines alone, and both together.
METHODS = ("votes", "neighbours", "lines", "both")

#: Noise that is added to the queries: name to the median S/N per pixel that is left; None leaves them as observed.
NOISE: dict[str, float | None] = {"as observed": None, "S/N 10": 10.0, "S/N 5": 5.0}


@dataclass(frozen=True)
class Outcome:
    """One repetition of one task: truth, answer and group of every query that was scored."""

    truth: NDArray[np.str_]
    predicted: NDArray[np.str_]
    groups: NDArray[np.str_]


#: Task, method and noise of an outcome.
Key = tuple[str, str, str]


def cross_validate(
    spectra: SpectrumSet,
    encoder_name: str,
    tasks: dict[str, Target],
    *,
    folds: int,
    group: str,
    seeds: int,
    k: int,
    progress: Progress | None = None,
) -> tuple[dict[Key, list[Outcome]], str]:
    """Outcomes of each task, method and noise, one a seed, and a sentence on what the encoder had seen.

    A PCA encoder is fitted again on the training groups of each fold, from its recipe alone. Any other encoder is
    used as it is, and objects that it was trained on are left out of the queries. Queries are stripped of everything
    in their rows but id, redshift and place.
    """
    for target in tasks.values():
        if target.label not in spectra.rows.column_names:
            raise CatalogError(
                f"no column {target.label!r} to score the answers by, expected one with the known classes. "
                "Add it with ingest --catalog."
            )
    encoder = load_encoder(encoder_name)
    prepared, refusals = encoder.prepare(spectra)
    index = {name: i for i, name in enumerate(spectra.object_id.tolist())}
    spectra = spectra.take(np.array([index[i] for i in prepared.object_id.tolist()], dtype=int))
    refit = encoder.recipe.kind == "pca"
    allowed = np.ones(len(spectra), bool) if refit else not_trained_on(encoder, spectra.object_id)
    groups = group_names(spectra, group)

    outcomes: dict[Key, list[Outcome]] = {}
    for seed in range(seeds):
        parts: dict[Key, list[Outcome]] = {}
        for i, fold in enumerate(group_folds(spectra, group, folds, seed)):
            check_groups(groups[fold.base].tolist(), groups[fold.queries].tolist())
            fitted = (
                fit_pca(encoder.recipe, prepared.take(fold.base), source=encoder_name) if refit else encoder
            )
            queries = Fold(fold.base, fold.queries[allowed[fold.queries]])
            for key, outcome in _fold_outcomes(spectra, prepared, fitted, queries, groups, tasks, k, seed):
                parts.setdefault(key, []).append(outcome)
            if progress:
                progress(seed * folds + i + 1, seeds * folds, encoder_name)
        for key, found in parts.items():
            outcomes.setdefault(key, []).append(_join(found))
    return outcomes, _seen(encoder, refit, int((~allowed).sum()), len(refusals))


def _fold_outcomes(
    spectra: SpectrumSet,
    prepared: Prepared,
    encoder: Encoder,
    fold: Fold,
    groups: NDArray,
    tasks: dict[str, Target],
    k: int,
    seed: int,
) -> Iterator[tuple[Key, Outcome]]:
    """Answers of one fold, from a real knowledge base of its training groups."""
    asked = spectra.take(fold.queries)
    vectors = encoder.encode(prepared.take(fold.base))
    base = KnowledgeBase.in_memory(spectra.take(fold.base), {"shape": vectors}, encoder="fold")
    for noise, level in NOISE.items():
        bare = stripped(asked if level is None else degrade(asked, level, seed))
        for name, target in tasks.items():
            truth = np.array([c or "" for c in target.classes_of(asked.column(target.label))])
            scored = np.flatnonzero(truth != "")
            if not len(scored):
                continue
            for method, answers in _answers(base, bare.take(scored), target, encoder, k):
                predicted = np.array([answers.get(i, "") for i in bare.object_id[scored].tolist()])
                group = groups[fold.queries][scored]
                yield (name, method, noise), Outcome(truth[scored], predicted, group)


def _answers(
    base: KnowledgeBase, queries: SpectrumSet, target: Target, encoder: Encoder, k: int
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each of `METHODS` and the class of every query, by id."""
    for method in METHODS:
        if method == "lines":
            yield method, _by_witness(base, queries, target)
            continue
        answers = pipeline.hunt(
            base, queries, target, k=k, encoder={"shape": encoder}, metric="none" if method == "votes" else None,
            calibration="none" if method == "votes" else "auto", witness="auto" if method == "both" else "none",
        )  # fmt: skip
        said = _values(answers.predictions, target).tolist()
        yield method, dict(zip((p.object_id for p in answers.predictions), said, strict=True))


def _by_witness(base: KnowledgeBase, queries: SpectrumSet, target: Target) -> dict[str, str]:
    """The class that the spectra themselves make most probable; none where they cannot be measured."""
    witness = terms_of(domain_of(base), Pool.of(base, target=target)).witness
    return {} if witness is None else witness.class_alone(queries, target)


def _values(answers: Sequence, target: Target) -> NDArray[np.str_]:
    """The class each answer amounts to; in a two-class hunt the threshold decides."""
    if len(target.classes) == 2:
        other = next(c for c in target.classes if c != target.positive)
        return np.array([target.positive if a.is_target else other for a in answers])
    return np.array([a.value or "" for a in answers])


def _join(parts: Sequence[Outcome]) -> Outcome:
    return Outcome(
        *(np.concatenate([getattr(p, n) for p in parts]) for n in ("truth", "predicted", "groups"))
    )


def _seen(encoder: Encoder, refit: bool, n_left_out: int, n_refused: int) -> str:
    refused = f"; {n_refused} spectra could not be prepared" if n_refused else ""
    if refit:
        return f"{encoder.name}: fitted on the training groups of each fold{refused}"
    seen = (
        f"{n_left_out} objects it was trained on are not scored"
        if n_left_out
        else "trained on none of these objects"
    )
    return f"{encoder.name}: weights {encoder.fingerprint}, {seen}{refused}"


def score_tasks(
    outcomes: dict[Key, list[Outcome]], tasks: dict[str, Target]
) -> list[tuple[Key, str, str, Score]]:
    """Rows of (key, class, metric, score): macro figures of several classes, of a hunt those of its class."""
    rows = []
    for key, repeats in outcomes.items():
        target = tasks[key[0]]
        scores = class_scores(
            [o.truth for o in repeats],
            [o.predicted for o in repeats],
            [o.groups for o in repeats],
            list(target.classes),
        )
        shown = [target.positive] if len(target.classes) == 2 else ["macro", *target.classes]
        rows += [(key, c, metric, score) for c in shown for metric, score in scores[c].items()]
    return rows
