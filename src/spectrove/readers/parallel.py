"""Many files read by several processes, in the order they were given."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from spectrove.errors import DatasetError, Refusal, SpectroveError
from spectrove.processes import map_chunks
from spectrove.readers.columns import BOOKKEEPING, conform_rows
from spectrove.readers.light import Light
from spectrove.readers.options import responses
from spectrove.readers.readfile import read_file
from spectrove.spectra import CORE_COLUMNS, Spectrum, SpectrumSet

#: Called with the number of files done and of all files.
Progress = Callable[[int, int], None]

#: Files per task: enough to hide what a task costs, few enough for a smooth progress bar.
CHUNK = 24
#: Starting processes takes longer than reading so few files.
WORTH_PROCESSES = 2 * CHUNK


@dataclass(frozen=True)
class Batch:
    """What one task read: spectra with the bookkeeping columns, refusals, and how many files it was given."""

    spectra: SpectrumSet
    refusals: list[Refusal]
    n_files: int


def read_files(
    files: Sequence[Path],
    *,
    survey: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
    light: Light | None = None,
    cluster: str | None = None,
) -> Iterator[Batch]:
    """Batches of spectra in the order of the files; a file that cannot be read is a refusal in its batch.

    Args:
        files: What to read.
        survey: As in `read_file`.
        workers: Processes; by default one per core, and none beside this one for a few files.
        progress: Told after every batch.
        options: As in `read_file`.
        light: The kind of light of the files, if the readers here do not know it.
        cluster: Where files are read, as in `processes.map_chunks`: workers see them under the same paths.

    Raises:
        DatasetError: If a process dies.
    """
    if light is not None:
        for file in (*files, *map(Path, responses(options or {}))):
            _at(file, cluster)
        yield from _of_light(files, light, progress, responses(options or {}), workers, cluster)
        return
    if responses(options or {}):
        raise DatasetError(
            f"--response: the files, the first {Path(files[0]).name if files else 'none'}, are no spectra of counts, "
            "which alone have one. Leave it out, or name such files."
        )
    chunks = [[_at(file, cluster) for file in files[i : i + CHUNK]] for i in range(0, len(files), CHUNK)]
    workers = workers or os.cpu_count() or 1
    alone = cluster is None and (workers == 1 or len(files) <= WORTH_PROCESSES)
    tasks = ((chunk, survey, dict(options or {})) for chunk in chunks)
    results = (
        (_read_chunk(*task) for task in tasks)
        if alone
        else map_chunks(_read_chunk, tasks, max(min(workers, len(chunks)), 1), cluster)
    )
    done = 0
    for raw, refusals, n_files in results:
        done += n_files
        yield Batch(_unpack(raw), refusals, n_files)
        if progress is not None:
            progress(done, len(files))


def _at(file: Path, cluster: str | None) -> str:
    """The path of a file; for workers elsewhere the whole one."""
    if cluster is not None and cluster != "local" and not file.is_absolute():
        raise DatasetError(
            f"{file}: --cluster {cluster} reads it by workers elsewhere, expected a whole path. Begin it with /."
        )
    return str(file)


def _of_light(
    files: Sequence[Path],
    light: Light,
    progress: Progress | None,
    response: Sequence[str],
    workers: int | None,
    cluster: str | None,
) -> Iterator[Batch]:
    """Batches of another kind of light, with the bookkeeping columns."""
    done = 0
    for spectra, refusals, n_files in light.read(files, response, workers, cluster):
        status = [os.stat(path) for path in spectra.column("path")]
        marks = ([s.st_size for s in status], [s.st_mtime_ns for s in status])
        rows = spectra.rows
        for (name, kind), values in zip(BOOKKEEPING.items(), marks, strict=False):
            rows = rows.append_column(name, pa.array(values, kind))
        columns = {**CORE_COLUMNS, **light.rows, **BOOKKEEPING}
        done += n_files
        yield Batch(spectra.with_rows(conform_rows(rows, columns)), refusals, n_files)
        if progress is not None:
            progress(done, len(files))


def _read_chunk(paths: list[str], survey: str, options: dict[str, Any]) -> tuple[bytes, list[Refusal], int]:
    spectra: list[Spectrum] = []
    refusals: list[Refusal] = []
    for path in paths:
        try:
            status = os.stat(path)
            found = read_file(path, survey, **options)
        except SpectroveError as error:
            refusals.append(Refusal(path, str(error)))
        except OSError as error:
            reason = error.strerror or str(error)
            refusals.append(Refusal(path, f"{Path(path).name}: cannot be opened ({reason}). Check the path."))
        else:
            marks = dict(zip(BOOKKEEPING, (status.st_size, status.st_mtime_ns), strict=False))
            for spectrum in found:
                spectrum.row.update(marks)
            spectra += found
            refusals += found.left_out
    return _pack(spectra), refusals, len(paths)


def _pack(spectra: list[Spectrum]) -> bytes:
    made = SpectrumSet.from_spectra(spectra)
    table = made.with_rows(conform_rows(made.rows)).to_arrow()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _unpack(raw: bytes) -> SpectrumSet:
    return SpectrumSet.from_arrow(pa.ipc.open_stream(raw).read_all())
