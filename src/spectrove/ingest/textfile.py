"""Plain text, CSV and astropy tables as the same `Hdu` that a FITS table gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.ingest.fitsfile import Hdu, open_plain
from spectrove.ingest.medium import medium_in
from spectrove.ingest.units import parse_unit, stated

#: Longer text files are not single spectra.
MAX_TEXT = 256 << 20

#: Lines of names and units before the numbers.
MAX_NAME_LINES = 4

Split = Callable[[str], list[str]]

_CELL = re.compile(r"[^\s(\[]+(?:\s*[\[(](?:[^()\[\]]|\([^()]*\))*[\])])?\S*")
_LABEL = re.compile(r"^([^\[(]+?)\s*[\[(](.*)[\])]\s*$")
_LISTED = re.compile(r"^(?:col(?:umn)?\.?\s*)?[(\[]?(\d{1,2})[)\].:=-]+\s*(\S.*)$|^$", re.I)
#: What brackets behind a name may hold that is no unit.
_REMARK = re.compile(
    r"^(?:in )?(?:vac(?:uum)?|air|obs(?:erved)?(?:[ -]?frame)?|corrected|calibrated|helio\w*|bary\w*|smoothed|total|"
    r"1[ -]?sigma|sigma|std|error)$",
    re.I,
)
_NAMES_LIKE_UNITS = {"flam", "fnu", "f_lambda", "counts", "count", "a", "s", "w", "m"}
#: Quantities by the first three letters of their names.
_QUANTITY = {"wav": "w", "lam": "w", "wl": "w", "xun": "w", "x_u": "w", "cun": "w", "flu": "f", "bun": "f", "yun": "f",
             "y_u": "f", "fla": "f", "err": "e", "unc": "e", "sig": "e"}  # fmt: skip
_UNIT_REMARKS = (
    re.compile(
        r"\b(wave(?:length)?s?|lambda|lam|wl|flux(?:es)?|err(?:or)?s?|uncertaint(?:y|ies)|sigma)[ _.-]*units?"
        r"\s*[:=]?\s*(?:is|are)?\s*(\S.*)$",
        re.I,
    ),
    re.compile(r"\b(x_?unit|y_?unit|cunit1|bunit)s?\s*[:=]\s*(\S.*)$", re.I),
    re.compile(
        r"\b(wave(?:length)?s?|lambda|flux(?:es)?|errors?)\s*(?:is|are|given)?\s*(?:in|:|=)\s+([^,;]+)", re.I
    ),
)
_KEY_VALUE = re.compile(r"^\s*([A-Za-z_][\w .-]{0,40}?)\s*[:=]\s*(.+?)\s*$")


def read(path: Path) -> list[Hdu]:
    """One table: named columns of numbers, with `# key: value` comments and the columns' units as its header.

    Columns are separated by commas, semicolons, tabs or blanks. Names come from a line of words before the
    numbers, commented or not; without one they are "1", "2", ... Units stand in brackets behind a name, on a line of
    their own, in a list of the columns, or in a remark ("wavelength unit: nm"). ECSV is read by astropy.

    Raises:
        FormatError: If the file is empty, binary, or has no columns of numbers.
    """
    lines = _text(path).splitlines()
    if lines[0].startswith("# %ECSV"):
        return [_ecsv(lines)]
    comments = [line.strip().lstrip("#%").strip() for line in lines if line.lstrip()[:1] in ("#", "%")]
    body = [line.strip() for line in lines if line.strip() and line.lstrip()[:1] not in ("#", "%")]
    if not body:
        raise FormatError(f"{path.name}: the file has no rows, expected columns of numbers. Fetch it again.")
    split = _splitter(body[-1])
    n = len(split(body[-1]))
    starts = [_is_number(split(line)[0]) for line in body[: MAX_NAME_LINES + 1]]
    n_words = starts.index(True) if True in starts else 1
    words, body = body[:n_words], body[n_words:]
    if not body:
        raise FormatError(
            f"{path.name}: only names ({', '.join(split(words[0]))[:60]}) and no rows, expected both. Fetch it again."
        )
    names, units = columns_of(comments, words, n, split)
    header: dict[str, str] = {
        m[1].strip().upper(): m[2] for line in comments if (m := _KEY_VALUE.match(line))
    }
    header["COMMENT"] = "\n".join(comments)
    for i, name in enumerate(names):
        header |= {f"TTYPE{i + 1}": name} | ({f"TUNIT{i + 1}": unit} if (unit := units.get(i)) else {})
    return [Hdu({**header, "TFIELDS": n}, table=_columns(body, split, names, path))]


def _ecsv(lines: list[str]) -> Hdu:
    from astropy.table import Table

    found = Table.read(lines, format="ascii.ecsv")
    header = {str(k).upper(): v for k, v in found.meta.items() if isinstance(v, str | int | float | bool)}
    header["TFIELDS"] = len(found.columns)
    columns = {}
    for i, column in enumerate(found.itercols(), 1):
        header |= {f"TTYPE{i}": column.name.lower(), f"TUNIT{i}": str(column.unit or "")}
        values = column.filled(np.nan) if hasattr(column, "filled") and column.dtype.kind == "f" else column
        columns[column.name.lower()] = np.asarray(values)
    return Hdu(header, table=columns)


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


def columns_of(
    comments: list[str], words: list[str], n: int, split: Split
) -> tuple[list[str], dict[int, str]]:
    """Names of n columns, and units by the place of the column, from the comments and the lines before the numbers."""
    lines = [line for line in (*comments, *words) if not _KEY_VALUE.match(line) or line in words]
    cells = [found for line in lines if len(found := _cells(line, n, split)) == n]
    listed = dict(item for line in comments if (item := _listed(line, n)))
    labels, units = [str(i + 1) for i in range(n)], {}
    if len(listed) == n:
        labels = [listed[i] for i in range(n)]
    elif cells:
        only_units = [all(_is_unit(cell) for cell in row) for row in cells]
        named = [row for row, is_units in zip(cells, only_units, strict=True) if not is_units]
        labels = (named or [labels])[-1]
        rows = [row for row, is_units in zip(cells, only_units, strict=True) if is_units]
        units = {i: unit.strip("[]()") for i, unit in enumerate(rows[-1]) if stated(unit)} if rows else {}
    names = []
    for i, label in enumerate(labels):
        name, unit = split_label(label)
        names.append(name)
        if unit:
            units[i] = unit
    for key, unit in _remarked(comments).items():
        place = next((i for i, name in enumerate(names) if _is_of(name, i, key)), None)
        if place is not None:
            units.setdefault(place, unit)
    return names, units


def _cells(line: str, n: int, split: Split) -> list[str]:
    """A line as n cells; blanks inside brackets, and before one, do not part cells."""
    if split is not str.split:
        return split(line)
    return line.split() if len(line.split()) == n else [cell.strip() for cell in _CELL.findall(line)]


def split_label(label: str) -> tuple[str, str | None]:
    """Name and unit of "flux (mJy)" or "lambda[Angstrom]"; a remark ("wave (vacuum)") is no unit."""
    label = label.strip().strip('"').strip()
    found = _LABEL.match(label)
    if not found:
        return label.lower(), None
    name, inside = found[1].strip(" _").lower(), found[2].strip()
    if _REMARK.match(inside):
        return (f"{name}_{'air' if 'air' in inside.lower() else 'vac'}" if medium_in(inside) else name), None
    return name, inside


def _listed(line: str, n: int) -> tuple[int, str] | None:
    """Place and label of a line as "Column 1: wavelength (nm)"."""
    found = _LISTED.match(line)
    return (int(found[1]) - 1, found[2]) if found and 1 <= int(found[1]) <= n else None


def _is_unit(cell: str) -> bool:
    plain = cell.strip().strip('"')
    if _LABEL.match(plain):
        return False
    bare = plain.lower() in ("", "-", "--", "none") or parse_unit(plain) is not None
    return bare and plain.lower() not in _NAMES_LIKE_UNITS


def _remarked(comments: list[str]) -> dict[str, str]:
    """Units that a remark gives by quantity: "wavelength unit: nm", "flux in mJy"."""
    found: dict[str, str] = {}
    for line in comments:
        for pattern in _UNIT_REMARKS:
            for match in pattern.finditer(line):
                unit = match[2].strip().strip("'\"").rstrip(".;,")
                if unit and (pattern is _UNIT_REMARKS[0] or parse_unit(unit) is not None):
                    found.setdefault(_QUANTITY[match[1].lower()[:3]], unit)
    return found


def _is_of(name: str, place: int, key: str) -> bool:
    return _QUANTITY.get(name[:3]) == key or name == {"w": "1", "f": "2"}.get(key)


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
