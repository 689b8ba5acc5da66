"""Figure 4: what the share of targets in the base does to precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.paper.drawing import METRICS, labels, metric_legend, panels, score_curves
from experiments.paper.results import HEADS, Result, score_measures
from experiments.paper.scoring import Outcomes, headline, hunted
from experiments.samples import recipes
from experiments.samples.workshop import Part, Sample, Workshop
from spectrove.evaluation.metrics import Score
from spectrove.explanation.tables import Table
from spectrove.targets import Target

#: Below this share so little is found that precision is noise.
FROM = 0.05


class Curve(recipes.Model):
    """One panel: a target in a sample."""

    target: str
    sample: recipes.SampleName
    title: str


class Recipe(recipes.Recipe):
    """Shares of the base that are targets, and the panels."""

    shares: tuple[float, ...]
    curves: tuple[Curve, ...]


def run(recipe: Recipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """Hunts in bases of one size whose composition the target sets; curves of P, R and F1."""
    result = Result(recipe.title)
    curves = [curve for curve in recipe.curves if curve.sample in samples]
    figure, axes = panels(
        [c.title for c in curves], columns=min(2, len(curves)), width=3.6, height=2.7, top=0.22
    )
    for ax, curve in zip(axes, curves, strict=True):
        workshop.say(f"  {curve.title}")
        target = recipe.target(curve.target)
        sample = workshop.sample(curve.sample, recipe)
        size = base_size(sample, target, recipe.shares)
        scores = [headline(varied(workshop, sample, target, share, size), target) for share in recipe.shares]
        score_curves(ax, [100 * s for s in recipe.shares], scores)
        ax.set_xscale("log")
        ax.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
        ax.text(
            0.03, 0.96, f"base of {size}", transform=ax.transAxes, fontsize=8.5, va="top", color="#444444"
        )
        result.tables.append(table(curve, recipe.shares, scores, size))
        for share, score in zip(recipe.shares, scores, strict=True):
            result.measures += score_measures(
                f"{target.positive} at {share:.0%}", curve.sample, score, shown=False
            )
        result.verdict.append(shape(curve, recipe.shares, scores))
    for first in range(0, len(axes), 2):
        labels(axes[first : first + 2], "Targets in the base (%)", "Precision, recall, F1")
    metric_legend(figure)
    result.figures["share"] = figure
    result.notes = [
        "Every base of a panel has the same size; which objects are left out goes by a hash of their ids, "
        "the same for every share."
    ]
    return result


def members(part: Part, target: Target) -> tuple[int, int]:
    """How many known objects are targets, and how many are something else."""
    classes = target.classes_of(part.known.spectra.column(target.label))
    n = sum(c == target.positive for c in classes)
    return n, sum(c is not None for c in classes) - n


def base_size(sample: Sample, target: Target, shares: Sequence[float]) -> int:
    """The largest base that every split can fill at every share."""
    sizes = [members(part, target) for parts in sample for part in parts]
    return min(int(min(n / max(shares), other / (1 - min(shares)))) for n, other in sizes)


def varied(workshop: Workshop, sample: Sample, target: Target, share: float, size: int) -> Outcomes:
    """Outcomes with a base of that size in which that share are targets."""
    n = max(1, round(share * size))
    others = [c for c in target.classes if c != target.positive]
    composition = {"maximum": {target.positive: n} | {c: (size - n) // len(others) for c in others}}
    composed = Target.model_validate(target.model_dump() | {"composition": composition})
    return [[hunted(workshop, part, composed, (target.k,))[target.k] for part in parts] for parts in sample]


def table(curve: Curve, shares: Sequence[float], scores: Sequence[dict[str, Score]], size: int) -> Table:
    """A row per share."""
    rows = [[f"{s:.0%}", *(str(score[m]) for m in METRICS)] for s, score in zip(shares, scores, strict=True)]
    return Table(f"{curve.title}: base of {size}", ["targets in the base", "precision", "recall", "F1"], rows)


def shape(curve: Curve, shares: Sequence[float], scores: Sequence[dict[str, Score]]) -> str:
    """Whether recall rises and precision falls with the share, as in the paper."""
    first = next((s for share, s in zip(shares, scores, strict=True) if share >= FROM), scores[0])
    last = scores[-1]
    recall, precision = (last[m].value - first[m].value for m in ("recall", "precision"))
    said = "as in the paper" if recall > 0 > precision else "unlike the paper"
    change = f"recall {recall:+.2f}, precision {precision:+.2f}"
    return f"{curve.title} ({HEADS[curve.sample]}): {change} from {FROM:.0%} to {max(shares):.0%} targets, {said}."
