"""evaluate: the door to every measurement, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectrove.errors import SpectroveError
from spectrove.evaluation.classes import TASKS, cross_validate, score_tasks
from spectrove.readers import read_dataset
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
    """3-class, 5-class and LINER, for each encoder on the same folds.

    Rows are who answers: shares of the votes of K neighbours, calibrated neighbours, the lines alone, and neighbours
    and lines together; queries as observed, and with noise added to S/N 10 and 5.
    """
    spectra = read_dataset(dataset)
    tasks = {name: task.model_copy(update={"normalise": normalise}) for name, task in TASKS.items()}
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for name in encoders:
        outcomes, note = cross_validate(
            spectra, name, tasks, folds=folds, group=group, seeds=seeds, k=k, progress=progress
        )
        notes.append(note)
        for (task, method, noise), label, metric, score in score_tasks(outcomes, tasks):
            rows.append(
                {
                    "encoder": name, "method": method, "noise": noise, "task": task, "class": label, "metric":
                    metric, "value": score.value, "low": score.low, "high": score.high, "n": score.n, "k": k,
                    "normalise": normalise, "folds": folds, "group": group, "seeds": seeds,
                }
            )  # fmt: skip
    head = (
        f"{dataset}: {len(spectra)} spectra, {folds} folds by {group}, {seeds} seed{'s' * (seeds > 1)}, K = {k}, "
        f"weights of votes e^-d by {normalise}; 95% intervals by bootstrap over {group}s"
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
    """For each noise a line per task and class, and a column per encoder and method: F1 with its interval."""
    f1 = {
        (r["noise"], r["task"], r["class"], r["encoder"], r["method"]): r for r in rows if r["metric"] == "f1"
    }
    columns = list(dict.fromkeys((e, m) for _, _, _, e, m in f1))
    several = len({e for e, _ in columns}) > 1
    heads = [f"{e} {m}" if several else m for e, m in columns]
    lines = []
    for noise in dict.fromkeys(key[0] for key in f1):
        lines.append(f"{noise:<10}{'class':<16}{'n':>6}" + "".join(f"{head:>22}" for head in heads))
        for task, label in dict.fromkeys((t, c) for n, t, c, _, _ in f1 if n == noise):
            found = [f1[noise, task, label, e, m] for e, m in columns]
            cells = [f"{r['value']:.3f} [{r['low']:.3f} {r['high']:.3f}]".rjust(22) for r in found]
            lines.append(f"{task:<10}{label:<16}{found[0]['n']:>6}" + "".join(cells))
        lines.append("")
    return lines[:-1]
