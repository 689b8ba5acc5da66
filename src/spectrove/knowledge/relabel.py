"""New labels, and objects removed, written as one version of a base."""

from __future__ import annotations

import pyarrow as pa

from spectrove.errors import KnowledgeError
from spectrove.knowledge import schema
from spectrove.knowledge.reading import Reader, one_of
from spectrove.knowledge.store import Store
from spectrove.targets import label_text

#: Source noted in `labels` for a value set by a review, and for an older value without a source.
SOURCE, BEFORE = "curation", "before curation"

#: Of so many changed objects or fewer only their rows are written.
FEW = 10_000

#: Label column and new value (None for none) by object id.
Changes = dict[str, tuple[str, str | None]]


def rewrite(store: Store, reader: Reader, changes: Changes, removed: set[str], since: int) -> None:
    """Write the new labels, and remove objects, as one version; needs the lock.

    Where there is no lock, Lance would write the rows as they were read over what another writer made of them
    meanwhile. Then this write is taken back and refused.
    """
    if (now := reader.refresh()) != since:
        raise KnowledgeError(
            f"{store.path}: the base changed while the review was applied (version {since} then, {now} now). Nothing "
            "was written; review it again."
        )
    names = store.objects.schema.names
    if not of_few(changes, removed):
        table = reader.scan(names).select(names).cast(store.objects.schema)
        table = table.filter(
            pa.array([name not in removed for name in table.column("object_id").to_pylist()])
        )
        store.replace_objects(_relabelled(reader, table, changes, since), now)
    elif changes:
        table = reader.of_objects(changes.keys() - removed, names).select(names).cast(store.objects.schema)
        merge = store.objects.merge_insert("object_id").when_matched_update_all()
        if removed:
            merge = merge.when_not_matched_by_source_delete(one_of("object_id", sorted(removed)))
        # One commit: a reader sees all old labels or all new ones.
        merge.execute(_relabelled(reader, table, changes, since), on_bad_vectors="null")
        store.refuse_unless_next(now)
    else:
        store.objects.delete(one_of("object_id", sorted(removed)))
        store.refuse_unless_next(now)


def of_few(changes: Changes, removed: set[str]) -> bool:
    """Whether only rows that change are written; the others stay at their places."""
    return len(changes) + len(removed) <= FEW


def _relabelled(reader: Reader, table: pa.Table, changes: Changes, since: int) -> pa.Table:
    """The table with new labels and their source; `labels` keeps the old value."""
    ids = table.column("object_id").to_pylist()
    said = table.column("labels").to_pylist()
    for label in sorted({label for label, _ in changes.values()}):
        place = table.schema.get_field_index(label)
        field, old = table.schema.field(place), table.column(label)
        values, texts = old.to_pylist(), [label_text(v) for v in old.to_pylist()]
        known = {label_text(v): v for v in reader.scan([label]).column(label).unique().to_pylist()}
        for i, name in enumerate(ids):
            if name not in changes or changes[name][0] != label:
                continue
            new = changes[name][1]
            own = list(said[i] or [])
            if texts[i] is not None and not any(entry["name"] == label for entry in own):
                own.append({"name": label, "value": texts[i], "source": BEFORE, "version": ""})
            own.append({"name": label, "value": new, "source": SOURCE, "version": f"of version {since}"})
            said[i], values[i] = own, None if new is None else known.get(new, new)
        table = table.set_column(place, field, pa.array(values, field.type))
    place = table.schema.get_field_index("labels")
    return table.set_column(place, table.schema.field(place), pa.array(said, schema.LABELS))
