"""Mock spectra as OGIP files: PHA of type II with backgrounds, ARF, RMF, and a catalog."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.xray.mock.observe import Seen
from spectrove.xray.response import Response

_OGIP = {"HDUCLASS": "OGIP", "TELESCOP": "MOCK", "INSTRUME": "ACIS", "FILTER": "NONE"}


def write_instrument(seen: Seen, rows: pa.Table, folder: Path, name: str) -> Path:
    """Writes NAME.pha, NAME.arf and NAME.rmf; gives the path of the first.

    Source:
        OGIP/92-007 (PHA), CAL/GEN/92-002 (ARF, RMF). The background stands in the columns BACKGROUND_UP and
        BACKSCUP of each row, as in files of gratings: so thousands of spectra with a background each are one file.
    """
    response = seen.instrument.response
    write_arf(response, folder / f"{name}.arf")
    write_rmf(response, folder / f"{name}.rmf")
    return _write_pha(seen, rows, folder / f"{name}.pha")


def _write_pha(seen: Seen, rows: pa.Table, path: Path) -> Path:
    n, m = seen.counts.shape
    numbers = np.arange(m, dtype=np.int32) + seen.instrument.response.first_channel
    text = {"OBS_ID": "obsid", "OBJECT": "object"}
    columns = [
        ("SPEC_NUM", "J", np.arange(n) + 1),
        ("CHANNEL", f"{m}J", np.broadcast_to(numbers, (n, m))),
        ("COUNTS", *_integers(seen.counts)),
        ("BACKGROUND_UP", *_integers(seen.background)),
        ("BACKSCAL", "D", np.ones(n)),
        ("BACKSCUP", "D", 1 / seen.scale),
        ("EXPOSURE", "D", seen.exposure),
        ("RA", "D", rows.column("ra").to_numpy()),
        ("DEC", "D", rows.column("dec").to_numpy()),
        *((key, "24A", np.array(rows.column(name).to_pylist())) for key, name in text.items()),
    ]
    header = _OGIP | {
        "EXTNAME": "SPECTRUM", "HDUCLAS1": "SPECTRUM", "HDUCLAS2": "TOTAL", "HDUCLAS3": "COUNT", "HDUCLAS4": "TYPE:II",
        "HDUVERS": "1.2.1", "CHANTYPE": "PI", "DETCHANS": m, "AREASCAL": 1.0, "CORRSCAL": 0.0, "POISSERR": True,
        "BACKFILE": "none", "CORRFILE": "none", "RESPFILE": f"{path.stem}.rmf", "ANCRFILE": f"{path.stem}.arf",
    }  # fmt: skip
    return _write(path, [(columns, header)])


def write_arf(response: Response, path: Path) -> Path:
    """The effective area as an ARF."""
    header = _OGIP | {
        "EXTNAME": "SPECRESP",
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "SPECRESP",
        "HDUVERS": "1.1.0",
    }
    return _write(path, [([*_energies(response), ("SPECRESP", "E", response.area)], header)])


def write_rmf(response: Response, path: Path) -> Path:
    """The redistribution as an RMF: of each energy one group of channels, from the first to the last that is filled."""
    first, length, values = [], [], []
    for start, stop in zip(response.start[:-1].tolist(), response.start[1:].tolist(), strict=True):
        channel = response.channel[start:stop].astype(int)
        low, high = (int(channel[0]), int(channel[-1]) + 1) if len(channel) else (0, 1)
        row = np.zeros(high - low, np.float32)
        row[channel - low] = response.share[start:stop]
        first.append(low + response.first_channel)
        length.append(high - low)
        values.append(row)
    matrix = np.empty(len(values), object)
    matrix[:] = values
    columns = [
        *_energies(response), ("N_GRP", "I", np.ones(len(values), np.int16)),
        ("F_CHAN", "I", np.array(first, np.int16)),
        ("N_CHAN", "I", np.array(length, np.int16)), ("MATRIX", "PE()", matrix),
    ]  # fmt: skip
    n = response.n_channels
    about = _OGIP | {"HDUCLAS1": "RESPONSE", "CHANTYPE": "PI", "DETCHANS": n}
    channels: list[tuple[str, str, NDArray]] = [
        ("CHANNEL", "J", np.arange(n) + response.first_channel),
        ("E_MIN", "E", response.e_min),
        ("E_MAX", "E", response.e_max),
    ]
    return _write(path, [
        (columns, about | {"EXTNAME": "MATRIX", "HDUCLAS2": "RSP_MATRIX", "HDUCLAS3": "REDIST", "HDUVERS": "1.3.0",
                           "TLMIN4": response.first_channel, "TLMAX4": response.first_channel + n - 1}),
        (channels, about | {"EXTNAME": "EBOUNDS", "HDUCLAS2": "EBOUNDS", "HDUVERS": "1.2.0",
                            "TLMIN1": response.first_channel}),
    ])  # fmt: skip


def write_table(table: pa.Table, path: Path) -> Path:
    """A table as CSV, empty where unknown."""
    draft = path.with_suffix(".part")
    with open(draft, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        writer.writerows(zip(*(map(_text, c.to_pylist()) for c in table.columns), strict=True))
    os.replace(draft, path)
    return path


def _text(value: Any) -> Any:
    return "" if value is None else f"{value:.7g}" if isinstance(value, float) else value


def _energies(response: Response) -> list[tuple[str, str, NDArray]]:
    return [("ENERG_LO", "E", response.energy[:-1]), ("ENERG_HI", "E", response.energy[1:])]


def _integers(values: NDArray[np.int32]) -> tuple[str, NDArray]:
    """Counts in as few bytes as hold them, with the FITS format."""
    m = values.shape[1]
    return (
        (f"{m}J", values)
        if values.max(initial=0) > np.iinfo(np.int16).max
        else (f"{m}I", values.astype(np.int16))
    )


def _write(path: Path, tables: list[tuple[list[tuple[str, str, NDArray]], dict[str, Any]]]) -> Path:
    """A FITS file of tables; it appears whole or not at all."""
    from astropy.io import fits

    units = {"ENERG_LO": "keV", "ENERG_HI": "keV", "E_MIN": "keV", "E_MAX": "keV", "SPECRESP": "cm**2", "EXPOSURE": "s",
             "COUNTS": "count", "BACKGROUND_UP": "count"}  # fmt: skip
    hdus: list[Any] = [fits.PrimaryHDU()]
    for columns, header in tables:
        made = [fits.Column(name, form, unit=units.get(name), array=values) for name, form, values in columns]
        hdus.append(fits.BinTableHDU.from_columns(made))
        hdus[-1].header.update(header)
    draft = path.with_suffix(path.suffix + ".part")
    fits.HDUList(hdus).writeto(draft, overwrite=True)
    os.replace(draft, path)
    return path
