"""spectrove hunt --like: the spectra that are like some examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import SpectroveError
from spectrove.serve import text
from spectrove.serve.bases import encoders_of, open_base
from spectrove.serve.cli import options
from spectrove.serve.exits import FAILED, UsageError
from spectrove.serve.inspecting import Look, look, need_review, sheet_before
from spectrove.serve.output import WITH_POSITIONS, check_output, print_lines, say, write_table
from spectrove.serve.placing import placed_in
from spectrove.serve.run import Outputs, Request, Results, Show, run

if TYPE_CHECKING:
    from spectrove.inference.examples.answer import ExampleAnswer
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers

Like = Annotated[
    str | None,
    typer.Option("--like", metavar="ID|FILE,...", help="Examples in place of a target: what is wanted."),
]
Unlike = Annotated[
    str | None, typer.Option("--unlike", metavar="ID|FILE,...", help="With --like: what is not wanted.")
]
ExampleRegion = Annotated[
    list[str] | None,
    typer.Option(
        "--region", metavar="LOW:HIGH|LINE", help="With --like: a region that counts; may be repeated."
    ),
]

#: Options of a hunt for a target that mean nothing without labels, with their defaults.
OF_TARGETS: dict[str, Any] = {
    "k": None, "metric": None, "calibration": "auto", "threshold": None, "report": None,
    "figures": False,
}  # fmt: skip

#: Rows on the screen unless --top says another number.
ON_SCREEN = 40


def hunt_like(typed: Any) -> None:
    """Answer a hunt by example: of spectra, or of the base's own objects where none are named."""
    refuse_options_of_targets(typed)
    options.refuse_where(typed.spectra, typed.where)
    check_output(typed.output, WITH_POSITIONS)
    like, unlike = options.named(typed.like), options.named(typed.unlike)
    need_review(typed.next, typed.review)
    if typed.review:
        sheet_before(typed.review)
    if typed.review and not typed.spectra:
        raise UsageError(SpectroveError("--review looks through spectra, and none are named. Name SPECTRA."))
    if not typed.spectra:
        of_the_base(typed, like, unlike)
        return
    queries = options.query_batches(typed)
    base = open_base(typed.kb, typed.where)
    encoders = encoders_of(base, typed.encoder, views_of(base, typed.view))
    from spectrove.pipeline.verbs import VERBS

    chosen = {
        "unlike": unlike or None, "region": typed.region or None, "where": typed.where,
        "prevalence": typed.prevalence, "witness": typed.witness, "allow_self": typed.allow_self, "view": typed.view,
    }  # fmt: skip
    request = Request(VERBS["hunt_like"], base, queries, encoders, (like,), chosen)
    unused: list[str] = []
    left: list[str] = []

    def each(answers: Answers) -> None:
        unused.extend(refusal.name for refusal in answers.examples.unused)
        left.extend(filter(None, answers.provenance.get("not_ranked", "").split(",")))

    show = Show(
        each=each,
        table=lambda best, answers: table(best[: typed.top or ON_SCREEN]),
        summary=lambda results: (
            summary(results.predictions, results.last) + text.not_ranked(left, "--allow-self")
        ),
        notes=notes,
        order="highest rank",
    )
    if typed.review:
        from spectrove.pipeline.options import NEXT

        look(request, Outputs(typed.as_json, typed.output), Look(typed.review, typed.next or NEXT))
    try:
        run(request, Outputs(typed.as_json, typed.output, top=typed.top), show)
    except typer.Exit as done:
        raise typer.Exit(done.exit_code or (FAILED if unused else 0)) from None


def refuse_options_of_targets(typed: Any) -> None:
    """Refuse what needs labels, rather than leave it out without a word."""
    given = [
        f"--{name}" if name != "k" else "-k"
        for name, default in OF_TARGETS.items()
        if getattr(typed, name) != default
    ]
    if given:
        raise UsageError(
            SpectroveError(f"{', '.join(given)}: of hunts for a target, and --like has none. Leave it out.")
        )


def views_of(base: KnowledgeBase, view: str | None) -> tuple[str, ...]:
    """The views compared: those named, else all that are made of spectra."""
    from spectrove.pipeline.column_views import spectral_views

    return options.searched(base, view) if view else spectral_views(base)


def of_the_base(typed: Any, like: Sequence[str], unlike: Sequence[str]) -> None:
    """The base's own objects, with the vectors that they have."""
    from spectrove import pipeline

    base = open_base(typed.kb, typed.where)
    answers = pipeline.hunt_like(
        base, None, list(like), unlike=list(unlike) or None, region=typed.region, where=typed.where,
        prevalence=typed.prevalence, witness=typed.witness, allow_self=typed.allow_self, top=typed.top, view=typed.view,
        encoder=encoders_of(base, typed.encoder, views_of(base, typed.view)),
    )  # fmt: skip
    if typed.as_json:
        print_lines(answers.to_dicts(), *([typed.output] if typed.output else []))
    if typed.output:
        write_table(typed.output, placed_in(base, typed.output, answers.to_dicts()), dict(answers.provenance))
    if not typed.as_json:
        for line in table(answers.predictions[: typed.top or ON_SCREEN]):
            say(line)
    wrote = f"   wrote {typed.output}" if typed.output else ""
    among = f"the best of {text.count(base.count(typed.where), 'object', 'objects')} of {base.path.name}: "
    say(f" {among}{summary(answers.predictions, answers)}{wrote}", as_json=typed.as_json)
    raise typer.Exit(FAILED if answers.examples and answers.examples.unused else 0)


def table(answers: Sequence[ExampleAnswer]) -> list[str]:
    """A line per spectrum: its probability with its interval, and why."""
    rows = [("object", "P", "68%", "score", "evidence")]
    for a in answers:
        flags = f"   ? {', '.join(a.flags)}" if a.flags else ""
        ends = "{:.2f}-{:.2f}".format(*a.interval) if a.interval else ""
        rows.append((a.object_id, f"{a.probability:.2f}", ends, f"{a.score:.2f}", a.why + flags))
    return text.columns(rows)


def summary(answers: Sequence[ExampleAnswer], last: Answers | None) -> str:
    """How many are expected among the first, the share of the base, and what is odd about the examples."""
    import numpy as np

    from spectrove.pipeline.examples import FIRST

    if last is None or not answers:
        return "no spectrum could be compared with the examples"
    best = sorted(answers, key=lambda a: a.rank, reverse=True)[:FIRST]
    share, given = last.examples.model.share, last.examples.given
    purity = last.examples.model.purity_at(np.array([a.score for a in best]))
    unlike = f", unlike {len(given.no_id)}" if given.no_id else ""
    said = "".join(f"\n {caution}" for caution in last.examples.cautions)
    return (
        f"{text.count(len(answers), 'spectrum', 'spectra')} by likeness to "
        f"{text.count(len(given.yes_id), 'example', 'examples')}{unlike}; expected purity of the first {len(best)}: "
        f"{purity} (9 times in 10; not calibrated, as no label was read), if {share.value:.2g} "
        f"[{share.low:.2g} {share.high:.2g}] of the base are such{said}"
    )


def notes(results: Results) -> dict[str, Any]:
    """Examples and share, for the file of a table."""
    about = results.last.provenance if results.last else {}
    return {
        name: about[name]
        for name in ("like", "unlike", "share", "share_low", "share_high", "purity_low", "purity_high")
        if name in about
    }
