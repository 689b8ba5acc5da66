"""Figure A1: how distances between all pairs of a base are distributed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.paper.drawing import labels, panels
from experiments.paper.results import HEADS, Measure, Result
from experiments.paper.spread import PAPER, moments, pair_distances
from experiments.samples import recipes
from experiments.samples.workshop import Workshop
from spectrove.explanation.style import SMALL, color_of, tidy


class Recipe(recipes.Recipe):
    """How many objects of a base at most make pairs."""

    most: int = 3000


def run(recipe: Recipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """Moments and histogram of the distances, in the paper's order."""
    result = Result(recipe.title)
    names = list(samples)
    figure, axes = panels([f"{HEADS[name]} base" for name in names], width=4.2, height=2.9, gap=0.55)
    for i, (ax, name) in enumerate(zip(axes, names, strict=True)):
        workshop.say(f"  {name}")
        distance, scale, n = pair_distances(workshop, recipe, name, recipe.most)
        found = moments(distance)
        for moment, value in found.items():
            tolerance = 0.02 if moment in ("skewness", "kurtosis") else 0.01 * found["mean"]
            result.measures.append(
                Measure(moment, name, value, paper=PAPER[moment], tolerance=tolerance, better="", n=n)
            )
        ax.hist(distance, bins=np.linspace(0, float(np.percentile(distance, 99.9)), 80).tolist(), density=True,
                color=color_of(i + 1), alpha=0.75)  # fmt: skip
        for value, dashes, label in (
            (found["mean"], (5, 2), "mean"), (found["median"], (1, 1), "median"),
            (scale, (3, 1, 1, 1), "nearest neighbour, median"),
        ):  # fmt: skip
            ax.axvline(value, color="#222222", lw=1.2, dashes=dashes, label=f"{label} {value:.2f}")
        text = "\n".join([f"{n:,} objects", *(f"{m} {found[m]:.2f}" for m in ("skewness", "kurtosis", "sd"))])
        ax.text(
            0.975, 0.55, text, transform=ax.transAxes, ha="right", va="top", fontsize=SMALL, linespacing=1.4
        )
        ax.set_xlim(0, None)
        ax.legend(fontsize=SMALL, frameon=False, loc="upper right")
        tidy(ax)
        result.verdict.append(verdict(HEADS[name], found))
    labels(axes, "L2 distance of two objects of the base", "Density")
    result.figures["distances"] = figure
    result.notes = [
        "Mean, median and sd are in units of the encoder's own space and cannot be compared with the "
        "paper's; skewness, "
        "kurtosis and sd over mean can. Kurtosis is that in excess of a Gaussian's."
    ]
    return result


def verdict(name: str, found: dict[str, float]) -> str:
    """The comparable numbers against the paper's."""
    sd = found["sd"] / found["mean"]
    return (
        f"{name}: sd/mean {sd:.2f} (paper {PAPER['sd'] / PAPER['mean']:.2f}), skewness {found['skewness']:.2f} "
        f"(paper {PAPER['skewness']:.2f}), kurtosis {found['kurtosis']:.2f} (paper {PAPER['kurtosis']:.2f})."
    )
