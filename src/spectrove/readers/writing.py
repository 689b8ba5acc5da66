"""Spectra as FITS files, a table each, which this package, specutils and astropy read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from spectrove.errors import DatasetError
from spectrove.readers.light import Light
from spectrove.spectra import Spectrum, SpectrumSet

#: Values of a row that become cards of the header.
CARDS = {"z": "Z", "z_err": "Z_ERR", "ra": "RA", "dec": "DEC", "survey": "SURVEY"}


def write_files(folder: Path, spectra: SpectrumSet, light: Light | None = None) -> list[Path]:
    """The files written in a folder: one for each spectrum, called by its id; `light` if they are no fluxes."""
    if light is not None:
        return light.write(folder, spectra)
    return [_write(folder / f"{file_name(s.object_id)}.fits", s) for s in spectra]


def _write(path: Path, s: Spectrum) -> Path:
    from astropy.table import Table

    from spectrove.pixels.foreign import unit_of

    with np.errstate(divide="ignore"):
        error = np.where(s.ivar > 0, s.ivar.astype(float) ** -0.5, np.inf)
    table = Table(
        {
            "wavelength": s.wavelength,
            "flux": s.flux,
            "error": error.astype(np.float32),
            "ivar": s.ivar,
            "mask": ~s.good,
        }
    )
    unit = unit_of(s.row.get("flux_unit"))
    table["wavelength"].unit = "Angstrom"
    table["flux"].unit = table["error"].unit = unit
    table["ivar"].unit = unit**-2
    table.meta = {"OBJECT": s.object_id, "VACUUM": True, "EXTNAME": "SPECTRUM"}
    table.meta |= {card: s.row[name] for name, card in CARDS.items() if s.row.get(name) is not None}
    table.write(path, format="fits")
    return path


def refuse_same_names(object_ids: Iterable[str]) -> None:
    """Refuse ids that would be one file, as "a#1" and "a_1", before the second is written over the first.

    Raises:
        DatasetError: There are such.
    """
    known: dict[str, str] = {}
    for object_id in object_ids:
        other = known.setdefault(file_name(object_id), object_id)
        if other != object_id:
            raise DatasetError(
                f"{other} and {object_id} would both be the file {file_name(object_id)}. Write a dataset (.lance) "
                "instead, or choose objects with --where."
            )


def file_name(object_id: str) -> str:
    """The id as the name of a file: what no file name may hold becomes "_"."""
    return re.sub(r"[^\w.+-]", "_", object_id) or "_"
