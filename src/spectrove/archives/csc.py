"""Spectra of the Chandra Source Catalog with their responses, and tables of it.

A detection is a region of one observation, obsid.obi.region; a source, as "2CXO J122906.6+020308", has one in each
observation that it was seen in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from spectrove.archives import tap
from spectrove.archives.archive import Archive, Asked, Service, Services
from spectrove.archives.folder import Folder, Item, need_plain_name
from spectrove.archives.whole import need_fits
from spectrove.errors import ArchiveError

#: Kinds of files as CIAO calls them, each with the name that the archive has for it.
PRODUCTS = {"pha": "spectrum", "arf": "arf", "rmf": "rmf", "regevt": "regevt3"}
#: What a spectrum needs to be read as counts with a response.
NEEDED = ("pha", "arf", "rmf")

_DETECTION = re.compile(r"(\d{1,6})\.(\d{1,3})\.(\d{1,5})")
_SOURCE = re.compile(r"2CXO J\d{6}\.\d[+-]\d{6}[A-Z]?", re.IGNORECASE)

#: Detections of a source. Their ids belong together through the stacks of observations in which sources are found.
_OF_SOURCE = (
    "SELECT DISTINCT m.name, m.ra, m.dec, o.obsid, o.obi, o.region_id, o.instrument, o.theta, o.cnts_aper_b "
    "FROM csc21.master_source m, csc21.master_stack_assoc a, csc21.stack_observation_assoc b, "
    "csc21.observation_source o WHERE m.name = {name} AND a.name = m.name AND a.match_type = 'u' "
    "AND b.detect_stack_id = a.detect_stack_id AND b.region_id = a.region_id "
    "AND o.obsid = b.obsid AND o.obi = b.obi AND o.region_id = b.region_id"
)


@dataclass(frozen=True)
class Detection:
    """A region of an observation."""

    obsid: int
    obi: int
    region: int

    @property
    def name(self) -> str:
        """obsid.obi.region"""
        return f"{self.obsid}.{self.obi}.{self.region}"


def check(asked: Asked) -> None:
    """Refuse kinds of files that are not fetched.

    Raises:
        ArchiveError: There is one.
    """
    if wrong := [p for p in asked.products if p not in PRODUCTS]:
        raise ArchiveError(
            f"{wrong[0]}: no kind of file that is fetched; name some of {', '.join(PRODUCTS)}."
        )


def bring(asked: Asked, services: Services, folder: Folder) -> Iterator[Item | int]:
    """The number of items, then what became of each: tables, and the files of detections."""
    products = asked.products or NEEDED
    detections: dict[str, Detection] = {}
    items: list[Item] = []
    for text in asked.ids:
        if three := _DETECTION.fullmatch(text.strip()):
            found = Detection(*(int(part) for part in three.groups()))
            detections[found.name] = found
            continue
        try:
            item, seen = _seen(_query(text), text, asked, services, folder)
            items.append(item)
            detections |= seen
        except ArchiveError as error:
            items.append(Item(text, "refused", said=f"{text}: {error}", reached=error.reached))
    if asked.query:
        item, seen = _seen(asked.query, "query", asked, services, folder)
        items.append(item)
        detections |= seen
    detections = dict(islice(detections.items(), asked.limit))
    yield len(items) + len(detections) * len(products)
    yield from items
    for detection in detections.values():
        for product in products:
            yield _file(detection, product, services, folder)


def _query(text: str) -> str:
    name = " ".join(text.split())
    if not _SOURCE.fullmatch(name):
        raise ArchiveError(
            "expected obsid.obi.region (7867.0.2) or the name of a source (2CXO J122906.6+020308)."
        )
    return _OF_SOURCE.format(name=tap.quoted(name.upper()))


def _seen(
    query: str, name: str, asked: Asked, services: Services, folder: Folder
) -> tuple[Item, dict[str, Detection]]:
    """What became of the table of a query, and the detections in it."""
    file = tap.file_of(query, "csc")
    item = folder.there(name, file)
    if item is None:
        result = tap.table_of(services.addresses["tap"], query, services.polite["tap"])
        if not len(result):
            raise ArchiveError("the catalog has nothing of it. Check the name or the query.")
        write, said = tap.write(result)
        item = folder.make(name, file, f"{services.addresses['tap']}: {query}", write, said)
    if asked.table_only:
        return item, {}
    from spectrove.catalog import read_catalog

    table = read_catalog(folder.path / file)
    if lacking := [c for c in ("obsid", "obi", "region_id") if c not in table.column_names]:
        raise ArchiveError(
            f"the table has no {', '.join(lacking)}, by which files are found. Select them, or fetch the table alone "
            "(--table-only)."
        )
    rows = zip(*(table[c].to_pylist() for c in ("obsid", "obi", "region_id")), strict=True)
    seen = [Detection(int(o), int(i), int(r)) for o, i, r in rows if None not in (o, i, r)]
    return item, {d.name: d for d in seen}


def _file(detection: Detection, product: str, services: Services, folder: Folder) -> Item:
    """What became of one file of a detection, whose name the archive knows."""
    address, polite = services.addresses["files"], services.polite["files"]
    name = f"{detection.name} {product}"
    known = f"f{detection.obsid:05d}_{detection.obi:03d}N"  # acisf07867_000N001_r0002_pha3.fits
    ending = f"_r{detection.region:04d}_{_EXTENSION[product]}.fits"
    there = next((f for f in folder.names() if known in f and ending in f), None)
    if there and (item := folder.there(name, there.removesuffix(".gz"))):
        return item
    asked = {"packageset": f"{detection.name}/{PRODUCTS[product]}/", "version": VERSION}
    try:
        body = polite.read(f"{address}/browse?{urlencode(asked)}").body
        file = _filename(body, name)
        url = f"{address}/retrieveFile?" + urlencode(
            {"filetype": PRODUCTS[product], "filename": file, "version": VERSION}
        )
        return folder.take(name, file.removesuffix(".gz"), [url], polite, need_fits)
    except ArchiveError as error:
        return Item(name, "refused", said=f"{name}: {error}", reached=error.reached)


def _filename(body: bytes, name: str) -> str:
    """The name of the file in an answer of the archive."""
    try:
        found: Any = json.loads(body or b"[]")
        names = [str(one["filename"]) for one in found if one.get("filename")]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArchiveError(
            f"the answer on {name} is no list of files; it begins with {body[:40]!r}."
        ) from error
    if not names:
        raise ArchiveError(
            "the archive has no such file. Spectra and responses exist for ACIS, not for HRC; check the ids."
        )
    return need_plain_name(names[0])


#: How names of files end, and the release of the catalog.
_EXTENSION = {"pha": "pha3", "arf": "arf3", "rmf": "rmf3", "regevt": "regevt3"}
VERSION = "rel2.1"

ARCHIVE = Archive(
    "csc",
    "the Chandra Source Catalog",
    (
        Service(
            "tap", "https://cda.cfa.harvard.edu/csc21tap", "tables by ADQL", "SPECTROVE_CSC_TAP", 1.0, 300.0
        ),
        Service(
            "files", "https://cda.cfa.harvard.edu/csccli", "spectra and responses", "SPECTROVE_CSC_FILES"
        ),
    ),
    bring,
    frozenset({"ids", "query", "products", "limit", "table_only"}),
    check=check,
)
