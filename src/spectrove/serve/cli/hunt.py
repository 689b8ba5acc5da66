"""spectrove hunt: find the spectra that match a target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.serve import text
from spectrove.serve.bases import encoders_of, open_base
from spectrove.serve.cli import options
from spectrove.serve.cli.hunt_like import ExampleRegion, Like, Unlike, hunt_like
from spectrove.serve.cli.hunt_text import Text, heard, said_by
from spectrove.serve.exits import usage_errors
from spectrove.serve.inspecting import Look, look, need_review, sheet_before
from spectrove.serve.output import WITH_POSITIONS, check_output, say
from spectrove.serve.progress import progress_bar
from spectrove.serve.reading import Reading, Redshift
from spectrove.serve.run import Outputs, Request, Results, Show, run

if TYPE_CHECKING:
    from spectrove.explanation.panel import Names
    from spectrove.inference import Prediction
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers
    from spectrove.pipeline.options import HuntOptions
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
    str | None,
    typer.Option("--target", metavar="NAME|FILE", help="Target: a name or a TOML file."),
]
Condition = Annotated[
    str | None,
    typer.Option(
        "--condition",
        metavar="TEXT",
        help="In place of a target: a condition over measured columns, 'hdelta_a > 4 AND ha_ew < 3'.",
    ),
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

Review = Annotated[
    Path | None,
    typer.Option(
        "--review",
        metavar="FILE.csv",
        help="Read marks (yes, no, unsure) from this sheet, learn from them, and add the spectra to look at next.",
    ),
]
Next = Annotated[
    int | None,
    typer.Option(
        "--next", metavar="N", min=1, help="Spectra that --review proposes at a time; 20 by default."
    ),
]

#: Number of objects that a report explains if --top is not given.
IN_REPORT = 12


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove hunt`."""

    kb: options.Base
    spectra: options.SomeSpectra = None
    target: TargetName = None
    condition: Condition = None
    text: Text = None
    like: Like = None
    unlike: Unlike = None
    region: ExampleRegion = None
    top: Top = None
    k: options.TargetK = None
    where: options.Where = None
    view: options.Views = None
    queries: options.Queries = None
    metric: options.TargetMetric = None
    calibration: options.Calibration = "auto"
    witness: options.WitnessOption = "auto"
    prevalence: Prevalence = None
    threshold: Threshold = None
    encoder: options.QueryEncoder = None
    allow_self: options.AllowSelf = False
    as_json: options.Json = False
    output: options.Output = None
    report: Report = None
    figures: Figures = False
    review: Review = None
    next: Next = None
    cluster: options.Cluster = None
    reading: Reading
    redshift: Redshift


@options.grouped
def hunt(typed: Typed) -> None:
    """Find the spectra that match a target.

    With probability and evidence, most probable first; --json keeps the order of the input. In place of a target a few
    examples may say what is wanted: --like; or a sentence: --text.
    """
    _need_one_question(typed)
    if typed.text is not None:
        found = heard(typed.kb, typed.where, typed.text)
        typed = replace(typed, top=typed.top or found.reading.limit, **said_by(found))
    if typed.like is not None:
        hunt_like(typed)
        return
    check_output(typed.output, WITH_POSITIONS)
    check_output(typed.report, (".html",))
    if typed.figures and not typed.report:
        raise typer.BadParameter("the figures go beside the page: give --report too", param_hint="--figures")
    need_review(typed.next, typed.review)
    if typed.review:
        sheet_before(typed.review)
    from spectrove.pipeline.by_condition import hunted

    with usage_errors():
        target = hunted(typed.target, typed.condition)
    queries = options.query_batches(typed)
    base = open_base(typed.kb, typed.where)
    from spectrove.pipeline.verbs import VERBS

    verb = VERBS["hunt"]
    given = {
        name: value for name, value in options.given(typed, verb).items() if name not in ("condition", "text")
    }
    target = checked_target(base, target, given)
    views = searched_views(base, target)
    encoders = encoders_of(base, typed.encoder, views)
    hint_at_views(base, target, views)
    request = Request(verb, base, queries, encoders, (target,), given, typed.cluster)
    outputs = Outputs(typed.as_json, typed.output, typed.report, typed.top)
    if typed.review:
        look(request, outputs, _look(typed, base, target))
    run(request, outputs, _show(typed, base, target))


def _look(typed: Typed, base: KnowledgeBase, target: Target) -> Look:
    """The look through the spectra that --review asks for."""
    from spectrove.pipeline.options import NEXT

    def page(path: Path, results: Results) -> None:
        write_page(path, base, (results.last and results.last.target) or target, results, typed)

    return Look(typed.review or Path(), typed.next or NEXT, page)


def _need_one_question(typed: Typed) -> None:
    """Refuse a hunt unless it has a target or a condition, with spectra, or examples."""
    asked = [what for what in (typed.target, typed.condition, typed.text, typed.like) if what is not None]
    if len(asked) != 1:
        found = f"{len(asked)} of them are given" if asked else "none is given"
        raise typer.BadParameter(
            f"--target, --condition, --text or --like says what is hunted, and {found}. Give one."
        )
    if typed.view and not (typed.target or typed.like):
        raise typer.BadParameter(
            "what is measured in spectra has no views; leave it out", param_hint="--view"
        )
    if typed.cluster and not typed.target:
        raise typer.BadParameter("workers hunt for a target: give --target", param_hint="--cluster")
    if typed.like is not None:
        return
    if typed.unlike or typed.region:
        raise typer.BadParameter(
            "belong to a hunt by example: give --like too", param_hint="--unlike, --region"
        )
    if not typed.spectra:
        raise typer.BadParameter(
            "missing: name the files, folders or datasets to hunt among"
            + ("; search --text asks the base's own objects" if typed.text else ""),
            param_hint="SPECTRA",
        )


def checked_target(base: KnowledgeBase, target: Target, given: Mapping[str, Any]) -> Target:
    """The target with the prevalence and threshold that were given; refused unless the base can answer for it."""
    from spectrove.pipeline.options import HuntOptions

    target = HuntOptions(**given).applied(target)
    if target.where is not None:
        fit_condition(base, target, HuntOptions(**given))
        return target
    target.check(base.columns)
    target.check(base.columns, base.label_values(target.label))
    return target


def fit_condition(base: KnowledgeBase, target: Target, chosen: HuntOptions) -> None:
    """Fit what the base knows of the condition of a target, while the measuring of its spectra is shown."""
    from spectrove.inference.condition_question import check_hunt
    from spectrove.pipeline.by_condition import fit_of

    target = target.model_copy(update={"k": chosen.k}) if chosen.k else target
    with usage_errors(), progress_bar("measuring the base") as advance:
        fit = fit_of(base, target, chosen.where, advance)
        check_hunt(target, fit, chosen.metric, chosen.witness)


def searched_views(base: KnowledgeBase, target: Target) -> Sequence[str]:
    """The views that a hunt searches."""
    if target.where is not None:
        return base.space().views[:1]
    return base.space(target=target).views


def _show(typed: Typed, base: KnowledgeBase, target: Target) -> Show:
    """How a hunt is shown; with --top its file is a list for follow-up."""
    from spectrove.explanation.followup import meaning
    from spectrove.pipeline.domains import domain_of

    panels = domain_of(base).panels
    follow_up = FollowUp(panels.names if panels else {}) if typed.output and typed.top is not None else None

    def notes(results: Results) -> dict[str, Any]:
        said = {"text": typed.text} if typed.text else {}
        return {"target": target.name, "k": typed.k or target.k, "limit": settled(results).limit, **said}

    def settled(results: Results) -> Target:
        return (results.last and results.last.target) or target

    def page(path: Path, results: Results) -> None:
        write_page(path, base, settled(results), results, typed)

    show = Show(
        table=lambda best, answers: text.hunt_table(best, answers.target or target),
        summary=lambda results: text.hunt_summary(results.predictions, settled(results), target),
        notes=notes,
        order="highest rank",
        page=page,
        pictures=IN_REPORT,
        target=target,
    )
    return replace(show, each=follow_up.add, rows=follow_up.rows, meaning=meaning) if follow_up else show


@dataclass
class FollowUp:
    """Makes the list for observers: the best answers with positions, magnitudes and ids of their objects.

    Attributes:
        names: How classes read in a sentence.
        places: The values of each object's row, by object id, as far as it has them.
        scale: The unit of the neighbours' distances.
    """

    names: Names
    places: dict[str, dict[str, Any]] = field(default_factory=dict)
    scale: float = math.nan

    def add(self, answers: Answers) -> None:
        """Take the values from the spectra of a batch."""
        from spectrove.explanation.followup import places

        table = answers.spectra.rows
        rows = table.select(places(table.column_names)).to_pylist()
        self.places |= dict(zip(answers.spectra.object_id.tolist(), rows, strict=True))
        self.scale = answers.neighbors.scale

    def rows(self, best: Sequence[Prediction]) -> list[dict[str, Any]]:
        """Rows of the list."""
        from spectrove.explanation.followup import follow_up

        return follow_up(best, self.places, self.scale, self.names)


def hint_at_views(base: KnowledgeBase, target: Target, views: Sequence[str]) -> None:
    """Print on stderr which optional views of the target the base lacks, and how to add them."""
    for view in target.views if target.where is None else ():
        if view not in views:
            say(
                f" {base.path} has no view {view}, so {target.name} is searched for in {' + '.join(views)} alone; "
                f"add it with kb reencode {base.path} --view {view}=ENCODER",
                as_json=True,
            )


def write_page(path: Path, base: KnowledgeBase, target: Target, results: Results, typed: Typed) -> None:
    """The page of a hunt: every answer in a ranked table, the best with their evidence."""
    from spectrove import pipeline
    from spectrove.explanation.report import Hunt, write_hunt_report
    from spectrove.pipeline.domains import domain_of

    panels = domain_of(base).panels
    kept = results.pictured
    everything = typed.output.name if typed.output and typed.top is None else ""
    with progress_bar("explaining", 2 * len(kept)) as advance:
        evidence = []
        for answers in kept:
            evidence.append(pipeline.explain(base, answers, target=target))
            advance(1)
        hunt_ = Hunt(
            target.name,
            results.predictions,
            evidence,
            target.description,
            target.limit,
            table=everything,
            panels=panels,
            background=panels.background(base) if panels else None,
        )
        write_hunt_report(hunt_, path, top=len(kept), figures=typed.figures, progress=advance)
