"""evaluate: the door to every measurement, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectrove.errors import SpectroveError
from spectrove.evaluation.classes import TASKS, cross_validate, score_tasks
from spectrove.ingest import read_dataset
from spectrove.targets.target import Normalise

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Evaluation:
    """Figures as rows, and the text that people read, which says data, split, seeds and interval."""

    rows: tuple[dict[str, Any], ...]
    text: str


def evaluate_classes(
    dataset: Path | str,
    *,
    encoders: Sequence[str] = ("pca", "base"),
    folds: int = 5,
    group: str = "plate",
    seeds: int = 1,
    k: int = 3,
    normalise: Normalise = "sum",
    progress: Progress | None = None,
) -> Evaluation:
    """Classes by the vote of neighbours: 3-class, 5-class and LINER, for each encoder on the same folds."""
    spectra = read_dataset(dataset)
    tasks = {name: task.model_copy(update={"normalise": normalise}) for name, task in TASKS.items()}
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for name in encoders:
        outcomes, note = cross_validate(
            spectra, name, tasks, folds=folds, group=group, seeds=seeds, k=k, progress=progress
        )
        notes.append(note)
        for task, label, metric, score in score_tasks(outcomes, tasks):
            rows.append(
                {
                    "encoder": name, "task": task, "class": label, "metric": metric, "value": score.value,
                    "low": score.low, "high": score.high, "n": score.n, "k": k, "normalise": normalise,
                    "folds": folds, "group": group, "seeds": seeds,
                }
            )  # fmt: skip
    head = (
        f"{dataset}: {len(spectra)} spectra, {folds} folds by {group}, {seeds} seed{'s' * (seeds > 1)}, K = {k}, "
        f"weights e^-d by {normalise}; 95% intervals by bootstrap over {group}s"
    )
    return Evaluation(tuple(rows), "\n".join([head, *notes, "", *_table(rows)]))


#: Everything that can be measured.
EVALUATIONS: dict[str, Callable[..., Evaluation]] = {"classes": evaluate_classes}


def evaluate(what: str, dataset: Path | str, **options: Any) -> Evaluation:
    """Measure `what` (a key of `EVALUATIONS`) on a dataset.

    Raises:
        SpectroveError: If there is no such measurement.
    """
    if what not in EVALUATIONS:
        raise SpectroveError(f"evaluate: {what!r} is not known. Expected one of: {', '.join(EVALUATIONS)}.")
    return EVALUATIONS[what](dataset, **options)


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line per task and class, a column per encoder: F1 with its interval."""
    encoders = list(dict.fromkeys(r["encoder"] for r in rows))
    f1 = {(r["task"], r["class"], r["encoder"]): r for r in rows if r["metric"] == "f1"}
    lines = [f"{'task':<10}{'class':<16}{'n':>6}" + "".join(f"{'F1 ' + e:>24}" for e in encoders)]
    for task, label in dict.fromkeys((t, c) for t, c, _ in f1):
        cells = []
        for e in encoders:
            r = f1[task, label, e]
            cells.append(f"{r['value']:.3f} [{r['low']:.3f} {r['high']:.3f}]".rjust(24))
        lines.append(f"{task:<10}{label:<16}{f1[task, label, encoders[0]]['n']:>6}" + "".join(cells))
    return lines
