"""Case B1: one LINER with its three neighbours: spectra with their lines, the [N II] diagram, weights, decision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.paper.cases import PAPER_OBJECT, PAPER_SHARE, Case, CaseRecipe, choose
from experiments.paper.results import Measure, Result
from experiments.samples.workshop import Workshop
from spectrove.explanation.plots import spectrum_figure
from spectrove.explanation.report import write_report
from spectrove.explanation.tables import Table
from spectrove.galaxies.diagram.measured import bpt_of
from spectrove.galaxies.diagram.plot import bpt_figure

Recipe = CaseRecipe


def run(recipe: CaseRecipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """The case as figures, a page (report.html), and the shares of the vote under both readings."""
    result = Result(recipe.title)
    case = choose(workshop, recipe, samples)
    write_report(case.evidence, out / "report.html", background=case.dots)
    result.figures = {
        "spectra": spectrum_figure(case.evidence),
        "bpt": bpt_figure(case.evidence, background=case.dots),
    }
    result.tables = [neighbours(case)]
    for reading in ("sum", "softmax"):
        result.measures.append(
            Measure(f"share of {case.target.positive} in the vote", case.sample, case.share(reading), way=reading,
                    paper=PAPER_SHARE, better="", tolerance=0.02)
        )  # fmt: skip
    result.notes = [f"{case.rule} The paper's object, {PAPER_OBJECT}, is not at hand."]
    result.verdict = [verdict(case)]
    return result


def neighbours(case: Case) -> Table:
    """Each neighbour with distance, weights and label."""
    weights = {reading: case.weights(reading) for reading in ("sum", "softmax")}
    rows = [
        [str(i + 1), n.object_id, n.label or "", f"{n.z:.4f}", f"{n.distance:.3f}",
         f"{n.distance / case.evidence.scale:.2f}",
         *(f"{100 * weights[r][i]:.2f}%" for r in weights)]
        for i, n in enumerate(case.evidence.neighbors)
    ]  # fmt: skip
    header = [
        "",
        "neighbour",
        "label",
        "z",
        "distance",
        "in units of the base",
        "weight, sum",
        "weight, softmax",
    ]
    e = case.evidence
    return Table(
        f"Query {e.object_id}, z = {e.query.z:.4f}, S/N {case.sn:.0f}, answer: {e.prediction.value}",
        header,
        rows,
    )


def verdict(case: Case) -> str:
    """What the two readings of the normalisation give, against the paper's share."""
    by_sum, by_softmax = case.share("sum"), case.share("softmax")
    nearer = "softmax" if np.abs(by_softmax - PAPER_SHARE) < np.abs(by_sum - PAPER_SHARE) else "sum"
    agree = sum(n.group == case.target.positive for n in case.evidence.neighbors)
    place = bpt_of(case.evidence.query)
    own = place.own_class if place else None
    return (
        f"{agree} of {len(case.evidence.neighbors)} neighbours are {case.target.positive}s: their share is "
        f"{100 * by_sum:.2f}% as weights over their sum and "
        f"{100 * by_softmax:.2f}% as softmax; the paper's 68.12% for two of three is nearer to the {nearer} reading. "
        f"By its own lines, which the answer never used, the object is {own or 'not on the diagram'}."
    )
