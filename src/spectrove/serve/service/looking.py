"""Bases, their objects and their spectra, without any question."""

from __future__ import annotations

import io
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spectrove.plain import plain
from spectrove.serve import describing
from spectrove.serve.service.asking import names_alone
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.shelf import Served, Shelf

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

#: Objects of a page of a list, unless another number is asked for, and the most.
PAGE, MOST = 100, 10_000


class Document(NamedTuple):
    """The content of a file, its media type, and a name for it."""

    content: bytes
    media_type: str
    name: str


#: Formats of a spectrum, by name, with their media types.
FORMATS = {"json": "application/json", "fits": "application/fits", "votable": "application/x-votable+xml"}


def bases(shelf: Shelf) -> list[dict[str, Any]]:
    """Name, kind of light, number of objects and version of each base."""
    return [_short(served) for served in shelf.values()]


def _short(served: Served) -> dict[str, Any]:
    with served.shown() as base:
        return {"name": served.name, "domain": base.domain, "objects": len(base), "version": base.version}


def version(served: Served) -> dict[str, int]:
    """The newest version of a base."""
    with served.shown() as base:
        return {"version": base.version}


def about_base(served: Served) -> dict[str, Any]:
    """What `kb info --json` says of a base, and its name."""
    with served.shown() as base:
        return {"name": served.name, **names_alone(plain(describing.about_base(base)))}


def versions(served: Served) -> list[dict[str, Any]]:
    """What `kb versions --json` says."""
    with served.shown() as base:
        return [dict(plain(version)) for version in base.versions()]


def objects(
    served: Served, where: str | None, columns: str | None, limit: int, offset: int
) -> dict[str, Any]:
    """Objects of a base by id, with the columns that `kb list` shows or those named.

    Raises:
        SpectroveError: The condition cannot be read, or a column is not there.
    """
    with served.shown() as base:
        chosen = [name.strip() for name in (columns or "").split(",") if name.strip()]
        table = base.rows(where, chosen or describing.default_columns(base)).sort_by("object_id")
        page = table.slice(offset, limit).to_pylist()
        return {"total": table.num_rows, "offset": offset, "objects": names_alone(plain(page))}


def about_object(served: Served, object_id: str) -> dict[str, Any]:
    """What `kb show --json` says of an object."""
    with served.shown() as base:
        need_object(served, base, object_id)
        return dict(names_alone(plain(describing.about_object(base, object_id))))


def need_object(served: Served, base: KnowledgeBase, object_id: str) -> None:
    """Refuse an id unless it is one of the base.

    Raises:
        Problem: It is not.
    """
    from spectrove.pipeline.queries import known_ids

    if not known_ids(base, [object_id]):
        raise Problem(404, f"{object_id}: no object of {served.name}.")


def spectrum(served: Served, object_id: str, form: str) -> Document:
    """The stored spectrum of an object as JSON, FITS or VOTable.

    A spectrum of counts has no VOTable, and its FITS is an archive with its background and response.
    """
    [spectra] = served.stored([object_id])
    if form == "json":
        from spectrove.serve.output import json_line

        return Document(json_line(values(spectra)).encode(), FORMATS["json"], f"{object_id}.json")
    return _as_fits(served, spectra) if form == "fits" else _as_votable(spectra, object_id)


def values(spectra: Any) -> dict[str, Any]:
    """The first of some spectra as plain values: its id, whatever was measured, and its row."""
    row = spectra.to_arrow().slice(0, 1).to_pylist()[0]
    named = set(spectra.rows.column_names)
    measured = {name: value for name, value in row.items() if name not in named}
    catalog = {name: value for name, value in row.items() if name in named and name != "path"}
    return plain(measured | {"row": {name: value for name, value in catalog.items() if value is not None}})


def _as_fits(served: Served, spectra: Any) -> Document:
    from spectrove.pipeline.domains import domain_of
    from spectrove.readers.writing import file_name, write_files

    name = file_name(str(spectra.object_id[0]))
    with served.shown() as base:
        light = domain_of(base).files
    with tempfile.TemporaryDirectory(prefix="spectrove-") as folder:
        write_files(Path(folder), spectra, light)
        files = sorted(Path(folder).iterdir())
        if len(files) == 1:
            return Document(files[0].read_bytes(), FORMATS["fits"], files[0].name)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.name)
        return Document(packed.getvalue(), "application/zip", f"{name}.zip")


def of_spectra(spectra: Any) -> Document:
    """The first of some spectra as VOTable.

    Raises:
        Problem: It is of counts.
    """
    return _as_votable(spectra, str(spectra.object_id[0]))


def _as_votable(spectra: Any, object_id: str) -> Document:
    """Wavelength, flux and error, with the names that the spectral data model of the IVOA gives them."""
    from astropy.table import Table
    from astropy.units import UnitsWarning

    from spectrove.pixels.foreign import unit_of
    from spectrove.spectra import SpectrumSet

    if not isinstance(spectra, SpectrumSet):
        raise Problem(406, f"{object_id}: a spectrum of counts has no form as VOTable. Ask for fits.")
    one = spectra[0]
    with np.errstate(divide="ignore"):
        error = np.where(one.ivar > 0, one.ivar.astype(float) ** -0.5, np.nan).astype(np.float32)
    table = Table({"wavelength": one.wavelength, "flux": one.flux, "error": error})
    table["wavelength"].unit = "Angstrom"
    table["flux"].unit = table["error"].unit = unit_of(one.row.get("flux_unit"))
    with warnings.catch_warnings():  # the units of every survey are deprecated by VOUnit
        warnings.simplefilter("ignore", UnitsWarning)
        return _written(table, object_id)


def _written(table: Any, object_id: str) -> Document:
    from astropy.io.votable import from_table

    document = from_table(table)
    [resource] = document.resources
    [made] = resource.tables
    made.utype, made.name = "spec:Spectrum", object_id
    for field, (utype, ucd) in zip(made.fields, _SPECTRAL, strict=True):
        field.utype, field.ucd = utype, ucd
    written = io.BytesIO()
    document.to_xml(written)
    return Document(written.getvalue(), FORMATS["votable"], f"{object_id}.vot")


#: Names of the columns of a spectrum in the spectral data model, and their UCDs.
_SPECTRAL = (
    ("spec:Data.SpectralAxis.Value", "em.wl"),
    ("spec:Data.FluxAxis.Value", "phot.flux.density;em.wl"),
    ("spec:Data.FluxAxis.Accuracy.StatError", "stat.error;phot.flux.density;em.wl"),
)
