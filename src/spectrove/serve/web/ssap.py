"""The Simple Spectral Access Protocol of the IVOA (version 1.1): TOPCAT, Aladin and pyvo find and download spectra.

GET /ssap?REQUEST=queryData&POS=RA,DEC&SIZE=DEG&BAND=M/M&FORMAT=... over all bases; /ssap/NAME over one.
"""

from __future__ import annotations

import io
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from spectrove.errors import SpectroveError
from spectrove.serve.service.looking import FORMATS
from spectrove.serve.service.shelf import Served
from spectrove.serve.web.desk import Desk, looked_up

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

MEDIA = "application/x-votable+xml"

#: Diameter of a search without SIZE, degrees; spectra that are given without MAXREC, and the most.
SIZE, MAXREC, MOST = 0.1, 1000, 10_000

#: Spectra whose range is looked up together.
TOGETHER = 200

#: Metres in an angstrom.
ANGSTROM = 1e-10

#: Words of FORMAT to names of formats; "graphic" are pictures, which there are none of.
WORDS: dict[str, tuple[str, ...]] = {
    "all": ("votable", "fits"), "": ("votable", "fits"), "compliant": ("votable", "fits"), "native": ("fits",),
    "graphic": (), "votable": ("votable",), "fits": ("fits",), "xml": ("votable",), "text/xml": ("votable",),
    "application/fits": ("fits",), "image/fits": ("fits",), MEDIA: ("votable",), "application/x-votable": ("votable",),
}  # fmt: skip


class Field:
    """A column of the answer: name, utype of the spectral data model, UCD, unit and what it says."""

    def __init__(self, name: str, utype: str, ucd: str, unit: str | None, text: str) -> None:
        self.name, self.utype, self.ucd, self.unit, self.text = name, f"ssa:{utype}", ucd, unit, text


FIELDS = (
    Field("object_id", "Target.Name", "meta.id;src", None, "Id of the object in its base"),
    Field("pos", "Target.Pos", "pos.eq", "deg", "Right ascension and declination, ICRS"),
    Field(
        "location", "Char.SpatialAxis.Coverage.Location.Value", "pos.eq", "deg", "The same, of the spectrum"
    ),
    Field("z", "Target.Redshift", "src.redshift", None, "Redshift"),
    Field("title", "DataID.Title", "meta.title", None, "Title"),
    Field("collection", "DataID.Collection", "meta.id", None, "Name of the base"),
    Field(
        "publisher_did", "Curation.PublisherDID", "meta.ref.ivoid", None, "Id of the spectrum at this server"
    ),
    Field("access_url", "Access.Reference", "meta.ref.url", None, "Where the spectrum is downloaded"),
    Field("access_format", "Access.Format", "meta.code.mime", None, "Format of the download"),
    Field("access_estsize", "Access.Size", "phys.size;meta.file", "kbyte", "Size of the download, estimated"),
    Field("data_model", "Dataset.DataModel", "meta.code", None, "Data model of the download"),
    Field("length", "Dataset.Length", "meta.number", None, "Number of pixels"),
    Field(
        "wave_start",
        "Char.SpectralAxis.Coverage.Bounds.Start",
        "em.wl;stat.min",
        "m",
        "Shortest wavelength, vacuum",
    ),
    Field(
        "wave_stop",
        "Char.SpectralAxis.Coverage.Bounds.Stop",
        "em.wl;stat.max",
        "m",
        "Longest wavelength, vacuum",
    ),
    Field("wave_center", "Char.SpectralAxis.Coverage.Location.Value", "em.wl", "m", "Middle of the range"),
    Field("wave_extent", "Char.SpectralAxis.Coverage.Bounds.Extent", "em.wl", "m", "Width of the range"),
)


@dataclass(frozen=True)
class Query:
    """What is looked for.

    Attributes:
        position: Right ascension and declination of the centre, degrees; None for the whole sky.
        radius: Degrees.
        bands: Ranges of wavelength in metres of which the spectrum has to overlap one; any if empty.
        formats: Names of formats that are wanted.
        most: Rows at most.
        names: Ids that are wanted; any if empty.
        metadata: Whether only the columns are asked for.
    """

    position: tuple[float, float] | None = None
    radius: float = SIZE / 2
    bands: tuple[tuple[float, float], ...] = ()
    formats: tuple[str, ...] = ("votable", "fits")
    most: int = MAXREC
    names: tuple[str, ...] = ()
    metadata: bool = False

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Query:
        """The query of the parameters of an address, whose names have no case.

        Raises:
            SpectroveError: One cannot be read.
        """
        said = {name.upper(): value.strip() for name, value in parameters.items()}
        if said.get("REQUEST", "").lower() != "querydata":
            raise SpectroveError(f"REQUEST is {said.get('REQUEST', '')!r}, expected queryData.")
        form = said.get("FORMAT", "all").lower()
        names = tuple(name.strip() for name in said.get("TARGETNAME", "").split(",") if name.strip())
        return cls(
            position=_position(said["POS"]) if said.get("POS") else None,
            radius=_number("SIZE", said.get("SIZE") or str(SIZE), 0, 360) / 2,
            bands=tuple(_bands(said.get("BAND", ""))),
            formats=() if form == "metadata" else _formats(form),
            most=int(min(_number("MAXREC", said.get("MAXREC") or str(MAXREC), 0, 1e9), MOST)),
            names=names,
            metadata=form == "metadata",
        )


def _number(name: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise SpectroveError(f"{name} is {text[:40]!r}, expected a number from {low:g} to {high:g}.")
    return value


def _position(text: str) -> tuple[float, float]:
    place, _, frame = text.partition(";")
    parts = place.split(",")
    if len(parts) != 2 or frame.strip().upper() not in ("", "ICRS", "FK5"):
        raise SpectroveError(f"POS is {text[:60]!r}, expected RA,DEC in degrees, ICRS.")
    return _number("POS", parts[0], 0, 360), _number("POS", parts[1], -90, 90)


def _bands(text: str) -> Iterator[tuple[float, float]]:
    for part in filter(None, (one.strip() for one in text.partition(";")[0].split(","))):
        low, slash, high = part.partition("/")
        first = _number("BAND", low or "0", 0, 1e9)
        last = _number("BAND", high, 0, 1e9) if high else (math.inf if slash else first)
        yield first, last


def _formats(text: str) -> tuple[str, ...]:
    found = [one for word in text.split(",") for one in WORDS.get(word.partition(";")[0].strip(), ())]
    return tuple(dict.fromkeys(found))


def found(served: Served, query: Query) -> Generator[dict[str, Any], None, None]:
    """A row for each spectrum of a base and each format, the nearest to the position first."""
    with served.reading() as base:
        rows = [] if query.metadata or not query.formats else _candidates(base, query)
        for start in range(0, len(rows), TOGETHER):
            some = rows[start : start + TOGETHER]
            spectra = base.spectra([row["object_id"] for row in some])
            for i, row in enumerate(some):
                covered = _covered(spectra, i)
                if not query.bands or any(
                    covered[0] <= high and low <= covered[1] for low, high in query.bands
                ):
                    yield from _rows(served.name, row, covered, query.formats)


def _candidates(base: KnowledgeBase, query: Query) -> list[dict[str, Any]]:
    """Id, position and redshift of the objects in the circle, the nearest first."""
    have = [name for name in ("ra", "dec", "z") if name in base.columns]
    conditions = []
    if query.names:
        quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in query.names)
        conditions.append(f"object_id IN ({quoted})")
    if query.position is not None:
        if not {"ra", "dec"} <= set(have):
            return []
        height = query.position[1]
        conditions.append(f"dec BETWEEN {height - query.radius!r} AND {height + query.radius!r}")
    table = base.rows(" AND ".join(conditions) or None, have).sort_by("object_id")
    rows: list[dict[str, Any]] = table.to_pylist()
    if query.position is None:
        return rows
    ra, dec = (np.array(table.column(name).to_numpy(zero_copy_only=False), float) for name in ("ra", "dec"))
    apart = _apart(*query.position, ra, dec)
    order = np.argsort(apart, kind="stable")
    return [rows[i] for i in order.tolist() if apart[i] <= query.radius]


def _apart(ra: float, dec: float, ras: Any, decs: Any) -> Any:
    """Degrees between a position and others, by the formula that holds for small angles too."""
    a, d, others, heights = (np.radians(value) for value in (ra, dec, ras, decs))
    half = np.sin((heights - d) / 2) ** 2 + np.cos(d) * np.cos(heights) * np.sin((others - a) / 2) ** 2
    return np.degrees(2 * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def _covered(spectra: Any, i: int) -> tuple[float, float, int]:
    """The range of a spectrum in metres, and its pixels; NaN where it has no wavelengths."""
    wavelength = getattr(spectra[i], "wavelength", None)
    if wavelength is None or not len(wavelength):
        return math.nan, math.nan, 0
    return float(wavelength[0]) * ANGSTROM, float(wavelength[-1]) * ANGSTROM, len(wavelength)


def _rows(
    name: str, row: Mapping[str, Any], covered: tuple[float, float, int], formats: Sequence[str]
) -> Iterator[dict[str, Any]]:
    object_id, (low, high, pixels) = str(row["object_id"]), covered
    place = [_or_nan(row.get("ra")), _or_nan(row.get("dec"))]
    for form in formats:
        if form == "votable" and not pixels:  # counts, which have no such form
            continue
        address = f"v1/bases/{quote(name)}/objects/{quote(object_id)}/spectrum?format={form}"
        yield {
            "object_id": object_id, "pos": place, "location": place, "z": _or_nan(row.get("z")), "title": object_id,
            "collection": name, "publisher_did": f"ivo://spectrove/{quote(name)}?{quote(object_id)}",
            "access_url": address, "access_format": FORMATS[form] if pixels else "application/zip",
            "access_estsize": max(1, pixels * (90 if form == "votable" else 25) // 1000),
            "data_model": "Spectrum-1.0", "length": pixels, "wave_start": low, "wave_stop": high,
            "wave_center": (low + high) / 2, "wave_extent": high - low,
        }  # fmt: skip


def _or_nan(value: Any) -> float:
    return math.nan if value is None else float(value)


def votable(rows: Sequence[Mapping[str, Any]], address: str, *, overflow: bool = False) -> bytes:
    """The answer; `address` is what the addresses of spectra begin with."""
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import Info
    from astropy.table import Table

    columns = {field.name: _column(field.name, [row[field.name] for row in rows]) for field in FIELDS}
    columns["access_url"] = np.array([f"{address}{row['access_url']}" for row in rows], dtype=str)
    document = from_table(Table(columns))
    [resource] = document.resources
    resource.type = "results"
    for made, field in zip(resource.tables[0].fields, FIELDS, strict=True):
        made.utype, made.ucd, made.unit, made.description = field.utype, field.ucd, field.unit, field.text
    status = "OVERFLOW" if overflow else "OK"
    resource.infos.append(Info(name="QUERY_STATUS", value=status))
    resource.infos.append(Info(name="SERVICE_PROTOCOL", value="1.1"))
    return _written(document)


def _column(name: str, values: Sequence[Any]) -> Any:
    if name in ("pos", "location"):
        return np.array(values, float).reshape(len(values), 2)
    if name in ("access_estsize", "length"):
        return np.array(values, np.int32)
    if name == "z" or name.startswith("wave_"):
        return np.array(values, float)
    return np.array([str(value) for value in values], dtype=str if values else "U1")


def failed(sentence: str) -> bytes:
    """The answer to a query that cannot be read, in the form that the protocol has for it."""
    from astropy.io.votable.tree import Info, Resource, VOTableFile

    document, resource = VOTableFile(), Resource(type="results")
    info = Info(name="QUERY_STATUS", value="ERROR")
    info.content = sentence
    resource.infos.append(info)
    document.resources.append(resource)
    return _written(document)


def _written(document: Any) -> bytes:
    written = io.BytesIO()
    document.to_xml(written)
    return written.getvalue()


def asked(bases: Sequence[Served], parameters: Mapping[str, str], address: str) -> bytes:
    """The answer of some bases to the parameters of an address."""
    try:
        query = Query.of(parameters)
        rows: list[dict[str, Any]] = []
        for served in bases:
            with closing(found(served, query)) as more:  # a list that is cut lets go of the base
                rows += islice(more, query.most + 1 - len(rows))
    except SpectroveError as error:
        return failed(str(error))
    return votable(rows[: query.most], address, overflow=len(rows) > query.most)


def router(desk: Desk) -> APIRouter:
    """The addresses."""
    made = APIRouter(tags=["ssap"])

    async def answer(request: Request, bases: Sequence[Served]) -> Response:
        parameters = dict(request.query_params)
        content = await looked_up(asked, bases, parameters, str(request.base_url))
        return Response(content, media_type=MEDIA)

    @made.get("/ssap", response_model=None, summary="Simple Spectral Access to all bases.")
    async def all_bases(request: Request) -> Response:
        return await answer(request, list(desk.shelf.values()))

    @made.get("/ssap/{name}", response_model=None, summary="Simple Spectral Access to a base.")
    async def one_base(request: Request, name: str) -> Response:
        return await answer(request, [desk.shelf.named(name)])

    return made
