"""spectrove search: the nearest known spectra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.serve import text
from spectrove.serve.bases import encoders_of, open_base
from spectrove.serve.cli import options
from spectrove.serve.exits import usage_errors
from spectrove.serve.output import check_output
from spectrove.serve.reading import Reading, Redshift
from spectrove.serve.run import Outputs, Request, Results, Show, run

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.inference.regions import Region
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers

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


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove search`."""

    kb: options.Base
    spectra: options.Spectra
    k: options.K = 3
    where: options.Where = None
    queries: options.Queries = None
    encoder: options.QueryEncoder = None
    allow_self: options.AllowSelf = False
    region: Regions = None
    shortlist: Shortlist = 200
    as_json: options.Json = False
    output: options.Output = None
    reading: Reading
    redshift: Redshift


@options.grouped
def search(typed: Typed) -> None:
    """Find the nearest known spectra of each spectrum."""
    check_output(typed.output)
    queries = options.query_batches(typed)
    base = open_base(typed.kb, typed.where)
    regions = _regions(base, typed.region)
    encoders = encoders_of(base, typed.encoder)
    from spectrove.pipeline.verbs import VERBS

    _check(regions, encoders)
    verb = VERBS["search_region" if regions else "search"]
    request = Request(
        verb, base, queries, encoders, (regions,) if regions else (), options.given(typed, verb)
    )

    def table(_: list[Any], answers: Answers) -> list[str]:
        return text.region_table(answers.to_dicts()) if regions else text.neighbor_table(answers.neighbors)

    def summary(results: Results) -> str:
        spectra = text.count(results.counts.answered, "spectrum", "spectra")
        compared = f", in {' and '.join(map(str, regions))} of the rest frame" if regions else ""
        return f"searched {len(base)} known spectra for {spectra}{compared}"

    notes = {"k": typed.k, "region": ", ".join(map(str, regions))}
    run(request, Outputs(typed.as_json, typed.output), Show(table, summary, lambda _: notes, at_once=True))


def _regions(base: KnowledgeBase, texts: list[str] | None) -> list[Region]:
    """The requested regions; parsed before any spectrum is read."""
    if not texts:
        return []
    from spectrove.pipeline.regions import parse_regions

    with usage_errors():
        return list(parse_regions(base, texts))


def _check(regions: list[Region], encoders: Mapping[str, Encoder]) -> None:
    """Refuse regions unless the encoder covers them."""
    if not regions:
        return
    from spectrove.inference.regions import check_regions

    with usage_errors():
        check_regions(regions, next(iter(encoders.values())).preprocess)
