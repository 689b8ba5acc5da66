"""The files of an index, kept with a base: arrays that are mapped into memory, a graph, and a description.

    KB/index/VIEW.json             what it belongs to, and name, size and sum of each file; written last
    KB/index/VIEW-VERSION-MARK.*   the files, which never change

Files that the description does not name are left over from a process that died, and are removed by the next one. An
index is used only if every file has the size and the sum that the description says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.knowledge.files import INDEX, INDEX_LOCK, Files, replacing
from spectrove.knowledge.search import PROPOSED

#: Folder of the indices, and the lock of whoever makes one: writers of the base need not wait for that.
FOLDER, LOCK = INDEX, INDEX_LOCK

#: Files whose names begin so hold what was made in a metric, see `lists`.
SPACE = "space"

#: As does the file of catalog values, see `catalog`.
CATALOG = "catalog"

#: Layout of the files. From 3 on an index says which history its version is of.
FORMAT = 3

#: Arrays of a snapshot.
GIVEN = ("row_id", "object_id", "vectors", "coverage", "ra", "dec")

#: What is derived from it: squared norms of the vectors, cells for folds, hashes of the ids.
DERIVED = ("squared_norms", "cells", "hashes")

ARRAYS = (*GIVEN, *DERIVED)

#: Which files had the right sum, and their size, time and place when they had it.
CHECKED = f"{FOLDER}/checked.json"

#: The graph of a sidecar.
GRAPH = "graph"

#: Bytes summed at once.
_BLOCK = 1 << 24


@dataclass(frozen=True)
class Description:
    """What an index belongs to.

    Attributes:
        view, fingerprint, dimensions: The view, and the encoder of its vectors.
        version: The version of the base whose vectors they are.
        origin: What tells it from a version of the same number in another history of the base, see `origin`.
        rows: Number of objects.
        files: Name, size in bytes and sum of each file, by what it holds.
        recall: What was measured of it, see `recall`; empty if nothing was.
        proposed: How many proposals of the graph hold nearly all of the nearest ten, as that was measured.
        usual: Of a hundred objects 95 have another one within this distance; infinite if that was not measured.
        unreached: Positions of the objects that the graph does not find by their own vectors: few links lead there.
    """

    view: str
    fingerprint: str
    dimensions: int
    version: int
    origin: Mapping[str, Any]
    rows: int
    files: Mapping[str, Mapping[str, Any]]
    recall: Mapping[str, Any]
    proposed: int = PROPOSED
    usual: float = float("inf")
    unreached: Sequence[int] = ()

    @classmethod
    def read(cls, files: Files, view: str) -> Description | None:
        """The description of a view's index; None if there is none, or it cannot be read."""
        try:
            told = json.loads(files.read(_name(view)))
            if told.pop("format") != FORMAT or told["view"] != view:
                return None
            made = cls(**told)
            return made if set(made.files) == {*ARRAYS, GRAPH} else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, files: Files) -> None:
        """Keep it: from now on this is the index of the view."""
        files.write(_name(self.view), json.dumps({"format": FORMAT, **vars(self)}, indent=1).encode())

    def place(self, files: Files, what: str) -> Path | None:
        """Where a file of it lies; None unless it is whole, with the size and the sum that it had when it was made."""
        told = self.files[what]
        place = files.place(f"{FOLDER}/{told['name']}")
        if place is None or not place.is_file() or place.stat().st_size != told["bytes"]:
            return None
        return place if is_whole(files, place, told["sum"]) else None


class Parts:
    """Files of an index that is being made."""

    def __init__(self, files: Files, view: str, version: int) -> None:
        self._files = files
        self._stem = f"{view}-{version}-{token_hex(4)}"
        #: Name, size and sum of each file, by what it holds.
        self.written: dict[str, dict[str, Any]] = {}

    @contextmanager
    def writing(self, what: str) -> Iterator[Path]:
        """A temporary file to write, which becomes the part that holds `what`."""
        name = f"{self._stem}.{what}"
        place = self._files.place(f"{FOLDER}/{name}")
        if place is None:
            raise OSError(f"{name}: an index needs files that can be mapped into memory")
        with replacing(place) as temporary:
            yield temporary
        total = summed(place)
        self.written[what] = {"name": name, "bytes": place.stat().st_size, "sum": total}
        note_whole(self._files, place, total)

    def save(self, what: str, array: NDArray) -> None:
        """Write an array."""
        with self.writing(what) as path, open(path, "wb") as file:
            np.save(file, array, allow_pickle=False)

    def place(self, what: str) -> Path:
        """Where a part lies that has been written."""
        place = self._files.place(f"{FOLDER}/{self.written[what]['name']}")
        assert place is not None
        return place


def sweep(files: Files) -> None:
    """Remove what no description names; needs the lock of indices."""
    names = files.names(FOLDER)
    told = [Description.read(files, name.removesuffix(".json")) for name in names if name.endswith(".json")]
    needed = {part["name"] for one in told if one is not None for part in one.files.values()}
    for name in names:
        if (
            not name.endswith(".json")
            and not name.startswith((f"{SPACE}.", f"{CATALOG}."))
            and name not in needed
        ):
            files.remove(f"{FOLDER}/{name}")


def is_whole(files: Files, place: Path, total: str) -> bool:
    """Whether a file of the index has this sum.

    All of it is read when it is first seen, and again when its size, its time or its place on the disk has changed:
    an index of a million objects is read for seconds.
    """
    if _checked(files).get(place.name) == _mark(place, total):
        return True
    if summed(place) != total:
        return False
    note_whole(files, place, total)
    return True


def note_whole(files: Files, place: Path, total: str) -> None:
    """Note that a file of the index has this sum, as one that was just written."""
    there = set(files.names(FOLDER))
    with suppress(OSError):  # a base that may only be read
        kept = {name: told for name, told in _checked(files).items() if name in there}
        files.write(CHECKED, json.dumps(kept | {place.name: _mark(place, total)}, indent=1).encode())


def _mark(place: Path, total: str) -> list[Any]:
    about = place.stat()
    return [about.st_size, about.st_mtime_ns, about.st_ino, total]


def _checked(files: Files) -> dict[str, Any]:
    try:
        found = json.loads(files.read(CHECKED))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def summed(path: Path) -> str:
    """A sum over all bytes of a file, in which their order counts; as fast as the file can be read."""
    total = 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            words = np.frombuffer(block + bytes(-len(block) % 8), np.uint64)
            total = (total * 1_000_003 + int(words.sum(dtype=np.uint64))) % (1 << 64)
    return f"{total:016x}"


def mapped(place: Path) -> NDArray[Any]:
    """An array in a file, mapped into memory; as a plain array, of which rows are taken twice as fast."""
    return np.asarray(np.load(place, mmap_mode="r", allow_pickle=False))


def _name(view: str) -> str:
    return f"{FOLDER}/{view}.json"
