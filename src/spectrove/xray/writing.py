"""Counts as OGIP files, which XSPEC reads too: PHA of type I with backgrounds, the ARF and RMF of every response."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.readers.writing import file_name
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.response import Response

#: Values of a row that become cards of the header.
CARDS = {"obsid": "OBS_ID", "object": "OBJECT", "ra": "RA", "dec": "DEC"}


def write_files(folder: Path, spectra: CountSet) -> list[Path]:
    """The files written in a folder: a PHA file for each spectrum, called by its id, and what they name."""
    paths = []
    for response in spectra.responses:
        name = response_name(response)
        paths += [_write_arf(folder / f"{name}.arf", response), _write_rmf(folder / f"{name}.rmf", response)]
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
    _save(path, [("SPECTRUM", columns, about | header)])


def _write_arf(path: Path, response: Response) -> Path:
    columns = _energies(response) | {"SPECRESP": ("E", response.area)}
    return _save(path, [("SPECRESP", columns, {"HDUCLAS1": "RESPONSE", "HDUCLAS2": "SPECRESP"})])


def _write_rmf(path: Path, response: Response) -> Path:
    """The cells of each energy as groups of consecutive channels."""
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
    said = {"HDUCLAS1": "RESPONSE", "HDUCLAS2": "RSP_MATRIX", "HDUCLAS3": "REDIST", "TLMIN4": response.first_channel,
            "DETCHANS": response.n_channels}  # fmt: skip
    bounds = {
        "CHANNEL": ("J", _numbers(response)),
        "E_MIN": ("E", response.e_min),
        "E_MAX": ("E", response.e_max),
    }
    about = {"HDUCLAS1": "RESPONSE", "HDUCLAS2": "EBOUNDS", "TLMIN1": response.first_channel}
    return _save(path, [("MATRIX", columns, said), ("EBOUNDS", bounds, about)])


def _numbers(response: Response) -> NDArray:
    return np.arange(response.n_channels) + response.first_channel


def _energies(response: Response) -> dict[str, tuple[str, NDArray]]:
    return {"ENERG_LO": ("E", response.energy[:-1]), "ENERG_HI": ("E", response.energy[1:])}


def _save(path: Path, tables: list[tuple[str, dict[str, tuple[str, NDArray]], dict[str, Any]]]) -> Path:
    from astropy.io import fits

    units = {
        "ENERG_LO": "keV",
        "ENERG_HI": "keV",
        "E_MIN": "keV",
        "E_MAX": "keV",
        "SPECRESP": "cm**2",
        "COUNTS": "count",
    }
    hdus: list[Any] = [fits.PrimaryHDU()]
    for name, columns, header in tables:
        made = [
            fits.Column(n, kind, unit=units.get(n), array=values) for n, (kind, values) in columns.items()
        ]
        hdu = fits.BinTableHDU.from_columns(made, name=name)
        hdu.header.update({"HDUCLASS": "OGIP", "HDUVERS": "1.3.0"} | header)
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path
