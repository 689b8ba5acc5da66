"""Tables of VizieR, all of a catalog or one, by the Table Access Protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator

from spectrove.archives import tap
from spectrove.archives.archive import Archive, Asked, Service, Services
from spectrove.archives.folder import Folder, Item
from spectrove.errors import ArchiveError
from spectrove.readers.files import FETCHED_TABLE

_ID = re.compile(r"[A-Za-z0-9+&._/\-]+")


def bring(asked: Asked, services: Services, folder: Folder) -> Iterator[Item | int]:
    """The number of items, then what became of each table."""
    address, polite = services.addresses["tap"], services.polite["tap"]
    queries: list[tuple[str, str, str]] = []
    refused: list[Item] = []
    for catalog in asked.ids:
        try:
            queries += [(t, _file(t, asked), f'SELECT * FROM "{t}"') for t in _tables(catalog, services)]
        except ArchiveError as error:
            refused.append(
                Item(catalog, "refused", said=f"{catalog}: {error}", reached=error.reached),
            )
    if asked.query:
        first = f"vizier-first-{asked.limit}" if asked.limit else "vizier"
        queries.append(("query", tap.file_of(asked.query, first), asked.query))
    yield len(queries) + len(refused)
    yield from refused
    for name, file, query in queries:
        try:
            there = folder.there(name, file)
            if there is None:
                result = tap.table_of(address, query, polite, asked.limit)
                if not len(result):
                    raise ArchiveError(f"{name}: the table has no rows. Check the query or the id.")
                write, said = tap.write(result)
                there = folder.make(name, file, f"{address}: {query}", write, said)
            yield there
        except ArchiveError as error:
            yield Item(name, "refused", said=f"{name}: {error}", reached=error.reached)


def _tables(catalog: str, services: Services) -> list[str]:
    """Names of the tables of a catalog; the one itself if it is the name of a table."""
    catalog = catalog.strip().strip('"/')
    if not _ID.fullmatch(catalog):
        raise ArchiveError("no id of a catalog; they are written as J/MNRAS/502/4617.")
    query = (
        "SELECT table_name FROM tap_schema.tables WHERE table_name = "
        f"{tap.quoted(catalog)} OR table_name LIKE {tap.quoted(f'{catalog}/%')}"
    )
    found = tap.table_of(services.addresses["tap"], query, services.polite["tap"])
    names = sorted({str(row["table_name"]).strip('"') for row in found})
    names = [n for n in names if n == catalog or n.startswith(f"{catalog}/")]  # _ in LIKE is any letter
    if not names:
        raise ArchiveError(
            "VizieR has no table of this catalog. Look for the paper at https://vizier.cds.unistra.fr: not every "
            "paper has its tables there."
        )
    return names


def _file(table: str, asked: Asked) -> str:
    """The name of the file of a table; its first rows alone are another file."""
    first = f"-first-{asked.limit}" if asked.limit else ""
    return f"{FETCHED_TABLE}{re.sub(r'[^A-Za-z0-9+]+', '_', table)}{first}.vot"


ARCHIVE = Archive(
    "vizier",
    "VizieR",
    (
        Service(
            "tap",
            "https://tapvizier.cds.unistra.fr/TAPVizieR/tap",
            "tables by ADQL",
            "SPECTROVE_VIZIER_TAP",
            1.0,
            300.0,
        ),
    ),
    bring,
    frozenset({"ids", "query", "limit"}),
)
