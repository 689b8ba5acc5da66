"""What every estimator of a kind of light reads off one spectrum, and where known objects lie beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from spectrove.serve.service.asking import Item, Question
from spectrove.work import doing

if TYPE_CHECKING:
    from spectrove.explanation.diagram import Place
    from spectrove.knowledge import KnowledgeBase

#: Samples of a posterior that is no normal distribution.
N_DRAWS = 400


def readings(question: Question, near: list[str]) -> Iterator[Item]:
    """One answer: "readings", what each estimator says; "known", where objects of the base lie on its diagram.

    Args:
        question: About one spectrum, which it holds.
        near: Ids of objects of the base, whose places are "near", by id; those without one are left out.
    """
    from spectrove.explanation.diagram import known_places
    from spectrove.explanation.readings import read_off
    from spectrove.pipeline.domains import domain_of

    with question.asking() as base:
        domain, spectrum = domain_of(base), question.spectra
        assert spectrum is not None  # a page asks about what it shows
        with doing("reading quantities off the spectrum"):
            found = read_off(domain.estimators, domain.quantities, spectrum, N_DRAWS)
        row: dict[str, Any] = {
            "object_id": str(spectrum.object_id[0]), "readings": found, "diagram": domain.diagram
        }  # fmt: skip
        if domain.diagram is not None:
            row |= {
                "known": known_places(base, domain.diagram, domain.quantities),
                "near": _places(base, near),
            }
        yield Item("answer", row)


def _places(base: KnowledgeBase, names: list[str]) -> dict[str, Place]:
    """Where objects of a base lie by its own columns."""
    from spectrove.explanation.diagram import place_of_row
    from spectrove.pipeline.domains import domain_of

    diagram = domain_of(base).diagram
    if diagram is None or not names or not {diagram.x, diagram.y} <= set(base.columns):
        return {}
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    rows = base.rows(f"object_id IN ({quoted})", ["object_id", diagram.x, diagram.y]).to_pylist()
    found = {row["object_id"]: place_of_row(row, diagram) for row in rows}
    return {name: place for name in names if (place := found.get(name)) is not None}
