"""evaluate encoders: every method x task x (mock | real), the same queries for all, with intervals."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.encoders.cells import (
    NAMES,
    PARTS,
    Cell,
    Job,
    Progress,
    estimate,
    list_jobs,
    make_cells,
    missing_jobs,
)
from experiments.encoders.methods import NOISE_ROWS, ROWS, chosen_rows, row_named
from experiments.encoders.table import markdown, save_figure, terminal
from experiments.encoders.voters import PLAIN, SUPERVISED
from experiments.samples.problems import NOISY, Sizes
from experiments.samples.surveys import check_real
from experiments.studies.setting import Setting
from spectrove.errors import DatasetError
from spectrove.evaluation.evaluate import Evaluation
from spectrove.evaluation.metrics import FIGURES, Score, resampled

#: What every figure is compared with on the same queries: column, method, variant. Of the two kinds of PCA the one that
#: is the better on real spectra.
REFERENCES = (("minus_pca", "EM-PCA", PLAIN), ("minus_cnn", "supervised CNN", SUPERVISED))


#: What can be asked: the problems, and the methods that are asked where none is named (all if empty).
QUESTIONS: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "encoders": (tuple((part, name) for part in PARTS for name in NAMES if name not in NOISY), ()),
    "noise": (tuple(("real", name) for name in ("classes", *NOISY)), NOISE_ROWS),
}

#: Part, method, variant and task of a figure.
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Table:
    """Figures as rows, and what people need to know to read them."""

    rows: tuple[dict[str, Any], ...]
    head: str
    absent: tuple[str, ...]


def evaluate_encoders(
    out: Path,
    *,
    what: str = "encoders",
    only: Sequence[str] = (),
    seeds: int = 3,
    n_mock: int = Sizes.n_mock,
    k: int = 3,
    real: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Table:
    """Measure, write a table (Markdown) and a figure to the folder `out`, and give the table.

    Answers are kept in `out/cells`: a stopped run goes on, and only what has changed is measured again.

    Args:
        out: Folder for tables, answers, mock surveys and weights.
        what: A key of `QUESTIONS`.
        only: Names of methods; all that the question is for if empty.
        seeds: Repetitions: mock surveys of other seeds, and other folds of the real spectra.
        n_mock: Spectra of each mock survey.
        k: Neighbours that vote.
        real: Folder with `galaxies/`; None leaves the real half out.
        workers: Processes; all cores if None.
        progress: Told (done, total, what).
        announce: Told in a sentence how long it will take, before it begins.

    Raises:
        RecipeError: There is no such method.
        LeakError: A method was trained on a query.
    """
    problems, methods = QUESTIONS[what]
    rows = chosen_rows(only or methods)
    if what == "noise" and real is None:
        raise DatasetError("evaluate noise asks about real spectra. Set SPECTROVE_DATA to their folder.")
    check_real(real)
    workers = workers or os.cpu_count() or 1
    sizes = Sizes(n_mock, max(40, round(n_mock * Sizes.n_hosts / Sizes.n_mock)))
    jobs = list_jobs(rows, Job("", "", "", 0, out, real, sizes, k), problems, seeds)
    if announce:
        announce(_begin(jobs, workers, out, real))
    cells, absent = make_cells(jobs, workers, progress)
    table = Table(tuple(score_cells(cells, k)), _head(what, sizes, seeds, k, real), tuple(absent))
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{what}.md").write_text(
        markdown(table.rows, table.head, absent, [(r.name, r.note) for r in rows])
    )
    save_figure(table.rows, out / f"{what}.png")
    return table


def table(name: str, setting: Setting) -> Evaluation:
    """The table of that name (a key of `QUESTIONS`) in the setting's folder."""
    made = evaluate_encoders(
        setting.folder, what=name, only=setting.only, seeds=setting.seeds, n_mock=setting.n_mock, k=setting.k,
        real=setting.real, workers=setting.workers, progress=setting.progress, announce=setting.announce,
    )  # fmt: skip
    return Evaluation(made.rows, table_text(made))


def table_text(table: Table) -> str:
    """The table for a terminal."""
    return terminal(table.rows, table.head, table.absent)


def score_cells(cells: Sequence[Cell], k: int) -> list[dict[str, Any]]:
    """A row for each part, method, variant and task, in the order of the table."""
    order = {row.name: i for i, row in enumerate(ROWS)}
    grouped: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in sorted(cells, key=lambda c: (PARTS.index(c.part), order[c.row], NAMES.index(c.name), c.seed)):
        grouped.setdefault((cell.part, cell.row, cell.name), []).append(cell)
    drawn: dict[Key, Drawn] = {
        (part, method, variant, task): Drawn(found, task, variant)
        for (part, method, _), found in grouped.items()
        for variant in row_named(method).variants
        for task, answers in found[0].answers.items()
        if variant in answers["predicted"]
    }
    return [_scored(key, drawn, k) for key in drawn]


class Drawn:
    """One method's answers to one task, of all seeds."""

    def __init__(self, cells: Sequence[Cell], task: str, variant: str) -> None:
        outcomes = [cell.outcome(task, variant) for cell in cells]
        answers = cells[0].answers[task]
        self.truth = [truth for truth, _, _ in outcomes]
        self.seeds = [cell.seed for cell in cells]
        self.seconds = sum(cell.seconds for cell in cells)
        self.shown = answers["positive"] if len(answers["classes"]) == 2 else "macro"
        self.figures = resampled(
            self.truth, [p for _, p, _ in outcomes], [g for *_, g in outcomes], answers["classes"]
        )

    def minus(self, other: Drawn | None) -> Score | None:
        """The difference of F1; None where the other did not answer the same queries."""
        if other is None or other.seeds != self.seeds:
            return None
        if not all(np.array_equal(a, b) for a, b in zip(self.truth, other.truth, strict=True)):
            raise DatasetError("two methods answered other queries. Remove the folder `cells` and run again.")
        return self.figures.minus(other.figures, self.shown)


def _scored(key: Key, drawn: dict[Key, Drawn], k: int) -> dict[str, Any]:
    """One figure with its interval, and how it compares with the references on the same queries."""
    part, method, variant, task = key
    own = drawn[key]
    scores = {figure: own.figures.score(own.shown, figure) for figure in FIGURES}
    row: dict[str, Any] = {
        "part": part, "method": method, "metric": variant, "task": task, "class": own.shown,
        **_flat("f1", scores["f1"]),
        "precision": scores["precision"].value, "recall": scores["recall"].value,
        "n": own.figures.n, "seeds": len(own.seeds), "k": k, "cpu_seconds": own.seconds,
    }  # fmt: skip
    for column, reference, its_variant in REFERENCES:
        same = (method, variant) == (reference, its_variant)
        row |= _flat(column, None if same else own.minus(drawn.get((part, reference, its_variant, task))))
    clean = task.split(", S/N")[0]
    row |= _flat(
        "minus_clean", None if clean == task else own.minus(drawn.get((part, method, variant, clean)))
    )
    return row


def _flat(name: str, score: Score | None) -> dict[str, float | None]:
    if score is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: score.value, f"{name}_low": score.low, f"{name}_high": score.high}


def _begin(jobs: Sequence[Job], workers: int, out: Path, real: Path | None) -> str:
    left = len(missing_jobs(jobs))
    minutes = estimate(jobs, workers) / 60
    cores = f"{workers} core{'s' * (workers > 1)}"
    text = f"{left} of {len(jobs)} measurements to make, about {minutes:.0f} min on {cores}; kept in {out}"
    return text if real else f"{text}; no real spectra (set SPECTROVE_DATA): the real half is left out"


def _head(what: str, sizes: Sizes, seeds: int, k: int, real: Path | None) -> str:
    mock = (
        f"Mock: {seeds} surveys of {sizes.n_mock} spectra of recipe `test` (no encoder was trained on their "
        "populations, line ratios or seeds), 30% of the plates are queries. Lenses: "
        f"{sizes.n_hosts} red galaxies a survey, half of them lenses, the others are the controls; "
        "`other lines`: lenses with Lyman alpha or ultraviolet lines, which neither base nor detector knows."
    )
    actual = (
        f"Real: SDSS spectra, 5 folds by plate, {seeds} fold seeds; lenses and outliers are injected into real hosts."
        if real
        else "Real: left out."
    )
    votes = (
        f"K = {k}, weights e^-d over their sum; `+ metric`: distances in a metric fitted to the base's own labels "
        "where that helps; `calibrated`: by the calibrated probabilities of `classify`, `hunt`, fitted to these labels "
        "too (lines of a second galaxy are used only in the rows with both views), with the threshold one half in a "
        "hunt; `best F1`: with the threshold that maximises the expected F1 (`hunt --threshold f1`). "
        "Figures are F1 (macro, or of the hunted class); 95% intervals by bootstrap over plates."
    )
    noisy = (
        "S/N: base and queries made noisier until their median S/N per pixel is that; the faint as they were."
    )
    return "\n".join((actual, noisy, votes) if what == "noise" else (mock, actual, votes))
