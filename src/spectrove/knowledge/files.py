"""Small files of a base, by name ("kb.json", "metrics/3-01ab.safetensors"), in a folder, memory or an object store."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from threading import get_ident
from typing import Any, Protocol
from urllib.parse import unquote

from spectrove.knowledge.turns import turn

#: "s3://bucket/sdss.kb"; of one that passed through `Path` a slash is lost. One letter is a drive of Windows.
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?=[^/]|$)")


#: Lock of whoever writes to the tables.
LOCK = ".lock"

#: Folder of the index of a large base, the lock of whoever makes one, and who does.
INDEX, INDEX_LOCK, INDEX_MARK = "index", ".index.lock", "indexing.json"

#: Variable of the environment that names a folder of this machine for the indices of bases in object stores.
INDEX_FOLDER = "SPECTROVE_INDEX"


class Uri(str):
    """Address of a base outside this file system, such as s3://bucket/sdss.kb."""

    @property
    def name(self) -> str:
        """Last part of the address, to print."""
        return self.rstrip("/").rsplit("/", 1)[-1]

    @property
    def in_memory(self) -> bool:
        """Whether the base is gone with the process."""
        return self.startswith("memory:")


def place_of(path: str | os.PathLike[str]) -> Path | Uri:
    """The folder, or the address if `path` is one."""
    text = os.fspath(path)
    if text.startswith("file://"):
        return Path(unquote(text.removeprefix("file://")))
    scheme = _URI.match(text)
    return Uri(f"{scheme[1]}://{text[scheme.end() :]}") if scheme else Path(path)


class Files(Protocol):
    """Small files by name; a name may begin with one folder."""

    def read(self, name: str) -> bytes:
        """Content of a file; `FileNotFoundError` if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Replace a file in one step: a reader sees the complete old or new content."""

    def append(self, name: str, line: bytes) -> None:
        """Append one line and wait until it is stored."""

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder ("" for the uppermost), but not in folders of it; none if it is absent."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def clear(self) -> None:
        """Remove everything, tables too."""

    def size(self) -> int:
        """Bytes of all files, tables too."""

    def locked(self, name: str = LOCK) -> Any:
        """A context in which this is the only holder of the lock of that name."""

    def place(self, name: str) -> Path | None:
        """Where a file lies, so that it can be mapped into memory; None where none can."""


class Folder:
    """Files in a local folder. Writers on one machine wait for each other."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        with replacing(self.path / name) as temporary:
            temporary.write_bytes(content)

    def append(self, name: str, line: bytes) -> None:
        with open(self.path / name, "ab+") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                torn = file.read(1) != b"\n"  # the last writer died inside its line
                file.write(b"\n" if torn else b"")
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def names(self, folder: str) -> list[str]:
        path = self.path / folder
        return sorted(p.name for p in path.iterdir() if p.is_file()) if path.is_dir() else []

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def clear(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def size(self) -> int:
        return sum(f.stat().st_size for f in self.path.rglob("*") if f.is_file())

    def place(self, name: str) -> Path | None:
        return self.path / name

    @contextmanager
    def locked(self, name: str = LOCK) -> Iterator[None]:
        """The system frees the lock when its holder dies."""
        try:
            import fcntl
        except ImportError:  # not a POSIX system: Lance's own commit check remains
            yield
            return
        with open(self.path / name, "a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


class Memory:
    """Files in memory, gone with the process."""

    def __init__(self) -> None:
        self._content: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        if name not in self._content:
            raise FileNotFoundError(name)
        return self._content[name]

    def write(self, name: str, content: bytes) -> None:
        self._content[name] = content

    def append(self, name: str, line: bytes) -> None:
        self._content[name] = self._content.get(name, b"") + line + b"\n"

    def names(self, folder: str) -> list[str]:
        split = (name.rpartition("/") for name in self._content)
        return sorted(name for inside, _, name in split if inside == folder)

    def remove(self, name: str) -> None:
        self._content.pop(name, None)

    def clear(self) -> None:
        self._content.clear()

    def size(self) -> int:
        return sum(len(content) for content in self._content.values())

    def place(self, name: str) -> Path | None:
        return None

    @contextmanager
    def locked(self, name: str = LOCK) -> Iterator[None]:
        yield


class ObjectStore:
    """Files in a PyArrow file system, such as S3, where a file appears when it is whole.

    Writers take turns, as `turns` says; a file system that LanceDB does not know has no lock.

    Args:
        filesystem: A `pyarrow.fs.FileSystem`.
        root: Folder of the base in it.
        address: Of the base, for LanceDB; None without one.
    """

    def __init__(self, filesystem: Any, root: str, address: str | None = None) -> None:
        self._filesystem, self._root, self._address = filesystem, root.rstrip("/"), address

    def read(self, name: str) -> bytes:
        with self._filesystem.open_input_stream(f"{self._root}/{name}") as stream:
            return stream.read()

    def write(self, name: str, content: bytes) -> None:
        path = f"{self._root}/{name}"
        try:
            stream = self._filesystem.open_output_stream(path)
        except FileNotFoundError:  # it has true folders
            self._filesystem.create_dir(path.rpartition("/")[0], recursive=True)
            stream = self._filesystem.open_output_stream(path)
        with stream:
            stream.write(content)

    def append(self, name: str, line: bytes) -> None:
        before = b""
        with suppress(FileNotFoundError):
            before = self.read(name)
        self.write(name, before + line + b"\n")

    def names(self, folder: str) -> list[str]:
        return sorted(f.base_name for f in self._listed(folder, recursive=False))

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._filesystem.delete_file(f"{self._root}/{name}")

    def clear(self) -> None:
        with suppress(OSError):
            self._filesystem.delete_dir(self._root)

    def size(self) -> int:
        return sum(f.size for f in self._listed("", recursive=True))

    def place(self, name: str) -> Path | None:
        return None

    def remove_folder(self, name: str) -> None:
        """Remove a folder and all in it, if it is there."""
        with suppress(OSError):
            self._filesystem.delete_dir(f"{self._root}/{name}")

    @contextmanager
    def locked(self, name: str = LOCK) -> Iterator[None]:
        """Other writers wait; a killed one is waited for no longer than `turns.LEASE`."""
        if self._address is None:
            yield
            return
        with turn(self, self._address, f"turns{name}"):
            yield

    def _listed(self, folder: str, recursive: bool) -> list[Any]:
        from pyarrow.fs import FileSelector

        path = f"{self._root}/{folder}".rstrip("/")
        selector = FileSelector(path, allow_not_found=True, recursive=recursive)
        return [f for f in self._filesystem.get_file_info(selector) if f.is_file]


#: Variables that say where an object store is, the first that is set: two of them may have bases of equal addresses.
ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")


class Indexed:
    """Files of an object store, but for those of its index, which lie on this machine, where they can be mapped.

    The folder of the index is made by whoever makes the index. One that is not there, or cannot be read, has none.

    Args:
        far: The files of the base.
        near: Folder for indices of this machine.
        address: Of the base.
    """

    def __init__(self, far: ObjectStore, near: Path, address: Uri) -> None:
        self._far, self._folder, self._address = far, near, address
        self._near: Folder | None = None

    def belongs_to(self, created: str) -> None:
        """Say when the base was made: an index of another one that was at this address is not taken for its own."""
        self._near = Folder(self._folder / f"{self._stem}{_short(created)}")

    @property
    def _stem(self) -> str:
        """How the names of the folders of all bases begin that were ever at this address, of this store."""
        store = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
        return f"{self._address.name}-{_short(f'{store} {self._address}')}-"

    def _of(self, name: str) -> Files:
        near = name in (INDEX, INDEX_LOCK, INDEX_MARK) or name.startswith(f"{INDEX}/")
        return self._near if near and self._near is not None else self._far

    def _make_room(self, near: Folder) -> None:
        """Make the folder of the index, and remove those of bases that were at this address before."""
        near.path.mkdir(parents=True, exist_ok=True)
        for other in self._folder.iterdir():
            if other.name.startswith(self._stem) and other != near.path:
                shutil.rmtree(other, ignore_errors=True)

    def read(self, name: str) -> bytes:
        return self._of(name).read(name)

    def write(self, name: str, content: bytes) -> None:
        self._of(name).write(name, content)

    def append(self, name: str, line: bytes) -> None:
        self._of(name).append(name, line)

    def names(self, folder: str) -> list[str]:
        of = self._of(folder)
        if of is self._far:
            return of.names(folder)
        with suppress(OSError):
            return of.names(folder)
        return []

    def remove(self, name: str) -> None:
        self._of(name).remove(name)

    def clear(self) -> None:
        self._far.clear()
        if self._near is not None:
            self._near.clear()

    def size(self) -> int:
        size = self._far.size()
        with suppress(OSError):
            size += 0 if self._near is None else self._near.size()
        return size

    def locked(self, name: str = LOCK) -> Any:
        of = self._of(name)
        if isinstance(of, Folder):
            self._make_room(of)
        return of.locked(name)

    def place(self, name: str) -> Path | None:
        return self._of(name).place(name)


def _short(text: str) -> str:
    """A text as a few characters of a name."""
    return blake2b(text.encode(), digest_size=6).hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file to write; it takes the place of `path` in one step when all of it is on the disk."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def files_of(place: Path | Uri) -> Files:
    """The small files of the base at this place."""
    if isinstance(place, Path):
        return Folder(place)
    if place.in_memory:
        return Memory()
    from pyarrow.fs import FileSystem

    filesystem, root = FileSystem.from_uri(place)
    far = ObjectStore(filesystem, root, str(place))
    near = os.environ.get(INDEX_FOLDER)
    return Indexed(far, Path(near), place) if near else far
