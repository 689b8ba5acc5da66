"""How well neighbours tell classes apart: grouped cross-validation through the whole path."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder, load_encoder
from spectrove.errors import CatalogError
from spectrove.evaluation.metrics import Score, class_scores
from spectrove.evaluation.protocol import Fold, check_groups, group_folds, group_names, not_trained_on
from spectrove.inference import hunt
from spectrove.knowledge import KnowledgeBase
from spectrove.preprocess import prepare
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target, load_target
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


@dataclass(frozen=True)
class Outcome:
    """One repetition of one task: truth, answer and group of every query that was scored."""

    truth: NDArray[np.str_]
    predicted: NDArray[np.str_]
    groups: NDArray[np.str_]


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
) -> tuple[dict[str, list[Outcome]], str]:
    """Outcomes of each task, one a seed, and a sentence on what the encoder had seen.

    A PCA encoder is fitted again on the training plates of each fold, from its recipe alone. Any other encoder is
    used as it is, and objects that it was trained on are left out of the queries.
    """
    for target in tasks.values():
        if target.label not in spectra.rows.column_names:
            raise CatalogError(
                f"no column {target.label!r} to score the answers by, expected one with the known classes. "
                "Add it with ingest --catalog."
            )
    encoder = load_encoder(encoder_name)
    prepared, refusals = prepare(spectra, encoder.preprocess)
    index = {name: i for i, name in enumerate(spectra.object_id.tolist())}
    spectra = spectra.take(np.array([index[i] for i in prepared.object_id.tolist()], dtype=int))
    refit = encoder.recipe.kind == "pca"
    allowed = np.ones(len(spectra), bool) if refit else not_trained_on(encoder, spectra.object_id)
    groups = group_names(spectra, group)
    fixed = None if refit else encoder.encode(prepared)

    outcomes: dict[str, list[Outcome]] = {name: [] for name in tasks}
    for seed in range(seeds):
        parts: dict[str, list[Outcome]] = {name: [] for name in tasks}
        for i, fold in enumerate(group_folds(spectra, group, folds, seed)):
            check_groups(groups[fold.base].tolist(), groups[fold.queries].tolist())
            vectors = fixed
            if vectors is None:
                fitted = fit_pca(encoder.recipe, prepared.take(fold.base), source=encoder_name)
                vectors = fitted.encode(prepared)
            queries = fold.queries[allowed[fold.queries]]
            for name, outcome in _fold_outcomes(
                spectra, vectors, Fold(fold.base, queries), groups, tasks, k, group
            ):
                parts[name].append(outcome)
            if progress:
                progress(seed * folds + i + 1, seeds * folds, encoder_name)
        for name in tasks:
            outcomes[name].append(_join(parts[name]))
    return outcomes, _seen(encoder, refit, int((~allowed).sum()), len(refusals))


def _fold_outcomes(
    spectra: SpectrumSet,
    vectors: Embeddings,
    fold: Fold,
    groups: NDArray,
    tasks: dict[str, Target],
    k: int,
    group: str,
) -> Iterator[tuple[str, Outcome]]:
    """Answers of one fold, from a real knowledge base of its training plates."""
    base_set, query_set = spectra.take(fold.base), spectra.take(fold.queries)
    query = vectors.take(fold.queries)
    with tempfile.TemporaryDirectory() as folder:
        base = KnowledgeBase.create(
            Path(folder) / "fold.kb", base_set, {"shape": vectors.take(fold.base)}, encoder="fold"
        )
        for name, target in tasks.items():
            truth = np.array([c or "" for c in target.classes_of(query_set.column(target.label))])
            scored = np.flatnonzero(truth != "")
            neighbors = base.search(
                query.take(scored), k, spectra=query_set.take(scored), target=target, exclude_column=group
            )
            answers = hunt(neighbors, target)
            yield name, Outcome(truth[scored], _values(answers, target), groups[fold.queries][scored])


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
        return f"{encoder.name}: fitted on the training plates of each fold{refused}"
    seen = (
        f"{n_left_out} objects it was trained on are not scored"
        if n_left_out
        else "trained on none of these objects"
    )
    return f"{encoder.name}: weights {encoder.fingerprint}, {seen}{refused}"


def score_tasks(
    outcomes: dict[str, list[Outcome]], tasks: dict[str, Target]
) -> list[tuple[str, str, str, Score]]:
    """Rows of (task, class, metric, score): macro figures of tasks with several classes, the hunted class of others."""
    rows = []
    for name, target in tasks.items():
        repeats = outcomes[name]
        scores = class_scores(
            [o.truth for o in repeats],
            [o.predicted for o in repeats],
            [o.groups for o in repeats],
            list(target.classes),
        )
        shown = [target.positive] if len(target.classes) == 2 else ["macro", *target.classes]
        rows += [(name, c, metric, score) for c in shown for metric, score in scores[c].items()]
    return rows
