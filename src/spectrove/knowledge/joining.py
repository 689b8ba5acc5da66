"""Columns joined to the objects of a base by id, without encoding anything again, as one version.

What a value came from is kept in two places. The column `labels` notes, for each object, what each source said of its
labels. The metadata of a column list the sources that filled it, also of numbers that nobody notes object by object.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from spectrove.errors import KnowledgeError
from spectrove.knowledge import columnwise, schema
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.store import Store
from spectrove.spectra import CORE_COLUMNS
from spectrove.targets import label_text

#: What becomes of a value that is there already: it stays, the given one replaces it, or the column holds exactly what
#: the table gives for its objects, so that a null of the table empties it.
Existing = Literal["keep", "replace", "renew"]

#: Source noted for a value that was there before another one came, if nobody had noted any.
EARLIER = "earlier"

#: Keys of the metadata of a column: its sources, and whether it was joined rather than read with the spectra.
SOURCES, JOINED = b"sources", b"joined"


@dataclass(frozen=True)
class Source:
    """Where the values of a column come from.

    Attributes:
        name: Noted beside each label: the stem of a catalog's file.
        version: Of the source: the start of the file's SHA-256.
        details: What else is worth knowing, such as the file and its column.
    """

    name: str
    version: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnChange:
    """What one column of the table did, in numbers of objects.

    Attributes:
        given: Objects for which the table has a value.
        new: Of them, those that had no value.
        same: Those that had this value.
        differ: Those that had another one, which stays unless `existing` says otherwise.
        emptied: Objects whose value was removed, being null in a table that renews the column.
        created: Whether the base had no such column.
    """

    given: int
    new: int
    same: int
    differ: int
    emptied: int
    created: bool


@dataclass(frozen=True)
class ColumnsAdded:
    """Result of joining columns.

    Attributes:
        columns: What each column did.
        matched: Objects that are in the table.
        unknown: Ids of the table that the base does not have.
        altered: Whether the base is, or would be, another than before.
        version: The version of the base.
    """

    columns: Mapping[str, ColumnChange]
    matched: int
    unknown: tuple[str, ...]
    altered: bool
    version: int


@dataclass(frozen=True)
class Joining:
    """A table to be joined.

    Attributes:
        table: `object_id`, each once, and the columns.
        sources: The source of each column.
        existing: What becomes of values that are there already.
        noted: Columns whose values are noted for each object in `labels`; None for those of text and booleans.
    """

    table: pa.Table
    sources: Mapping[str, Source]
    existing: Existing = "keep"
    noted: Collection[str] | None = None

    @property
    def names(self) -> list[str]:
        """The columns to join."""
        return [name for name in self.table.column_names if name != "object_id"]

    def notes(self, name: str) -> bool:
        """Whether values of this column are noted for each object."""
        kind = self.table.schema.field(name).type
        labels = pa.types.is_string(kind) or pa.types.is_boolean(kind)
        return labels if self.noted is None else name in self.noted


def plan_of(
    table: pa.Table,
    source: str | Mapping[str, Source] | Source,
    existing: Existing,
    noted: Collection[str] | None,
) -> Joining:
    """The table in the types that a base holds, with unknown values as null; refuse what no base can hold.

    Raises:
        KnowledgeError: There is no object_id, one occurs twice or is empty, or a column has a reserved name or
            neither text, booleans nor numbers.
    """
    if "object_id" not in table.column_names or table.num_columns < 2:
        raise KnowledgeError(
            f"columns {', '.join(table.column_names) or 'none'}: expected object_id and one or more columns to join."
        )
    ids = table.column("object_id").cast(pa.string())
    counts = Counter(ids.to_pylist())
    if wrong := [name for name, n in counts.items() if n > 1 or not name]:
        raise KnowledgeError(
            f"object_id {wrong[0] or '(empty)'!r}: {counts[wrong[0]]} such rows ({len(wrong)} such), expected every "
            "id once. Leave out the rows that do not count."
        )
    columns = {"object_id": ids}
    for name in table.column_names:
        if name != "object_id":
            columns[name] = _known(name, table.column(name))
    given = source if isinstance(source, Mapping) else dict.fromkeys(columns, source)
    sources = {n: s if isinstance(s, Source) else Source(s) for n, s in given.items() if n in columns}
    return Joining(pa.table(columns), sources, existing, noted)


def change(store: Store, reader: Reader, plan: Joining) -> ColumnsAdded:
    """What the join would do; nothing is written."""
    names = [name for name in plan.names if name in store.objects.schema.names]
    return _join(_read(store, reader, ["labels", *names]), plan, reader.version)[2]


def write(store: Store, reader: Reader, plan: Joining) -> ColumnsAdded:
    """Join the columns as one version; if nothing changes there is none. Needs the lock."""
    before = reader.refresh()
    names = [name for name in plan.names if name in store.objects.schema.names]
    table, changed, added = _join(_read(store, reader, ["labels", *names]), plan, before)
    if added.altered:
        _write(store, reader, table.select(["_rowid", *changed]), before)
    return added


def drop(store: Store, reader: Reader, names: Sequence[str]) -> None:
    """Remove joined columns, and what `labels` notes of them, as one version; needs the lock."""
    before = reader.refresh()
    check_droppable(store, reader, names)
    table = _read(store, reader, ["labels"])
    said = [
        own if own is None else [entry for entry in own if entry["name"] not in names]
        for own in table.column("labels").to_pylist()
    ]
    table = _with_column(table, table.schema.field("labels"), pa.array(said, schema.LABELS))
    _write(store, reader, table.select(["_rowid", "labels"]), before, names)


def check_droppable(store: Store, reader: Reader, names: Sequence[str]) -> None:
    """Refuse to remove columns unless they were joined to the base."""
    for name in names:
        reader.need_column(name)
        if not is_joined(store.objects.schema.field(name)):
            joined = [f.name for f in store.objects.schema if is_joined(f)]
            raise KnowledgeError(
                f"{store.path}: column {name} came with the spectra and is not dropped; columns joined later are "
                f"{', '.join(joined) or 'none'}. To undo values that were filled in, go back with kb rollback."
            )


def is_joined(column: pa.Field) -> bool:
    """Whether the column was joined to the base, rather than read with its spectra."""
    return JOINED in (column.metadata or {})


def sources_of(column: pa.Field) -> list[dict[str, Any]]:
    """The sources that filled a column in place, oldest first: name, version, date, base_version, given, details."""
    return json.loads((column.metadata or {}).get(SOURCES, b"[]"))


def _read(store: Store, reader: Reader, columns: Sequence[str]) -> pa.Table:
    """Rows, ids and these columns of all objects."""
    names = [n for n in store.objects.schema.names if n == "object_id" or n in columns]
    fields = [store.objects.schema.field(n) for n in names]
    found = reader.scan(names).select(["_rowid", *names])
    return found.cast(pa.schema([found.schema.field("_rowid"), *fields]))


def _write(store: Store, reader: Reader, changed: pa.Table, before: int, dropped: Sequence[str] = ()) -> None:
    """Write columns of table `objects`; its schema says that spectra and vectors are as they were."""
    said = {schema.MEASURED_AT: str(reader.measured_version), schema.WRITTEN_AS: str(before + 1)}
    kept = {k.decode(): v.decode() for k, v in (store.objects.schema.metadata or {}).items()}
    columnwise.write(store, reader, changed, before, dropped=dropped, said=kept | said)


def _known(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column to join, with null for NaN, infinity and empty text; refuse it unless a base may hold it."""
    schema.check_name(name)
    if name == "labels" or name in CORE_COLUMNS:
        raise KnowledgeError(
            f"column {name}: it comes with the spectra, whose vectors or flags follow from it. Give another name, or "
            "replace the objects with kb add --upsert."
        )
    values = schema.plain(values)
    kind = values.type
    if pa.types.is_null(kind):
        return values.cast(pa.string())
    if pa.types.is_string(kind):
        known = pc.not_equal(pc.utf8_trim_whitespace(values), "")
    elif pa.types.is_floating(kind):
        known = pc.is_finite(values)
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return values
    else:
        raise KnowledgeError(
            f"column {name}: its values are of type {kind}, expected text, booleans or numbers. Convert the column."
        )
    return pc.if_else(pc.fill_null(known, False), values, pa.scalar(None, kind))


def _join(objects: pa.Table, plan: Joining, before: int) -> tuple[pa.Table, list[str], ColumnsAdded]:
    """The objects with the columns, names of those that are others than before, and what the given ones did."""
    ids = objects.column("object_id")
    at = pc.index_in(ids, plan.table.column("object_id"))
    strangers = pc.invert(pc.is_in(plan.table.column("object_id"), ids.combine_chunks()))
    unknown = tuple(plan.table.column("object_id").filter(strangers).to_pylist())
    notes = _Notes(objects.column("labels").to_pylist())
    changes: dict[str, ColumnChange] = {}
    altered: list[str] = []
    for name in plan.names:
        given = plan.table.column(name).take(at)
        created = name not in objects.column_names
        old = pa.chunked_array([pa.nulls(len(ids), given.type)]) if created else objects.column(name)
        given = _as(name, given, old.type)
        new, changes[name] = _merged(old, given, pc.is_valid(at), plan.existing, created)
        source = plan.sources[name]
        noted = plan.notes(name) and notes.add(name, old, given, source)
        changed = created or changes[name].new or changes[name].emptied
        if changed or noted or (plan.existing != "keep" and changes[name].differ):
            altered.append(name)
            own = None if created else objects.schema.field(name)
            column = _described(name, new.type, own, source, before + 1, changes[name].given)
            objects = _with_column(objects, column, new)
    if notes.changed:
        objects = _with_column(objects, objects.schema.field("labels"), pa.array(notes.said, schema.LABELS))
        altered.append("labels")
    done = ColumnsAdded(changes, len(ids) - at.null_count, unknown, bool(altered), before)
    return objects, altered, done


def _with_column(table: pa.Table, column: pa.Field, values: Any) -> pa.Table:
    place = table.schema.get_field_index(column.name)
    return table.append_column(column, values) if place < 0 else table.set_column(place, column, values)


def _merged(
    old: pa.ChunkedArray, given: pa.ChunkedArray, matched: pa.ChunkedArray, existing: Existing, created: bool
) -> tuple[pa.ChunkedArray, ColumnChange]:
    """The column after the join, and what it did."""
    had, has = _has_value(old), pc.is_valid(given)
    both = pc.and_(had, has)
    same = pc.and_(both, pc.fill_null(pc.equal(_spelling(old), _spelling(given)), False))
    differ = pc.and_not(both, same)
    emptied = pc.and_not(pc.and_(matched, had), has)
    take = pc.and_not(has, had) if existing == "keep" else pc.or_(pc.and_not(has, had), differ)
    new = pc.if_else(take, given, old)
    if existing == "renew":
        new = pc.if_else(emptied, pa.scalar(None, old.type), new)
    n_emptied = _count(emptied) if existing == "renew" else 0
    counts = (_count(has), _count(pc.and_not(has, had)), _count(same), _count(differ))
    return new, ColumnChange(*counts, n_emptied, created)


def _has_value(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each value is known: neither null, NaN nor empty text."""
    if pa.types.is_string(values.type):
        return pc.fill_null(pc.not_equal(values, ""), False)
    if pa.types.is_floating(values.type):
        return pc.fill_null(pc.invert(pc.is_nan(values)), False)
    return pc.is_valid(values)


def _spelling(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without regard to case and blanks around it, as sources of a catalog are compared."""
    return pc.utf8_lower(pc.utf8_trim_whitespace(values)) if pa.types.is_string(values.type) else values


def _count(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0)


def kind_of(kind: pa.DataType) -> str:
    """The type of a column in a word: text, boolean, number, or Arrow's own."""
    if pa.types.is_string(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "boolean"
    return "number" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else str(kind)


def _as(name: str, given: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """The given values in the type that the base's column has; refuse other kinds and numbers that would change."""
    if given.type == kind or given.null_count == len(given):
        return given.cast(kind) if given.type == kind else pa.chunked_array([pa.nulls(len(given), kind)])
    here, there = kind_of(given.type), kind_of(kind)
    if here != there:
        example = pc.drop_null(given)[0].as_py()
        raise KnowledgeError(
            f"column {name}: the base's holds {there}, the table's {here} (such as {example!r}). Give it another name "
            "(--as NAME), or convert the table's column."
        )
    return schema.cast(given, pa.field(name, kind))


def _described(
    name: str, kind: pa.DataType, old: pa.Field | None, source: Source, version: int, given: int
) -> pa.Field:
    """The field of a column, whose metadata list its sources."""
    entry = {
        "source": source.name, "version": source.version, **source.details,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"), "base_version": version, "given": given,
    }  # fmt: skip
    metadata = {JOINED: b"yes"} if old is None else dict(old.metadata or {})
    earlier = [] if old is None else sources_of(old)
    return pa.field(name, kind, metadata=metadata | {SOURCES: json.dumps([*earlier, entry]).encode()})


class _Notes:
    """What `labels` says of each object, with entries to be added."""

    def __init__(self, said: list[Any]) -> None:
        self.said, self.changed = said, False

    def add(self, name: str, old: pa.ChunkedArray, given: pa.ChunkedArray, source: Source) -> bool:
        """Note the given values; whether any was not noted before."""
        before = self.changed
        self.changed = False
        for i, (was, value) in enumerate(zip(old.to_pylist(), given.to_pylist(), strict=True)):
            if value is None:
                continue
            own = list(self.said[i] or [])
            entry = _entry(name, label_text(value), source.name, source.version)
            if entry in own:
                continue
            known = label_text(was)
            if known not in (None, entry["value"]) and not any(e["name"] == name for e in own):
                own.append(_entry(name, known, EARLIER, ""))
            # What a source said before, at this very version, is replaced: two columns cannot both be its word.
            own = [e for e in own if not (e["name"] == name and _origin(e) == _origin(entry))]
            self.said[i] = [*own, entry]
            self.changed = True
        noted, self.changed = self.changed, before or self.changed
        return noted


def _entry(name: str, value: str | None, source: str, version: str) -> dict[str, str | None]:
    return {"name": name, "value": value, "source": source, "version": version}


def _origin(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    return entry["source"], entry["version"]
