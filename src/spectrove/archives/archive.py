"""What an archive is: a name, its services with their addresses, and a function that brings what is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spectrove.archives.folder import Folder, Item
from spectrove.errors import ArchiveError
from spectrove.polite import Polite

#: Brings what is asked for to a folder, one item at a time. The first thing it gives is how many items there are.
Bring = Callable[["Asked", "Services", Folder], Iterator[Item | int]]


@dataclass(frozen=True)
class Service:
    """A service of an archive.

    Attributes:
        name: By which another address is given, as `sas` in --server sas=URL.
        address: Where it is.
        what: What it gives, in words.
        variable: Of the environment, with another address.
        interval: Least seconds between two requests, where none is given.
        timeout: Seconds without a byte until a request is given up, where none is given.
    """

    name: str
    address: str
    what: str
    variable: str
    interval: float = 0.2
    timeout: float = 60.0


@dataclass(frozen=True)
class Archive:
    """An archive that spectra or tables are fetched from.

    Attributes:
        name: As it is typed.
        called: As people call it.
        services: What it consists of.
        bring: Fetches from it.
        takes: Names of the options of `Asked` that it has a use for.
        release: That is asked where none is given.
        check: Refuses what can be seen to be wrong before anything is asked.
    """

    name: str
    called: str
    services: tuple[Service, ...]
    bring: Bring
    takes: frozenset[str]
    release: str = ""
    check: Callable[[Asked], None] = lambda asked: None


@dataclass(frozen=True)
class Asked:
    """What is asked of an archive.

    Attributes:
        ids: Of objects, files or tables, in the form of the archive.
        query: In the language of the archive: SQL of SkyServer, ADQL.
        where: Conditions of SPARCL: a field, and values or the two ends of a range.
        release: Of the data.
        products: Kinds of files.
        limit: Most objects.
        full: Whether files have single exposures, too.
        table_only: Whether the table of a query is all that is wanted.
    """

    ids: tuple[str, ...] = ()
    query: str | None = None
    where: tuple[str, ...] = ()
    release: str = ""
    products: tuple[str, ...] = ()
    limit: int | None = None
    full: bool = False
    table_only: bool = False


@dataclass(frozen=True)
class Services:
    """The services of an archive at their addresses, each with how it is asked."""

    addresses: Mapping[str, str]
    polite: Mapping[str, Polite] = field(repr=False)


def services_of(archive: Archive, servers: Mapping[str, str], **manners: Any) -> Services:
    """The services of an archive, at the addresses that are given, in the environment, or its own.

    Args:
        archive: Of which.
        servers: Addresses by names of services.
        manners: Fields of `Polite`, in place of those of each service.

    Raises:
        ArchiveError: The archive has no service of such a name.
    """
    names = {service.name for service in archive.services}
    if wrong := sorted(set(servers) - names):
        raise ArchiveError(
            f"{wrong[0]}: {archive.called} has no service of this name; it has {', '.join(sorted(names))}."
        )
    addresses = {
        s.name: (servers.get(s.name) or os.environ.get(s.variable) or s.address).rstrip("/")
        for s in archive.services
    }
    polite = {
        s.name: Polite(**{"interval": s.interval, "timeout": s.timeout, **manners}) for s in archive.services
    }
    return Services(addresses, polite)
