"""Tables of SDSS by SQL: SkyServer's answers as catalogs whose magnitudes cannot be taken for redshifts."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from spectrove.archives.whole import need_no_page
from spectrove.errors import ArchiveError
from spectrove.polite import Passing, Polite
from spectrove.readers.files import FETCHED_TABLE

#: Most rows that SkyServer answers with; more are cut without a word.
MOST_ROWS = 500_000

#: Tables and views of photometry, whose column z is the magnitude in the z band.
PHOTOMETRIC = frozenset(
    [
        "photoobj",
        "photoobjall",
        "photoprimary",
        "photosecondary",
        "photofamily",
        "phototag",
        "photostar",
        "galaxy",
        "galaxytag",
        "star",
        "startag",
        "sky",
        "unknown",
        "photoobjdr7",
        "photoprimarydr7",
        "targphotoobjall",
        "firstphoto",
    ]
)
#: Tables of redshifts from photometry.
PHOTO_Z = frozenset({"photoz", "photozrf", "photoz2"})
#: Columns of magnitudes and fluxes in the z band: modelMag_z, psfFlux_z, dered_z.
_BAND = re.compile(r".*(mag|flux|dered|extinction|petro|cmodel)\w*_z$", re.IGNORECASE)
_MAGNITUDE = "z_mag", "a magnitude of photometry"


@dataclass(frozen=True)
class Rows:
    """The rows of an answer.

    Attributes:
        text: The table as CSV, its first line the names of the columns.
        columns: These names.
        renamed: What was renamed and why; empty if nothing was.
    """

    text: str
    columns: tuple[str, ...]
    renamed: str = ""

    def __iter__(self) -> Iterator[Mapping[str, str]]:
        """Each row by lower-case names; every value is text, so that ids of 19 digits stay whole."""
        rows = csv.reader(io.StringIO(self.text))
        names = [name.lower() for name in next(rows)]
        return (dict(zip(names, row, strict=False)) for row in rows if row)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def rows_of(address: str, release: str, query: str, polite: Polite) -> Rows:
    """What SkyServer answers to a query.

    Args:
        address: Of SkyServer.
        release: As dr17.
        query: SQL.
        polite: How it is asked.

    Raises:
        ArchiveError: It cannot be reached, refuses the query, or gives no table.
    """
    url = f"{address}/{release}/SkyServerWS/SearchTools/SqlSearch"

    def once() -> Rows:
        body = polite.read(f"{url}?{urlencode({'cmd': query, 'format': 'csv'})}").body
        return _rows(body, address, query)

    return polite.until_it_passes(once)


def refused_sql(code: int, body: bytes) -> str | None:
    """What SkyServer says against a query, which it does with code 400 or 500; None if that is no such answer."""
    try:
        said = json.loads(body)
    except ValueError:
        return None
    said = said[0] if isinstance(said, list) and said else said
    if not isinstance(said, dict):
        return None
    message = next((str(v) for k, v in said.items() if re.sub(r"\W", "", k).lower() == "errormessage"), "")
    return f"the query is refused: {' '.join(message.split())[:400]}" if message else None


def table_file(release: str, query: str) -> str:
    """The name of the file for the table of a query; equal queries have one."""
    one = " ".join(query.split())
    return f"{FETCHED_TABLE}sql-{hashlib.sha256(f'{release} {one}'.encode()).hexdigest()[:10]}.csv"


def _rows(body: bytes, address: str, query: str) -> Rows:
    host = address.split("//")[-1]
    if not body.strip():
        raise Passing(f"{host}: an empty answer in place of a table")
    need_no_page(body[:4096], host, "a table")
    if said := refused_sql(200, body):
        raise ArchiveError(f"{host}: {said}")
    text = body.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    lines = text.split("\n")
    if lines[0].startswith("#"):  # "#Table1", which other readers take for the name of a column
        lines = lines[1:]
    columns = next(csv.reader(lines[:1]), [])
    if not columns or not all(re.fullmatch(r"\w+", c.strip()) for c in columns):
        raise ArchiveError(f"{host}: the answer is no table; it begins with {text[:60]!r}.")
    if any(len(row) not in (0, len(columns)) for row in csv.reader(lines[1:])):
        raise Passing(f"{host}: the table breaks off, or has rows of another length than its first line")
    named, renamed = _z_named(columns, query)
    return Rows("\n".join([",".join(named), *lines[1:]]), tuple(named), renamed)


def _z_named(columns: Sequence[str], query: str) -> tuple[list[str], str]:
    """The names with z under another one where it is no redshift of a spectrum."""
    if "z" not in [c.lower() for c in columns]:
        return list(columns), ""
    name, what = meaning_of_z(query)
    if name == "z":
        return list(columns), ""
    if name in [c.lower() for c in columns]:
        raise ArchiveError(
            f"the query gives z, which is {what}, and {name}; z would be read as the redshift of the spectrum. Rename "
            "it in the query (AS)."
        )
    named = [name if c.lower() == "z" else c for c in columns]
    return named, f"z is {what}, and is called {name} in the table"


def meaning_of_z(query: str) -> tuple[str, str]:
    """What the column z of a query should be called, and what it is, as far as the text of the query tells."""
    import sqlglot
    from sqlglot import exp

    unknown = "z", "the redshift of a spectrum"
    try:
        select = sqlglot.parse_one(query, read="tsql").find(exp.Select)
    except sqlglot.errors.SqlglotError:
        return unknown
    if select is None:
        return unknown
    tables = {t.alias_or_name.lower(): t.name.lower() for t in select.find_all(exp.Table)}
    given = [e for e in select.expressions if e.alias_or_name.lower() == "z"]
    if not given:  # SELECT * or p.*
        stars = [e.table.lower() for e in select.expressions if isinstance(e, exp.Column) and e.is_star]
        sources = {tables.get(t, t) for t in stars} or set(tables.values())
        return _meaning(sources) or unknown
    columns = list(given[0].unalias().find_all(exp.Column))
    if any(c.name.lower() != "z" and _BAND.match(c.name) for c in columns):
        return _MAGNITUDE
    for column in columns:
        own = (
            {tables.get(column.table.lower(), column.table.lower())} if column.table else set(tables.values())
        )
        if column.name.lower() == "z" and (meaning := _meaning(own)):
            return meaning
    return unknown


def _meaning(tables: set[str]) -> tuple[str, str] | None:
    """What z is in these tables; None unless it is the same in all, and no redshift of a spectrum."""
    if tables and tables <= PHOTOMETRIC:
        return _MAGNITUDE
    if tables and tables <= PHOTO_Z:
        return "zphot", "a photometric redshift"
    return None
