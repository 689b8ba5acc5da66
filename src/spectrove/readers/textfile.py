"""Plain text, CSV and astropy tables as the same `Hdu` that a FITS table gives."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.readers.fitsfile import Hdu, open_plain
from spectrove.readers.lists import has_lists, read_lists
from spectrove.readers.medium import medium_in
from spectrove.readers.units import parse_unit, stated

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
#: What a column of a VOTable holds, by its UCD; errors first, since theirs name the flux too.
_UCDS = (
    (re.compile(r"stat\.error.*(phot|spect)\.", re.I), "error"),
    (re.compile(r"meta\.code\.qual", re.I), "quality"),
    (re.compile(r"^phot\.(flux|fluence|mag|count)", re.I), "flux"),
    (re.compile(r"^(em\.(wl|freq|energy|wavenumber)|spect\.dopplerParam)", re.I), "wavelength"),
)
#: A number with a decimal comma.
_DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+(?:[eEdD][+-]?\d+)?$")
#: What stands in a column of numbers for a value that is missing.
_MISSING = {"", "-", "--", "---", "...", "indef", "null", "none", "n/a", "na", "nan", "masked", "undef", "*"}
_KEY_VALUE = re.compile(r"^\s*([A-Za-z_][\w .-]{0,40}?)\s*[:=]\s*(.+?)\s*$")


def read(path: Path) -> list[Hdu]:
    """One table: named columns of numbers, with `# key: value` comments and the columns' units as its header.

    Columns are separated by commas, semicolons, tabs or blanks. Names come from a line of words before the
    numbers, commented or not; without one they are "1", "2", ... Units stand in brackets behind a name, on a line of
    their own, in a list of the columns, or in a remark ("wavelength unit: nm"). ECSV, VOTables and the
    tables of IPAC and CDS are read by astropy.

    Raises:
        FormatError: If the file is empty, binary, or has no columns of numbers.
    """
    text = _text(path)
    if known := _format_of(text):
        return _by_astropy(text, known, path)
    if has_lists(text):
        return [read_lists(text, path)]
    lines = text.splitlines()
    comments = [line.strip().lstrip("#%").strip() for line in lines if line.lstrip()[:1] in ("#", "%")]
    body = [line.strip() for line in lines if line.strip() and line.lstrip()[:1] not in ("#", "%")]
    if not body:
        raise FormatError(f"{path.name}: the file has no rows, expected columns of numbers. Fetch it again.")
    body = _with_points(body)
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


def _format_of(text: str) -> str | None:
    """The name that astropy has for a table that describes itself: ECSV, VOTable, IPAC, machine-readable and CDS."""
    head = text[:4000].lstrip()
    if head.startswith("# %ECSV"):
        return "ascii.ecsv"
    if head.startswith("<") and re.search(r"<(\w+:)?VOTABLE", head):
        return "votable"
    if re.match(
        r"(\\.*\n)*\|.*\|\s*\n\|[\s|]*(char|double|float|real|int|long|date|[cdfril])\b.*\|\s*\n", head
    ):
        return "ascii.ipac"
    if "byte-by-byte description" in head.lower():
        return "ascii.mrt" if head.startswith("Title:") else "ascii.cds"
    return None


def _by_astropy(text: str, known: str, path: Path) -> list[Hdu]:
    from astropy.table import Table

    try:
        if known == "votable":
            return _votable(text)
        return [_of_table(Table.read(text, format=known))]
    except Exception as error:  # the readers of astropy raise whatever their format makes them
        raise FormatError(
            f"{path.name}: begins as a table of the kind {known.removeprefix('ascii.')}, which astropy cannot read "
            f"({str(error)[:120]}). Fetch it again."
        ) from error


def _votable(text: str) -> list[Hdu]:
    """The tables of a VOTable with its PARAMs; columns without a known name are named by what their UCD says."""
    from astropy.io.votable import parse

    tree = parse(io.BytesIO(text.encode()))
    hdus = []
    for table in tree.iter_tables():
        said = [*tree.params, *(p for resource in tree.resources for p in resource.params), *table.params]
        found = table.to_table(use_names_over_ids=True)
        for field in table.fields:
            name = next((name for ucd, name in _UCDS if ucd.search(str(field.ucd or ""))), None)
            if name and field.name in found.colnames and name not in map(str.lower, found.colnames):
                found[field.name].name = name
        header = {str(param.name).upper(): param.value for param in said}
        hdus.append(_of_table(found, {k: v for k, v in header.items() if isinstance(v, str | int | float)}))
    return hdus


def _of_table(found: Any, cards: Mapping[str, Any] | None = None) -> Hdu:
    """An astropy table with its columns' units and what it says of itself."""
    meta = {**found.meta, **{k: v["value"] for k, v in (found.meta.get("keywords") or {}).items()}}
    header = {str(k).upper(): v for k, v in meta.items() if isinstance(v, str | int | float | bool)}
    header |= {**(cards or {}), "TFIELDS": len(found.columns)}
    header["COMMENT"] = "\n".join(map(str, found.meta.get("comments") or ()))
    columns = {}
    for i, column in enumerate(found.itercols(), 1):
        header |= {f"TTYPE{i}": column.name.lower(), f"TUNIT{i}": str(column.unit or "")}
        columns[column.name.lower()] = _filled(column)
    return Hdu(header, table=columns)


def _filled(column: Any) -> NDArray:
    """Plain values; numbers that are masked are NaN."""
    if not hasattr(column, "filled"):
        return np.asarray(column)
    if column.dtype.kind in "iu" and np.any(column.mask):
        column = column.astype(float)
    return np.asarray(column.filled(np.nan) if column.dtype.kind == "f" else column.filled())


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


def _with_points(body: list[str]) -> list[str]:
    """Lines whose numbers have decimal commas, parted by semicolons, tabs or blanks, with points instead."""
    cells = re.split(r"[;\t|]\s*|\s+", body[-1].strip(";|"))
    numbers = all(_DECIMAL_COMMA.match(cell) or _is_number(cell or "0") for cell in cells)
    if len(cells) < 2 or not numbers or not any(map(_DECIMAL_COMMA.match, cells)):
        return body
    return [re.sub(r"(?<=\d),(?=\d)", ".", line) for line in body]


def _splitter(line: str):  # type: ignore[no-untyped-def]
    for mark in (",", ";", "\t", "|"):
        if mark in line:
            return lambda text: [part.strip() for part in text.strip("|" if mark == "|" else "").split(mark)]
    return str.split


def _columns(body: list[str], split, names: list[str], path: Path) -> dict[str, NDArray]:  # type: ignore[no-untyped-def]
    rows = [split(line) for line in body]
    wrong = sum(len(row) != len(names) for row in rows)
    if wrong:
        raise FormatError(
            f"{path.name}: {wrong} of {len(rows)} rows do not have {len(names)} values, as the first has. "
            "Remove or mend these rows."
        )
    _check_commas(rows, path)
    columns = {name: _column([row[i] for row in rows]) for i, name in enumerate(names)}
    if not any(column.dtype.kind == "f" for column in columns.values()):
        raise FormatError(
            f"{path.name}: no column of numbers in {len(rows)} rows (first: {body[0][:40]!r}), "
            "expected wavelength and flux. Leave this file out."
        )
    return columns


def _check_commas(rows: list[list[str]], path: Path) -> None:
    """Refuse rows whose every second cell is digits with leading zeros, as decimals cut off at a comma are."""
    cells = rows[0]
    if (
        len(cells) < 4
        or len(cells) % 2
        or not all(cell.isdigit() for row in (rows[0], rows[-1]) for cell in row)
    ):
        return
    seconds = [[row[i] for row in rows] for i in range(1, len(cells), 2)]
    if all(len(set(map(len, column))) == 1 < len(column[0]) for column in seconds) and any(
        cell.startswith("0") for column in seconds for cell in column
    ):
        raise FormatError(
            f"{path.name}: commas part the columns and, as it seems, the decimals too (first row "
            f"{','.join(cells)[:40]!r}), expected one or the other. "
            "Write it with decimal points, or semicolons between columns."
        )


def _column(cells: list[str]) -> NDArray:
    """Numbers, with NaN for the words that stand for a missing one, if any cell is one; else the text."""
    try:
        return np.array([cell or "nan" for cell in cells], dtype=float)
    except ValueError:
        plain = ["nan" if cell.strip('"').lower() in _MISSING else _plain_number(cell) for cell in cells]
    try:
        found = np.array(plain, dtype=float)
    except ValueError:
        return np.array(cells)
    return found if np.isfinite(found).any() else np.array(cells)


def _plain_number(text: str) -> str:
    """Without quotes, and with E in place of the D that Fortran writes."""
    return re.sub(r"(?<=[\d.])[dD](?=[+-]?\d)", "E", text.strip('"'))


def _is_number(text: str) -> bool:
    try:
        float(_plain_number(text))
    except ValueError:
        return False
    return True
