"""Plain text, CSV and astropy tables as the same `Hdu` that a FITS table gives."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.ingest.fitsfile import Hdu, open_plain

#: Longer text files are not single spectra.
MAX_TEXT = 256 << 20

_KEY_VALUE = re.compile(r"^\s*([A-Za-z_][\w .-]{0,40}?)\s*[:=]\s*(.+?)\s*$")


def read(path: Path) -> list[Hdu]:
    """One table: named columns of numbers, with `# key: value` comments as its header.

    Columns are separated by commas, semicolons, tabs or blanks. Names come from a line of words before the
    numbers, commented or not; without one they are "1", "2", ...

    Raises:
        FormatError: If the file is empty, binary, or has no columns of numbers.
    """
    lines = _text(path).splitlines()
    comments = [line.strip().lstrip("#%").strip() for line in lines if line.lstrip()[:1] in ("#", "%")]
    body = [line.strip() for line in lines if line.strip() and line.lstrip()[:1] not in ("#", "%")]
    if not body:
        raise FormatError(f"{path.name}: the file has no rows, expected columns of numbers. Fetch it again.")
    split = _splitter(body[-1])
    first = split(body[0])
    names: list[str] | None = None
    if not _is_number(first[0]):
        names, body = first, body[1:]
    elif comments and len(words := split(comments[-1])) == len(first) and not _KEY_VALUE.match(comments[-1]):
        names = words
    if not body:
        raise FormatError(
            f"{path.name}: only names ({', '.join(first)[:60]}) and no rows, expected both. Fetch it again."
        )
    names = [name.strip().strip('"').lower() for name in names or map(str, range(1, len(first) + 1))]
    header = {m[1].strip().upper(): m[2] for line in comments if (m := _KEY_VALUE.match(line))}
    return [Hdu(header, table=_columns(body, split, names, path))]


def _text(path: Path) -> str:
    with open_plain(path) as file:
        raw = file.read(MAX_TEXT + 1)
    if not raw.strip():
        raise FormatError(f"{path.name}: the file is empty, expected a spectrum. Fetch it again.")
    if len(raw) > MAX_TEXT:
        raise FormatError(
            f"{path.name}: more than {MAX_TEXT} bytes of text, expected one spectrum. Split it."
        )
    if b"\x00" in raw[:4096]:
        raise FormatError(
            f"{path.name}: begins with {raw[:8]!r}, expected FITS or text. "
            "If it is a spectrum, convert it to one of them."
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _splitter(line: str):  # type: ignore[no-untyped-def]
    for mark in (",", ";", "\t", "|"):
        if mark in line:
            return lambda text: [part.strip() for part in text.split(mark)]
    return str.split


def _columns(body: list[str], split, names: list[str], path: Path) -> dict[str, NDArray]:  # type: ignore[no-untyped-def]
    rows = [split(line) for line in body]
    wrong = sum(len(row) != len(names) for row in rows)
    if wrong:
        raise FormatError(
            f"{path.name}: {wrong} of {len(rows)} rows do not have {len(names)} values, as the first has. "
            "Remove or mend these rows."
        )
    columns = {}
    for i, name in enumerate(names):
        try:
            columns[name] = np.array([row[i] or "nan" for row in rows], dtype=float)
        except ValueError:
            columns[name] = np.array([row[i] for row in rows])
    if not any(column.dtype.kind == "f" for column in columns.values()):
        raise FormatError(
            f"{path.name}: no column of numbers in {len(rows)} rows (first: {body[0][:40]!r}), "
            "expected wavelength and flux. Leave this file out."
        )
    return columns


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
