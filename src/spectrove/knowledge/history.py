"""Versions of a base: list, roll back, optimize; and a summary of its content."""

from __future__ import annotations

import warnings
from datetime import UTC, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spectrove.errors import KnowledgeError
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.relabel import BEFORE, SOURCE
from spectrove.knowledge.schema import DEFAULT_DOMAIN, DEFAULT_VIEW, is_own
from spectrove.knowledge.store import FORMAT, Store, sentence
from spectrove.spectra import CORE_COLUMNS

#: Longer than the age of any base: by default Lance removes versions after a week.
NEVER = timedelta(days=36500)

#: A text column with more different values than this is not a label column.
MOST_CLASSES = 32


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
        }
        if result and origin is not None and origin == owner:
            result[-1] = version  # an operation of several steps is one version
        else:
            result.append(version)
        owner = origin
    return result


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
            if table.count_rows():
                table.create_index(column, config=BTree(), replace=True)
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


def _column(table: Any, name: str) -> list[str]:
    return table.search().select([name]).to_arrow().column(name).to_pylist()


def info(store: Store, reader: Reader) -> dict[str, Any]:
    """Summary of the content of the base, as plain values."""
    return {
        "path": str(store.path),
        "format": int(store.about.get("format", FORMAT)),
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
                "rows": len(reader.snapshot(name)),
            }
            for name, view in reader.views().items()
        },
        "labels": _label_columns(store, reader),
        "columns": reader.columns(),
        "bytes": store.size(),
    }


def main_encoder(reader: Reader) -> str:
    """Encoder of the default view, or of the first view if there is no default view."""
    views = reader.views()
    return next((views[name].encoder for name in (DEFAULT_VIEW, *views) if name in views), "")


def _label_columns(store: Store, reader: Reader) -> dict[str, dict[str, int]]:
    """Label columns, with the number of objects of each value, most frequent first.

    Label columns are those named in `labels`. If there are none, they are the text columns with few different values,
    at least one of which occurs more than once.
    """
    said = reader.scan(["labels"]).column("labels").combine_chunks()
    entries = pc.list_flatten(said)
    # A review notes its own column in `labels`; the other label columns must still be found.
    reviewed = pc.is_in(pc.struct_field(entries, "source"), pa.array([BEFORE, SOURCE]))
    named = set(pc.struct_field(entries.filter(pc.invert(reviewed)), "name").to_pylist())
    if found := [name for name in reader.catalog_columns() if name in named]:
        counts = {name: reader.label_values(name) for name in found}
        return {name: values for name, values in counts.items() if values}
    guessed = {}
    for field in store.objects.schema:
        if not pa.types.is_string(field.type) or field.name in CORE_COLUMNS or is_own(field.name):
            continue
        values = reader.label_values(field.name)
        if 0 < len(values) <= MOST_CLASSES and max(values.values()) > 1:
            guessed[field.name] = values
    return guessed
