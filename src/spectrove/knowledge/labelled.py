"""The labels of a base, and the numbers that were joined to it: values, sources, disagreements."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spectrove.knowledge.joining import EARLIER, kind_of, sources_of
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.relabel import BEFORE, SOURCE
from spectrove.knowledge.schema import is_own
from spectrove.knowledge.store import Store
from spectrove.spectra import CORE_COLUMNS

#: A text column with more different values than this is not a label column.
MOST_CLASSES = 32

#: Sources that are no opinion of their own: values that stood before a review or a join, and the review's decision.
_NO_OPINION = (BEFORE, SOURCE, EARLIER)


def label_columns(store: Store, reader: Reader) -> dict[str, dict[str, int]]:
    """Label columns, with the number of objects of each value, most frequent first.

    Label columns are those that catalogs named in `labels`, or, without any, the text columns with few different
    values, at least one of which occurs more than once; and those that were joined to the base, without what its
    source calls remarks. Counted once for each version.
    """
    found = reader.remember(("label columns",), lambda: _label_columns(store, reader))
    return {name: dict(values) for name, values in found.items()}


def _label_columns(store: Store, reader: Reader) -> dict[str, dict[str, int]]:
    said = reader.scan(["labels"]).column("labels").combine_chunks()
    entries = pc.list_flatten(said)
    said_of = {f.name: own for f in store.objects.schema if (own := sources_of(f))}
    joined = {name: {e["source"] for e in own} for name, own in said_of.items()}
    remarks = {name for name, own in said_of.items() if own[-1].get("remark")}
    # Reviews and joins note their own columns in `labels`; the other label columns must still be found.
    by_catalog = {
        name
        for name, source in _pairs(entries)
        if source not in _NO_OPINION and source not in joined.get(name, ())
    }
    found = {}
    for field in store.objects.schema:
        name, kind = field.name, field.type
        if is_own(name) or name in remarks or (name in CORE_COLUMNS and name not in by_catalog):
            continue
        if name in by_catalog:
            chosen = True
        elif name in joined:
            chosen = pa.types.is_string(kind) or pa.types.is_boolean(kind) or pa.types.is_integer(kind)
        else:
            chosen = not by_catalog and pa.types.is_string(kind)
        values = reader.label_values(name) if chosen else {}
        few = len(values) <= MOST_CLASSES and max(values.values(), default=0) > 1
        sure = name in by_catalog or (name in joined and not pa.types.is_integer(kind))
        if values and (sure or few):
            found[name] = values
    return found


def _pairs(entries: pa.Array) -> set[tuple[str, str]]:
    """The different pairs of column and source."""
    table = pa.table(
        [pc.struct_field(entries, "name"), pc.struct_field(entries, "source")], names=["name", "source"]
    )
    rows = table.group_by(["name", "source"]).aggregate([]).to_pylist()
    return {(row["name"], row["source"]) for row in rows}


def labels(store: Store, reader: Reader) -> dict[str, dict[str, Any]]:
    """Each column of labels, and each number that was joined: its values, its sources, and where these disagree."""
    classes = label_columns(store, reader)
    names = [f.name for f in store.objects.schema if f.name in classes or sources_of(f)]
    noted = _noted(reader)
    return {name: _described(store, reader, name, classes.get(name), noted.get(name, [])) for name in names}


def sources(store: Store) -> dict[str, list[dict[str, Any]]]:
    """The sources of each column that was joined or filled in place, oldest first."""
    return {f.name: found for f in store.objects.schema if (found := sources_of(f))}


def _noted(reader: Reader) -> dict[str, list[list[dict[str, str]]]]:
    """For each column the entries of each object that has some."""
    found: dict[str, list[list[dict[str, str]]]] = defaultdict(list)
    for own in reader.scan(["labels"]).column("labels").to_pylist():
        by_name: dict[str, list[dict[str, str]]] = defaultdict(list)
        for entry in own or ():
            by_name[entry["name"]].append(entry)
        for name, entries in by_name.items():
            found[name].append(entries)
    return found


def _described(
    store: Store, reader: Reader, name: str, values: dict[str, int] | None, noted: list[list[dict[str, str]]]
) -> dict[str, Any]:
    field = store.objects.schema.field(name)
    about: dict[str, Any] = {"type": kind_of(field.type)}
    if values is not None:
        about |= {"n": sum(values.values()), "values": values}
    elif about["type"] == "number":
        about |= _range(reader.scan([name]).column(name))
    else:
        about |= {"n": sum((counts := reader.label_values(name)).values()), "different": len(counts)}
    said: Counter[tuple[str, str]] = Counter(
        (e["source"], e["version"]) for entries in noted for e in entries
    )
    joins = {(e["source"], e["version"]): e for e in sources_of(field)}
    about["sources"] = [
        _source(source, version, said, joins.get((source, version), {}))
        for source, version in dict.fromkeys([*said, *joins])
    ]
    about["disagree"] = sum(_differ(entries) for entries in noted)
    return about


def _source(
    source: str, version: str, counts: Counter[tuple[str, str]], join: dict[str, Any]
) -> dict[str, Any]:
    """A source of a column; what came with the spectra has no version of the base."""
    n = counts.get((source, version), join.get("given", 0))
    details = {key: join.get(key) for key in ("base_version", "date", "file", "column")}
    details |= {"unit": join["unit"]} if join.get("unit") else {}
    return {"source": source, "version": version, "n": n, **details}


def _range(values: pa.ChunkedArray) -> dict[str, Any]:
    known = np.array(values.cast(pa.float64()).to_numpy(), dtype=float)
    known = known[np.isfinite(known)]
    if not len(known):
        return {"n": 0, "min": None, "median": None, "max": None}
    return {
        "n": len(known), "min": float(known.min()), "median": float(np.median(known)), "max": float(known.max()),
    }  # fmt: skip


def _differ(entries: list[dict[str, str]]) -> bool:
    """Whether the sources of one object give different values."""
    said = {(e["value"] or "").strip().casefold() for e in entries if e["source"] not in (BEFORE, SOURCE)}
    return len(said) > 1
