"""spectrove explain: the reasons for the answer of one spectrum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import DatasetError
from spectrove.serve.bases import encoders_of, open_base
from spectrove.serve.batches import Counts, QueryBatches
from spectrove.serve.cli import options
from spectrove.serve.cli.hunt import Prevalence, checked_target, searched_views
from spectrove.serve.cli.hunt_text import condition_of
from spectrove.serve.exits import FAILED, UsageError, usage_errors
from spectrove.serve.output import check_output, in_folder, print_json, say
from spectrove.serve.reading import Reading, Redshift
from spectrove.serve.run import Request, answered, print_methods
from spectrove.serve.text_papers import paper_lines

if TYPE_CHECKING:
    from spectrove.explanation.evidence import Evidence
    from spectrove.knowledge import KnowledgeBase
    from spectrove.spectra import SpectrumSet
    from spectrove.targets import Target

One = Annotated[str, typer.Argument(metavar="SPECTRUM", help="A file, or a DATASET with --id.")]
Page = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE.html", help="Write the page with figures and tables."),
]
TargetName = Annotated[
    str | None, typer.Option("--target", metavar="NAME|FILE", help="Explain the answer of a hunt.")
]
Condition = Annotated[
    str | None,
    typer.Option("--condition", metavar="TEXT", help="Explain the answer of a hunt by this condition."),
]
ExplainText = Annotated[
    str | None,
    typer.Option("--text", metavar="SENTENCE", help="Explain the answer of a hunt by this sentence."),
]
Label = Annotated[
    str | None,
    typer.Option(
        "--label", metavar="COLUMN", help="Explain a classification; by default class_derived, if present."
    ),
]
Figures = Annotated[bool, typer.Option("--figures", help="Also write the figures as PNG files.")]
Against = Annotated[
    str | None,
    typer.Option(
        "--against", metavar="OBJECT_ID", help="Say why this object of the base is not among the neighbours."
    ),
]
Cite = Annotated[
    Path | None,
    typer.Option(
        "--cite", metavar="FILE.bib", help="Write the references to cite for this answer as BibTeX."
    ),
]
ObjectId = Annotated[
    str | None, typer.Option("--id", metavar="OBJECT_ID", help="Which spectrum, if SPECTRUM holds several.")
]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove explain`."""

    kb: options.Base
    spectrum: One
    output: Page = None
    target: TargetName = None
    condition: Condition = None
    text: ExplainText = None
    label: Label = None
    object_id: ObjectId = None
    k: options.TargetK = None
    where: options.Where = None
    view: options.Views = None
    queries: options.Queries = None
    metric: options.TargetMetric = None
    encoder: options.QueryEncoder = None
    allow_self: options.AllowSelf = False
    figures: Figures = False
    against: Against = None
    cite: Cite = None
    calibration: options.Calibration = "auto"
    witness: options.WitnessOption = "auto"
    prevalence: Prevalence = None
    as_json: options.Json = False
    reading: Reading
    redshift: Redshift

    @property
    def is_hunt(self) -> bool:
        """Whether the answer of a hunt is explained, not a classification."""
        return self.target is not None or self.condition is not None or self.text is not None

    @property
    def spectra(self) -> list[str]:
        """The file or dataset as those of other commands."""
        return [self.spectrum]


@options.grouped
def explain(typed: Typed) -> None:
    """Explain the answer for one spectrum.

    Neighbours, their weights, line measurements and diagrams, as text or a page.
    """
    _check(typed)
    from spectrove.pipeline.by_condition import hunted

    if typed.text is not None:
        typed = replace(typed, condition=condition_of(typed.kb, typed.where, typed.text), text=None)
    with usage_errors():
        target = hunted(typed.target, typed.condition) if typed.is_hunt else None
    queries = options.query_batches(typed)
    base = open_base(typed.kb, typed.where)
    from spectrove import pipeline

    request = _request(typed, base, queries, target)
    counts = Counts(queries)
    [answers] = answered(request, [queries.with_redshifts(the_one(queries, typed.object_id))], counts)
    if not counts.answered:
        raise typer.Exit(FAILED)  # why is on stderr already
    if typed.against is not None:
        with usage_errors():
            base.spectra([typed.against])
    [subject] = request.subject
    target = subject if typed.is_hunt else None
    evidence = pipeline.explain(base, answers, target=target, saliency=True, against=typed.against)
    _write(typed, base, evidence, _question(typed, subject))
    print_methods(answers, target)
    raise typer.Exit(counts.exit_code)


def _check(typed: Typed) -> None:
    """Refuse options that do not go together, before anything is read."""
    check_output(typed.output, (".html",))
    check_output(typed.cite, (".bib",))
    if typed.text is not None and (typed.target is not None or typed.condition is not None):
        raise typer.BadParameter(
            "a sentence says what is hunted; leave out --target and --condition", param_hint="--text"
        )
    if typed.is_hunt and typed.label:
        raise typer.BadParameter("give --target or --label, not both", param_hint="--label")
    if typed.figures and not typed.output:
        raise typer.BadParameter("the figures go beside the page: give -o too", param_hint="--figures")
    if typed.prevalence is not None and not typed.is_hunt:
        raise typer.BadParameter("it is that of a hunted class: give --target too", param_hint="--prevalence")


def _question(typed: Typed, subject: Any) -> str:
    """The options that ask the same again."""
    if typed.condition is not None:
        return f"--condition '{typed.condition}'"
    return f"--target {subject.name}" if typed.target else f"--label {subject}"


def _request(typed: Typed, base: KnowledgeBase, queries: QueryBatches, target: Target | None) -> Request:
    """The hunt or the classification that is explained."""
    from spectrove.pipeline.verbs import VERBS

    verb = VERBS["hunt" if target else "classify"]
    given = {name: value for name, value in options.given(typed, verb).items() if name != "condition"}
    if target:
        target = checked_target(base, target, given)
    subject = target or choose_label(base, typed.label)
    views = searched_views(base, target) if target else options.searched(base, typed.view)
    encoders = encoders_of(base, typed.encoder, views)
    return Request(verb, base, queries, encoders, (subject,), given)


def _write(typed: Typed, base: KnowledgeBase, evidence: Evidence, question: str) -> None:
    """Write the page and the references, and print the reasons."""
    from spectrove.explanation.citations import citations, write_bibtex

    cited = citations(evidence)
    if typed.output:
        from spectrove.explanation.report import write_report
        from spectrove.pipeline.domains import domain_of

        panels = domain_of(base).panels
        background = panels.background(base) if panels else None
        write_report(evidence, in_folder(typed.output), background=background, figures=typed.figures)
    if typed.cite:
        write_bibtex(cited, in_folder(typed.cite))
    if typed.as_json:
        print_json(evidence.to_dict() | {"citations": [c.to_dict() for c in cited]})
    files = ", ".join(str(path) for path in (typed.output, typed.cite) if path)
    wrote = f"   wrote {files}" if files else ""
    works = "; ".join(c.work.short for c in cited)
    for line in (*reasons(evidence), f"to cite: {works}", f"explained by {question}{wrote}"):
        say(f" {line}", as_json=typed.as_json)


def reasons(evidence: Evidence) -> list[str]:
    """The lines of text: the reason, the argument, cautions, and why another object is not a neighbour."""
    from spectrove.explanation.argument import argued, why_not
    from spectrove.explanation.sentences import cautions, why

    return [
        why(evidence),
        *argued(evidence),
        *(f"? {caution}" for caution in cautions(evidence)),
        *why_not(evidence),
        *paper_lines(evidence.papers),
    ]


def the_one(queries: QueryBatches, object_id: str | None) -> SpectrumSet:
    """The selected spectrum; refused unless there is exactly one."""
    chosen: list[SpectrumSet] = []
    names: list[str] = []
    for batch in queries.batches():
        ids = batch.object_id.tolist()
        names += ids
        chosen += [batch.take([i]) for i, name in enumerate(ids) if object_id in (None, name)][:2]
        if object_id is not None and chosen:
            break
    if len(chosen) == 1:
        return chosen[0]
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    problem = (
        f"holds {len(names)} spectra ({shown})"
        if object_id is None
        else f"holds no {object_id} (but {shown})"
    )
    raise UsageError(DatasetError(f"{', '.join(queries.paths)}: {problem}. Name one of them with --id."))


def choose_label(base: KnowledgeBase, label: str | None) -> str:
    """The label column to explain: the one given, else that of the kind of light, else the first in the base."""
    if label is not None:
        from spectrove.pipeline import check_label

        with usage_errors():
            check_label(base, label)
        return label
    from spectrove.pipeline.domains import usual_label

    with usage_errors():
        return usual_label(base)
