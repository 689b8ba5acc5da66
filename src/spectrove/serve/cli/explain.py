"""spectrove explain: the reasons for the answer of one spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import DatasetError, KnowledgeError
from spectrove.serve.cli import options
from spectrove.serve.cli.asking import (
    Asked,
    Tally,
    answered,
    encoders_of,
    open_base,
    tell_calibration,
    tell_metric,
)
from spectrove.serve.cli.guard import COULD_NOT, AskedWronglyError, asking
from spectrove.serve.cli.hunt import Prevalence
from spectrove.serve.cli.output import Told, check_output, in_folder, print_json, say

if TYPE_CHECKING:
    from spectrove.explanation.evidence import Evidence
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers
    from spectrove.spectra import SpectrumSet

One = Annotated[str, typer.Argument(metavar="SPECTRUM", help="A file, or a DATASET with --id.")]
Page = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE.html", help="Write the page with figures and tables."),
]
TargetName = Annotated[
    str | None, typer.Option("--target", metavar="NAME|FILE", help="Explain the answer of a hunt.")
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


@options.grouped
def explain(
    kb: options.Base,
    spectrum: One,
    output: Page = None,
    target: TargetName = None,
    label: Label = None,
    object_id: ObjectId = None,
    k: options.TargetK = None,
    where: options.Where = None,
    queries: options.Queries = None,
    metric: options.TargetMetric = None,
    encoder: options.QueryEncoder = None,
    allow_self: options.AllowSelf = False,
    figures: Figures = False,
    against: Against = None,
    cite: Cite = None,
    calibration: options.Calibration = "auto",
    witness: options.WitnessOption = "auto",
    prevalence: Prevalence = None,
    as_json: options.Json = False,
    *,
    reading: options.Reading,
    redshift: options.Redshift,
) -> None:
    """Explain the answer for one spectrum.

    Neighbours, their weights, line measurements and diagrams, as text or a page.
    """
    check_output(output, (".html",))
    check_output(cite, (".bib",))
    if target and label:
        raise typer.BadParameter("give --target or --label, not both", param_hint="--label")
    if figures and not output:
        raise typer.BadParameter("the figures go beside the page: give -o too", param_hint="--figures")
    from spectrove.targets import load_target

    if prevalence is not None and not target:
        raise typer.BadParameter("it is that of a hunted class: give --target too", param_hint="--prevalence")
    wanted = load_target(target) if target else None
    if wanted and prevalence is not None:
        wanted = wanted.model_copy(update={"prevalence": prevalence, "prior": None})
    asked = Asked([spectrum], queries, reading=reading, redshift=redshift, told=Told(as_json))
    base = open_base(kb, where)
    if wanted:
        wanted.check(base.columns)
        wanted.check(base.columns, base.label_values(wanted.label))
    column = choose_label(base, label) if wanted is None else ""
    networks = encoders_of(base, encoder, base.space(target=wanted).views)
    from spectrove import pipeline

    def ask(batch: SpectrumSet) -> Answers:
        said: dict[str, Any] = {"where": where, "allow_self": allow_self, "encoder": networks}
        said |= {"calibration": calibration, "witness": witness, "redshifts": asked.redshifts}
        if wanted:
            return pipeline.hunt(base, batch, wanted, k=k, metric=metric, **said)
        return pipeline.classify(base, batch, column, k=k or 3, metric=metric or "auto", **said)

    tally = Tally(asked)
    chosen = asked.with_redshifts(the_one(asked, object_id))
    answers = next(answered([chosen], ask, tally))
    if not tally.answered:
        raise typer.Exit(COULD_NOT)  # why is on stderr already
    from spectrove.explanation.citations import citations, write_bibtex

    if against is not None:
        with asking():
            base.spectra([against])
    evidence = pipeline.explain(base, answers, target=wanted, saliency=True, against=against)
    cited = citations(evidence)
    if output:
        from spectrove.explanation.report import write_report
        from spectrove.pipeline.domains import domain_of

        panels = domain_of(base).panels
        behind = panels.background(base) if panels else None
        write_report(evidence, in_folder(output), background=behind, figures=figures)
    if cite:
        write_bibtex(cited, in_folder(cite))
    if as_json:
        print_json(evidence.to_dict() | {"citations": [c.to_dict() for c in cited]})
    for line in told(evidence):
        say(f" {line}", as_json=as_json)
    asked_for = f"--target {wanted.name}" if wanted else f"--label {column}"
    files = ", ".join(str(path) for path in (output, cite) if path)
    say(f" to cite: {'; '.join(c.work.short for c in cited)}", as_json=as_json)
    say(f" explained by {asked_for}" + (f"   wrote {files}" if files else ""), as_json=as_json)
    tell_metric(answers.metric)
    tell_calibration(answers.calibration, wanted)
    raise typer.Exit(tally.exit_code)


def told(evidence: Evidence) -> list[str]:
    """The lines of text: the reason, the argument, cautions, and why another object is not a neighbour."""
    from spectrove.explanation.argument import argued, why_not
    from spectrove.explanation.sentences import cautions, why

    return [
        why(evidence),
        *argued(evidence),
        *(f"? {caution}" for caution in cautions(evidence)),
        *why_not(evidence),
    ]


def the_one(asked: Asked, object_id: str | None) -> SpectrumSet:
    """The selected spectrum; refused unless there is exactly one."""
    found: list[SpectrumSet] = []
    names: list[str] = []
    for batch in asked.batches():
        ids = batch.object_id.tolist()
        names += ids
        found += [batch.take([i]) for i, name in enumerate(ids) if object_id in (None, name)][:2]
        if object_id is not None and found:
            break
    if len(found) == 1:
        return found[0]
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    finding = (
        f"holds {len(names)} spectra ({shown})"
        if object_id is None
        else f"holds no {object_id} (but {shown})"
    )
    raise AskedWronglyError(DatasetError(f"{', '.join(asked.paths)}: {finding}. Name one of them with --id."))


def choose_label(base: KnowledgeBase, label: str | None) -> str:
    """The label column to explain: the one given, otherwise class_derived, otherwise the first in the base."""
    if label is not None:
        from spectrove.pipeline import check_label

        with asking():
            check_label(base, label)
        return label
    known = list(base.info()["labels"])
    if not known:
        raise AskedWronglyError(
            KnowledgeError(
                f"{base.path}: no label column to explain by. Name one with --label, or a --target."
            )
        )
    return "class_derived" if "class_derived" in known else known[0]
