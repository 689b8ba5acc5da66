"""Spectra of SDSS, BOSS, eBOSS and SDSS-V from the Science Archive Server, and tables from SkyServer.

A spectrum is asked for by plate-mjd-fibre, by specobjid, which holds plate, fibre, MJD and version of the reduction, or
(SDSS-V) by field-mjd-catalogid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from spectrove.archives import skyserver
from spectrove.archives.archive import Archive, Asked, Service, Services
from spectrove.archives.folder import Folder, Item
from spectrove.archives.whole import need_fits
from spectrove.errors import ArchiveError

#: Reductions of SDSS-I and -II: main survey, SEGUE-1, SEGUE-2; and the first plate of BOSS.
OLD, FIRST_BOSS_PLATE = ("26", "103", "104"), 3510
#: Reductions of BOSS and eBOSS by release; later releases keep the last.
BOSS = {9: ("v5_4_45",), 10: ("v5_5_12",), 11: ("v5_6_5",), 12: ("v5_7_0", "v5_7_2"), 13: ("v5_9_0",),
        14: ("v5_10_0",), 15: ("v5_10_0",), 16: ("v5_13_0",), 17: ("v5_13_2",)}  # fmt: skip

#: The reduction of each release of SDSS-V, whose spectra are called by fields.
FIELDS = {"dr18": "v6_0_4", "dr19": "v6_1_3"}
#: The release that is asked for field-mjd-catalogid where none is given.
FIRST_FIELDS = "dr19"

_THREE = re.compile(r"(?:spec-)?(\d+)p?-(\d{5,6})-(\d+)(?:\.fits(?:\.gz)?)?", re.IGNORECASE)
_DIGITS = re.compile(r"\d{15,20}")
_RELEASE = re.compile(r"dr\d{1,2}")


@dataclass(frozen=True)
class Spec:
    """One spectrum: plate or field, MJD, fibre or catalogid, and the reduction if it is known."""

    first: int
    mjd: int
    last: int
    run2d: str = ""
    is_field: bool = False

    @property
    def name(self) -> str:
        """PLATE-MJD-FIBER with four digits at least, or FIELD-MJD-CATALOGID."""
        if self.is_field:
            return f"{self.first}-{self.mjd}-{self.last}"
        return f"{self.first:04d}-{self.mjd}-{self.last:04d}"

    def urls(self, sas: str, release: str, full: bool) -> list[str]:
        """Where its file may be on the Science Archive Server, the likeliest place first."""
        kind = "full" if full else "lite"
        if self.is_field:
            release = release or FIRST_FIELDS
            run2d = self.run2d or FIELDS.get(release, "")
            if not run2d:
                raise ArchiveError(
                    f"{self.name}: {release} has no spectra by field and catalogid; {', '.join(FIELDS)} have."
                )
            field, catalogid = _field_names(run2d, self.first, self.last)
            own = field.rstrip("p")
            file = f"{run2d}/spectra/{kind}/{field}/{self.mjd}/spec-{own}-{self.mjd}-{catalogid}.fits"
            return [f"{sas}/{release}/spectro/{survey}/redux/{file}" for survey in ("boss", "sdss")]
        release = release or _release_of(self.run2d)
        known = BOSS[min(max(int(release.removeprefix("dr")), min(BOSS)), max(BOSS))]
        runs = (self.run2d,) if self.run2d else OLD if self.first < FIRST_BOSS_PLATE else known
        return [f"{sas}/{tree}/{self._plate_file}" for run in runs for tree in _trees(release, run, full)]

    @property
    def _plate_file(self) -> str:
        return f"{self.first:04d}/spec-{self.name}.fits"


def spec_of(text: str) -> Spec:
    """The spectrum that an id means.

    Args:
        text: plate-mjd-fibre, field-mjd-catalogid, the name of such a file, or a specobjid.

    Raises:
        ArchiveError: It is none of these.
    """
    text = text.strip()
    if three := _THREE.fullmatch(text):
        first, mjd, last = (int(part) for part in three.groups())
        return Spec(first, mjd, last, is_field=last > 9999)
    if _DIGITS.fullmatch(text):
        return _of_specobjid(int(text))
    raise ArchiveError(
        f"{text!r}: expected plate-mjd-fibre (0266-51602-0001), field-mjd-catalogid or a specobjid of 18 to 20 digits. "
        "Ids that went through a float (2.99e17) have lost digits: take them from the catalog as text."
    )


def _of_specobjid(number: int) -> Spec:
    """The spectrum of a specobjid, which is plate (14 bits), fibre (12), MJD - 50000 (14), run2d (14) and ten more.

    Source:
        https://www.sdss4.org/dr17/help/glossary/#specobj
    """
    plate, fibre = number >> 50, (number >> 38) & 0xFFF
    mjd, run = ((number >> 24) & 0x3FFF) + 50000, (number >> 10) & 0x3FFF
    if number >= 1 << 64 or not (plate and 1 <= fibre <= 1000 and mjd > 51000 and run):
        raise ArchiveError(
            f"{number}: no specobjid of SDSS (plate {plate}, fibre {fibre}, MJD {mjd}, reduction {run}). An id that "
            "went through a float has lost digits: take it from the catalog as text."
        )
    old = str(run) in OLD  # later ones are versions: v5_13_2 is 1302
    run2d = str(run) if old else f"v{run // 10000 + 5}_{run % 10000 // 100}_{run % 100}"
    return Spec(plate, mjd, fibre, run2d)


def _release_of(run2d: str) -> str:
    """The last release that has a reduction; the one that is asked by default where none is known."""
    having = [number for number, runs in BOSS.items() if run2d in runs]
    return f"dr{having[-1]}" if having else ARCHIVE.release


def _trees(release: str, run2d: str, full: bool) -> list[str]:
    """Folders of the plates of a reduction in a release, the likeliest first."""
    number = int(release.removeprefix("dr"))
    kind = "/lite" if not full else "/full" if number > 15 and run2d not in OLD else ""
    if number > 17:
        return [f"{release}/spectro/sdss/redux/{run2d}/spectra{kind}"]
    surveys = ["sdss"] if run2d in OLD else ["eboss" if number > 12 else "boss", "sdss"]
    return [f"{release}/{survey}/spectro/redux/{run2d}/spectra{kind}" for survey in surveys]


def _field_names(run2d: str, field: int, catalogid: int) -> tuple[str, str]:
    """Field and catalogid as folders and files have them: the first reduction of SDSS-V called fields as plates."""
    if run2d.startswith("v6_0_"):
        return f"{field}p", f"{catalogid:011d}"
    return f"{field:06d}", str(catalogid)


def _of_row(row: Mapping[str, str]) -> Spec:
    """The spectrum of a row of a table."""
    if all(row.get(name) for name in ("plate", "mjd", "fiberid")):
        spec = Spec(int(row["plate"]), int(row["mjd"]), int(row["fiberid"]), row.get("run2d", "").strip())
        return spec
    if row.get("mjd") and row.get("catalogid") and (field := row.get("field") or row.get("fieldid")):
        return Spec(int(field), int(row["mjd"]), int(row["catalogid"]), row.get("run2d", ""), is_field=True)
    if row.get("specobjid"):
        return spec_of(row["specobjid"])
    raise ArchiveError("a row has neither plate, mjd and fiberid nor specobjid")


def check(asked: Asked) -> None:
    """Refuse a release that none is called as.

    Raises:
        ArchiveError: It is.
    """
    if asked.release and not _RELEASE.fullmatch(asked.release):
        raise ArchiveError(f"{asked.release}: no data release of SDSS; they are called as dr17.")


def bring(asked: Asked, services: Services, folder: Folder) -> Iterator[Item | int]:
    """The number of items, then what became of each: the table of a query, and spectra."""
    release = asked.release
    specs: dict[str, Spec | str] = {}
    for text in asked.ids:
        specs[text] = _or_sentence(text)
    items: list[Item] = []
    if asked.query:
        table, found = _table(asked, services, folder)
        items.append(table)
        specs |= found
    specs = dict(islice(specs.items(), asked.limit))
    yield len(items) + len(specs)
    yield from items
    for text, spec in specs.items():
        if isinstance(spec, str):
            yield Item(text, "refused", said=spec)
            continue
        try:
            urls = spec.urls(services.addresses["sas"], release, asked.full)
        except ArchiveError as error:
            yield Item(spec.name, "refused", said=str(error))
            continue
        yield folder.take(spec.name, f"spec-{spec.name}.fits", urls, services.polite["sas"], need_fits)


def _or_sentence(text: str) -> Spec | str:
    try:
        return spec_of(text)
    except ArchiveError as error:
        return str(error)


def _table(asked: Asked, services: Services, folder: Folder) -> tuple[Item, dict[str, Spec | str]]:
    """What became of the table of a query, and the spectra of its rows."""
    release, query = asked.release or ARCHIVE.release, asked.query or ""
    file = skyserver.table_file(release, query)
    there = folder.there("table", file)
    if there is not None:
        rows = skyserver.Rows((folder.path / file).read_text("utf-8"), ())
    else:
        polite = replace(services.polite["skyserver"], final=skyserver.refused_sql)
        rows = skyserver.rows_of(services.addresses["skyserver"], release, query, polite)
        cut = (
            f"the table has {skyserver.MOST_ROWS:,} rows, the most that SkyServer gives: more may be missing. Divide "
            "the query, as by ranges of specObjID"
            if len(rows) >= skyserver.MOST_ROWS
            else ""
        )
        said = "; ".join(s for s in (rows.renamed, cut) if s)
        source = f"{services.addresses['skyserver']} {release}: {' '.join(query.split())}"
        there = folder.make("table", file, source, lambda path: _write(path, rows.text), said)
    if asked.table_only:
        return there, {}
    found: dict[str, Spec | str] = {}
    for i, row in enumerate(rows):
        try:
            spec = _of_row(row)
            found[spec.name] = spec
        except (ArchiveError, ValueError) as error:
            found[f"row {i}"] = (
                f"row {i} of {file}: {error}. Select plate, mjd, fiberid and run2d, or fetch the table alone "
                "(--table-only)."
            )
            if not {"plate", "specobjid", "catalogid"} & set(row):
                break  # no row has them: one sentence says it
    return there, found


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


ARCHIVE = Archive(
    "sdss",
    "SDSS",
    (
        Service("sas", "https://data.sdss.org/sas", "files of spectra", "SPECTROVE_SDSS_SAS"),
        # SkyServer takes 60 queries in a minute, and works on one for ten minutes at most.
        Service(
            "skyserver", "https://skyserver.sdss.org", "tables by SQL", "SPECTROVE_SDSS_SKYSERVER", 1.0, 620.0
        ),
    ),
    bring,
    frozenset({"ids", "query", "release", "limit", "full", "table_only"}),
    release="dr17",
    check=check,
)
