"""The tables of PHA files as plain columns and header values, one `Parts` for each spectrum."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.readers.fitsfile import opened
from spectrove.xray.partners import NO_FILE, stem


@dataclass(frozen=True)
class Parts:
    """One spectrum of a PHA file: header values, with those of its own row over them, and its columns.

    Attributes:
        path: The file.
        label: The spectrum's name.
        values: Header values and single values of the row, by name in capitals.
        columns: Columns by channel, by name in capitals.
        row: Its row counted from 0 in a table of type II; None in one of type I.
        extension: Place of the table in the file.
    """

    path: Path
    label: str
    values: Mapping[str, Any]
    columns: Mapping[str, NDArray]
    row: int | None = None
    extension: int = 1

    def text(self, name: str) -> str:
        """A header value as text, "" where it is absent or blank."""
        value = self.values.get(name)
        return "" if value is None or type(value).__name__ == "Undefined" else str(value).strip()

    def named(self, keyword: str) -> str | None:
        """The value of a keyword that names a file; None where there is no such keyword."""
        return self.text(keyword) if keyword in self.values else None

    def names(self, keyword: str) -> bool:
        """Whether a keyword names a file."""
        return self.text(keyword).lower() not in NO_FILE

    def number(self, name: str, default: float) -> float:
        """A number of the header or a column; a column by channel must hold one value."""
        value = self.columns.get(name, self.values.get(name))
        if value is None or isinstance(value, str) or type(value).__name__ == "Undefined":
            return default
        different = np.unique(np.asarray(value, float))
        if len(different) != 1:
            raise FormatError(
                f"{self.label}: {name} differs between channels ({different[0]:g} to {different[-1]:g}), expected one "
                "value. Extract the spectrum with a constant one."
            )
        return float(different[0])

    def exposure(self) -> float:
        """Seconds; 0 where there is no such keyword or column.

        Raises:
            FormatError: It is no number.
        """
        value = self.columns.get("EXPOSURE", self.values.get("EXPOSURE"))
        if isinstance(value, str | bool):
            raise FormatError(
                f"{self.label}: EXPOSURE is {value!r:.60}, expected a number of seconds. Correct the header from the "
                "observation."
            )
        return self.number("EXPOSURE", 0.0)

    def repeated(self, name: str) -> bool:
        """Whether the table has more than one column of this name."""
        return bool(self.values.get(f"{REPEATED}{name}"))


#: Before the name of a column in `Parts.values`: that the table has it more than once.
REPEATED = "repeated "


def all_spectra(path: Path) -> Iterator[Parts]:
    """Every spectrum of a file, of sources and backgrounds."""

    with opened(path) as hdus:
        for i, hdu in enumerate(hdus):
            if is_spectrum(hdu.header) and hasattr(hdu, "columns") and hdu.data is not None:
                yield from _of_table(path, hdu, i)


def _of_table(path: Path, hdu: Any, place: int) -> Iterator[Parts]:
    """The spectra of one extension: one of type I, or one a row of type II."""
    label = stem(path.name)
    names = [name.upper() for name in hdu.columns.names]
    columns = {name.upper(): np.asarray(hdu.data[name]) for name in hdu.columns.names}
    header = dict(hdu.header) | {f"{REPEATED}{name}": True for name in names if names.count(name) > 1}
    measured = columns.get("COUNTS", columns.get("RATE"))
    if measured is None or measured.ndim == 1:
        yield Parts(path, label, header, columns, None, place)
        return
    for i in range(len(hdu.data)):
        row = {name: values[i] for name, values in columns.items()}
        single = {name: _plain(value) for name, value in row.items() if np.ndim(value) == 0}
        vectors = {name: value for name, value in row.items() if np.ndim(value) == 1}
        yield Parts(path, f"{label}#{single.get('SPEC_NUM', i + 1)}", {**header, **single}, vectors, i, place)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def headers_of(path: Path) -> list[Any]:
    """The headers of a FITS file; none of one that cannot be read."""

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened(path, lazy_load_hdus=False) as hdus:
                return [hdu.header for hdu in hdus]
    except Exception:  # no FITS file, or a broken one: whoever reads it says how
        return []


def header_class(header: Any, level: int) -> str:
    """HDUCLASn in capitals."""
    return str(header.get(f"HDUCLAS{level}") or "").strip().upper()


def is_spectrum(header: Any) -> bool:
    """By HDUCLAS1, or by EXTNAME with the columns that the memo demands."""
    names = {str(header.get(f"TTYPE{i + 1}")).upper() for i in range(int(header.get("TFIELDS") or 0))}
    if not names & {"COUNTS", "RATE"}:
        return False
    ogip = header_class(header, 1) == "SPECTRUM" and str(header.get("HDUCLASS")).strip().upper() == "OGIP"
    return ogip or (str(header.get("EXTNAME")).strip().upper() == "SPECTRUM" and "CHANNEL" in names)
