"""The sheet: a CSV table of proposed spectra, in which a person writes yes, no or unsure with a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from spectrove.errors import CatalogError, DatasetError

#: The columns of a sheet; others are kept as they are.
COLUMNS = (
    "object_id", "mark", "comment", "round", "proposed_because", "proposal_probability", "score", "target",
)  # fmt: skip

#: What may be written as a mark, in any case.
MARKS: Mapping[str, str] = {
    "yes": "yes", "y": "yes", "1": "yes", "1.0": "yes", "true": "yes", "no": "no", "n": "no", "0": "no", "0.0": "no",
    "false": "no", "unsure": "unsure", "?": "unsure", "maybe": "unsure", "u": "unsure",
}  # fmt: skip

#: Delimiters that spreadsheets write.
DELIMITERS = (",", ";", "\t")

#: Places named in a caution.
NAMED = 5


@dataclass(frozen=True)
class Dialect:
    """How the file is written, so that it is written back in the same way."""

    delimiter: str = ","
    newline: str = "\n"
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Sheet:
    """A table of proposals with marks.

    Attributes:
        header: Names of the columns, in their order.
        rows: Cells of each row; a row may have more or fewer than there are columns.
        lines: Line of the file at which each row ends, for messages.
        dialect: How the file is written.
        content: The bytes that were read; None of a new sheet.
    """

    header: tuple[str, ...] = COLUMNS
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[int, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)
    content: bytes | None = None

    def column(self, name: str) -> list[str]:
        """The cells of a column without surrounding spaces; "" where a row is too short or there is no column."""
        place = _place(self.header, name)
        return [row[place].strip() if 0 <= place < len(row) else "" for row in self.rows]

    def with_rows(self, rows: Sequence[Mapping[str, str]]) -> Sheet:
        """The sheet with more rows at its end; columns that it lacks are added at the right."""
        missing = [name for name in COLUMNS if _place(self.header, name) < 0]
        header = (*self.header, *missing)
        kept = self.rows
        if missing:  # a cell beyond the columns must not slip into a new one
            width = max([len(self.header), *map(len, kept)])
            header = (*self.header, *[""] * (width - len(self.header)), *missing)
        names = [name.strip().lower() for name in header]
        added = tuple(tuple(row.get(name, "") for name in names) for row in rows)
        return replace(self, header=header, rows=kept + added, lines=(*self.lines, *[0] * len(added)))


@dataclass(frozen=True)
class Marked:
    """What a sheet says.

    Attributes:
        marks: "yes", "no" or "unsure" of each object that has a mark that could be read.
        open: Objects of the sheet without one.
        because: Why each object of the sheet was proposed: "likely", "informative", "random", "example" or what else
            is written there.
        rounds: The largest round so far.
        cautions: Sentences about what could not be used.
    """

    marks: Mapping[str, str]
    open: tuple[str, ...] = ()
    because: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 0
    cautions: tuple[str, ...] = ()


def read_sheet(path: Path | str) -> Sheet:
    """The sheet in a file: commas, semicolons or tabs; with or without a byte order mark; any line ends.

    Raises:
        CatalogError: It cannot be read, or a column is missing.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CatalogError(
            f"{path}: the sheet cannot be read ({error.strerror or error}). Check the path."
        ) from error
    text, dialect = _decoded(content, path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter)
    try:
        parsed = [(tuple(row), reader.line_num) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise CatalogError(
            f"{path}: line {reader.line_num} is no CSV ({error}). Save the sheet as CSV again."
        ) from error
    header = parsed[0][0] if parsed else ()
    if missing := [name for name in ("object_id", "mark") if _place(header, name) < 0]:
        raise CatalogError(
            f"{path}: no column {' nor '.join(missing)}, found {', '.join(header) or 'nothing'}. "
            "Give the sheet that --review wrote, or one with the columns object_id and mark."
        )
    rows, lines = tuple(row for row, _ in parsed[1:]), tuple(line for _, line in parsed[1:])
    return Sheet(header, rows, lines, dialect, content)


def write_sheet(path: Path | str, sheet: Sheet) -> None:
    """Write the whole sheet in one step: a reader sees the old file or the new one.

    Raises:
        DatasetError: The file was changed after it was read, or cannot be written; it is then as it was.
    """
    path = Path(path)
    before = path.read_bytes() if path.exists() else None
    if before != sheet.content:
        raise DatasetError(
            f"{path}: the sheet was changed while its marks were read. Nothing was written; run the same command again."
        )
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=sheet.dialect.delimiter, lineterminator=sheet.dialect.newline)
    writer.writerow(sheet.header)
    writer.writerows(sheet.rows)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        part.write_bytes(_encoded(out.getvalue(), sheet.dialect.encoding))
        os.replace(part, path)
    except OSError as error:
        raise DatasetError(
            f"{path}: the sheet cannot be written ({error.strerror or error}). Nothing was changed; close it in other "
            "programs or choose another place, then run the same command again."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def marked(sheet: Sheet) -> Marked:
    """The marks of a sheet; what cannot be used is named with its line."""
    ids, written = sheet.column("object_id"), sheet.column("mark")
    unknown: list[str] = []
    said: dict[str, dict[str, int]] = {}
    for name, word, line in zip(ids, written, sheet.lines, strict=True):
        if not name or not word:
            continue
        mark = MARKS.get(word.lower())
        if mark is None:
            unknown.append(f"line {line} ({name}) {word!r}")
        else:
            said.setdefault(name, {}).setdefault(mark, line)
    marks = {name: next(iter(found)) for name, found in said.items() if len(found) == 1}
    twice = [
        f"{name} ({', '.join(f'{mark} in line {line}' for mark, line in found.items())})"
        for name, found in said.items()
        if len(found) > 1
    ]
    cautions = []
    if unknown:
        cautions.append(f"marks that are not yes, no or unsure, not used: {_listed(unknown)}")
    if twice:
        cautions.append(f"objects with two marks, taken as unsure: {_listed(twice)}")
    marks |= {name: "unsure" for name, found in said.items() if len(found) > 1}
    rounds = max([int(r) for r in sheet.column("round") if r.isdigit()], default=0)
    return Marked(
        marks, tuple(dict.fromkeys(name for name in ids if name and name not in marks)),
        dict(zip(ids, sheet.column("proposed_because"), strict=True)), rounds, tuple(cautions),
    )  # fmt: skip


def _listed(items: Sequence[str]) -> str:
    rest = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + rest


def _place(header: Sequence[str], name: str) -> int:
    names = [one.strip().lower() for one in header]
    return names.index(name) if name in names else -1


def _decoded(content: bytes, path: Path) -> tuple[str, Dialect]:
    """Text of a file and how it is written; the delimiter is the one that the header has most of."""
    for encoding in ("utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8", "cp1252"):
        with suppress(UnicodeDecodeError):
            text = content.decode(encoding)
            break
    else:
        raise CatalogError(
            f"{path}: neither UTF-8 nor Windows text, expected CSV. Save the sheet as CSV UTF-8."
        )
    first = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    newline = "\r\n" if first.endswith("\r") else "\n"
    return text, Dialect(delimiter, newline, encoding)


def _encoded(text: str, encoding: str) -> bytes:
    """The bytes of a text; with letters that the encoding lacks the file becomes UTF-8 with its mark."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8-sig")
