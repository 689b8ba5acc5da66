"""Columns of table `objects` written beside those that are there, as one version; the other columns are not touched.

LanceDB can only write a table anew. Where its lower layer is installed (package `pylance`, extra `columns`), a column
gets files of its own: of 100,000 objects a joined column is 1 MB in place of 330. Every row stays at its place, so that
an index goes on, and one commit makes the version, as any other. Elsewhere the table is written anew; what is read is
the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectrove.knowledge.files import Uri
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.store import Store


def possible(store: Store) -> bool:
    """Whether columns are written beside the others; a table in memory is seen by LanceDB alone."""
    return not (isinstance(store.path, Uri) and store.path.in_memory) and find_spec("lance") is not None


def write(
    store: Store,
    reader: Reader,
    changed: pa.Table,
    before: int,
    *,
    dropped: Collection[str] = (),
    said: Mapping[str, str] | None = None,
    beside: bool = True,
) -> None:
    """Replace columns of table `objects`, or append those it lacks, as the version after `before`; needs the lock.

    Args:
        store, reader: The base, at version `before`.
        changed: The columns with their fields, and `_rowid`; every object once, in any order.
        before: Number of the version that they belong to.
        dropped: Columns that the new version lacks.
        said: Metadata of the table; what it has if None.
        beside: False to write the table anew, where most of it is replaced.
    """
    if beside and possible(store):
        _beside(store, changed, before, set(dropped), said)
    else:
        _anew(store, reader, changed, before, dropped, said)


def _anew(
    store: Store,
    reader: Reader,
    changed: pa.Table,
    before: int,
    dropped: Collection[str],
    said: Mapping[str, str] | None,
) -> None:
    names = store.objects.schema.names
    found = reader.scan(names)
    rows = found.column("_rowid").to_numpy()
    table = found.select(names).cast(store.objects.schema).drop_columns(list(dropped))
    given = np.argsort(changed.column("_rowid").to_numpy())
    places = given[np.searchsorted(changed.column("_rowid").to_numpy(), rows, sorter=given)]
    new = changed.drop_columns("_rowid").take(pa.array(places, pa.int64()))
    for field in new.schema:
        place = table.schema.get_field_index(field.name)
        column = new.column(field.name)
        table = table.append_column(field, column) if place < 0 else table.set_column(place, field, column)
    store.replace_objects(table if said is None else table.replace_schema_metadata(dict(said)), before)


def _beside(
    store: Store, changed: pa.Table, before: int, dropped: set[str], said: Mapping[str, str] | None
) -> None:
    lance: Any = import_module("lance")
    place = store.path / "objects.lance" if isinstance(store.path, Path) else f"{store.path}/objects.lance"
    dataset = lance.dataset(str(place), version=before)
    new = {field.name: field for field in changed.schema if field.name != "_rowid"}
    schema, fragments = dataset.lance_schema, [part.metadata for part in dataset.get_fragments()]
    if new:
        made = [part.merge_columns(own) for part, own in _by_fragment(dataset, changed)]
        fragments, schema = [fragment for fragment, _ in made], (made[0][1] if made else schema)
    final = _schema(schema, new, dropped, said)
    used = set(_numbers(final.fields()))
    # A file without any column of the version would stay for ever.
    fragments = [replace(f, files=[file for file in f.files if used & set(file.fields)]) for f in fragments]
    operation = lance.LanceOperation.Merge(fragments, final)
    try:
        lance.LanceDataset.commit(str(place), operation, read_version=before, max_retries=0)
    except import_module("lance.commit").CommitConflictError as error:  # where no lock keeps writers apart
        store.objects.checkout_latest()
        raise store.another_writer(int(store.objects.version), before) from error
    # Nothing to check: of two writers Lance refuses the second, and a version that is there by now came after this one.
    store.objects.checkout_latest()


def _by_fragment(dataset: Any, changed: pa.Table) -> Iterator[tuple[Any, pa.Table]]:
    """Each part of the table, and the new columns of its rows in their order, under names that no column has."""
    rows = np.asarray(changed.column("_rowid").to_numpy(), np.uint64)
    columns = changed.drop_columns("_rowid")
    columns = columns.rename_columns([_beside_name(name) for name in columns.column_names])
    order = np.argsort(rows)
    part_of = (rows[order] >> np.uint64(32)).astype(np.int64)
    for part in dataset.get_fragments():
        low, high = np.searchsorted(part_of, [part.fragment_id, part.fragment_id + 1])
        yield part, columns.take(pa.array(order[low:high], pa.int64()))


def _beside_name(name: str) -> str:
    return f"~{name}"


def _schema(
    schema: Any, new: Mapping[str, pa.Field], dropped: set[str], said: Mapping[str, str] | None
) -> Any:
    """The final schema: `schema` holds the old columns, and the new ones under other names, with their numbers.

    Lance makes no schema of given numbers but the one that pickle makes, from one message for each column.
    """
    make, (metadata, *messages) = schema.__reduce__()
    left, old, numbers = iter(messages), {}, {}
    for column in schema.fields():
        old[column.name()] = [next(left) for _ in _numbers([column])]
        numbers[column.name()] = column.id()
    renamed = {_beside_name(name): name for name in new}
    final: dict[str, list[bytes]] = {name: own for name, own in old.items() if name not in dropped}
    for beside, name in renamed.items():
        del final[beside]
        final[name] = _messages(
            schema, numbers[beside], new[name]
        )  # at the place of the old one, or the last
    if said is not None:
        metadata = json.dumps({key: list(value.encode()) for key, value in said.items()})
    return make(metadata, *(message for own in final.values() for message in own))


def _messages(schema: Any, number: int, field: pa.Field) -> list[bytes]:
    """What says that a column has a number, and its members those that follow."""
    before = [pa.field(f"_{i}", pa.int8()) for i in range(number)]
    _, (_, *messages) = type(schema).from_pyarrow(pa.schema([*before, field])).__reduce__()
    return messages[number:]


def _numbers(columns: Any) -> Iterator[int]:
    """Numbers of columns and of their members."""
    for column in columns:
        yield column.id()
        yield from _numbers(column.children())
