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
from spectrove.serve.output import WITH_POSITIONS, check_output, print_lines, say, write_table
from spectrove.serve.placing import placed_in
from spectrove.serve.progress import progress_bar
from spectrove.serve.reading import Reading, Redshift
from spectrove.serve.run import Outputs, Request, Results, Show, run
from spectrove.version import __version__

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


Spectra = Annotated[
    list[str] | None,
    typer.Argument(metavar="SPECTRA", help="Files, folders, globs or a DATASET; left out with --text."),
]
Text = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="SENTENCE",
        help="Find the known objects that a sentence describes, see docs/words.md.",
    ),
]
Papers = Annotated[
    bool,
    typer.Option(
        "--papers",
        help="With --text: compare it with the base's abstracts; so is what cannot be read otherwise.",
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        "--top", metavar="N", min=1, help="With --text: only the N best, as -k; by default as it says, or 20."
    ),
]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove search`."""

    kb: options.Base
    spectra: Spectra = None
    text: Text = None
    papers: Papers = False
    top: Top = None
    k: options.K = 3
    where: options.Where = None
    view: options.Views = None
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
    check_output(typed.output, WITH_POSITIONS)
    if typed.text is not None:
        by_text(typed)
        return
    _check_spectra(typed)
    queries = options.query_batches(typed)
    base = open_base(typed.kb, typed.where)
    regions = _regions(base, typed.region)
    encoders = encoders_of(base, typed.encoder, options.searched(base, typed.view))
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


def _check_spectra(typed: Typed) -> None:
    """Refuse a search unless it says what is searched for."""
    if not typed.spectra:
        raise typer.BadParameter(
            "give spectra, or describe what is searched for with --text", param_hint="SPECTRA"
        )
    if typed.papers:
        raise typer.BadParameter(
            "only a sentence is compared with papers: give --text", param_hint="--papers"
        )
    if typed.view and typed.region:
        raise typer.BadParameter(
            "regions are compared in the default view; leave one out", param_hint="--view"
        )
    if typed.top is not None:
        raise typer.BadParameter(
            "only --text has a list to shorten; -k gives the number of neighbours", param_hint="--top"
        )


def by_text(typed: Typed) -> None:
    """Answer a sentence: how it was read, the objects, and how many match."""
    others = {
        "SPECTRA": typed.spectra,
        "--region": typed.region,
        "--queries": typed.queries,
        "--view": typed.view,
    }
    for name, given in others.items():
        if given:
            raise typer.BadParameter(
                "a sentence asks about the objects of the base; leave one out", param_hint=name
            )
    base = open_base(typed.kb, typed.where)
    from spectrove.pipeline.verbs import VERBS

    verb = VERBS["search_text"]
    with usage_errors(), progress_bar("measuring", len(base)) as advance:
        said = options.given(typed, verb, progress=advance, top=typed.top or _asked_k(typed))
        answers = verb.ask(base, typed.text, **said)
    about = answers.provenance
    if "abstracts" in about:
        through_papers(typed, base, answers)
        return
    if typed.as_json:
        print_lines(answers.to_dicts(), *([typed.output] if typed.output else []))
    for line in text.reading_lines(about):
        say(line, as_json=typed.as_json)
    if not typed.as_json:
        for line in text.described_table(list(answers)):
            say(line)
    for line in text.lines_alone(about):
        say(line, as_json=typed.as_json)
    if typed.output:
        notes = {
            name: about[name] for name in ("base", "version", "text", "sentence", "matching", "expected")
        }
        rows = placed_in(base, typed.output, answers.to_dicts())
        write_table(typed.output, rows, {"creator": f"spectrove {__version__}", **notes})
    wrote = f"   wrote {typed.output}" if typed.output else ""
    say(f" {text.described_summary(about, len(answers))}{wrote}", as_json=typed.as_json)


def _asked_k(typed: Typed) -> int | None:
    """-k as the length of the list of a sentence, where it is not the default of a search."""
    return None if typed.k == Typed.k else typed.k


def through_papers(typed: Typed, base: KnowledgeBase, answers: Answers) -> None:
    """Print what papers say to a sentence: what was done, the abstracts most alike, and the objects found."""
    from spectrove.serve.text_papers import abstract_lines, found_lines, found_summary

    about = answers.provenance
    if typed.as_json:
        abstracts = {name: about[name] for name in ("how", "abstracts")}
        print_lines([*answers.to_dicts(), abstracts], *([typed.output] if typed.output else []))
    else:
        for line in (*abstract_lines(about), *found_lines(list(answers))):
            say(line)
    if typed.output:
        notes = {name: about[name] for name in ("base", "version", "text", "how")}
        rows = placed_in(base, typed.output, answers.to_dicts())
        write_table(typed.output, rows, {"creator": f"spectrove {__version__}", **notes})
    wrote = f"   wrote {typed.output}" if typed.output else ""
    say(f" {found_summary(about, list(answers))}{wrote}", as_json=typed.as_json)


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
