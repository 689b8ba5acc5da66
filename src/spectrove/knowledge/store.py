"""What a knowledge base consists of: two Lance tables, kb.json, a log of operations, a lock for writers.

    KB/kb.json            description of the base; written last, so its presence means "complete"
    KB/spectra.lance      pixels, found by content hash; rows are only ever added
    KB/shared/            values that many spectra share, each once, named by its hash, see `spectrove.shared`
    KB/objects.lance      ids, labels, vectors; its Lance versions are the base's versions
    KB/operations.jsonl   log of operations, each written before it is done, so that versions can be named
    KB/scales.json        a cache: median nearest-neighbour distance per version and view
    KB/metrics, ...       a cache: what was fitted on a version of the base, see `inference.kept`
    KB/index/             a cache: the vectors as arrays and a graph of them, see `index.sidecar`
    KB/.lock              lock of the writer of a local folder; the system frees it when the writer dies

KB is a folder or an address such as s3://bucket/sdss.kb. All but the tables is read and written through `files.Files`.

Spectra are written before objects. A writer that dies in between leaves unused pixels, never an object
without pixels.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from spectrove.errors import KnowledgeError, SpectroveError
from spectrove.knowledge.files import Files, Indexed, Uri, files_of
from spectrove.shared import FOLDER as SHARED_FOLDER
from spectrove.shared import split as split_shared

if TYPE_CHECKING:
    from lancedb.table import Table

KIND = "spectrove knowledge base"

#: The newest format that this version reads and writes; a base without shared values is still of format 1.
FORMAT = 2

#: Shared values that are kept in memory.
MOST_VALUES = 32

#: The tables.
TABLES = ("objects", "spectra")

#: A file system may give two changes within this time the same time, nanoseconds.
SETTLED = 2_000_000_000

#: Names of the description and of the log.
ABOUT, LOG = "kb.json", "operations.jsonl"


class Store:
    """An open base; `objects` and `spectra` are its LanceDB tables, `files` all that is kept beside them."""

    def __init__(self, path: Path | Uri, about: dict[str, Any], files: Files, database: Any) -> None:
        self.path = path
        self.about = about
        self.files = files
        if isinstance(files, Indexed):
            files.belongs_to(str(about.get("created")))
        #: A shared value by its name, which is its hash.
        self.shared_value = lru_cache(MOST_VALUES)(self._read_shared)
        with sentence(path, "open the tables"):
            self._seen: tuple[tuple[int, ...] | None, int] | None = None
            self.objects: Table = database.open_table("objects")
            self.spectra: Table = database.open_table("spectra")

    @staticmethod
    def create(
        path: Path | Uri,
        about: dict[str, Any],
        spectra: pa.Table,
        objects: pa.Table,
        *,
        complete: bool = True,
    ) -> Store:
        """A new base with both tables.

        A failure leaves nothing behind. A killed process leaves a folder without kb.json, and so does
        `complete=False`; `open` refuses such a folder.
        """
        import lancedb

        files = files_of(path)
        if isinstance(path, Path):
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise KnowledgeError(_occupied(path))
            with sentence(path, "create the folder"):
                # Of two processes that create at once, the second finds the folder and stops.
                path.mkdir(parents=True, exist_ok=path.is_dir())
        else:
            with sentence(path, "look what is there"):
                if files.size():
                    raise KnowledgeError(f"{path}: something is there already. Choose another name.")
        try:
            with sentence(path, "write the tables"):
                database = lancedb.connect(str(path))
                spectra, values = split_shared(spectra)
                for name, value in values.items():
                    files.write(f"{SHARED_FOLDER}/{name}", value)
                database.create_table("spectra", spectra)
                # An object without a vector is none with a bad one: it stays as it is.
                database.create_table("objects", objects, on_bad_vectors="null")
                about = {"kind": KIND, "format": FORMAT if values else 1, "created": _now(), **about}
                files.append(LOG, _line({"after": 0, "operation": "create", "time": _now()}))
                store = Store(path, about, files, database)
                if complete:
                    store.complete()
        except BaseException:
            files.clear()
            raise
        return store

    def complete(self) -> None:
        """Write kb.json, so that the base can be opened."""
        with sentence(self.path, "write kb.json"):
            self.write_json(ABOUT, self.about)

    @staticmethod
    def open(path: Path | Uri) -> Store:
        """The store at that place; refuse it unless it is complete and of a format that this version reads."""
        import lancedb

        files = files_of(path)
        try:
            about = json.loads(files.read(ABOUT))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise KnowledgeError(_not_a_base(path)) from error
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
        with sentence(path, "open the tables"):
            database = lancedb.connect(str(path))
        return Store(path, about, files, database)

    def refresh(self) -> int:
        """Number of the newest version, including changes by other writers.

        In a local folder Lance is asked only after a file came to those of the versions, which is quicker by a
        millisecond.
        """
        written, now = self._versions_written(), time.time_ns()
        if self._seen is not None and written == self._seen[0]:
            return self._seen[1]
        version = self._newest()
        # A later version may have the time of this one as long as that is now.
        settled = written is not None and all(now - when > SETTLED for when in written)
        self._seen = (written, version) if settled else None
        return version

    def _newest(self) -> int:
        with sentence(self.path, "read the tables"):
            self.objects.checkout_latest()
            self.spectra.checkout_latest()
            return int(self.objects.version)

    def _versions_written(self) -> tuple[int, ...] | None:
        """When the list of versions of each table last changed, nanoseconds; None where that is not known."""
        if not isinstance(self.path, Path):
            return None
        try:
            return tuple([os.stat(folder).st_mtime_ns for folder in self._version_folders])
        except OSError:
            return None

    @cached_property
    def _version_folders(self) -> list[str]:
        """Where Lance lists the versions of each table of a local base, as text: asked before every search."""
        return [os.path.join(self.path, f"{table}.lance", "_versions") for table in TABLES]

    @contextmanager
    def writing(self, operation: str, **details: Any) -> Iterator[None]:
        """Hold the lock during one operation, and log the operation so that its versions can be named."""
        with self._locked(), sentence(self.path, operation):
            after = self._newest()
            entry = {"after": after, "operation": operation, "time": _now(), **details}
            self.files.append(LOG, _line(entry))
            try:
                yield
            finally:
                self._seen = None  # an operation that failed half way may have left an older version open

    def add_spectra(self, table: pa.Table) -> None:
        """Append rows to table `spectra`, values that they share first and each once; needs the lock."""
        table, values = split_shared(table)
        known = set(self.files.names(SHARED_FOLDER)) if values else set()
        for name in values.keys() - known:
            self.files.write(f"{SHARED_FOLDER}/{name}", values[name])
        if values and self.about["format"] < FORMAT:
            self.about = {**self.about, "format": FORMAT}
            if ABOUT in self.files.names(""):
                self.write_json(ABOUT, self.about)
        fresh = [field for field in table.schema if field.name not in self.spectra.schema.names]
        if fresh:
            self.spectra.add_columns(pa.schema(fresh))
        self.spectra.add(table.select(self.spectra.schema.names))

    def _read_shared(self, name: str) -> bytes:
        try:
            return self.files.read(f"{SHARED_FOLDER}/{name}")
        except FileNotFoundError as error:
            raise KnowledgeError(
                f"{self.path}: {SHARED_FOLDER}/{name} is missing, which its spectra share. Restore the folder "
                "from a copy."
            ) from error

    def replace_objects(self, table: pa.Table, before: int) -> None:
        """Write table `objects` anew, as the version after `before`, in one step; needs the lock.

        Where there is no lock (an object store), Lance would let this write win over another one that came between.
        Then the other one's version is restored, and this write is refused.
        """
        self.objects.add(table, mode="overwrite", on_bad_vectors="null")
        self.refuse_unless_next(before)

    def refuse_unless_next(self, before: int) -> None:
        """Refuse what was just written, and restore what another writer made, unless it is the version after `before`.

        To be called before the newest version is looked up again, so that `objects` is at the version that was written.
        """
        if (made := int(self.objects.version)) <= before + 1:  # or nothing was to be written
            return
        try:
            self.objects.checkout_latest()
            if int(self.objects.version) != made:  # a third writer went on from it
                raise self._cannot_be_undone(made, before)
            self.objects.checkout(made - 1)
            self.objects.restore()
            if (restored := int(self.objects.version)) != made + 1:  # one came while the other was restored
                self.objects.checkout(restored - 1)
                self.objects.restore()
                raise self._cannot_be_undone(made, before)
        finally:
            self.objects.checkout_latest()
        raise self.another_writer(made - 1, before)

    def _cannot_be_undone(self, made: int, before: int) -> KnowledgeError:
        """What to say of a version that was written over others', and which others went on from."""
        return KnowledgeError(
            f"{self.path}: other writers changed the base at the same time, before and after this change, which is "
            f"version {made} (expected {before + 1}). It could not be taken back without theirs. Look with kb "
            "versions, and check the objects that it was about."
        )

    def another_writer(self, now: int, before: int) -> KnowledgeError:
        """What to say of a version that came between, which stays."""
        return KnowledgeError(
            f"{self.path}: another writer changed the base at the same time (version {now}, expected {before}). Its "
            "change is kept, this one was not made; try again."
        )

    def operations(self) -> list[dict[str, Any]]:
        """The log of operations: each made the versions that follow its `after`."""
        entries = []
        log = self.files.read(LOG) if LOG in self.files.names("") else b""
        for line in log.splitlines():
            try:
                entries.append(json.loads(line))
            except ValueError:  # a writer died inside this line
                continue
        return [e for e in entries if isinstance(e, dict) and isinstance(e.get("after"), int)]

    def size(self) -> int:
        """Bytes of tables and files."""
        size = self.files.size()
        if isinstance(self.path, Uri) and self.path.in_memory:  # its tables are no files
            statistics: list[Any] = [table.stats() for table in (self.objects, self.spectra)]
            size += sum(int(of["total_bytes"]) for of in statistics)
        return size

    def read_json(self, name: str) -> Any:
        """Content of a JSON file; None if it is absent or torn."""
        try:
            return json.loads(self.files.read(name))
        except (OSError, ValueError):
            return None

    def write_json(self, name: str, value: Any) -> None:
        """Replace a JSON file in one step."""
        self.files.write(name, json.dumps(value, indent=1).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as stack:
            with sentence(self.path, "lock the base for writing"):
                stack.enter_context(self.files.locked())
            yield


@contextmanager
def sentence(path: Path | Uri, doing: str) -> Iterator[None]:
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


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry).encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _occupied(path: Path) -> str:
    if (path / "kb.json").is_file():
        return f"{path}: a knowledge base is there already. Use add or upsert, or choose another name."
    if path.is_dir() and any(path.glob("*.lance")):
        return _not_a_base(path)
    return f"{path}: something else is there already. Choose a name that does not exist."


def _not_a_base(path: Path | Uri) -> str:
    if isinstance(path, Uri):
        return f"{path}: no such knowledge base (no kb.json inside). Make one with kb create, or correct the address."
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
