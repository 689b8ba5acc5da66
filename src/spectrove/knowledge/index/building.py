"""Making the index of a view: its arrays, sorted by id, and the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.knowledge.files import Files
from spectrove.knowledge.index import opening
from spectrove.knowledge.index.catalog import write_catalog
from spectrove.knowledge.index.graph import write_graph
from spectrove.knowledge.index.mark import marked
from spectrove.knowledge.index.opening import Version
from spectrove.knowledge.index.origin import origin
from spectrove.knowledge.index.recall import measured, unreached
from spectrove.knowledge.index.sidecar import FOLDER, GRAPH, LOCK, Description, Parts, mapped, sweep
from spectrove.knowledge.schema import COVERAGE, VECTOR, matrix, sky_positions
from spectrove.knowledge.search import cells_of, hashes_of, squared_norms_of
from spectrove.knowledge.store import Store, sentence
from spectrove.work import doing


class Batched(Version, Protocol):
    """A version that can be read in parts; `reading.Reader`."""

    def batches(self, columns: Sequence[str], where: str | None) -> Iterator[pa.RecordBatch]: ...

    def catalog_columns(self) -> list[str]: ...

    def count(self, where: str | None = None) -> int: ...

    def held(self) -> AbstractContextManager[None]: ...

    def forget_vectors(self) -> None: ...


def build_views(store: Store, reader: Batched, views: Sequence[str]) -> list[str]:
    """Make the indices of those of the views that are worth one; these. For `KnowledgeBase.build_index`."""
    if store.files.place(FOLDER) is None:
        return []
    made = []
    with ExitStack() as stack, sentence(store.path, "make an index"):
        with store.files.locked():  # no operation of several steps is half done at this version
            stack.enter_context(reader.held())
        for view in views:
            if reader.count(f"{VECTOR}{view} IS NOT NULL") >= opening.INDEX_FROM:
                build(store.files, reader, view, store.path.name)
                made.append(view)
        if made:
            _write_catalog(store.files, reader, store.path.name)
    reader.forget_vectors()
    return made


def _write_catalog(files: Files, base: Batched, name: str) -> None:
    """Keep the catalog values of the version that is read where they can be mapped."""
    with files.locked(LOCK), doing(f"copying the catalog of {name}"):
        write_catalog(files, base.version, base.batches(["object_id", *base.catalog_columns()], None))


def build(files: Files, base: Batched, view: str, name: str) -> Description:
    """Make the index of a view in the version that is read, in place of any other; one process at a time.

    A process that dies leaves the index that was there before.

    Args:
        files: The files of the base, in a local folder.
        base: The version.
        view: Name of the view.
        name: Of the base, for `spectrove.work`.
    """
    known = base.views()[view]
    with files.locked(LOCK), marked(files, view, base.version):
        sweep(files)
        came_from = origin(files, base.version, base.operations())
        parts = Parts(files, view, base.version)
        with doing(f"copying the vectors of the view {view} of {name}"):
            rows = _write_arrays(parts, base, view, known.dimensions)
        vectors = mapped(parts.place("vectors"))
        with parts.writing(GRAPH) as path:
            write_graph(vectors, path, f"indexing the view {view} of {name}, {rows:,} objects")
        made = Description(
            view, known.fingerprint, known.dimensions, base.version, came_from, rows, parts.written, {}
        )
        made.write(files)
        sweep(files)
        if (sidecar := opening.opened_files(files, made)) is not None:
            what = f"looking for each object in the index of the view {view} of {name}"
            made = replace(made, unreached=unreached(sidecar.graph, vectors, what))
            with doing(f"measuring what the index of the view {view} of {name} finds"):
                proposed, usual, recall = measured(replace(sidecar, about=made).snapshot())
                made = replace(made, recall=recall, proposed=proposed, usual=usual)
            made.write(files)
    return made


def _write_arrays(parts: Parts, base: Batched, view: str, dimensions: int) -> int:
    """Write the arrays; the number of objects. The vectors are never in memory at once."""
    with_vector = f"{VECTOR}{view} IS NOT NULL"
    table = base.scan(["object_id", "ra", "dec", COVERAGE + view], with_vector).sort_by("object_id")
    rows = np.asarray(table.column("_rowid").to_numpy(), np.uint64)
    ids = np.array(table.column("object_id").to_pylist(), dtype=str)
    ra, dec = sky_positions(table)
    arrays = {
        "row_id": rows, "object_id": ids, "coverage": matrix(table.column(COVERAGE + view)), "ra": ra, "dec": dec,
        "cells": cells_of(ids, ra, dec), "hashes": hashes_of(ids),
    }  # fmt: skip
    for what, array in arrays.items():
        parts.save(what, array)
    norms = np.empty(len(rows))
    with parts.writing("vectors") as path:
        vectors = np.lib.format.open_memmap(path, "w+", np.float32, (len(rows), dimensions))
        for places, part in _placed(base, VECTOR + view, with_vector, rows):
            vectors[places], norms[places] = part, squared_norms_of(part)
        vectors.flush()
        del vectors
    parts.save("squared_norms", norms)
    return len(rows)


def _placed(
    base: Batched, column: str, where: str, rows: NDArray[np.uint64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Parts of a column of vectors, with the position of each vector among `rows`."""
    order = np.argsort(rows)
    for batch in base.batches([column], where):
        own = batch.column("_rowid").to_numpy()
        yield (
            order[np.searchsorted(rows, own, sorter=order)],
            matrix(pa.chunked_array([batch.column(column)])),
        )
