"""Cells of the table: one method's answers to one problem, kept, so that a stopped run goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from experiments.encoders.methods import (
    TRAINING_SECONDS,
    TRAININGS,
    is_trained,
    row_named,
    seconds,
)
from experiments.encoders.rows import VERSION, Row, Trained
from experiments.encoders.voters import CALIBRATED, METRIC, SUPERVISED, CalledClasses
from experiments.samples.problems import NOISY, Data, Problem, Sizes
from spectrove.errors import LeakError, SpectroveError
from spectrove.galaxies.lenses.signs import RESIDUALS_VERSION
from spectrove.inference.calibration.of_base import CALIBRATION_VERSION
from spectrove.inference.metric.of_base import METRIC_VERSION
from spectrove.processes import guarded
from spectrove.provenance import canonical_json

Progress = Callable[[int, int, str], None]

#: Parts and names of the problems, in the order of the columns.
PARTS, NAMES = ("mock", "real"), ("classes", "lens", "outlier", *NOISY)


@dataclass(frozen=True)
class Cell:
    """One method's answers to one problem.

    `answers` is {task: {"classes", "positive", "truth", "groups", "predicted": {variant: ...}}}; truth and predictions
    are places in `classes`, -1 for no answer.
    """

    row: str
    part: str
    name: str
    seed: int
    key: str
    seconds: float
    answers: dict[str, Any]

    def outcome(self, task: str, variant: str) -> tuple[NDArray, NDArray, NDArray]:
        """Truth, prediction and plate of each query."""
        kept = self.answers[task]
        names = np.array([*kept["classes"], ""])  # place -1 is the last
        return names[kept["truth"]], names[kept["predicted"][variant]], np.array(kept["groups"])


@dataclass(frozen=True)
class Job:
    """What a cell needs to be made in a process of its own."""

    row: str
    part: str
    name: str
    seed: int
    folder: Path
    real: Path | None
    sizes: Sizes
    k: int

    @property
    def path(self) -> Path:
        """Where the cell is kept."""
        text = f"{self.row}-{self.part}-{self.name}-{self.seed}"
        return self.folder / "cells" / ("".join(c if c.isalnum() else "_" for c in text) + ".json")

    @property
    def data(self) -> Data:
        """The spectra."""
        return Data(self.folder / "data", self.real, self.sizes)

    @property
    def trained(self) -> Trained:
        """What was trained once."""
        return Trained(self.folder / "weights")

    def key(self) -> str:
        """Equal where the kept cell is what would be made now."""
        row = row_named(self.row)
        voting = self.k if row.variants != (SUPERVISED,) else 0  # no neighbours vote in a supervised method
        parts = [
            VERSION, voting, self.data.key(self.part, self.name, self.seed), row.identity(self.trained),
            list(row.variants), METRIC_VERSION if METRIC in row.variants else 0,
            *([CALIBRATION_VERSION, RESIDUALS_VERSION] if CALIBRATED in row.variants else []),
        ]  # fmt: skip
        return sha256(canonical_json(parts).encode()).hexdigest()[:16]


def make_cell(job: Job) -> Cell:
    """The cell, from its file if that is still true, else made and kept."""
    key = job.key()
    if job.path.exists():
        kept = Cell(**json.loads(job.path.read_text()))
        if kept.key == key:
            return kept
    problem = _problem(job.data, job.part, job.name, job.seed)
    began = time.process_time()
    with threadpool_limits(1):
        answered = row_named(job.row).answer(problem, job.trained, job.k)
    answers = _answers(problem, answered)
    took = round(time.process_time() - began, 1)
    cell = Cell(job.row, job.part, job.name, job.seed, key, took, answers)
    job.path.parent.mkdir(parents=True, exist_ok=True)
    part = job.path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(vars(cell)))
    part.replace(job.path)
    return cell


def _answers(problem: Problem, answered: CalledClasses) -> dict[str, Any]:
    """What a cell keeps."""
    answers: dict[str, Any] = {}
    for (task, variant), called in answered.items():
        target = problem.tasks[task]
        classes = list(target.classes)
        if task not in answers:
            asked = np.concatenate(problem.queries(task))
            answers[task] = {
                "classes": classes, "positive": target.positive, "groups": problem.groups[asked].tolist(),
                "truth": _places(problem.truth(task)[asked], classes), "predicted": {},
            }  # fmt: skip
        answers[task]["predicted"][variant] = _places(called, classes)
    return answers


@lru_cache(maxsize=2)
def _problem(data: Data, part: str, name: str, seed: int) -> Problem:
    return data.problem(part, name, seed)


def _places(values: NDArray[np.str_], classes: Sequence[str]) -> list[int]:
    place = {name: i for i, name in enumerate(classes)}
    return [place.get(v, -1) for v in values.tolist()]


def list_jobs(
    rows: Iterable[Row], template: Job, problems: Iterable[tuple[str, str]], seeds: int
) -> list[Job]:
    """A job for each row, problem (part and name) and seed; real ones only where there are real spectra.

    One problem after the other, so that its spectra are read once.
    """
    return [
        replace(template, row=row.name, part=part, name=name, seed=seed)
        for part, name in problems
        if part == "mock" or template.real is not None
        for seed in range(seeds)
        for row in rows
        if row.answers(part, name)
    ]


def make_cells(
    jobs: Sequence[Job], workers: int, progress: Progress | None = None
) -> tuple[list[Cell], list[str]]:
    """All cells, and a sentence for each row that cannot take part; a leak stops everything.

    Raises:
        LeakError: A method was trained on queries.
    """
    tell = progress or (lambda done, total, text: None)
    with _pool(workers) as submit:
        _train_first(jobs, submit, tell)
        problems = list(dict.fromkeys((j.part, j.name, j.seed) for j in jobs))
        for i, problem in enumerate(problems):  # spectra first: two processes must not both make them
            tell(i, len(problems), "spectra")
            replace(jobs[0].data, workers=workers).prepare(*problem)
        pending = {submit(make_cell, job): job for job in jobs}
        cells, absent = [], {}
        for done, future in enumerate(as_completed(pending), 1):
            job = pending[future]
            tell(done, len(jobs), f"{job.row}, {job.part} {job.name} {job.seed}")
            try:
                cells.append(future.result())
            except LeakError:
                raise
            except SpectroveError as error:
                absent[job.row] = f"{job.row}: left out. {error}"
    return cells, list(absent.values())


def _train_first(jobs: Sequence[Job], submit: Callable[..., Future], tell: Progress) -> None:
    needed = list(dict.fromkeys(n for job in jobs for n in row_named(job.row).needs))
    pending = [submit(_train, name, jobs[0].trained.folder) for name in needed]
    for done, future in enumerate(as_completed(pending), 1):
        future.result()
        tell(done, len(needed), "trained " + ", ".join(needed))


def _train(name: str, folder: Path) -> None:
    with threadpool_limits(1):
        TRAININGS[name](folder)


def _at_once(function: Callable, *arguments: Any) -> Future:
    """As a pool of no processes has done it."""
    future: Future = Future()
    try:
        future.set_result(function(*arguments))
    except SpectroveError as error:
        future.set_exception(error)
    return future


def _pool(workers: int) -> AbstractContextManager[Callable[..., Future]]:
    """What gives cells to the workers; cells take minutes, and Ctrl-C ends those that are not finished."""
    return nullcontext(_at_once) if workers == 1 else guarded(workers, _be_quiet, patient=False)


def _be_quiet() -> None:
    import logging

    import torch

    logging.disable(logging.WARNING)  # other people's log lines would stand between those of the progress
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


def missing_jobs(jobs: Sequence[Job]) -> list[Job]:
    """Those whose cell is not kept, or would be another today; what is not trained yet counts as missing."""

    def kept(job: Job) -> bool:
        try:
            return job.path.exists() and json.loads(job.path.read_text())["key"] == job.key()
        except (OSError, ValueError, SpectroveError):
            return False

    return [job for job in jobs if not kept(job)]


def estimate(jobs: Sequence[Job], workers: int) -> float:
    """Rough seconds that the missing cells take; kept ones cost nothing."""
    missing = missing_jobs(jobs)
    needed = {n for job in missing for n in row_named(job.row).needs}
    trained = sum(TRAINING_SECONDS[n] for n in needed if not is_trained(n, jobs[0].trained.folder))
    return (trained + sum(seconds(j.row, j.part, j.name) for j in missing)) / workers
