"""spectrove search: the nearest known spectra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.serve.cli import options, text
from spectrove.serve.cli.asking import Asked, Tally, about, answered, encoders_of, open_base
from spectrove.serve.cli.guard import asking
from spectrove.serve.cli.output import Told, check_output, print_lines, printing, say, write_table

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.inference.regions import Region
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers
    from spectrove.spectra import SpectrumSet

Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="LOW:HIGH|LINE",
        help="Order by similarity in this part of the rest frame (vacuum A), or 40 A around a line; may be repeated.",
    ),
]
Shortlist = Annotated[
    int,
    typer.Option(
        "--shortlist", metavar="N", min=1, help="Length of the shortlist from the embedding for --region."
    ),
]


@options.grouped
def search(
    kb: options.Base,
    spectra: options.Spectra,
    k: options.K = 3,
    where: options.Where = None,
    queries: options.Queries = None,
    encoder: options.QueryEncoder = None,
    allow_self: options.AllowSelf = False,
    region: Regions = None,
    shortlist: Shortlist = 200,
    as_json: options.Json = False,
    output: options.Output = None,
    *,
    reading: options.Reading,
    redshift: options.Redshift,
) -> None:
    """Find the nearest known spectra of each spectrum."""
    check_output(output)
    asked = Asked(spectra, queries, reading=reading, redshift=redshift, told=Told(as_json))
    base = open_base(kb, where)
    regions = _regions(base, region)
    networks = encoders_of(base, encoder)
    from spectrove import pipeline

    _check(regions, networks)

    def ask(batch: SpectrumSet) -> Answers:
        if regions:
            return pipeline.search_region(
                base,
                batch,
                regions,
                k=k,
                shortlist=shortlist,
                where=where,
                allow_self=allow_self,
                encoder=networks,
            )
        return pipeline.search(base, batch, k=k, where=where, allow_self=allow_self, encoder=networks)

    tally = Tally(asked)
    rows: list[dict[str, Any]] = []
    for answers in answered(asked, ask, tally):
        found = answers.to_dicts()
        rows += found if output else []
        if as_json:
            print_lines(found, output)
        else:
            lines = text.region_table(found) if regions else text.neighbor_table(answers.neighbors)
            with printing(output):
                for line in lines[1 if tally.answered > len(found) else 0 :]:
                    say(line)
    if output:
        write_table(output, rows, about(base, networks, k=k, region=", ".join(map(str, regions))))
    wrote = f"   wrote {output}" if output else ""
    summary = f" searched {len(base)} known spectra for {text.count(tally.answered, 'spectrum', 'spectra')}"
    if regions:
        summary += f", in {' and '.join(map(str, regions))} of the rest frame"
    say(summary + tally.cautions() + wrote, as_json=as_json)
    raise typer.Exit(tally.exit_code)


def _regions(base: KnowledgeBase, texts: list[str] | None) -> list[Region]:
    """The requested regions; parsed before any spectrum is read."""
    if not texts:
        return []
    from spectrove.pipeline.regions import parse_regions

    with asking():
        return list(parse_regions(base, texts))


def _check(regions: list[Region], networks: Mapping[str, Encoder]) -> None:
    """Refuse regions unless the encoder covers them."""
    if not regions:
        return
    from spectrove.inference.regions import check_regions

    with asking():
        check_regions(regions, next(iter(networks.values())).preprocess)
