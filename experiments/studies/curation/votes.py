"""What wrong labels in a base cost a vote, and what leaving suspected labels out saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from experiments.samples.problems import Problem
from experiments.samples.surveys import GROUP
from spectrove.embeddings import Embeddings
from spectrove.evaluation.metrics import resampled
from spectrove.inference import classify, metric_for
from spectrove.inference.pool import Pool
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import Embedded, trusted
from spectrove.spectra import SpectrumSet

#: Share of wrong labels in the base.
LEVELS = (0.0, 0.05, 0.1, 0.2)

#: How the base is asked: plain distances; a fitted metric where it helps; the same without suspected labels.
VOTES = ("plain", "metric", "metric, pruned")

TASK = "5-class"
COLUMN = "reviewed"

#: Labels with a share of them flipped: (truth, share, kind of flips, generator) to labels.
Flipping = Callable[[NDArray[np.str_], float, str, np.random.Generator], NDArray[np.str_]]

#: Kinds of flips with the levels at which each is measured: flips to any class everywhere, the harder kind once.
KINDS: dict[str, tuple[float, ...]] = {"any class": LEVELS, "confusable class": (0.1,)}


def noisy_votes(
    problem: Problem, embedded: Embedded, seed: int, k: int, flipping: Flipping
) -> list[dict[str, Any]]:
    """Macro F1 and LINER F1 of each vote, level and kind of flips; the queries' own labels are never touched."""
    place = {name: i for i, name in enumerate(embedded.spectra.object_id.tolist())}
    truth = problem.truth(TASK)
    there = np.isin(problem.spectra.object_id, embedded.spectra.object_id) & (truth != "")
    out = []
    for flips, levels in KINDS.items():
        for level in levels:
            answers: dict[str, list[NDArray[np.str_]]] = {vote: [] for vote in VOTES}
            asked: list[NDArray[np.int64]] = []
            for f, fold in enumerate(problem.folds):
                base_rows, query_rows = fold.base[there[fold.base]], fold.queries[there[fold.queries]]
                rng = np.random.default_rng([seed, f, round(100 * level)])
                labels = flipping(truth[base_rows], level, flips, rng)
                rows = [_places(problem, place, part) for part in (base_rows, query_rows)]
                asked.append(query_rows)
                for vote, called in _fold(embedded.spectra, embedded.embeddings, rows, labels, k).items():
                    answers[vote].append(called)
            every = np.concatenate(asked)
            for vote, parts in answers.items():
                found = resampled(
                    [truth[every]],
                    [np.concatenate(parts)],
                    [problem.groups[every]],
                    list(problem.tasks[TASK].classes),
                )
                out.append(
                    {
                        "part": problem.part, "flips": flips, "level": level, "vote": vote, "k": k,
                        "macro F1": found.score("macro", "f1"), "LINER F1": found.score("LINER", "f1"),
                    }
                )  # fmt: skip
    return out


def _places(problem: Problem, place: dict[str, int], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.array([place[name] for name in problem.spectra.object_id[rows].tolist()], dtype=int)


def _fold(
    spectra: SpectrumSet, vectors: Embeddings, rows: list[NDArray[np.int64]], labels: NDArray[np.str_], k: int
) -> dict[str, NDArray[np.str_]]:
    """Each vote's class of every query, from a base with these labels."""
    known, queries = (spectra.take(part) for part in rows)
    own, asked = (vectors.take(part) for part in rows)
    table = known.rows.append_column(COLUMN, pa.array(labels.tolist(), pa.string()))
    out = {}
    base = KnowledgeBase.in_memory(known.with_rows(table), {"shape": own}, encoder="base")
    for vote in VOTES:
        where = trusted(base, COLUMN) if "pruned" in vote else None
        pool = Pool.of(base, COLUMN, where=where)
        metric = metric_for(pool, "none" if vote == "plain" else "auto", group=GROUP).metric
        neighbors = base.search(
            asked, k, spectra=queries, labelled=COLUMN, where=where, metric=metric, exclude_column=GROUP
        )
        out[vote] = np.array([p.value or "" for p in classify(neighbors, COLUMN)], dtype="U40")
    return out
