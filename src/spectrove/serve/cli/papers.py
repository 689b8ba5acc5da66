"""spectrove kb papers: abstracts attached to a base and linked to its objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectrove.serve.bases import open_base
from spectrove.serve.cli import options
from spectrove.serve.exits import usage_errors
from spectrove.serve.output import print_json, say

From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="ABSTRACTS",
        help="Table of abstracts (.csv .tsv .jsonl, also .gz, or .parquet): paper_id, title, abstract, year, url.",
    ),
]
FromAds = Annotated[
    bool,
    typer.Option(
        "--ads", help="Ask the Astrophysics Data System for papers on the objects; token in ADS_API_TOKEN."
    ),
]
Links = Annotated[
    Path | None,
    typer.Option("--links", metavar="TABLE", help="Table of links that are known: paper_id, object_id."),
]
Names = Annotated[
    list[str],
    typer.Option("--names", metavar="COLUMN", help="A further column of the base with names. Repeatable."),
]
Align = Annotated[
    bool,
    typer.Option(
        "--align", help="Fit a space that spectra share with texts, and measure it on links left out."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]


def papers(
    kb: options.Base,
    abstracts: From = None,
    ads: FromAds = False,
    links: Links = None,
    names: Names = [],  # noqa: B006 (typer reads it, nobody changes it)
    align: Align = False,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Attach abstracts to a base, and link them to its objects.

    By name and by position. Answers then list the papers that speak of neighbours; rollback undoes it.
    """
    if (abstracts is None) == (not ads):
        raise typer.BadParameter("give a table of abstracts, or --ads", param_hint="--from")
    base = open_base(kb)
    from spectrove.literature.ads import Ads
    from spectrove.pipeline.papers import attach_papers, report

    before = base.version
    with usage_errors():
        source = abstracts or Ads.of_environment()
        done = attach_papers(base, source, links=links, names=names, align=align, dry_run=dry_run)
    if as_json:
        print_json(done.to_dict())
        return
    for line in report(done):
        say(f" {line}")
    back = f"version {done.version}; go back with kb rollback {kb} {before}"
    say(" nothing was written (--dry-run)" if dry_run else f" {back}")
