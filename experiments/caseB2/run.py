"""Table B2: line ratios of the case's object and its neighbours, their weights, and the decision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.paper.cases import PAPER_OBJECT, PAPER_SHARE, Case, CaseRecipe, choose
from experiments.paper.results import Measure, Result
from experiments.samples.workshop import Workshop
from spectrove.explanation.measured import Measured
from spectrove.explanation.tables import Table
from spectrove.galaxies.diagram.bpt import ratio
from spectrove.galaxies.diagram.measured import RATIOS, bpt_of, lines_of

Recipe = CaseRecipe


def run(recipe: CaseRecipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """The ratios as measured by us in each spectrum, and how the vote came out."""
    result = Result(recipe.title)
    case = choose(workshop, recipe, samples)
    e = case.evidence
    items: list[tuple[str, Measured]] = [
        ("query", e.query),
        *((str(i + 1), n) for i, n in enumerate(e.neighbors)),
    ]
    weights = {
        reading: ["", *(f"{100 * w:.2f}%" for w in case.weights(reading))] for reading in ("sum", "softmax")
    }
    rows = [
        [
            number,
            item.object_id,
            *(ratios(item)),
            own_class(item),
            catalog_label(case, i),
            weights["sum"][i],
            weights["softmax"][i],
        ]
        for i, (number, item) in enumerate(items)
    ]
    names = [f"log {name}" for name, _, _ in RATIOS]
    header = ["", "object", *names, "class by its own lines", "label", "weight, sum", "weight, softmax"]
    note = (
        f"Decision: {e.prediction.value}, {100 * case.share('sum'):.2f}% of the votes (softmax "
        f"{100 * case.share('softmax'):.2f}%; "
        f"the paper's case {100 * PAPER_SHARE:.2f}%). Errors: one sigma; limits: three."
    )
    result.tables = [Table(f"{case.sample}: {e.object_id} and its neighbours", header, rows, note)]
    for number, item in items:
        lines = lines_of(item)
        for name, top, bottom in RATIOS:
            r = None if lines is None else ratio(lines, top, bottom)
            if r is not None and r.kind == "measured":
                result.measures.append(
                    Measure(
                        f"log {name}, {number}", case.sample, r.value, tolerance=0.02, better="", shown=False
                    )
                )
    result.notes = [
        f"{case.rule} The paper's object, {PAPER_OBJECT}, is not at hand, and the cells of its table neither."
    ]
    result.verdict = [verdict(case)]
    return result


def ratios(item: Measured) -> list[str]:
    """The four ratios as printed."""
    lines = lines_of(item)
    return [ratio(lines, top, bottom).text() if lines else "–" for _, top, bottom in RATIOS]


def own_class(item: Measured) -> str:
    """Where its own lines put it."""
    b = bpt_of(item)
    if b is None or b.no_lines:
        return "no lines"
    return b.own_class or " / ".join(b.possible) or "unknown"


def catalog_label(case: Case, i: int) -> str:
    """The label a neighbour voted with; the query's is not used."""
    return "(not used)" if i == 0 else case.evidence.neighbors[i - 1].label or "none"


def verdict(case: Case) -> str:
    """Whether neighbours that voted otherwise lie beside the dividing line, as the paper's Seyfert does."""
    others = [n for n in case.evidence.neighbors if n.group != case.target.positive]
    if not others:
        return f"All neighbours are {case.target.positive}s."
    said = [f"{n.object_id} (labelled {n.label}, by its own lines {own_class(n)})" for n in others]
    return (
        "Neighbours that voted otherwise: "
        + ", ".join(said)
        + ". In the paper it was one labelled Seyfert that lies on the LINER side of the line."
    )
