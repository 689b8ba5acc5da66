"""The catalog values of a large base in a file that is mapped into memory.

The values of ten objects are ten reads for each column of the tables, but none from a mapped file. It belongs to one
version and is read at that one alone: a later version may have other values under the same row.

    KB/index/catalog.VERSION.ORIGIN.SIZE.SUM    an Arrow file of `_rowid`, `object_id` and the catalog

Rows are in the order of the table. ORIGIN tells the version from that of the same number in
another history of the base, see `origin`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.knowledge.files import Files, replacing
from spectrove.knowledge.index.origin import sum_of_version
from spectrove.knowledge.index.sidecar import CATALOG, FOLDER, is_whole, note_whole, summed


class Catalog:
    """The catalog values of one version; rows are found by their place in the table."""

    def __init__(self, parts: Sequence[pa.RecordBatch]) -> None:
        self._parts = parts
        rows = [part.column("_rowid").to_numpy() for part in parts]
        whole = np.concatenate([np.zeros(0, np.uint64), *rows])
        self._part = np.repeat(np.arange(len(parts)), [len(part) for part in rows])
        self._inside = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(part)) for part in rows)])
        self._order = np.argsort(whole, kind="stable")
        self._rows = whole[self._order]

    def values(self, row_ids: NDArray[np.uint64]) -> list[dict[str, Any]]:
        """The values of these rows, in their order; KeyError if one is not there."""
        at = np.minimum(np.searchsorted(self._rows, row_ids), max(len(self._rows) - 1, 0))
        if len(row_ids) and (not len(self._rows) or (self._rows[at] != row_ids).any()):
            raise KeyError("row")
        places = self._order[at]
        part, inside = self._part[places], self._inside[places]
        found: list[dict[str, Any]] = [{}] * len(row_ids)
        for number in np.unique(part):
            own = np.flatnonzero(part == number)
            for place, row in zip(own.tolist(), _taken(self._parts[number], inside[own]), strict=True):
                row.pop("_rowid")
                found[place] = row
        return found


def _taken(part: pa.RecordBatch, places: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Rows of a batch. A slice is quicker than `take` for a few, slower for many."""
    if len(places) < 4:
        return [row for place in places.tolist() for row in part.slice(place, 1).to_pylist()]
    return part.take(pa.array(places)).to_pylist()


def write_catalog(files: Files, version: int, parts: Sequence[pa.RecordBatch] | Any) -> None:
    """Keep the values of a version, in place of those of others; needs the lock of indices.

    Args:
        files: The files of the base, in a local folder.
        version: The version of the base.
        parts: Batches of `_rowid`, `object_id` and the catalog columns, one or more.
    """
    place = files.place(f"{FOLDER}/{CATALOG}.{version}.new")
    assert place is not None
    with replacing(place) as temporary, pa.OSFile(str(temporary), "wb") as sink:
        parts = iter(parts)
        first = next(parts)
        with pa.ipc.new_file(sink, first.schema) as writer:
            writer.write_batch(first)
            for part in parts:
                writer.write_batch(part)
    total = summed(place)
    name = f"{CATALOG}.{version}.{sum_of_version(files, version)}.{place.stat().st_size}.{total}"
    note_whole(files, place.rename(place.with_name(name)), total)
    for other in files.names(FOLDER):
        if other.startswith(f"{CATALOG}.") and other != name and not other.endswith(".json"):
            files.remove(f"{FOLDER}/{other}")


def opened_catalog(files: Files, version: int) -> Catalog | None:
    """The values of a version; None if there are none, or the file is not what was written."""
    if files.place(FOLDER) is None:
        return None
    known = f"{CATALOG}.{version}.{sum_of_version(files, version)}."
    for name in files.names(FOLDER):
        place = files.place(f"{FOLDER}/{name}")
        if name.startswith(known) and place is not None:
            with suppress(OSError, ValueError, pa.ArrowInvalid):
                size, total = name.removeprefix(known).split(".")[:2]
                if place.stat().st_size == int(size) and is_whole(files, place, total):
                    file = pa.ipc.open_file(pa.memory_map(str(place)))
                    return Catalog([file.get_batch(i) for i in range(file.num_record_batches)])
    return None
