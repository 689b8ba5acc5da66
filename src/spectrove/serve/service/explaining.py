"""The reasons for the answer about one spectrum, with their figures."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from spectrove.errors import DatasetError
from spectrove.pipeline.verbs import VERBS
from spectrove.serve.service import given
from spectrove.serve.service.asking import (
    TASKS,
    Item,
    Question,
    Said,
    Task,
    names_alone,
    spectra_of,
    target_of,
)
from spectrove.serve.service.questions import Data, OfSpectra, options_of

if TYPE_CHECKING:
    from spectrove.explanation.evidence import Evidence
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline.answers import Answers

#: Figures are drawn one after the other: what draws them keeps its settings for the whole process.
DRAWING = threading.Lock()

#: Options of a hunt that an explanation takes.
SHARED = ("condition", "k", "where", "view", "metric", "calibration", "witness", "allow_self", "prevalence")


def _model() -> type[Data]:
    fields = {
        name: (f.annotation, f) for name, f in TASKS["hunt"].model.model_fields.items() if name in SHARED
    }
    model: type[Data] = create_model(
        "Explain", __base__=OfSpectra, __doc__=SUMMARY,
        target=(TASKS["hunt"].model.model_fields["target"].annotation,
                Field(None, description="Explain the answer of a hunt for this target.")),
        label=(str | None, Field(None, description="Explain a classification by this column of the base.")),
        against=(str | None, Field(None, description="Id of an object of the base, to see why it is no neighbour.")),
        figures=(bool, Field(True, description="Also draw the figures, as PNG.")),
        **fields,  # type: ignore[call-overload]
    )  # fmt: skip
    return model


SUMMARY = "Explain the answer for one spectrum: neighbours, their weights, measurements, and figures."


def explained(question: Question) -> Iterator[Item]:
    """What `explain --json` prints of one spectrum, then its figures.

    Raises:
        SpectroveError: It is not one spectrum, or cannot be answered.
    """

    def told(base: KnowledgeBase, said: Said, evidence: Evidence) -> Iterator[Item]:
        yield Item("answer", said.clean(names_alone(_values(evidence))))
        if question.asked.figures:
            yield from figures(base, evidence)

    return _told(question, told)


def argued(question: Question) -> Iterator[Item]:
    """The reasons for the answer about one spectrum, in sentences alone.

    Raises:
        SpectroveError: It is not one spectrum, or cannot be answered.
    """
    from spectrove.explanation import argument

    def told(base: KnowledgeBase, said: Said, evidence: Evidence) -> Iterator[Item]:
        row = {"object_id": evidence.object_id, "sentences": argument.told(evidence)}
        yield Item("answer", said.clean(row))

    return _told(question, told)


def section(question: Question) -> Iterator[Item]:
    """The explanation of one spectrum as a page shows it: sentences, tables, and figures as PNG.

    Raises:
        SpectroveError: It is not one spectrum, or cannot be answered.
    """
    from spectrove.explanation.report import section_of

    def told(base: KnowledgeBase, said: Said, evidence: Evidence) -> Iterator[Item]:
        background = _background(base)
        with DRAWING:
            shown = section_of(evidence, background)
        shown["provenance"] = [(name, said.clean(value)) for name, value in shown["provenance"]]
        yield Item("answer", shown)

    return _told(question, told)


def _told(
    question: Question, told: Callable[[KnowledgeBase, Said, Evidence], Iterator[Item]]
) -> Iterator[Item]:
    """What is told of the answer about one spectrum, or why there is none, then where it comes from."""
    with question.asking() as base:
        said = Said(base, question)
        answers = _answered(base, question, said)
        yield from said.refused()
        if answers:
            yield from told(base, said, answers.explain(0, saliency=True, against=question.asked.against))
        else:
            list(said.answers(answers, None))
            yield from said.refused()
        yield said.about(answers)


def _answered(base: KnowledgeBase, question: Question, said: Said) -> Answers:
    """The answer that is explained: of a hunt if there is a target, else of a classification.

    Raises:
        SpectroveError: It is not one spectrum, or cannot be answered.
    """
    asked = question.asked
    verb = VERBS["hunt" if asked.target is not None or asked.condition is not None else "classify"]
    spectra = spectra_of(verb, base, question, said)
    if len(spectra) != 1:
        names = ", ".join(spectra.object_id[:5].tolist())
        raise DatasetError(f"explain: {len(spectra)} spectra are given ({names}), expected one. Ask for one.")
    spectra, redshifts = given.with_redshifts(base, spectra, asked)
    options = {n: v for n, v in options_of(asked, verb).items() if n in verb.options.model_fields}
    options |= {"redshifts": redshifts, "encoder": question.base.encoders(base)}
    if asked.against is not None:
        given.examples(base, [asked.against], ())  # refused where it is not there
    return verb.ask(
        base,
        spectra,
        target_of(asked.target) if verb.name == "hunt" else _label(base, asked.label),
        **options,
    )


def _label(base: KnowledgeBase, named: str | None) -> str:
    from spectrove.pipeline.domains import usual_label

    return named if named is not None else usual_label(base)


def _values(evidence: Evidence) -> dict[str, Any]:
    from spectrove.explanation.citations import citations

    return evidence.to_dict() | {"citations": [one.to_dict() for one in citations(evidence)]}


def figures(base: KnowledgeBase, evidence: Evidence) -> Iterator[Item]:
    """The figures of the page that explains an answer; `data` is a PNG file in base 64."""
    from spectrove.explanation.report import pictures_of

    background = _background(base)
    with DRAWING:
        drawn = pictures_of(evidence, background)
    for one in drawn:
        data = base64.b64encode(one.png).decode("ascii")
        yield Item("figure", {"name": one.name, "alt": one.alt, "media_type": "image/png", "data": data})


def _background(base: KnowledgeBase) -> Any:
    """What figures of the domain draw behind the objects."""
    from spectrove.pipeline.domains import domain_of

    panels = domain_of(base).panels
    return panels.background(base) if panels else None


def all_tasks() -> dict[str, Task]:
    """Every verb, and the explanation of an answer."""
    columns = (
        "object_id",
        "answer",
        "query",
        "neighbors",
        "influence",
        "flags",
        "provenance",
        "sentences",
        "citations",
    )
    return TASKS | {"explain": Task("explain", _model(), SUMMARY, columns, explained, ("spectra",))}
