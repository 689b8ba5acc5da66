"""spectrove fetch: Bring spectra and tables of archives to a folder that ingest reads."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import ArchiveError
from spectrove.serve import text
from spectrove.serve.cli import options
from spectrove.serve.exits import DONE, FAILED, UsageError, usage_errors
from spectrove.serve.output import print_json, print_refusals, say

if TYPE_CHECKING:
    from spectrove.archives import FetchReport, Item

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID...]", help="Ids in the form of the archive, or files with one id in each line."
    ),
]


@dataclass(frozen=True)
class Fetching:
    """Where files go, and how an archive is asked: the same for all archives."""

    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Folder for the files; gone on with if it exists."
        ),
    ]
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="Of spectra, or rows of a table; the first N."),
    ] = None
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="NAME=URL", help="Another address of a service. Repeatable."),
    ] = None
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="N", min=0.001, help="Most requests in a second, to each service."),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Without a byte until a request ends."),
    ] = None
    again: Annotated[
        int,
        typer.Option("--again", metavar="N", min=0, help="Times that a request is made again after a fault."),
    ] = 5
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON Lines on stdout.")] = False

    @property
    def servers(self) -> dict[str, str]:
        """Addresses by names of services."""
        pairs = [word.partition("=") for word in self.server or ()]
        if wrong := [name for name, sign, url in pairs if not (name and sign and url)]:
            raise UsageError(
                ArchiveError(f"--server {wrong[0]}: expected NAME=URL, as sas=https://data.sdss.org/sas.")
            )
        return {name: url for name, _, url in pairs}

    @property
    def manners(self) -> dict[str, float]:
        """Fields of `Polite` that were given."""
        given = {"timeout": self.timeout, "interval": None if self.rate is None else 1 / self.rate}
        return {"again": self.again} | {name: value for name, value in given.items() if value is not None}


Sql = Annotated[
    str | None,
    typer.Option(
        "--sql", metavar="SQL|FILE", help="Query of SkyServer; its spectra are fetched, and its table."
    ),
]
Adql = Annotated[str | None, typer.Option("--query", metavar="ADQL|FILE", help="Query; its table is kept.")]
Release = Annotated[str, typer.Option("--release", metavar="NAME", help="Data release.")]
Full = Annotated[bool, typer.Option("--full", help="Files with single exposures, ten times as large.")]
TableOnly = Annotated[bool, typer.Option("--table-only", help="The table of the query alone, no spectra.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="FIELD=VALUES",
        help="As spectype=GALAXY or redshift=0.1:0.2; all hold. Repeatable.",
    ),
]
Product = Annotated[
    list[str] | None,
    typer.Option("--product", metavar="KIND", help="pha, arf, rmf (the default) or regevt. Repeatable."),
]


@options.grouped
def sdss(
    ids: Ids = None,
    sql: Sql = None,
    release: Release = "",
    full: Full = False,
    table_only: TableOnly = False,
    *,
    fetching: Fetching,
) -> None:
    """Fetch spectra of SDSS, BOSS, eBOSS and SDSS-V.

    By plate-mjd-fibre, specobjid, field-mjd-catalogid, or the rows of an SQL query.
    """
    _fetch("sdss", ids, fetching, query=_text(sql), release=release, full=full, table_only=table_only)


@options.grouped
def desi(ids: Ids = None, where: Where = None, release: Release = "", *, fetching: Fetching) -> None:
    """Fetch spectra of DESI through SPARCL.

    By TARGETID, or by conditions on the fields of SPARCL.
    """
    _fetch("desi", ids, fetching, where=tuple(where or ()), release=release)


@options.grouped
def vizier(ids: Ids = None, query: Adql = None, *, fetching: Fetching) -> None:
    """Fetch tables of VizieR.

    All of a catalog (J/MNRAS/502/4617), one of its tables, or what a query gives.
    """
    _fetch("vizier", ids, fetching, query=_text(query))


@options.grouped
def csc(
    ids: Ids = None,
    query: Adql = None,
    product: Product = None,
    table_only: TableOnly = False,
    *,
    fetching: Fetching,
) -> None:
    """Fetch spectra of the Chandra Source Catalog.

    By obsid.obi.region, the name of a source, or the rows of a query.
    """
    _fetch("csc", ids, fetching, query=_text(query), products=tuple(product or ()), table_only=table_only)


#: A command for each archive of `spectrove.archives.ARCHIVES`.
FETCH_COMMANDS: dict[str, Callable[..., None]] = {"sdss": sdss, "desi": desi, "vizier": vizier, "csc": csc}


def _fetch(archive: str, ids: list[str] | None, fetching: Fetching, **asked: Any) -> None:
    from spectrove.archives import ARCHIVES, asked_of, fetch, need_sense, services_of

    def each(item: Item) -> None:
        if fetching.as_json:
            print_json(item.to_dict())

    given = _ids(ids or [])
    asked["limit"] = fetching.limit
    with usage_errors():
        need_sense(ARCHIVES[archive], asked_of(tuple(given), **asked))
        services_of(ARCHIVES[archive], fetching.servers)
    servers, manners = fetching.servers, fetching.manners
    report = fetch(archive, fetching.output, given, servers=servers, manners=manners, each=each, **asked)
    print_refusals(report.refusals, as_json=fetching.as_json)
    for line in _summary(report):
        say(line, as_json=fetching.as_json)
    raise typer.Exit(FAILED if report.refusals or report.not_asked else DONE)


def _ids(words: list[str]) -> list[str]:
    """The ids that are typed, and those in files: the first word of each line, but of lines that begin with #."""
    ids: list[str] = []
    for word in words:
        if not Path(word).is_file():
            ids.append(word)
            continue
        lines = Path(word).read_text("utf-8-sig", "replace").splitlines()
        ids += [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return ids


def _text(query: str | None) -> str | None:
    """A query, or what a file of that name holds."""
    if query and len(query) < 1000 and "\n" not in query and Path(query).is_file():
        return Path(query).read_text("utf-8-sig", "replace")
    return query


def _summary(report: FetchReport) -> list[str]:
    """The numbers of files, what there is to say about some, and how to go on."""
    counts = [f"{report.count('fetched')} fetched", f"{report.count('there')} already there"]
    counts.append(f"{report.count('refused')} not to be had")
    lines = [f" {text.count(len(report.files), 'file', 'files')}: {', '.join(counts)}   in {report.folder}"]
    lines += [f" {item.file}: {item.said}" for item in report.items if item.said and item.state != "refused"]
    if report.not_asked:
        more = text.count(report.not_asked, "more was", "more were")
        lines.append(f" {more} not asked for: the service cannot be reached. Run the same command again.")
    catalogs = " ".join(f"--catalog {shlex.quote(str(path))}" for path in report.tables)
    if len(report.tables) < len(report.files):
        folder = shlex.quote(str(report.folder))
        lines.append(f" next: spectrove ingest {folder} -o {folder.rstrip('/')}.lance {catalogs}".rstrip())
    elif catalogs:
        lines.append(f" next: spectrove ingest SPECTRA -o NAME.lance {catalogs}")
    return lines
