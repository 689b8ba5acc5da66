"""Table 4: hunts for LINERs, strong lenses and outliers with three neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from experiments.paper.drawing import METRICS
from experiments.paper.results import HEADS, Measure, Result, score_measures
from experiments.paper.scoring import headline, hunt_sample, n_true
from experiments.samples import recipes
from experiments.samples.workshop import Sample, Workshop
from spectrove.explanation.tables import Table
from spectrove.targets import Target


class Hunt(recipes.Model):
    """One hunt: its target, its name in the paper, the real sample it is asked of, and the paper's figures."""

    target: str
    name: str
    real: str
    paper: dict[str, float]


class Recipe(recipes.Recipe):
    """The hunts, and the ways in which each is asked."""

    hunts: tuple[Hunt, ...]
    ways: tuple[recipes.Way, ...]


def run(recipe: Recipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """Precision, recall and F1 of each hunt, way and sample."""
    result = Result(recipe.title)
    for hunt in recipe.hunts:
        rows = [["paper", "", "", *(f"{hunt.paper[m]:.4f}" for m in METRICS), ""]]
        for name in samples:
            if name in ("mock", "archive", hunt.real):
                workshop.say(f"  hunt {hunt.name} in {name}")
                found = asked(recipe, workshop, hunt, workshop.sample(name, recipe))
                result.measures += found
                rows += lines(found)
                result.verdict.append(verdict(hunt, found))
        header = [
            "sample",
            "how",
            "targets asked about",
            "precision",
            "recall",
            "F1",
            "F1 against the paper's",
        ]
        result.tables.append(Table(hunt.name, header, rows))
    return result


def asked(recipe: Recipe, workshop: Workshop, hunt: Hunt, sample: Sample) -> list[Measure]:
    """The figures of one hunt in one sample in every way; a way that asks as an earlier one did is left out."""
    measures: list[Measure] = []
    seen: list[tuple[Target, bool]] = []
    for way in recipe.ways:
        target = recipe.target(hunt.target, **way.changes)
        if (target, way.calibrated) in seen:
            continue
        seen.append((target, way.calibrated))
        outcomes = hunt_sample(workshop, sample, target, calibrated=way.calibrated)[target.k]
        n = n_true(outcomes, target.positive)
        scores = {m: replace(s, n=n) for m, s in headline(outcomes, target).items()}
        measures += score_measures(
            hunt.name, sample.name, scores, way=way.name, paper=hunt.paper, shown=False
        )
    return measures


def lines(found: list[Measure]) -> list[list[str]]:
    """A row per way: its three figures, and F1 against the paper's."""
    ways = {way: [m for m in found if m.way == way] for way in dict.fromkeys(m.way for m in found)}
    return [
        [HEADS[mine[0].sample], way, str(mine[0].n), *(m.text() for m in mine), mine[-1].verdict()]
        for way, mine in ways.items()
    ]


def verdict(hunt: Hunt, found: list[Measure]) -> str:
    """The first and the last way against the paper's F1."""
    f1 = [m for m in found if m.what.endswith("F1")]
    said = "; ".join(f"{m.way} {m.text()} ({m.verdict()})" for m in dict.fromkeys([f1[0], f1[-1]]))
    return f"{hunt.name}, {HEADS[f1[0].sample]}: F1 {said}; the paper's is {hunt.paper['f1']:.4f}."
