"""Points measured once and kept, and what they are worth."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.ablations.asking import Answers, answers
from experiments.ablations.points import Ablation, Point
from experiments.ablations.trained import encoder_of, small_recipe
from experiments.samples.bench import Bench, digest
from spectrove.encoders import EncoderRecipe
from spectrove.evaluation.classes import TASKS
from spectrove.evaluation.metrics import FIGURES, Resampled, Score, resampled
from spectrove.explanation.style import save
from spectrove.galaxies.mock import load_recipe

#: Raised by hand when the same point is measured in another way.
VERSION = 1


@dataclass(frozen=True)
class Measured:
    """A point in one sample, with every answer.

    Attributes:
        sample: "real" or "mock".
        answers: Of each task.
        about: Encoder, recipe of a trained one, data and time, as plain values.
    """

    point: Point
    sample: str
    answers: dict[str, Answers]
    about: dict[str, Any]

    @cached_property
    def drawn(self) -> dict[str, Resampled]:
        """The bootstrap of each task, over the classes that there are queries of."""
        found = {}
        for task, a in self.answers.items():
            asked, every = {c for truth in a.truth for c in truth}, list(TASKS[task].classes)
            classes = every if len(every) == 2 else [c for c in every if c in asked]
            found[task] = resampled(a.truth, a.called, a.groups, classes)
        return found

    @cached_property
    def scores(self) -> dict[str, dict[str, Score]]:
        """Task to precision, recall and F1: of the LINERs, or the mean over several classes."""
        return {t: {m: d.score(figure_of(t), m) for m in FIGURES} for t, d in self.drawn.items()}

    def n_of(self, task: str) -> int:
        """Queries of the first repetition; of a hunt, those that are the target."""
        truth = self.answers[task].truth[0]
        return truth.count(TASKS[task].positive) if len(TASKS[task].classes) == 2 else len(truth)

    def gain(self, other: Measured, task: str) -> Score | None:
        """How much higher its F1 is than that of another point with the same queries; None for other queries."""
        if self.answers[task].truth != other.answers[task].truth:
            return None
        return self.drawn[task].minus(other.drawn[task], figure_of(task))


def figure_of(task: str) -> str:
    """The class whose figures stand for a task, or "macro"."""
    target = TASKS[task]
    return target.positive if len(target.classes) == 2 else "macro"


def measure(
    bench: Bench, ablation: Ablation, point: Point, sample: str, *, encoder: str, fast: bool, again: bool
) -> Measured:
    """A point's answers, from `out/points` where they are kept."""
    recipe = None if point.changes is None else small_recipe(point.changes, fast=fast)
    path = bench.out / "points" / f"{key_of(bench, ablation, point, sample, recipe, encoder)}.json"
    if path.exists() and not again:
        return _read(path, point, sample)
    began = time.process_time()
    made = bench.encoder(encoder) if recipe is None else encoder_of(bench, recipe)
    found = answers(bench, sample, made, point, ablation.tasks)
    about = {
        "sample": sample, "data": bench.sizes.model_dump(mode="json")[sample], "point": point.identity(),
        "encoder": encoder if recipe is None else "trained here", "fingerprint": made.fingerprint,
        "recipe": None if recipe is None else recipe.model_dump(mode="json"), "seconds": time.process_time() - began,
    }  # fmt: skip
    whole = about | {"answers": {task: a.plain() for task, a in found.items()}}
    save((json.dumps(whole) + "\n").encode(), path)
    return Measured(point, sample, found, about)


def known(
    bench: Bench, ablation: Ablation, point: Point, sample: str, *, encoder: str, fast: bool
) -> Measured | None:
    """A point that was measured before, None where it was not."""
    recipe = None if point.changes is None else small_recipe(point.changes, fast=fast)
    path = bench.out / "points" / f"{key_of(bench, ablation, point, sample, recipe, encoder)}.json"
    return _read(path, point, sample) if path.exists() else None


def key_of(
    bench: Bench, ablation: Ablation, point: Point, sample: str, recipe: EncoderRecipe | None, encoder: str
) -> str:
    """One short name for all that decides a point's answers."""
    maker = bench.encoder(encoder).fingerprint if recipe is None else recipe.model_dump_json()
    mocks = load_recipe(bench.sizes.mock.recipe).model_dump_json() if sample == "mock" else ""
    asked = json.dumps(point.identity(), sort_keys=True)
    return digest(VERSION, sample, bench.data_key(sample), mocks, asked, ablation.tasks, maker)


def _read(path: Path, point: Point, sample: str) -> Measured:
    about = json.loads(path.read_text("utf-8"))
    found = {task: Answers(**a) for task, a in about.pop("answers").items()}
    return Measured(point, sample, found, about)
