"""The folder of a knowledge base: two Lance tables, kb.json, a log of operations, a lock for writers.

    KB/kb.json            description of the base; written last, so its presence means "complete"
    KB/spectra.lance      pixels, found by content hash; rows are only ever added
    KB/objects.lance      ids, labels, vectors; its Lance versions are the base's versions
    KB/operations.jsonl   log of operations, each written before it is done, so that versions can be named
    KB/scales.json        a cache: median nearest-neighbour distance per version and view
    KB/.lock              lock of the writer; the system frees it when the writer dies

Spectra are written before objects. A writer that dies in between leaves unused pixels, never an object
without pixels.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from spectrove.errors import KnowledgeError, SpectroveError

if TYPE_CHECKING:
    from lancedb.table import Table

KIND = "spectrove knowledge base"
FORMAT = 1


class Store:
    """An open folder; `objects` and `spectra` are its LanceDB tables."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        import lancedb

        self.path = path
        self.about = about
        with sentence(path, "open the tables"):
            database = lancedb.connect(str(path))
            self.objects: Table = database.open_table("objects")
            self.spectra: Table = database.open_table("spectra")

    @staticmethod
    def create(
        path: Path, about: dict[str, Any], spectra: pa.Table, objects: pa.Table, *, complete: bool = True
    ) -> Store:
        """A new folder with both tables.

        A failure leaves nothing behind. A killed process leaves a folder without kb.json, and so does
        `complete=False`; `open` refuses such a folder.
        """
        import lancedb

        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise KnowledgeError(_occupied(path))
        with sentence(path, "create the folder"):
            # Of two processes that create at once, the second finds the folder and stops.
            path.mkdir(parents=True, exist_ok=path.is_dir())
        try:
            with sentence(path, "write the tables"):
                database = lancedb.connect(str(path))
                database.create_table("spectra", spectra)
                database.create_table("objects", objects)
                about = {"kind": KIND, "format": FORMAT, "created": _now(), **about}
                append_line(path / "operations.jsonl", {"after": 0, "operation": "create", "time": _now()})
                if complete:
                    write_json(path / "kb.json", about)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return Store(path, about)

    def complete(self) -> None:
        """Write kb.json, so that the folder can be opened."""
        with sentence(self.path, "write kb.json"):
            write_json(self.path / "kb.json", self.about)

    @staticmethod
    def open(path: Path) -> Store:
        """The store in that folder; refuse it unless it is complete and of a format that this version reads."""
        if not (path / "kb.json").is_file():
            raise KnowledgeError(_not_a_base(path))
        try:
            about = json.loads((path / "kb.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise KnowledgeError(
                f"{path}: kb.json cannot be read ({error}). Restore it from a copy."
            ) from error
        if not isinstance(about, dict) or about.get("kind") != KIND:
            raise KnowledgeError(
                f"{path}: kb.json does not describe a knowledge base. Give a folder made by kb create."
            )
        if not isinstance(about.get("format"), int) or about["format"] > FORMAT:
            raise KnowledgeError(
                f"{path}: the base has format {about.get('format')}, this version reads up to {FORMAT}. "
                "Install a newer spectrove, or create the base again."
            )
        return Store(path, about)

    def refresh(self) -> int:
        """Number of the newest version, including changes by other writers."""
        with sentence(self.path, "read the tables"):
            self.objects.checkout_latest()
            self.spectra.checkout_latest()
            return int(self.objects.version)

    @contextmanager
    def writing(self, operation: str, **details: Any) -> Iterator[None]:
        """Hold the lock during one operation, and log the operation so that its versions can be named."""
        with locked(self.path / ".lock"), sentence(self.path, operation):
            after = self.refresh()
            entry = {"after": after, "operation": operation, "time": _now(), **details}
            append_line(self.path / "operations.jsonl", entry)
            yield

    def operations(self) -> list[dict[str, Any]]:
        """The log of operations: each made the versions that follow its `after`."""
        entries = []
        log = self.path / "operations.jsonl"
        for line in log.read_text("utf-8").splitlines() if log.is_file() else ():
            try:
                entries.append(json.loads(line))
            except ValueError:  # a writer died inside this line
                continue
        return [e for e in entries if isinstance(e, dict) and isinstance(e.get("after"), int)]

    def size(self) -> int:
        """Bytes on disk."""
        return sum(f.stat().st_size for f in self.path.rglob("*") if f.is_file())


@contextmanager
def sentence(path: Path, doing: str) -> Iterator[None]:
    """Turn errors of Lance, Arrow and the system into a KnowledgeError; our own errors pass through."""
    try:
        yield
    except SpectroveError:
        raise
    except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise KnowledgeError(
            f"{path}: could not {doing}: {reason[0][:300]}. No earlier change is lost; "
            "check that the disk has room and that the folder is writable, then try again."
        ) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock: one writer at a time on one machine. The system frees the lock when its holder dies."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system: Lance's own commit check remains
        yield
        return
    with sentence(path.parent, "lock the base for writing"):
        handle = open(path, "a")  # noqa: SIM115 (closed below, around the yield)
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file in one step: a reader sees the complete old or new content."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{get_ident()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def append_line(path: Path, value: Any) -> None:
    """Append one JSON line and wait until it is on disk."""
    with open(path, "ab+") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"  # the last writer died inside its line
            file.write(b"\n" if torn else b"")
        file.write(json.dumps(value).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _occupied(path: Path) -> str:
    if (path / "kb.json").is_file():
        return f"{path}: a knowledge base is there already. Use add or upsert, or choose another name."
    if path.is_dir() and any(path.glob("*.lance")):
        return _not_a_base(path)
    return f"{path}: something else is there already. Choose a name that does not exist."


def _not_a_base(path: Path) -> str:
    if not path.exists():
        return f"{path}: no such knowledge base. Make one with kb create, or correct the path."
    if path.is_dir() and (path / "_versions").is_dir():
        return f"{path}: this is a dataset, not a knowledge base. Make a base from it with kb create."
    if path.is_dir() and any(path.glob("*.lance")):
        return (
            f"{path}: an incomplete knowledge base; its creation was interrupted. "
            "Remove the folder and create it again."
        )
    return f"{path}: not a knowledge base (no kb.json inside). Give a folder made by kb create."
