"""Which files of a folder are whole and have something to be done to them, as its files arrive.

A file is whole when its size and its time are the same at two looks. Its time alone says nothing: a copy may keep that
of the file that it is a copy of.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spectrove.errors import DatasetError
from spectrove.pipeline.journal import Arrival, Journal
from spectrove.readers.files import files_in
from spectrove.readers.light import Companion

#: Seconds between two looks at a file that has to be the same at both.
STILL = 2.0

#: Files that are answered together.
TOGETHER = 64

#: Bytes, and the time of the last change in nanoseconds.
Mark = tuple[int, int]


@dataclass(frozen=True)
class _Held:
    """A file that could not be read as it was, and the files that it needs as they were; None if absent or changing."""

    mark: Mark
    needs: dict[Path, Mark | None]

    def news(self) -> tuple[Mark, ...]:
        """Marks of those that came or changed since."""
        now = {path: _mark(path) for path in self.needs}
        return tuple(mark for path, mark in now.items() if mark is not None and mark != self.needs[path])


@dataclass
class _Seen:
    """A file at an earlier look: itself, its marks and those of news, and when it was first like that (monotonic)."""

    file: Arrival
    marks: tuple[Mark, ...]
    since: float


class Arrivals:
    """The files of a folder as they arrive.

    Args:
        folder: What is watched, with its subfolders.
        journal: Which files are settled.
        every: Seconds between two looks into the folder.
        once: Whether it ends when all files that are there are whole.

    Attributes:
        unfinished: Names of files that were still being written when it ended.
    """

    def __init__(self, folder: Path, journal: Journal, every: float, once: bool) -> None:
        self._folder, self._journal, self._every, self._once = folder, journal, every, once
        self._held: dict[str, _Held] = {}
        self.unfinished: list[str] = []

    @property
    def still(self) -> float:
        """Seconds for which a file has to be the same."""
        return min(STILL, self._every)

    def groups(self) -> Iterator[list[Arrival]]:
        """Groups of whole files that are not settled, the earliest first."""
        looked = time.time()
        seen: dict[str, _Seen] = {}
        rest = 1
        while True:
            began, clock = time.time(), time.monotonic()
            found = {file.name: (file, marks) for file, marks in self._files(looked, began)}
            seen = {
                name: known
                if (known := seen.get(name)) and known.marks == marks
                else _Seen(file, marks, clock)
                for name, (file, marks) in found.items()
            }
            whole = [one.file for one in seen.values() if clock - one.since >= self.still]
            whole.sort(key=lambda file: (file.mark[1], file.name))
            seen = {name: one for name, one in seen.items() if clock - one.since < self.still}
            for start in range(0, len(whole), TOGETHER):
                yield whole[start : start + TOGETHER]
            looked = began
            if self._once and not (seen and rest):
                self.unfinished += seen
                return
            rest -= 1
            time.sleep(self.still if seen else self._every)

    def hold(self, file: Arrival, needs: Sequence[Companion], before: float) -> list[str]:
        """Leave a file that could not be read until a file that it needs comes or changes.

        Args:
            file: The file; the journal says that it is settled.
            needs: What it needs.
            before: When it was begun to be read, seconds since 1970.

        Returns:
            Names of what it needs that is absent, or was still being written then.
        """
        places = {path for one in needs for path in one.places}
        marks = {path: _mark(path, before - self.still) for path in places}
        if places:
            self._held[file.name] = _Held(file.mark, marks)
        return [one.name for one in needs if one.named and not any(marks[path] for path in one.places)]

    def _files(self, looked: float, began: float) -> Iterator[tuple[Arrival, tuple[Mark, ...]]]:
        """Files in the folder that are not settled, with the marks that have to stay as they are.

        One that was there before the watch arrived with its beginning.
        """
        for path in self.paths():
            try:
                status = path.stat()
            except OSError:  # gone again
                continue
            name, mark = path.relative_to(self._folder).as_posix(), (status.st_size, status.st_mtime_ns)
            held = self._held.get(name)
            news = held.news() if held is not None and held.mark == mark else ()
            if news or not self._journal.is_settled(name, mark):
                arrived = min(max(looked, status.st_mtime, status.st_ctime), began)
                yield Arrival(path, name, mark, arrived), (mark, *news)

    def paths(self) -> list[Path]:
        """Files in the folder; a subfolder that goes while it is looked at is no reason to end.

        Raises:
            DatasetError: The folder itself is gone, or cannot be read.
        """
        while True:
            try:
                return files_in(self._folder)
            except DatasetError as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
                if not self._folder.is_dir():
                    raise DatasetError(
                        f"{self._folder}: the folder that is watched is gone. What had arrived is done; start the "
                        "watch again when it is back."
                    ) from error


def _mark(path: Path, before: float | None = None) -> Mark | None:
    """Size and time of a file; None if it is not there, or was changed or put there after a time."""
    try:
        status = path.stat()
    except OSError:
        return None
    if before is not None and max(status.st_mtime, status.st_ctime) > before:
        return None
    return status.st_size, status.st_mtime_ns
