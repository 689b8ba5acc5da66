"""spectrove hunt: find the spectra that match a target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.serve.cli import options, text
from spectrove.serve.cli.asking import (
    Asked,
    Tally,
    about,
    answered,
    encoders_of,
    open_base,
    tell_calibration,
    tell_metric,
)
from spectrove.serve.cli.output import Told, check_output, in_folder, print_lines, say, write_table
from spectrove.serve.cli.progress import progress_bar

if TYPE_CHECKING:
    from spectrove.inference import Prediction
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers
    from spectrove.spectra import SpectrumSet
    from spectrove.targets import Target


def fraction(value: float | None) -> float | None:
    """A number between 0 and 1, both excluded."""
    if value is not None and not 0 < value < 1:
        raise typer.BadParameter(f"{value:g}, expected a fraction between 0 and 1")
    return value


def decision(value: str | None) -> str | None:
    """A number between 0 and 1, or f1."""
    value = value.lower() if value else value
    try:
        known = value is None or value == "f1" or 0 <= float(value) <= 1
    except ValueError:
        known = False
    if not known:
        raise typer.BadParameter(f"{value}, expected a number between 0 and 1, or f1")
    return value


TargetName = Annotated[
    str,
    typer.Option("--target", metavar="NAME|FILE", help="Target: a name or a TOML file."),
]
Top = Annotated[
    int | None,
    typer.Option(
        "--top", metavar="N", min=1, help="Only the N most probable, best first; -o writes a follow-up list."
    ),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.html", help="Write a page with the evidence for the best."),
]
Prevalence = Annotated[
    float | None,
    typer.Option(
        "--prevalence",
        metavar="P",
        help="Prior: expected fraction of targets among SPECTRA; by default that of the target, then of the base.",
        callback=fraction,
    ),
]
Threshold = Annotated[
    str | None,
    typer.Option(
        "--threshold",
        metavar="P|f1",
        help="Minimum probability of a target; f1: the one that maximises the expected F1. Default: the target's.",
        callback=decision,
    ),
]
Figures = Annotated[
    bool, typer.Option("--figures", help="Also write the figures of the report as PNG files.")
]

#: Number of objects that a report explains if --top is not given.
IN_REPORT = 12


@options.grouped
def hunt(
    kb: options.Base,
    spectra: options.Spectra,
    target: TargetName,
    top: Top = None,
    k: options.TargetK = None,
    where: options.Where = None,
    queries: options.Queries = None,
    metric: options.TargetMetric = None,
    calibration: options.Calibration = "auto",
    witness: options.WitnessOption = "auto",
    prevalence: Prevalence = None,
    threshold: Threshold = None,
    encoder: options.QueryEncoder = None,
    allow_self: options.AllowSelf = False,
    as_json: options.Json = False,
    output: options.Output = None,
    report: Report = None,
    figures: Figures = False,
    *,
    reading: options.Reading,
    redshift: options.Redshift,
) -> None:
    """Find the spectra that match a target.

    With probability and evidence, most probable first; --json keeps the order of the input.
    """
    check_output(output)
    check_output(report, (".html",))
    if figures and not report:
        raise typer.BadParameter("the figures go beside the page: give --report too", param_hint="--figures")
    from spectrove.targets import load_target

    wanted = load_target(target)
    if prevalence is not None:
        # The option overrides the prevalence and prior of the target.
        wanted = wanted.model_copy(update={"prevalence": prevalence, "prior": None})
    if threshold is not None:
        number = threshold if threshold == "f1" else float(threshold)
        wanted = wanted.model_copy(update={"threshold": number})
    asked = Asked(spectra, queries, reading=reading, redshift=redshift, told=Told(as_json))
    base = open_base(kb, where)
    wanted.check(base.columns)
    wanted.check(base.columns, base.label_values(wanted.label))
    views = base.space(target=wanted).views
    networks = encoders_of(base, encoder, views)
    hint_at_views(base, wanted, views)
    from spectrove import pipeline

    def ask(batch: SpectrumSet) -> Answers:
        return pipeline.hunt(
            base,
            batch,
            wanted,
            k=k,
            where=where,
            metric=metric,
            calibration=calibration,
            witness=witness,
            allow_self=allow_self,
            encoder=networks,
            redshifts=asked.redshifts,
        )

    tally = Tally(asked)
    predictions: list[Prediction] = []
    kept: list[Answers] = []
    places: dict[str, dict[str, Any]] = {}
    scale = math.nan
    fitted, calibrated, settled = None, None, wanted
    for answers in answered(asked, ask, tally):
        predictions += answers.predictions
        fitted, calibrated, settled = answers.metric, answers.calibration, answers.target or wanted
        kept = best_of(kept, answers, top or IN_REPORT) if report else []
        if output and top is not None:
            places, scale = places | places_of(answers), answers.neighbors.scale
        if as_json and top is None:
            print_lines((p.to_dict() for p in answers.predictions), output, report)
    best = ranked(predictions)[:top]
    if as_json and top is not None:
        print_lines((p.to_dict() for p in best), output, report)
    if output:
        origins = about(base, networks, fitted, target=wanted.name, k=k or wanted.k, limit=settled.limit)
        if top is None:
            write_table(output, [p.to_dict() for p in predictions], origins)
        else:
            from spectrove.explanation.followup import follow_up, meaning
            from spectrove.pipeline.domains import domain_of

            panels = domain_of(base).panels
            names = panels.names if panels else {}
            write_table(output, follow_up(best, places, scale, names), origins, meaning)
    if report:
        write_page(
            in_folder(report),
            base,
            settled,
            predictions,
            kept,
            figures,
            everything=output if top is None else None,
        )
    if not as_json:
        for line in text.hunt_table(best, settled):
            say(line)
    files = ", ".join(str(path) for path in (output, report) if path)
    wrote = f"   wrote {files}" if files else ""
    say(f" {text.hunt_summary(predictions, settled, wanted)}{tally.cautions()}{wrote}", as_json=as_json)
    tell_metric(fitted)
    tell_calibration(calibrated, wanted)
    raise typer.Exit(tally.exit_code)


def hint_at_views(base: KnowledgeBase, target: Target, views: Sequence[str]) -> None:
    """Print on stderr which optional views of the target the base lacks, and how to add them."""
    for view in target.views:
        if view not in views:
            say(
                f" {base.path} has no view {view}, so {target.name} is searched for in {' + '.join(views)} alone; "
                f"add it with kb reencode {base.path} --view {view}=ENCODER",
                as_json=True,
            )


def ranked(predictions: list[Prediction]) -> list[Prediction]:
    """Most probable first, for equal probabilities those with nearer neighbours; those without an answer last."""
    return sorted(predictions, key=lambda p: p.rank, reverse=True)


def places_of(answers: Answers) -> dict[str, dict[str, Any]]:
    """Position, magnitudes and ids of each object, by object id, as far as its row has them."""
    from spectrove.explanation.followup import places

    table = answers.spectra.rows
    rows = table.select(places(table.column_names)).to_pylist()
    return dict(zip(answers.spectra.object_id.tolist(), rows, strict=True))


def best_of(kept: list[Answers], more: Answers, n: int) -> list[Answers]:
    """The n most probable answers, one in each, so that the memory of all others can be released."""
    pool = [(answers, i) for answers in (*kept, more) for i in range(len(answers.predictions))]
    pool.sort(key=lambda one: one[0].predictions[one[1]].rank, reverse=True)
    return [answers if len(answers) == 1 else answers.take([i]) for answers, i in pool[:n]]


def write_page(
    path: Path,
    base: KnowledgeBase,
    target: Target,
    predictions: list[Prediction],
    kept: list[Answers],
    figures: bool,
    *,
    everything: Path | None = None,
) -> None:
    """The page of a hunt: every answer in a ranked table, the best with their evidence."""
    from spectrove import pipeline
    from spectrove.explanation.report import Hunt, write_hunt_report
    from spectrove.pipeline.domains import domain_of

    panels = domain_of(base).panels
    with progress_bar("explaining", 2 * len(kept)) as advance:
        evidence = []
        for answers in kept:
            evidence.append(pipeline.explain(base, answers, target=target))
            advance(1)
        hunt_ = Hunt(
            target.name,
            predictions,
            evidence,
            target.description,
            target.limit,
            table=everything.name if everything else "",
            panels=panels,
            background=panels.background(base) if panels else None,
        )
        write_hunt_report(hunt_, path, top=len(kept), figures=figures, progress=advance)
