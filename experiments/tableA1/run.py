"""Table A1: skewness and kurtosis of neighbours' weights under four weight functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.paper.results import HEADS, Measure, Result
from experiments.paper.spread import PAPER, moments, pair_distances
from experiments.samples import recipes
from experiments.samples.workshop import Workshop
from spectrove.explanation.tables import Table
from spectrove.inference.neighbors.voting import EPSILON, WEIGHTS

#: What the paper gives for the weighting it chose.
PAPER_EXP = {"skewness": 1.69, "kurtosis": 3.43}
NAMES = {"inverse": "1/(x + ε)", "inverse_square": "1/(x² + ε)", "negative": "−x", "exp": "e^−x"}


class Recipe(recipes.Recipe):
    """How many objects of a base at most make pairs."""

    most: int = 3000


def run(recipe: Recipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """Moments of f(x) over all pairs of a base: x in the encoder's unit, in the base's scale, and at the "
    "paper's mean."""
    result = Result(recipe.title)
    for name in samples:
        workshop.say(f"  {name}")
        distance, scale, n = pair_distances(workshop, recipe, name, recipe.most)
        units = {
            "in the encoder's own unit": distance,
            "as Spectrove votes: over the median nearest-neighbour distance": distance / scale,
            "stretched to the paper's mean": distance * PAPER["mean"] / distance.mean(),
        }
        for unit, x in units.items():
            for weighting, function in WEIGHTS.items():
                if weighting != "exp" and unit != "in the encoder's own unit":
                    continue  # the others' moments do not depend on the unit
                found = moments(function(x))
                for moment in ("skewness", "kurtosis"):
                    paper = PAPER_EXP[moment] if weighting == "exp" else None
                    result.measures.append(
                        Measure(f"{NAMES[weighting]}: {moment}", name, found[moment], way=unit, paper=paper,
                                tolerance=0.02 * abs(found[moment]) + 0.02, better="", n=n)
                    )  # fmt: skip
    result.tables.append(expected_of_the_paper())
    result.notes = [
        f"x: distance of two objects of a base, all pairs; ε = {EPSILON:g} (the paper's has lost its exponent)."
    ]
    result.verdict = [verdict(result, name) for name in samples]
    return result


def expected_of_the_paper(n: int = 400_000) -> Table:
    """Moments of e^-x if the paper's distances were gamma-distributed with its mean and sd: an independent check."""
    shape = (PAPER["mean"] / PAPER["sd"]) ** 2
    x = np.random.default_rng(0).gamma(shape, PAPER["mean"] / shape, n)
    found = moments(np.exp(-x))
    rows = [[m, f"{PAPER_EXP[m]:.2f}", f"{found[m]:.2f}"] for m in ("skewness", "kurtosis")]
    note = "So the paper's moments belong to e^−x of unscaled distances over all pairs of its base."
    return Table("Check: e^−x of a gamma distribution with the paper's mean and sd of x",
                 ["moment", "paper", "gamma"], rows, note)  # fmt: skip


def verdict(result: Result, name: str) -> str:
    """Which function has the least extreme weights, and e^-x against the paper."""
    mine = {m.what: m.value for m in result.measures if m.sample == name}  # e^-x: the last unit
    order = sorted(NAMES.values(), key=lambda f: abs(mine[f"{f}: skewness"]))
    s, k = mine["e^−x: skewness"], mine["e^−x: kurtosis"]
    return (
        f"{HEADS[name]}, x stretched to the paper's mean: e^−x has skewness {s:.2f} and kurtosis {k:.2f} "
        "(paper 1.69, 3.43); from least to "
        f"most skewed: {', '.join(order)}."
    )
