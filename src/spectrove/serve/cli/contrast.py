"""spectrove contrast: like these but not like those, and where the two sets differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import SpectroveError
from spectrove.serve import text
from spectrove.serve.bases import encoders_of, open_base
from spectrove.serve.batches import Counts
from spectrove.serve.cli import options
from spectrove.serve.exits import FAILED, UsageError, usage_errors
from spectrove.serve.output import WITH_POSITIONS, check_output
from spectrove.serve.reading import Reading, Redshift
from spectrove.serve.run import Outputs, Request, Results, Show, finish, run

if TYPE_CHECKING:
    from spectrove.pipeline.contrast import ContrastAnswer

PAGE = ".html"

#: Rows on the screen, and regions that are named there.
ON_SCREEN, REGIONS = 20, 12

Spectra = Annotated[
    list[str] | None,
    typer.Argument(metavar="SPECTRA", help="What is ranked; without any, the objects of the base itself."),
]
Like = Annotated[str, typer.Option("--like", metavar="ID|FILE,...", help="Examples of what is looked for.")]
Unlike = Annotated[
    str, typer.Option("--unlike", metavar="ID|FILE,...", help="Examples of what it is unlike.")
]
Top = Annotated[int | None, typer.Option("--top", metavar="N", min=1, help="The N best; 50 by default.")]
Chance = Annotated[
    float,
    typer.Option("--chance", metavar="P", help="Probability that sets of the same kind show any region."),
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE.html", help="Write a page with the figure.")
]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove contrast`."""

    kb: options.Base
    spectra: Spectra = field(default=None)
    like: Like
    unlike: Unlike
    top: Top = None
    where: options.Where = None
    chance: Chance = 0.05
    queries: options.Queries = None
    encoder: options.QueryEncoder = None
    as_json: options.Json = False
    output: options.Output = None
    report: Report = None
    reading: Reading
    redshift: Redshift


@options.grouped
def contrast(typed: Typed) -> None:
    """Rank spectra between two sets, and say where these differ.

    Examples are ids of objects of the base, or files. Regions are given with their size and the probability of chance.
    """
    options.refuse_where(typed.spectra, typed.where)
    check_output(typed.output, WITH_POSITIONS)
    check_output(typed.report, (PAGE,))
    if not 0 < typed.chance < 1:
        raise UsageError(
            SpectroveError(f"--chance {typed.chance:g}: expected a probability between 0 and 1.")
        )
    queries = options.query_batches(_with(typed))
    base = open_base(typed.kb, typed.where)
    encoders = encoders_of(base, typed.encoder)
    from spectrove import pipeline
    from spectrove.pipeline.contrast import OF_THE_BASE
    from spectrove.pipeline.verbs import VERBS

    sets = {"like": options.named(typed.like), "unlike": options.named(typed.unlike)}
    with usage_errors():  # an example that is not there shows before anything is read
        made = pipeline.contrast_of(base, **sets, encoders=encoders, chance=typed.chance)
    verb, left = VERBS["contrast"], list[str]()
    chosen = {name: value for name, value in options.given(typed, verb, **sets).items() if name != "top"}
    request = Request(verb, base, queries, encoders, (), chosen)
    show = Show(
        each=lambda answers: left.extend(filter(None, answers.provenance.get("not_ranked", "").split(","))),
        table=lambda answers, _: [*region_lines(made.sets), *table(answers[:ON_SCREEN])],
        summary=lambda results: made.sentence + text.not_ranked(left),
        order="highest rank",
        page=lambda path, results: write_page(path, request, results, made),
    )
    top = typed.top or OF_THE_BASE
    outputs = Outputs(typed.as_json, typed.output, typed.report, top)
    try:
        if typed.spectra:
            run(request, outputs, show)
        answers = pipeline.contrast(base, None, encoder=encoders, top=top, **request.options)
        counts = Counts(queries, answered=len(answers))
        finish(request, outputs, show, Results(counts, list(answers.predictions), last=answers))
    except typer.Exit as done:  # an example that could not be used is told to scripts
        unused = any(not refusal.partial for refusal in made.unused)
        raise typer.Exit(done.exit_code or (FAILED if unused else 0)) from None


def _with(typed: Typed) -> Any:
    """The same with a list of spectra."""
    from dataclasses import replace

    return replace(typed, spectra=typed.spectra or [])


def region_lines(sets: Any) -> list[str]:
    """A line for each region that differs, the surest first."""
    best = sorted(sets.regions, key=lambda r: (r.p_value, -r.sigma))
    lines = [f" {region.sentence}" for region in best[:REGIONS]]
    return [*lines, f" ... and {len(best) - REGIONS} more"] if len(best) > REGIONS else lines


def table(answers: Sequence[ContrastAnswer]) -> list[str]:
    """A line per spectrum: where it lies between both sets, and in how many regions it is like the like."""
    rows = [("object", "along", "off line", "evidence")]
    for a in answers:
        evidence = f"{a.agrees} of {len(a.regions)} regions as the like" if a.regions else ""
        doubt = f"   ? {', '.join(a.flags)}" if a.flags else ""
        rows.append((a.object_id, f"{a.along:.2f}", f"{a.off_line:.2f}", evidence + doubt))
    return text.columns(rows)


def write_page(path: Path, request: Request, results: Results, made: Any) -> None:
    """Write the page with the stacks, the regions and the ranked spectra."""
    from spectrove.explanation.contrast_page import write_contrast_page
    from spectrove.pipeline import domain_of

    base = request.base
    assert base is not None
    ranked = sorted(results.predictions, key=lambda a: -a.rank)[:50]
    write_contrast_page(
        path, made.sets, ranked, lines=domain_of(base).lines,
        title=f"Contrast in {base.path.name}", summary=made.sentence, refused=results.refused,
    )  # fmt: skip
