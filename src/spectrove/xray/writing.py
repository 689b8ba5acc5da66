"""Counts as OGIP files, which XSPEC reads too: PHA of type I with backgrounds, the ARF and RMF of every response."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.readers.writing import file_name
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.response import Response

#: Cards of every table, if it says nothing else: the memos demand them.
_CARDS = {
    "HDUCLASS": "OGIP",
    "HDUVERS": "1.3.0",
    "TELESCOP": "UNKNOWN",
    "INSTRUME": "UNKNOWN",
    "FILTER": "NONE",
}

#: Units of columns.
_UNITS = {"ENERG_LO": "keV", "ENERG_HI": "keV", "E_MIN": "keV", "E_MAX": "keV", "SPECRESP": "cm**2", "COUNTS": "count",
          "BACKGROUND_UP": "count", "EXPOSURE": "s"}  # fmt: skip

#: Values of a row that become cards of the header.
CARDS = {"obsid": "OBS_ID", "object": "OBJECT", "ra": "RA", "dec": "DEC"}


def write_files(folder: Path, spectra: CountSet) -> list[Path]:
    """The files written in a folder: a PHA file for each spectrum, called by its id, and what they name."""
    paths = []
    for response in spectra.responses:
        name = response_name(response)
        paths += [write_arf(folder / f"{name}.arf", response), write_rmf(folder / f"{name}.rmf", response)]
    for spectrum in spectra:
        paths += _write_spectrum(folder, spectrum)
    return paths


def response_name(response: Response) -> str:
    """The name of a response's files, the same wherever it is written."""
    return f"response_{response.digest[:12]}"


def _write_spectrum(folder: Path, s: Counts) -> list[Path]:
    name, shared = file_name(s.object_id), response_name(s.response)
    telescope, _, instrument = str(s.row.get("survey") or "").upper().partition("_")
    header = {
        "HDUCLAS2": "TOTAL", "TELESCOP": telescope, "INSTRUME": instrument, "EXPOSURE": s.exposure, "BACKSCAL": 1.0,
        "RESPFILE": f"{shared}.rmf", "ANCRFILE": f"{shared}.arf", "BACKFILE": "none",
    }  # fmt: skip
    header |= {card: s.row[key] for key, card in CARDS.items() if s.row.get(key) is not None}
    columns = {"QUALITY": s.quality}
    if s.grouping is not None and s.grouping.any():
        columns["GROUPING"] = s.grouping
    paths = [folder / f"{name}.pha"]
    if s.background_scale > 0:
        paths.append(folder / f"{name}_bkg.pha")
        header["BACKFILE"] = paths[1].name
        behind = header | {"HDUCLAS2": "BKG", "BACKSCAL": 1 / s.background_scale, "BACKFILE": "none"}
        _write_counts(paths[1], s.response, s.background, {}, behind)
    _write_counts(paths[0], s.response, s.counts, columns, header)
    return paths


def _write_counts(
    path: Path, response: Response, counts: NDArray, more: dict[str, NDArray], header: dict[str, Any]
) -> None:
    columns = {"CHANNEL": ("J", _numbers(response)), "COUNTS": ("J", counts)}
    columns |= {name: ("I", values) for name, values in more.items()}
    about = {"HDUCLAS1": "SPECTRUM", "HDUCLAS3": "COUNT", "CHANTYPE": "PI", "DETCHANS": response.n_channels,
             "POISSERR": True, "AREASCAL": 1.0, "CORRSCAL": 0.0, "CORRFILE": "none"}  # fmt: skip
    save_tables(path, [("SPECTRUM", columns, about | header)])


def write_arf(path: Path, response: Response, about: Mapping[str, Any] | None = None) -> Path:
    """The effective area (cm2, by energy in keV) as an ARF; `about` are further cards, as TELESCOP.

    Source:
        CAL/GEN/92-002.
    """
    columns = _energies(response) | {"SPECRESP": ("E", response.area)}
    said = {"HDUVERS": "1.1.0", "HDUCLAS1": "RESPONSE", "HDUCLAS2": "SPECRESP"}
    return save_tables(path, [("SPECRESP", columns, said | dict(about or {}))])


def write_rmf(path: Path, response: Response, about: Mapping[str, Any] | None = None) -> Path:
    """The redistribution as an RMF, the cells of each energy as groups of consecutive channels; `about` as for an ARF.

    Source:
        CAL/GEN/92-002.
    """
    first, length, values = [], [], []
    for start, stop in zip(response.start[:-1], response.start[1:], strict=True):
        channel = response.channel[start:stop].astype(np.int32)
        begins = np.flatnonzero(np.diff(channel, prepend=-9) != 1)
        first.append(channel[begins] + response.first_channel)
        length.append(np.diff(np.append(begins, len(channel))).astype(np.int32))
        values.append(response.share[start:stop].astype(np.float32))
    columns = _energies(response) | {"N_GRP": ("J", np.array([len(own) for own in first]))}
    for name, kind, rows in (
        ("F_CHAN", "PJ()", first),
        ("N_CHAN", "PJ()", length),
        ("MATRIX", "PE()", values),
    ):
        columns[name] = kind, np.array([*rows, None], object)[:-1]
    last = response.first_channel + response.n_channels - 1
    shared = {"HDUCLAS1": "RESPONSE", "CHANTYPE": "PI", "DETCHANS": response.n_channels} | dict(about or {})
    matrix = {
        "HDUCLAS2": "RSP_MATRIX",
        "HDUCLAS3": "REDIST",
        "TLMIN4": response.first_channel,
        "TLMAX4": last,
    }
    bounds = {
        "CHANNEL": ("J", _numbers(response)),
        "E_MIN": ("E", response.e_min),
        "E_MAX": ("E", response.e_max),
    }
    nominal = {"HDUVERS": "1.2.0", "HDUCLAS2": "EBOUNDS", "TLMIN1": response.first_channel, "TLMAX1": last}
    return save_tables(path, [("MATRIX", columns, shared | matrix), ("EBOUNDS", bounds, shared | nominal)])


def _numbers(response: Response) -> NDArray:
    return np.arange(response.n_channels) + response.first_channel


def _energies(response: Response) -> dict[str, tuple[str, NDArray]]:
    return {"ENERG_LO": ("E", response.energy[:-1]), "ENERG_HI": ("E", response.energy[1:])}


def save_tables(
    path: Path, tables: Sequence[tuple[str, Mapping[str, tuple[str, NDArray]], Mapping[str, Any]]]
) -> Path:
    """A FITS file of tables: name, columns with format and values, and cards; it appears whole or not at all."""
    from astropy.io import fits

    hdus: list[Any] = [fits.PrimaryHDU()]
    for name, columns, header in tables:
        made = [
            fits.Column(n, kind, unit=_UNITS.get(n), array=values) for n, (kind, values) in columns.items()
        ]
        hdu = fits.BinTableHDU.from_columns(made, name=name)
        hdu.header.update(_CARDS | dict(header))
        hdus.append(hdu)
    draft = path.with_suffix(path.suffix + ".part")
    fits.HDUList(hdus).writeto(draft, overwrite=True)
    os.replace(draft, path)
    return path
