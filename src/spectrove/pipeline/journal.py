"""The journal of a watch, an append-only file beside its results: what arrived, what was begun, what is done.

Lines are JSON. A file of spectra is known by the hash of its content and by its name: what is done is not done again,
whatever its name, and another content under a known name is a new file. Results are lines as well; one that was
written is never taken back, so that whoever reads along sees each once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from spectrove.errors import DatasetError
from spectrove.plain import plain

#: Hash of a file, id of a spectrum, name of a target: there is one line of results for each.
Key = tuple[str, str, str]

#: What a watch that differs in these has differently.
WORDS = {"contents": "targets that said something else", "missing_z": "another --missing-z"}

#: Bytes that are hashed at a time.
PIECE = 1 << 20


@dataclass(frozen=True)
class Arrival:
    """A whole file in the folder that is watched.

    Attributes:
        path: The file.
        name: Its path in the folder.
        mark: Bytes, and the time of its last change in nanoseconds.
        time: When it arrived, seconds since 1970.
        digest: Hash of its content; "" as long as it was not read.
    """

    path: Path
    name: str
    mark: tuple[int, int]
    time: float
    digest: str = ""

    @property
    def words(self) -> dict[str, Any]:
        """What the journal says of it."""
        return {"file": self.name, "hash": self.digest, "bytes": self.mark[0], "mtime_ns": self.mark[1]}


@dataclass
class Journal:
    """An open journal, held by one process alone.

    Attributes:
        path: Its file.
        results: The file of results beside it.
        marks: Of each file that is settled, by name.
        done: Name of the file that was done with a content, by its hash.
        last: Hash of what was done last under a name.
        begun: Bytes of the results when a content was begun that is not done, by its hash.
        there: Lines of results of contents that are not done.
    """

    path: Path
    results: Path
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    there: set[Key] = field(default_factory=set)
    _file: Any = None

    @classmethod
    def open(cls, results: Path, about: dict[str, Any]) -> Self:
        """The journal of these results, made if there is none.

        Args:
            results: A file of JSON Lines; the journal is NAME.journal.jsonl beside it.
            about: What is watched and asked, as plain values.

        Raises:
            DatasetError: Another watch has it open, or it is the journal of another question.
        """
        path = results.with_name(f"{results.name.removesuffix('.jsonl')}.journal.jsonl")
        if results.name.endswith(".journal.jsonl") or results.is_dir():
            raise DatasetError(f"{results}: expected a file of results, such as found.jsonl. Name another.")
        results.parent.mkdir(parents=True, exist_ok=True)
        journal = cls(path, results)
        journal._file = open(path, "ab+")  # noqa: SIM115 (closed by `close`)
        try:
            journal._lock()
            journal._read(about)
        except BaseException:
            journal.close()
            raise
        return journal

    def close(self) -> None:
        """Give it free for another process."""
        self._file.close()

    def is_settled(self, name: str, mark: tuple[int, int]) -> bool:
        """Whether a file of this name, size and time has nothing more to be done to it."""
        return self.marks.get(name) == mark

    def same_as(self, file: Arrival) -> str:
        """Name of the file with the same content that was done; "" if there is none, or if that was replaced since."""
        name = self.done.get(file.digest, "")
        return "" if name == file.name and self.last[name] != file.digest else name

    def replaces(self, file: Arrival) -> bool:
        """Whether another content was done under its name."""
        return self.last.get(file.name, file.digest) != file.digest

    def begin(self, files: Sequence[Arrival]) -> None:
        """Note that these files are being answered."""
        size = self.results.stat().st_size if self.results.exists() else 0
        self._write(event="begun", files=[file.words for file in files], results=size)
        for file in files:
            self.begun.setdefault(file.digest, size)

    def settle(self, event: str, files: Iterable[tuple[Arrival, dict[str, Any]]]) -> None:
        """Note how files ended: "done", "repeated" (a content that was done), "part" (of spectra in other files),
        "waiting" (for such a part), "refused" or "failed".

        One that waits, failed or was refused is left alone until a part of it comes or changes, and tried again by the
        next process: other options may read it.
        """
        lines = []
        for file, words in files:
            lines.append({"event": event, "time": now(), **file.words, **words})
            self.marks[file.name] = file.mark
            self._learn(lines[-1])
        append(self._file, lines)

    def add_results(self, rows: Iterable[tuple[Key, dict[str, Any]]]) -> list[dict[str, Any]]:
        """The rows that were not in the results, after they are written there and safe on the disk."""
        fresh = {key: row for key, row in rows if key not in self.there}
        if fresh:
            with open(self.results, "ab+") as file:
                append(file, fresh.values())
            self.there |= fresh.keys()
        return list(fresh.values())

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # not a POSIX system
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(
                f"{self.results}: another watch writes to it. End that one, or choose another file with -o."
            ) from error

    def _read(self, about: dict[str, Any]) -> None:
        self._file.seek(0)
        first: dict[str, Any] = {}
        for line in self._file:
            try:
                entry = json.loads(line)
            except ValueError:  # a watch was killed inside this line
                continue
            if entry["event"] == "watch":
                first |= entry
            self._learn(entry)
        if differing := [name for name in about if first.get(name, about[name]) != about[name]]:
            name = differing[0]
            raise DatasetError(
                f"{self.results}: holds results of a watch with {WORDS.get(name, f'another {name}')} ({first[name]}, "
                f"expected {about[name]}). Choose another file with -o."
            )
        if not about.keys() <= first.keys():  # a new journal, or one that did not say all of this
            self._write(event="watch", **about)
        if self.begun:
            self.there = _written(self.results, min(self.begun.values()))

    def _learn(self, entry: dict[str, Any]) -> None:
        """Keep in memory what a line says."""
        if entry["event"] == "begun":
            for file in entry["files"]:
                self.begun.setdefault(file["hash"], entry["results"])
        if entry["event"] not in ("done", "repeated", "part"):
            return
        name, digest = entry["file"], entry["hash"]
        self.marks[name] = (entry["bytes"], entry["mtime_ns"])
        self.begun.pop(digest, None)
        if entry["event"] == "done":
            self.done[digest], self.last[name] = name, digest
            self.there = {key for key in self.there if key[0] != digest}

    def _write(self, **entry: Any) -> None:
        append(self._file, [{**entry, "time": now()}])


def append(file: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Add a line for each row to a file that is open for "ab+", and wait until they are on the disk."""
    text = "".join(json.dumps(plain(row), ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    if (size := file.seek(0, os.SEEK_END)) > 0:
        file.seek(size - 1)
        text = text if file.read(1) == b"\n" else "\n" + text  # the last writer was killed inside its line
    file.write(text.encode())
    file.flush()
    os.fsync(file.fileno())


def _written(results: Path, start: int) -> set[Key]:
    """The lines of results from a place on; a line that was cut short is removed, as nobody can read it."""
    if not results.exists():
        return set()
    with open(results, "r+b") as file:
        start = start if start <= file.seek(0, os.SEEK_END) else 0  # somebody began the file anew
        file.seek(start)
        whole, _, torn = file.read().rpartition(b"\n")
        if torn:
            file.truncate(file.tell() - len(torn))
    return {_key(json.loads(line)) for line in whole.splitlines()}


def _key(row: dict[str, Any]) -> Key:
    """By which a line of results is known."""
    return str(row.get("hash")), str(row.get("object_id")), str(row.get("target"))


def digest_of(path: Path) -> str:
    """Hash of the content of a file."""
    digest = blake2b(digest_size=16)
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def now() -> str:
    """The time, UTC, as ISO text."""
    return as_text(datetime.now(UTC).timestamp())


def as_text(seconds: float) -> str:
    """A time in seconds since 1970 as ISO text, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
