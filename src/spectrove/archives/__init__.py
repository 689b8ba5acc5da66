"""Spectra and tables of archives, fetched to a folder that `ingest` reads.

`ARCHIVES` is the table of them: one file each, with its addresses and what it can be asked for. All fetch through
`Folder`, which keeps parts, sums and a manifest, and ask through `Polite`, which waits where a service wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from spectrove.archives import csc, desi, sdss, vizier
from spectrove.archives.archive import Archive, Asked, Service, services_of
from spectrove.archives.folder import MANIFEST, Folder, Item
from spectrove.errors import ArchiveError, Refusal
from spectrove.readers.files import FETCHED_TABLE
from spectrove.work import advance, doing

__all__ = [
    "ARCHIVES", "MANIFEST", "Archive", "Asked", "FetchReport", "Item", "Service", "archive_called", "asked_of", "fetch",
    "fetching", "need_sense", "services_of"
]  # fmt: skip

#: Every archive, in the order that --help shows.
ARCHIVES: Mapping[str, Archive] = {
    archive.name: archive for archive in (sdss.ARCHIVE, desi.ARCHIVE, vizier.ARCHIVE, csc.ARCHIVE)
}

#: Things in a row for which a service cannot be reached, after which the rest is not asked for.
MOST_UNREACHED = 3

#: What an interruption leaves.
LEFT = "whole files stay, and the same command goes on"


@dataclass
class FetchReport:
    """What became of what was asked for.

    Attributes:
        folder: Where the files are.
        items: One for each thing, in the order in which they were done.
        not_asked: How many were not asked for, because the service could not be reached.
    """

    folder: Path
    items: list[Item] = field(default_factory=list)
    not_asked: int = 0

    @property
    def files(self) -> list[Path]:
        """The files that are there now, tables among them."""
        return [self.folder / item.file for item in self.items if item.file]

    @property
    def tables(self) -> list[Path]:
        """The tables among them, for `catalogs` of `ingest`."""
        return [file for file in self.files if file.name.startswith(FETCHED_TABLE)]

    @property
    def refusals(self) -> list[Refusal]:
        """Each thing that could not be had, with the sentence that says why."""
        return [Refusal(item.name, item.said) for item in self.items if item.state == "refused"]

    def count(self, state: str) -> int:
        """How many items ended in this state."""
        return sum(item.state == state for item in self.items)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.count(s)} {s}" for s in ("fetched", "there", "refused"))
        return f"<FetchReport {self.folder.name}: {counts}>"


def fetch(
    archive: str,
    folder: Path | str,
    ids: Any = (),
    *,
    servers: Mapping[str, str] | None = None,
    manners: Mapping[str, Any] | None = None,
    each: Callable[[Item], None] = lambda item: None,
    **asked: Any,
) -> FetchReport:
    """What came of an archive to a folder, with a sentence for each thing that could not be had.

    What is there and whole is not fetched again, so a run that was interrupted is repeated.

    Args:
        archive: A name of `ARCHIVES`: sdss, desi, vizier, csc.
        folder: Where files go; made if it is missing. `ingest` reads it.
        ids: One id or many: plate-mjd-fibre or specobjid, TARGETID, catalog of VizieR, obsid.obi.region or name.
        servers: Other addresses, by the names of the archive's services.
        manners: Fields of `spectrove.polite.Polite`: timeout, interval, again, longest.
        each: Called with every item when it is done.
        asked: Further fields of `Asked`: query, where, release, products, limit, full, table_only.

    Raises:
        ArchiveError: There is no such archive, it does not take what is asked, nothing is asked, or a query is refused.
        DatasetError: The folder cannot be written, or another process fetches into it.
    """
    given = (ids,) if isinstance(ids, str) else tuple(str(i) for i in ids)
    report = FetchReport(Path(folder))
    chosen = archive_called(archive)
    wanted = asked_of(given, **asked)
    for item in fetching(chosen, wanted, folder, servers or {}, manners or {}):
        if isinstance(item, int):
            report.not_asked = item
        else:
            report.items.append(item)
            each(item)
    return report


def asked_of(ids: tuple[str, ...], **asked: Any) -> Asked:
    """What is asked, from ids and the further fields of `Asked`.

    Raises:
        ArchiveError: There is no such field.
    """
    further: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in asked.items()}
    if wrong := sorted(set(further) - {f.name for f in fields(Asked)}):
        raise ArchiveError(f"{wrong[0]}: nothing that an archive is asked; see spectrove.archives.Asked.")
    return Asked(ids, **further)


def fetching(
    archive: Archive,
    asked: Asked,
    folder: Path | str,
    servers: Mapping[str, str],
    manners: Mapping[str, Any],
) -> Iterator[Item | int]:
    """Each item when it is done, and at the end, where the service was lost, how many were not asked for."""
    need_sense(archive, asked)
    services = services_of(archive, servers, **manners)
    with Folder(folder, archive.name) as place:
        items = archive.bring(asked, services, place)
        total = next(items)
        assert isinstance(total, int)
        unreached = 0
        with doing(f"fetching from {archive.called}", total, left=LEFT):
            for done, item in enumerate(items, 1):
                assert isinstance(item, Item)
                yield item
                advance()
                unreached = 0 if item.reached else unreached + 1
                if unreached == MOST_UNREACHED and done < total:
                    yield total - done
                    return


def need_sense(archive: Archive, asked: Asked) -> None:
    """Refuse a question that an archive cannot be asked.

    Raises:
        ArchiveError: It is empty, or has what this archive has no use for.
    """
    nothing = Asked()
    for name in ("query", "where", "release", "products", "limit", "full", "table_only"):
        if getattr(asked, name) != getattr(nothing, name) and name not in archive.takes:
            raise ArchiveError(
                f"{name}: {archive.called} has no use for it; it takes {', '.join(sorted(archive.takes))}."
            )
    if not (asked.ids or asked.query or asked.where):
        raise ArchiveError(f"nothing is asked of {archive.called}: give ids, or a query where it takes one.")
    archive.check(asked)


def archive_called(name: str) -> Archive:
    """The archive of this name.

    Raises:
        ArchiveError: There is none.
    """
    if name not in ARCHIVES:
        raise ArchiveError(f"{name}: no archive that is known; name one of {', '.join(ARCHIVES)}.")
    return ARCHIVES[name]
