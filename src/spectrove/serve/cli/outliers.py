"""spectrove outliers: spectra unlike those of the base, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.serve.cli import options
from spectrove.serve.cli.asking import Asked, Tally, about, encoders_of, open_base
from spectrove.serve.cli.output import WRITERS, Told, check_output, in_folder, print_lines, say, write_table
from spectrove.serve.cli.progress import progress_bar

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.inference.outlier_score import OutlierAnswer
    from spectrove.knowledge import KnowledgeBase
    from spectrove.spectra import SpectrumSet

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

#: An answer and its spectrum.
Kept = tuple["OutlierAnswer", "SpectrumSet"]


@options.grouped
def outliers(
    kb: options.Base,
    spectra: options.Spectra,
    top: Top = None,
    queries: options.Queries = None,
    encoder: options.QueryEncoder = None,
    as_json: options.Json = False,
    output: Output = None,
    *,
    reading: options.Reading,
    redshift: options.Redshift,
) -> None:
    """Find spectra unlike those of the base, and say why.

    By distance in the views shape and surprise (the residual from ordinary galaxies), without labels.
    """
    check_output(output, (PAGE, *WRITERS))
    asked = Asked(spectra, queries, reading=reading, redshift=redshift, told=Told(as_json))
    base = open_base(kb)
    from spectrove import pipeline
    from spectrove.inference.outlier_score import summary

    reference = pipeline.outlier_reference(base)  # says what the base lacks before anything is encoded
    networks = encoders_of(base, encoder, reference.views)
    tally = Tally(asked)
    page = output is not None and output.suffix.lower() == PAGE
    answers: list[OutlierAnswer] = []
    kept: list[Kept] = []
    refused: list[tuple[str, str]] = []
    with progress_bar("answering") as advance:
        for batch in asked:
            found = pipeline.outliers(base, batch, encoder=networks)
            tally.refuse(found.refusals, batch)
            refused += [(r.name, asked.advised(r).error) for r in found.refusals]
            tally.answered += len(found.predictions)
            answers += found.predictions
            if page:
                pairs = [(a, found.spectra.take([i])) for i, a in enumerate(found.predictions)]
                kept = sorted([*kept, *pairs], key=lambda pair: pair[0].rank)[: top or PICTURES]
            if as_json and top is None:
                print_lines((answer.to_dict() for answer in found.predictions), output)
            advance(len(batch))
    best = sorted(answers, key=lambda a: a.rank)[:top]
    if as_json and top is not None:
        print_lines((answer.to_dict() for answer in best), output)
    if output and page:
        write_page(in_folder(output), base, networks, answers, kept, refused)
    elif output:
        chosen = answers if top is None else best
        write_table(output, [a.to_dict() for a in chosen], about(base, networks))
    if not as_json:
        for line in table(best[: top or ON_SCREEN], len(best)):
            say(line)
    wrote = f"   wrote {output}" if output else ""
    say(f" {summary(answers)}{tally.cautions()}{wrote}", as_json=as_json)
    raise typer.Exit(tally.exit_code)


def table(answers: list[OutlierAnswer], n: int) -> list[str]:
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


def write_page(
    path: Path,
    base: KnowledgeBase,
    networks: dict[str, Encoder],
    answers: list[OutlierAnswer],
    kept: list[Kept],
    refused: list[tuple[str, str]],
) -> None:
    """Write the gallery: every answer ranked, with figures of the most unusual."""
    from spectrove import pipeline
    from spectrove.spectra import SpectrumSet

    with progress_bar("drawing", len(kept)) as advance:
        spectra = SpectrumSet.concatenate([one for _, one in kept])
        shown = [answer for answer, _ in kept]
        pipeline.write_outlier_page(
            path, base, spectra, shown, answers, refused=refused, encoder=networks, progress=advance
        )
