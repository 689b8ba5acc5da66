"""Table 1: how many star-forming, active and normal galaxies there are to learn from and to ask about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.paper.results import HEADS, Measure, Result
from experiments.samples import recipes
from experiments.samples.workshop import Sample, Workshop
from spectrove.explanation.tables import Table
from spectrove.targets import Target


class Recipe(recipes.Recipe):
    """The target whose classes are counted."""

    target_name: str = "star_forming_agn_normal"


def run(recipe: Recipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """Sizes of the bases and query sets, repetition by repetition."""
    target = recipe.target(recipe.target_name)
    result = Result(recipe.title)
    for name in samples:
        sample = workshop.sample(name, recipe)
        result.tables.append(sizes(sample, target))
        for label in target.classes:
            every = [
                count(part.queries.spectra.column(target.label), target, label) for part in sample.repeats[0]
            ]
            result.measures.append(
                Measure(
                    f"{label}, asked about", name, float(sum(every)), tolerance=0, better="", n=sum(every)
                )
            )
    result.verdict = ["The paper's sizes are not at hand; ours are those of the other tables."]
    return result


def count(values: Sequence[object], target: Target, label: str) -> int:
    """How many values mean the class."""
    return target.classes_of(values).count(label)


def sizes(sample: Sample, target: Target) -> Table:
    """A row per repetition: base and queries of each class; means over folds for the bases."""
    rows = []
    for i, parts in enumerate(sample):
        row = [str(i + 1), str(len(parts))]
        for label in target.classes:
            known = [count(p.known.spectra.column(target.label), target, label) for p in parts]
            asked = [count(p.queries.spectra.column(target.label), target, label) for p in parts]
            row += [f"{sum(known) / len(known):.0f}", str(sum(asked))]
        rows.append(row)
    header = ["repetition", "splits"]
    for label in target.classes:
        header += [f"{label}, base", f"{label}, queries"]
    return Table(f"{HEADS[sample.name]}: objects (base: mean over the splits)", header, rows)
