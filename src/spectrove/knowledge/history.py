"""Versions of a base: list, roll back, optimize; and a summary of its content."""

from __future__ import annotations

import warnings
from datetime import UTC, timedelta
from typing import Any

import pyarrow as pa

from spectrove.errors import KnowledgeError
from spectrove.knowledge import labelled
from spectrove.knowledge.index.origin import goes_on_from
from spectrove.knowledge.index.sidecar import Description
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.schema import DEFAULT_DOMAIN, DEFAULT_VIEW, VECTOR
from spectrove.knowledge.store import Store, sentence
from spectrove.shared import FOLDER as SHARED_FOLDER
from spectrove.shared import references as shared_references

#: Longer than the age of any base: by default Lance removes versions after a week.
NEVER = timedelta(days=36500)

#: Columns that a line about a version names.
MOST_NAMED = 3


def versions(store: Store) -> list[dict[str, Any]]:
    """The last version of each operation, oldest first."""
    with sentence(store.path, "list the versions"):
        listed = sorted(store.objects.list_versions(), key=lambda v: v["version"])
    log = store.operations()
    result: list[dict[str, Any]] = []
    owner: int | None = None
    for entry in listed:
        number = int(entry["version"])
        # Of several operations begun at the same version, only the last can have finished.
        origin = max((i for i, e in enumerate(log) if e["after"] < number), default=None)
        version = {
            "version": number,
            "timestamp": entry["timestamp"].astimezone(UTC).isoformat(timespec="seconds"),
            "rows": int(entry["metadata"].get("total_rows", 0)),
            "operation": log[origin]["operation"] if origin is not None else "unknown",
            "about": _about(log[origin]) if origin is not None else "",
        }
        if result and origin is not None and origin == owner:
            result[-1] = version  # an operation of several steps is one version
        else:
            result.append(version)
        owner = origin
    return result


def _about(entry: dict[str, Any]) -> str:
    """What an operation was about: "lens from lenses", "to version 3"; "" where its name says it all."""
    names = entry.get("columns")
    if isinstance(names, list) and names:
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        source = f" from {entry['source']}" if entry.get("source") else ""
        return f"{', '.join(map(str, names[:MOST_NAMED]))}{more}{source}"
    return f"to version {entry['to']}" if "to" in entry else str(entry.get("where", ""))


def rollback(store: Store, version: int) -> int:
    """Number of the new version, a copy of the old one."""
    with store.writing("rollback", to=version):
        numbers = [int(v["version"]) for v in store.objects.list_versions()]
        if version not in numbers:
            raise KnowledgeError(
                f"{store.path}: no version {version}; there are {min(numbers)} to {max(numbers)}. "
                "List them with kb versions."
            )
        try:
            store.objects.checkout(version)
            store.objects.restore()
        finally:
            store.objects.checkout_latest()
        return int(store.objects.version)


def optimize(store: Store, forget_older_than: timedelta | None) -> None:
    """Compact both tables and index the ids; on request remove old versions and unused spectra."""
    from lancedb.index import BTree

    keep = NEVER if forget_older_than is None else forget_older_than
    with store.writing("optimize"), warnings.catch_warnings():
        # Lance warns that readers of a removed version will fail; the caller asked for the removal.
        warnings.simplefilter("ignore", UserWarning)
        if forget_older_than is not None:
            store.objects.optimize(cleanup_older_than=keep)
            _drop_unneeded_spectra(store)
        for table, column in ((store.spectra, "spectrum_key"), (store.objects, "object_id")):
            # An index that is there takes in later rows below, which costs less than making it anew.
            if table.count_rows() and not any(index.columns == [column] for index in table.list_indices()):
                table.create_index(column, config=BTree())
        store.spectra.optimize(cleanup_older_than=keep)
        store.objects.optimize(cleanup_older_than=keep)


def _drop_unneeded_spectra(store: Store) -> None:
    """Delete spectra that no remaining version uses; needs the lock."""
    needed: set[str] = set()
    try:
        for version in store.objects.list_versions():
            store.objects.checkout(int(version["version"]))
            needed.update(_column(store.objects, "spectrum_key"))
    finally:
        store.objects.checkout_latest()
    unneeded = sorted(set(_column(store.spectra, "spectrum_key")) - needed)
    for start in range(0, len(unneeded), 500):
        quoted = ", ".join(f"'{key}'" for key in unneeded[start : start + 500])
        store.spectra.delete(f"spectrum_key IN ({quoted})")
    stored = store.files.names(SHARED_FOLDER)
    if stored and unneeded:
        binary = [field.name for field in store.spectra.schema if pa.types.is_large_binary(field.type)]
        used = shared_references(store.spectra.search().select(binary).to_arrow())
        for name in set(stored) - used:
            store.files.remove(f"{SHARED_FOLDER}/{name}")


def _column(table: Any, name: str) -> list[str]:
    return table.search().select([name]).to_arrow().column(name).to_pylist()


def info(store: Store, reader: Reader) -> dict[str, Any]:
    """Summary of the content of the base, as plain values."""
    return {
        "path": str(store.path),
        "format": int(store.about.get("format", 1)),
        "created": store.about.get("created"),
        "version": reader.version,
        "rows": reader.count(),
        "domain": str(store.about.get("domain", DEFAULT_DOMAIN)),
        "encoder": main_encoder(reader),
        "views": {
            name: {
                "encoder": view.encoder,
                "dimensions": view.dimensions,
                "fingerprint": view.fingerprint,
                "rows": _with_vector(reader, name),
                **_index(store, name),
            }
            for name, view in reader.views().items()
        },
        "labels": labelled.label_columns(store, reader),
        "sources": labelled.sources(store),
        "columns": reader.columns(),
        "bytes": store.size(),
    }


def _with_vector(reader: Reader, view: str) -> int:
    """Objects that have a vector in a view; counted once for each version."""
    return reader.remember(("with vector", view), lambda: reader.count(f"{VECTOR}{view} IS NOT NULL"))


def _index(store: Store, view: str) -> dict[str, Any]:
    """The index of a view and how many neighbours it finds; nothing without one of this history of the base."""
    about = Description.read(store.files, view)
    if about is None or not goes_on_from(store.files, about.version, about.origin, store.operations):
        return {}
    return {"index": {"version": about.version, "rows": about.rows, **about.recall}}


def main_encoder(reader: Reader) -> str:
    """Encoder of the default view, or of the first view if there is no default view."""
    views = reader.views()
    return next((views[name].encoder for name in (DEFAULT_VIEW, *views) if name in views), "")
