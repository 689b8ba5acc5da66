"""Many files read by several processes, in the order they were given."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from spectrove.errors import DatasetError, Refusal, SpectroveError
from spectrove.processes import end_with_parent
from spectrove.readers.columns import BOOKKEEPING, conform_rows
from spectrove.readers.light import Light
from spectrove.readers.options import responses
from spectrove.readers.readfile import read_file
from spectrove.spectra import CORE_COLUMNS, Spectrum, SpectrumSet

R = TypeVar("R")

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
) -> Iterator[Batch]:
    """Batches of spectra in the order of the files; a file that cannot be read is a refusal in its batch.

    Args:
        files: What to read.
        survey: As in `read_file`.
        workers: Processes; by default one per core, and none beside this one for a few files.
        progress: Told after every batch.
        options: As in `read_file`.
        light: The kind of light of the files, if the readers here do not know it.

    Raises:
        DatasetError: If a process dies.
    """
    if light is not None:
        yield from _of_light(files, light, progress, responses(options or {}), workers)
        return
    if responses(options or {}):
        raise DatasetError(
            f"--response: the files, the first {Path(files[0]).name if files else 'none'}, are no spectra of counts, "
            "which alone have one. Leave it out, or name such files."
        )
    chunks = [[str(file) for file in files[i : i + CHUNK]] for i in range(0, len(files), CHUNK)]
    workers = workers or os.cpu_count() or 1
    alone = workers == 1 or len(files) <= WORTH_PROCESSES
    tasks = ((chunk, survey, dict(options or {})) for chunk in chunks)
    results = (
        (_read_chunk(*task) for task in tasks)
        if alone
        else in_processes(_read_chunk, tasks, min(workers, len(chunks)))
    )
    done = 0
    for raw, refusals, n_files in results:
        done += n_files
        yield Batch(_unpack(raw), refusals, n_files)
        if progress is not None:
            progress(done, len(files))


def _of_light(
    files: Sequence[Path],
    light: Light,
    progress: Progress | None,
    response: Sequence[str],
    workers: int | None,
) -> Iterator[Batch]:
    """Batches of another kind of light, with the bookkeeping columns."""
    done = 0
    for spectra, refusals, n_files in light.read(files, response, workers):
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


def in_processes(read: Callable[..., R], tasks: Iterator[tuple], workers: int) -> Iterator[R]:
    """What a function of a module gives for each task, in their order, by several processes.

    Raises:
        DatasetError: If a process dies.
    """
    # Spawned, not forked: the parent may hold threads of torch, Lance or Arrow, which a fork would break.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)
    waiting: deque[Future] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(read, *task))
            if len(waiting) > 3 * workers:  # no more results in memory than the reader can use soon
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise DatasetError(
            f"one of {workers} reading processes died (out of memory, or started from a script without "
            '`if __name__ == "__main__":`). Run again with fewer, --workers 1: what was stored is kept.'
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Ctrl-C is for the parent, which lets its children finish; if the parent is killed, they end too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


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
