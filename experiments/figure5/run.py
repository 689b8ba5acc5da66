"""Figure 5: what the number of neighbours does to each hunt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.paper.drawing import labels, metric_legend, panels, score_curves
from experiments.paper.results import Result, score_measures
from experiments.paper.scoring import headline, hunt_sample
from experiments.samples import recipes
from experiments.samples.workshop import Workshop
from spectrove.evaluation.metrics import Score
from spectrove.explanation.tables import Table


class Curve(recipes.Model):
    """One panel: a target in a sample."""

    target: str
    sample: recipes.SampleName
    title: str


class Recipe(recipes.Recipe):
    """Numbers of neighbours, and the panels."""

    ks: tuple[int, ...]
    curves: tuple[Curve, ...]


def run(recipe: Recipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """P, R and F1 against K for every target and sample."""
    result = Result(recipe.title)
    curves = [curve for curve in recipe.curves if curve.sample in samples]
    columns = min(4, len(curves))
    figure, axes = panels([c.title for c in curves], columns=columns, width=2.75, height=2.5, top=0.22)
    rows = []
    for ax, curve in zip(axes, curves, strict=True):
        workshop.say(f"  {curve.title}")
        target = recipe.target(curve.target)
        outcomes = hunt_sample(workshop, workshop.sample(curve.sample, recipe), target, recipe.ks)
        scores = [headline(outcomes[k], target) for k in recipe.ks]
        score_curves(ax, recipe.ks, scores)
        ax.axvline(recipe.k, color="#777777", lw=0.8, dashes=(3, 2), zorder=0.5)
        rows.append([curve.title, *(f"{s['f1'].value:.3f}" for s in scores)])
        name = target.positive if len(target.classes) == 2 else "macro"
        for k, score in zip(recipe.ks, scores, strict=True):
            result.measures += score_measures(f"{name} at K = {k}", curve.sample, score, shown=False)
        result.verdict.append(shape(curve.title, recipe.ks, scores, recipe.k))
    for first in range(0, len(axes), columns):
        labels(axes[first : first + columns], "Neighbours K", "Precision, recall, F1")
    metric_legend(figure)
    result.figures["neighbours"] = figure
    result.tables = [Table("F1 against K", ["hunt", *(str(k) for k in recipe.ks)], rows)]
    return result


def shape(title: str, ks: Sequence[int], scores: Sequence[dict[str, Score]], chosen: int) -> str:
    """Where F1 is best, and whether it falls slowly with K as in the paper."""
    f1 = {k: s["f1"].value for k, s in zip(ks, scores, strict=True)}
    best = max(f1, key=lambda k: f1[k])
    fall = f1[max(ks)] - f1[chosen]
    at = f"best at K = {best} ({f1[best]:.3f}; K = {chosen}: {f1[chosen]:.3f})"
    return f"{title}: {at}; {fall:+.3f} from K = {chosen} to {max(ks)}."
