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
from spectrove.xray.writing import save_tables, write_arf, write_rmf

_ABOUT = {"TELESCOP": "MOCK", "INSTRUME": "ACIS"}


def write_instrument(seen: Seen, rows: pa.Table, folder: Path, name: str) -> Path:
    """Writes NAME.pha, NAME.arf and NAME.rmf; gives the path of the first.

    Source:
        OGIP/92-007 (PHA), CAL/GEN/92-002 (ARF, RMF). The background stands in the columns BACKGROUND_UP and
        BACKSCUP of each row, as in files of gratings: so thousands of spectra with a background each are one file.
    """
    response = seen.instrument.response
    write_arf(folder / f"{name}.arf", response, _ABOUT)
    write_rmf(folder / f"{name}.rmf", response, _ABOUT)
    return _write_pha(seen, rows, folder / f"{name}.pha")


def _write_pha(seen: Seen, rows: pa.Table, path: Path) -> Path:
    n, m = seen.counts.shape
    numbers = np.arange(m, dtype=np.int32) + seen.instrument.response.first_channel
    text = {"OBS_ID": "obsid", "OBJECT": "object"}
    columns = {
        "SPEC_NUM": ("J", np.arange(n) + 1),
        "CHANNEL": (f"{m}J", np.broadcast_to(numbers, (n, m))),
        "COUNTS": _integers(seen.counts),
        "BACKGROUND_UP": _integers(seen.background),
        "BACKSCAL": ("D", np.ones(n)),
        "BACKSCUP": ("D", 1 / seen.scale),
        "EXPOSURE": ("D", seen.exposure),
        "RA": ("D", rows.column("ra").to_numpy()),
        "DEC": ("D", rows.column("dec").to_numpy()),
        **{key: ("24A", np.array(rows.column(name).to_pylist())) for key, name in text.items()},
    }
    header = _ABOUT | {
        "HDUCLAS1": "SPECTRUM", "HDUCLAS2": "TOTAL", "HDUCLAS3": "COUNT", "HDUCLAS4": "TYPE:II",
        "HDUVERS": "1.2.1", "CHANTYPE": "PI", "DETCHANS": m, "AREASCAL": 1.0, "CORRSCAL": 0.0, "POISSERR": True,
        "BACKFILE": "none", "CORRFILE": "none", "RESPFILE": f"{path.stem}.rmf", "ANCRFILE": f"{path.stem}.arf",
    }  # fmt: skip
    return save_tables(path, [("SPECTRUM", columns, header)])


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


def _integers(values: NDArray[np.int32]) -> tuple[str, NDArray]:
    """Counts in as few bytes as hold them, with the FITS format."""
    m = values.shape[1]
    return (
        (f"{m}J", values)
        if values.max(initial=0) > np.iinfo(np.int16).max
        else (f"{m}I", values.astype(np.int16))
    )
