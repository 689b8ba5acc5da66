"""Spectra of DESI from SPARCL, the spectra of the Astro Data Lab, a file each.

SPARCL is asked over HTTP in JSON. Its own client, `sparclclient`, reads answers as pickles, which can run code of
whoever answers, and needs older numpy and pandas than Spectrove is tested with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from spectrove.archives.archive import Archive, Asked, Service, Services
from spectrove.archives.folder import Folder, Item
from spectrove.archives.whole import need_no_page
from spectrove.errors import ArchiveError
from spectrove.polite import Passing, Polite

#: Targets that are looked for, and spectra that are fetched, with one request: SPARCL times out at a few hundred.
FOUND, BATCH = 500, 50
#: Records that are found where no limit is given.
MOST = 24_000

#: What is asked of each spectrum.
ARRAYS = ("wavelength", "flux", "ivar", "mask")
VALUES = ("sparcl_id", "targetid", "ra", "dec", "redshift", "redshift_err", "redshift_warning", "spectype",
          "data_release")  # fmt: skip

#: Cards of the header of a file, each with the field that it has the value of.
CARDS = {
    "TARGETID": "targetid",
    "RA": "ra",
    "DEC": "dec",
    "Z": "redshift",
    "Z_ERR": "redshift_err",
    "ZWARN": "redshift_warning",
    "SPECTYPE": "spectype",
    "DATAREL": "data_release",
    "SPARCLID": "sparcl_id",
}

_TARGETID = re.compile(r"-?\d{8,19}")
_RANGE = re.compile(r"(-?[\d.]+(?:e-?\d+)?):(-?[\d.]+(?:e-?\d+)?)")


@dataclass
class Sparcl:
    """The service, with the names that it has for fields inside.

    Attributes:
        address: The part before /api.
        polite: How it is asked.
        release: The data set, as DESI-DR1.
    """

    address: str
    polite: Polite
    release: str

    def __post_init__(self) -> None:
        fields = self._ask("datafields")
        try:
            own = [f for f in fields if f["data_release"] == self.release]
            self.inside = {str(f["newdp"]): str(f["origdp"]) for f in own}
            releases = sorted({str(f["data_release"]) for f in fields})
        except (TypeError, KeyError) as error:
            raise ArchiveError(f"{self.host}: the list of fields is none. Try again later.") from error
        if not own:
            raise ArchiveError(f"{self.release}: SPARCL has no such data set; it has {', '.join(releases)}.")
        self.outside = {inside: name for name, inside in self.inside.items()}

    @property
    def host(self) -> str:
        """For sentences."""
        return self.address.split("//")[-1]

    def find(self, conditions: Sequence[Sequence[Any]], limit: int) -> list[dict[str, Any]]:
        """Records that fulfil all conditions: targetid, sparcl_id and whether they are the best of their target."""
        asked = [name for name in ("sparcl_id", "targetid", "specprimary") if name in self.inside]
        search = [[self._inside(c[0]), *c[1:]] for c in conditions]
        body = {"outfields": [self._inside(n) for n in asked], "search": search}
        return self._records(self._ask("find", {"limit": limit}, body))

    def retrieve(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Spectra by their ids in SPARCL."""
        include = ",".join(self._inside(n) for n in (*VALUES, *ARRAYS) if n in self.inside)
        asked = {"include": include, "format": "json", "dataset_list": self.release}
        return self._records(self._ask("spectras", asked, list(ids)))

    def _inside(self, name: str) -> str:
        if name not in self.inside:
            from spectrove.errors import did_you_mean

            raise ArchiveError(
                f"{name}: {self.release} has no such field{did_you_mean(name, list(self.inside))}"
            )
        return self.inside[name]

    def _ask(self, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """The answer as JSON."""
        url = f"{self.address}/api/{path}/" + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()

        def once() -> Any:
            said = self.polite.read(url, data, {"Content-Type": "application/json"}).body
            if not said.strip():
                raise Passing(f"{self.host}: an empty answer")
            need_no_page(said[:4096], self.host, "JSON")
            try:
                return json.loads(said)
            except ValueError as error:
                raise Passing(f"{self.host}: the answer is no whole JSON ({error})") from error

        return self.polite.until_it_passes(once)

    def _records(self, answer: Any) -> list[dict[str, Any]]:
        """The records of an answer, which begins with what it says about itself, by their outer names."""
        if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
            raise ArchiveError(f"{self.host}: the answer is no list of records. Try again later.")
        return [{self.outside.get(k, k): v for k, v in one.items()} for one in answer[1:]]


def check(asked: Asked) -> None:
    """Refuse conditions that cannot be read.

    Raises:
        ArchiveError: There is one.
    """
    for text in asked.where:
        _condition(text)


def bring(asked: Asked, services: Services, folder: Folder) -> Iterator[Item | int]:
    """The number of items, then what became of each spectrum."""
    names = list(dict.fromkeys(text.strip() for text in asked.ids))
    wrong = {t: _no_targetid(t) for t in names if not _TARGETID.fullmatch(t)}
    wanted = [t for t in names if t not in wrong][: asked.limit]
    conditions = [_condition(text) for text in asked.where]
    there: list[Item] = []
    refused = [Item(t, "refused", said=said) for t, said in wrong.items()]
    for targetid in wanted:
        try:
            item = folder.there(targetid, f"{targetid}.fits")
        except ArchiveError as error:
            item = Item(targetid, "refused", said=f"{targetid}: {error}")
        there += [item] if item else []
    known = {item.name for item in there}
    missing = [t for t in wanted if t not in known]
    found: dict[str, str] = {}
    if missing or conditions:
        sparcl = Sparcl(
            services.addresses["sparcl"], services.polite["sparcl"], asked.release or ARCHIVE.release
        )
        found = _found(sparcl, missing, conditions, asked.limit)
    lost = [t for t in missing if t not in found]
    if conditions:
        for targetid in [t for t in found if t not in missing]:
            if item := folder.there(targetid, f"{targetid}.fits"):
                there.append(item)
                del found[targetid]
    yield len(refused) + len(there) + len(lost) + len(found)
    yield from [*refused, *there]
    for targetid in lost:
        yield Item(targetid, "refused", said=f"{targetid}: {sparcl.release} in SPARCL has no such target.")
    todo = list(found.items())
    for start in range(0, len(todo), BATCH):
        yield from _batch(dict(todo[start : start + BATCH]), sparcl, folder)


def _no_targetid(text: str) -> str:
    return (
        f"{text!r}: expected a TARGETID, a whole number of 17 or 18 digits. One that went through a float (3.96e16) "
        "has lost digits: take it from the catalog as text."
    )


def _condition(text: str) -> list[Any]:
    """A condition of SPARCL: spectype=GALAXY,QSO or redshift=0.1:0.2."""
    name, sign, values = text.partition("=")
    if not sign or not name.strip() or not values.strip():
        raise ArchiveError(
            f"{text!r}: expected FIELD=VALUE,VALUE or FIELD=LOW:HIGH, as spectype=GALAXY or redshift=0.1:0.2."
        )
    if ends := _RANGE.fullmatch(values.strip()):
        return [name.strip(), float(ends[1]), float(ends[2])]
    return [name.strip(), *(v.strip() for v in values.split(","))]


def _found(
    sparcl: Sparcl, targets: Sequence[str], conditions: Sequence[Sequence[Any]], limit: int | None
) -> dict[str, str]:
    """Ids in SPARCL by target: of each target the spectrum that the survey calls its best, else the first."""
    own = [["data_release", sparcl.release]]
    records: list[dict[str, Any]] = []
    for start in range(0, len(targets), FOUND):
        few = [int(t) for t in targets[start : start + FOUND]]
        records += sparcl.find([*own, ["targetid", *few]], MOST)
    if conditions:
        records += sparcl.find([*own, *conditions], limit or MOST)
    best: dict[str, dict[str, Any]] = {}
    for record in records:
        try:
            targetid = str(int(record["targetid"]))
            sparcl_id = str(record["sparcl_id"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArchiveError(f"{sparcl.host}: a record without targetid. Try again later.") from error
        if targetid not in best or (record.get("specprimary") and not best[targetid].get("specprimary")):
            best[targetid] = {**record, "sparcl_id": sparcl_id}
    return {t: str(record["sparcl_id"]) for t, record in best.items()}


def _batch(found: Mapping[str, str], sparcl: Sparcl, folder: Folder) -> Iterator[Item]:
    """What became of the spectra of one request."""
    try:
        records = {str(r.get("sparcl_id")): r for r in sparcl.retrieve(list(found.values()))}
    except ArchiveError as error:
        for targetid in found:
            yield Item(targetid, "refused", said=f"{targetid}: {error}", reached=error.reached)
        return
    for targetid, sparcl_id in found.items():
        record = records.get(sparcl_id)
        try:
            if record is None:
                raise ArchiveError("SPARCL found it and did not send it. Run the same command again.")
            write = _writer(targetid, record)
            changed = folder.changed(f"{targetid}.fits")
            source = f"{sparcl.address} {sparcl.release} {sparcl_id}"
            yield folder.make(targetid, f"{targetid}.fits", source, write, changed)
        except ArchiveError as error:
            yield Item(targetid, "refused", said=f"{targetid}: {error}")


def _writer(targetid: str, record: Mapping[str, Any]) -> Any:
    """A function that writes a spectrum as FITS: wavelength in vacuum angstrom, flux in 1e-17 erg/s/cm2/A.

    Raises:
        ArchiveError: The record is of another target, or its arrays are missing, empty or differ in length.
    """
    from astropy.table import Table

    if str(record.get("targetid")) != targetid:
        raise ArchiveError(f"SPARCL sent target {record.get('targetid')} in its place. Try again later.")
    arrays: dict[str, Any] = {}
    for name in ARRAYS:
        try:
            if record[name] is None:
                raise KeyError(name)
            arrays[name] = np.asarray(record[name], int if name == "mask" else float)
        except (KeyError, TypeError, ValueError) as error:
            if name == "mask" and record.get(name) is None:
                continue
            raise ArchiveError(f"its {name} is missing or no list of numbers.") from error
    lengths = {name: values.shape for name, values in arrays.items()}
    if len(set(lengths.values())) != 1 or arrays["flux"].ndim != 1 or not len(arrays["flux"]):
        said = ", ".join(f"{name} {shape}" for name, shape in lengths.items())
        raise ArchiveError(f"its arrays differ in shape or are empty: {said}.")
    table = Table(
        {
            "WAVELENGTH": arrays["wavelength"],
            "FLUX": arrays["flux"].astype(np.float32),
            "IVAR": arrays["ivar"].astype(np.float32),
            **({"MASK": arrays["mask"].astype(np.int32)} if "mask" in arrays else {}),
        }
    )
    table["WAVELENGTH"].unit = "Angstrom"
    table["FLUX"].unit, table["IVAR"].unit = "1e-17 erg / (s cm2 Angstrom)", "1e34 s2 cm4 Angstrom2 / erg2"
    cards = {card: record.get(name) for card, name in CARDS.items()}
    table.meta = {card: value for card, value in cards.items() if value is not None}
    table.meta["EXTNAME"] = "SPECTRUM"

    def write(path: Path) -> None:
        table.write(path, format="fits", overwrite=True)

    return write


ARCHIVE = Archive(
    "desi",
    "DESI (SPARCL)",
    (
        Service(
            "sparcl",
            "https://astrosparcl.datalab.noirlab.edu",
            "spectra",
            "SPECTROVE_DESI_SPARCL",
            1.0,
            120.0,
        ),
    ),
    bring,
    frozenset({"ids", "where", "release", "limit"}),
    release="DESI-DR1",
    check=check,
)
