"""spectrove outliers: spectra unlike those of the base, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.serve.bases import encoders_of, open_base
from spectrove.serve.cli import options
from spectrove.serve.output import WITH_POSITIONS, check_output
from spectrove.serve.progress import progress_bar
from spectrove.serve.reading import Reading, Redshift
from spectrove.serve.run import Outputs, Request, Results, Show, run

if TYPE_CHECKING:
    from spectrove.inference.outlier_score import OutlierAnswer
    from spectrove.knowledge import KnowledgeBase

#: Objects that a page shows with a picture, unless --top says another number; and rows on the screen.
PICTURES, ON_SCREEN = 24, 40

PAGE = ".html"

Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write a gallery page (.html), or a table: .parquet .fits .ecsv .vot .csv.",
    ),
]
Top = Annotated[
    int | None,
    typer.Option("--top", metavar="N", min=1, help="Only the N most unusual, most unusual first."),
]

Explained = Annotated[
    float | None,
    typer.Option(
        "--explained",
        metavar="P",
        min=0,
        max=1,
        help="Reasons for spectra with a p-value up to this (default 0.1).",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove outliers`."""

    kb: options.Base
    spectra: options.Spectra
    top: Top = None
    explained: Explained = None
    queries: options.Queries = None
    encoder: options.QueryEncoder = None
    as_json: options.Json = False
    output: Output = None
    reading: Reading
    redshift: Redshift


@options.grouped
def outliers(typed: Typed) -> None:
    """Find spectra unlike those of the base, and say why.

    By distance in the views shape and surprise (the residual from ordinary galaxies), without labels.
    """
    check_output(typed.output, (PAGE, *WITH_POSITIONS))
    queries = options.query_batches(typed)
    base = open_base(typed.kb)
    from spectrove import pipeline
    from spectrove.inference.outlier_score import summary
    from spectrove.pipeline.verbs import VERBS

    reference = pipeline.outlier_reference(base)  # says what the base lacks before anything is encoded
    encoders = encoders_of(base, typed.encoder, reference.views)
    request = Request(VERBS["outliers"], base, queries, encoders, options={"explained": typed.explained})
    show = Show(
        table=lambda answers, _: table(answers[: typed.top or ON_SCREEN], len(answers)),
        summary=lambda results: summary(results.predictions),
        order="lowest rank",
        page=lambda path, results: write_page(path, base, request, results),
        pictures=PICTURES,
    )
    is_page = typed.output is not None and typed.output.suffix.lower() == PAGE
    files = {"page" if is_page else "table": typed.output}
    run(request, Outputs(typed.as_json, top=typed.top, **files), show)


def table(answers: Sequence[OutlierAnswer], n: int) -> list[str]:
    """Lines of text: the answer, then the reason."""
    if not answers:
        return []
    width = max(len("object"), *(len(a.object_id) for a in answers))
    name = max(len("reason"), *(len(a.reason) for a in answers))
    lines = [f" {'object':<{width}}   {'p':<6}   {'score':>5}   {'reason':<{name}}   evidence"]
    for a in answers:
        doubt = f"   ? {', '.join(a.flags)}" if a.flags else ""
        lines.append(
            f" {a.object_id:<{width}}   {a.p_value:<6.4f}   {a.score:>5.2f}   {a.reason:<{name}}   {a.why}{doubt}"
        )
    if n > len(answers):
        lines.append(f" ... and {n - len(answers)} less unusual")
    return lines


def write_page(path: Path, base: KnowledgeBase, request: Request, results: Results) -> None:
    """Write the gallery: every answer ranked, with figures of the most unusual."""
    from spectrove import pipeline
    from spectrove.spectra import SpectrumSet

    with progress_bar("drawing", len(results.pictured)) as advance:
        pipeline.write_outlier_page(
            path,
            base,
            SpectrumSet.concatenate([answers.spectra for answers in results.pictured]),
            [answer for answers in results.pictured for answer in answers],
            results.predictions,
            refused=results.refused,
            encoder=request.encoders,
            progress=advance,
        )
