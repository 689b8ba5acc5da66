"""Output of commands: JSON Lines, tables by suffix, refusals and summaries."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from spectrove.errors import DatasetError, Refusal
from spectrove.flat import flat_table, matrix
from spectrove.folders import left_over, remove
from spectrove.hats.layout import SUFFIX as HATS
from spectrove.hats.layout import need_free
from spectrove.plain import plain
from spectrove.serve.exits import UsageError, drop_stdout, usage_errors

if TYPE_CHECKING:
    import pyarrow as pa

    from spectrove.explanation.followup import Meaning

Row = Mapping[str, Any]

#: Number of objects named if many are refused for the same reason.
NAMED = 3


def json_line(row: Any) -> str:
    """One line of JSON; NaN and infinity, which JSON does not have, become null."""
    return json.dumps(plain(row), ensure_ascii=False, allow_nan=False)


def print_json(row: Any) -> None:
    """One JSON line on stdout, as `json_line`."""
    sys.stdout.write(json_line(row) + "\n")


@contextmanager
def printing(*files: Path | None) -> Iterator[None]:
    """Output inside is flushed; if the pipe is closed early (`| head -3`), `files` are still written.

    If there are no files to write, the work stops with the closed pipe.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not any(files):
            raise
        drop_stdout()


def print_lines(rows: Iterable[Any], *files: Path | None) -> None:
    """Print a JSON line for each row on stdout, as in `printing`."""
    with printing(*files):
        for row in rows:
            print_json(row)


def refusal_line(refusal: Refusal, paths: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A refusal as {"path", "object_id", "error"}; the id is null where no spectrum was read.

    Args:
        refusal: Of a file; with `paths` of a spectrum.
        paths: The file of each spectrum, by its id.
    """
    place = (refusal.name, None) if paths is None else (paths.get(refusal.name), refusal.name)
    return {"path": place[0], "object_id": place[1], "error": refusal.error}


@dataclass
class RefusalLines:
    """Refusals, printed on stderr.

    With `--json` one line for each as it occurs. Otherwise at the end, with one sentence for all that are refused
    for the same reason.
    """

    at_once: bool = False
    waiting: list[dict[str, Any]] = field(default_factory=list)

    def add(self, refusals: Iterable[Refusal], paths: Mapping[str, str] | None = None) -> None:
        """Add refusals, all as {"path", "object_id", "error"}; the id is null where no spectrum was read."""
        self.waiting += [refusal_line(refusal, paths) for refusal in refusals]
        if self.at_once:
            self.flush()

    def flush(self) -> None:
        """Print the refusals that have not been printed yet."""
        alike: dict[tuple[bool, str], list[dict[str, Any]]] = {}
        for line in self.waiting:
            alike.setdefault((line["object_id"] is not None, _reason(line)), []).append(line)
        self.waiting = []
        for (is_spectrum, reason), lines in alike.items():
            if self.at_once or len(lines) == 1:
                for line in lines:
                    typer.echo(json.dumps(line, ensure_ascii=False), err=True)
                continue
            names = [line["object_id"] if is_spectrum else Path(line["path"]).name for line in lines]
            rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            kind = "spectra" if is_spectrum else "files"
            typer.echo(f" {len(names)} {kind} ({', '.join(names[:NAMED])}{rest}): {reason}", err=True)


def _reason(line: Mapping[str, Any]) -> str:
    """The sentence of a refusal without the name of the file or spectrum."""
    path = line["path"] or ""
    reason = line["error"]
    for name in (path, Path(path).name, line.get("object_id")):
        reason = reason.replace(f"{name}: ", "").replace(name, "it") if name else reason
    return str(reason)


def print_refusals(
    refusals: Iterable[Refusal], paths: Mapping[str, str] | None = None, *, as_json: bool = False
) -> int:
    """Print refusals as `RefusalLines` does; returns their number."""
    lines = RefusalLines(as_json)
    listed = list(refusals)
    lines.add(listed, paths)
    lines.flush()
    return len(listed)


def say(text: str, *, as_json: bool = False) -> None:
    """Print a sentence on stdout, or on stderr if stdout carries JSON."""
    typer.echo(text, err=as_json)


def check_output(path: Path | None, suffixes: Sequence[str] = ()) -> None:
    """Refuse a path unless a table (a file with one of `suffixes`) can be written there; called before the work."""
    if path is None:
        return
    known = tuple(suffixes) or tuple(WRITERS)
    if path.suffix.lower() not in known:
        raise UsageError(
            DatasetError(
                f"{path}: the suffix {path.suffix or '(none)'} names no format, expected one of "
                f"{' '.join(known)}. Give the file one of these."
            )
        )
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise UsageError(DatasetError(f"{path}: {above} is a file, expected a folder. Correct the path."))
    if path.suffix.lower() == HATS:
        with usage_errors():
            need_free(path)
    elif path.is_dir():
        raise UsageError(DatasetError(f"{path}: this is a folder, expected a file. Name a file."))


def in_folder(path: Path) -> Path:
    """The path, with its folder created if missing; called when there is something to write."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(
            f"{path}: its folder cannot be made ({error.strerror or error}). Choose another place."
        ) from error
    return path


def write_table(
    path: Path,
    rows: Sequence[Row],
    about: Mapping[str, Any],
    meaning: Callable[[str], Meaning | None] | None = None,
) -> None:
    """Write rows as a flat table in the format of the suffix; `about` is stored if the format allows metadata.

    Args:
        meaning: Gives the unit, UCD and description of a column, or None; stored likewise.

    Raises:
        DatasetError: It could not be written. An existing file is then unchanged.
    """
    write_columns(path, flat_table(rows), about, meaning)


def write_columns(
    path: Path,
    table: pa.Table,
    about: Mapping[str, Any],
    meaning: Callable[[str], Meaning | None] | None = None,
) -> None:
    """Write a table of columns, as `write_table` writes rows."""
    if meaning is not None:
        table = _described(table, meaning)
    notes = {name: str(value) for name, value in about.items() if value not in (None, "")}
    if path.suffix.lower() == HATS:
        _write_tiles(in_folder(path), table, notes)
        return
    replace_file(path, lambda temporary: WRITERS[path.suffix.lower()](table, temporary, notes))


def _write_tiles(folder: Path, table: pa.Table, notes: Mapping[str, str]) -> None:
    """Write the rows that have a position as a HATS catalog, and say how many have none."""
    import numpy as np
    import pyarrow as pa

    from spectrove.hats.writing import placed, write

    known = placed(table)
    if lost := table.num_rows - known.num_rows:
        typer.echo(
            f" {lost} of {table.num_rows} rows have no position (ra, dec) and are not in {folder.name}",
            err=True,
        )
    ra, dec = (np.asarray(known.column(name), float) for name in ("ra", "dec"))
    write(folder, ra, dec, lambda places: known.take(pa.array(places)), notes)


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write to a temporary file and rename it: a reader sees the old file or the complete new one."""
    start, end = f".{path.stem}.", f".part{path.suffix}"
    for left in left_over(in_folder(path).parent, start, end):
        remove(left)
    temporary = path.with_name(f"{start}{os.getpid()}{end}")
    try:
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be written ({error.strerror or error}). Nothing was changed there; "
            "make room or choose another place, then run the same command again."
        ) from error
    except UnicodeEncodeError as error:
        raise DatasetError(
            f"{path}: cannot be written ({str(error.object)!r} holds letters outside ASCII, and a {path.suffix} table "
            "takes no others). Nothing was changed there; choose .parquet, .vot, .ecsv or .csv."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _described(table: pa.Table, meaning: Callable[[str], Meaning | None]) -> pa.Table:
    """The table with unit, UCD and description of each column in the metadata of its field, if known."""
    import pyarrow as pa

    fields = []
    for one in table.schema:
        known = meaning(one.name)
        metadata = {"unit": known.unit, "ucd": known.ucd, "description": known.description} if known else {}
        fields.append(one.with_metadata({k: v for k, v in metadata.items() if v}))
    return table.cast(pa.schema(fields))


def _write_parquet(table: pa.Table, path: Path, notes: Mapping[str, str]) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table.replace_schema_metadata(dict(notes)), path)


def _write_csv(table: pa.Table, path: Path, notes: Mapping[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.csv as csv

    for i, one in enumerate(table.schema):
        if pa.types.is_list(one.type):
            joined = [
                None if v is None else ";".join(f"{x:.9g}" for x in v) for v in table.column(i).to_pylist()
            ]
            table = table.set_column(i, one.with_type(pa.string()), pa.array(joined, pa.string()))
    csv.write_csv(table, path)


def _write_astropy(table: pa.Table, path: Path, notes: Mapping[str, str], kind: str) -> None:
    import numpy as np
    import pyarrow as pa
    from astropy.table import Column, Table

    columns = {}
    for name in table.column_names:
        column = table.column(name)
        # These formats have no common null: text becomes "", numbers NaN, and unknown is not true.
        if pa.types.is_string(column.type):
            columns[name] = np.array([value or "" for value in column.to_pylist()], dtype=str)
        elif pa.types.is_boolean(column.type):
            columns[name] = np.array([bool(value) for value in column.to_pylist()], dtype=bool)
        elif pa.types.is_list(column.type):
            columns[name] = matrix(column.to_pylist())
        else:
            columns[name] = column.to_numpy()
        if metadata := {k.decode(): v.decode() for k, v in (table.field(name).metadata or {}).items()}:
            ucd = {"ucd": metadata["ucd"]} if "ucd" in metadata else {}
            unit, description = _written_unit(metadata, kind)
            columns[name] = Column(columns[name], unit=unit, description=description, meta=ucd)
    meta = {name.upper()[:8]: value for name, value in notes.items()}
    Table(columns, meta=meta).write(path, format=kind, overwrite=True)


def _written_unit(metadata: Mapping[str, str], kind: str) -> tuple[str | None, str | None]:
    """Unit and description as a format can hold them: units that it does not know, such as dex, stand in words."""
    from astropy.units import Unit

    unit, description = metadata.get("unit"), metadata.get("description")
    standard = {"fits": "fits", "votable": "vounit"}.get(kind)
    if unit and standard:
        try:
            Unit(unit).to_string(standard)
        except ValueError:
            return None, f"{description or ''} [{unit}]".strip()
    return unit, description


#: Suffix to the function that writes a table so.
WRITERS: dict[str, Callable[[pa.Table, Path, Mapping[str, str]], None]] = {
    ".parquet": _write_parquet,
    ".fits": lambda table, path, notes: _write_astropy(table, path, notes, "fits"),
    ".ecsv": lambda table, path, notes: _write_astropy(table, path, notes, "ascii.ecsv"),
    ".vot": lambda table, path, notes: _write_astropy(table, path, notes, "votable"),
    ".votable": lambda table, path, notes: _write_astropy(table, path, notes, "votable"),
    ".xml": lambda table, path, notes: _write_astropy(table, path, notes, "votable"),
    ".csv": _write_csv,
}

#: What answers about objects of known position can be written as: tables, or a folder that is a HATS catalog.
WITH_POSITIONS = (*WRITERS, HATS)
