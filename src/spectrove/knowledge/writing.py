"""Writing a change in an order that loses nothing: columns, then spectra, and objects last."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import columnwise, schema
from spectrove.knowledge.checks import check_views
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.store import Store
from spectrove.spectra import Batch


def prepare_objects(
    store: Store, reader: Reader, spectra: Batch, views: Mapping[str, Embeddings]
) -> pa.Table:
    """Rows for table `objects`, after its new columns and the spectra are written; needs the lock."""
    check_views(store, reader, views)
    keys = schema.spectrum_keys(spectra)
    objects = schema.objects_table(spectra, views, keys)
    known = store.objects.schema
    fresh = [field for field in objects.schema if field.name not in known.names]
    objects = schema.conform(objects, pa.schema([*known, *fresh]))
    _add_spectra(store, reader, spectra, keys)
    if fresh:
        store.objects.add_columns(pa.schema(fresh))
    return objects


def replace_views(store: Store, reader: Reader, views: Mapping[str, Embeddings], since: int) -> None:
    """Replace or add the columns of these views, as one version; needs the lock."""
    if (now := reader.refresh()) != since:
        raise KnowledgeError(
            f"{store.path}: the base changed while it was encoded (version {since} then, {now} now). "
            "Nothing was written; encode it again."
        )
    table = reader.scan(["object_id", "flags"])
    ids = np.array(table.column("object_id").to_pylist(), dtype=str)
    changed = table.select(["_rowid"])
    for view, embeddings in views.items():
        for field, column in schema.view_columns(view, embeddings, ids).items():
            changed = changed.append_column(field, column)
    lacks = np.zeros(len(ids), dtype=bool)
    for name in (schema.VECTOR + view for view in {*reader.views(), *views}):
        if name in changed.column_names:
            lacks |= np.asarray(changed.column(name).is_null().to_numpy(zero_copy_only=False), dtype=bool)
        else:
            without = reader.scan(["object_id"], f"{name} IS NULL").column("_rowid").to_numpy()
            lacks |= np.isin(table.column("_rowid").to_numpy(), without)
    flags = schema.missing_flagged(table.column("flags"), lacks)
    if flags is not None:
        changed = changed.append_column(store.objects.schema.field("flags"), flags)
    # One version: a reader sees all old views or all new ones.
    columnwise.write(store, reader, changed, now, beside=views_beside(reader, views))


def views_beside(reader: Reader, views: Collection[str]) -> bool:
    """Whether these views are written beside the rest: not if they are most of it, for then what they replace stays.

    Old vectors are in files that other columns need.
    """
    sizes = {name: view.dimensions for name, view in reader.views().items()}
    return 2 * sum(sizes.get(name, 0) for name in views) <= sum(sizes.values())


def _add_spectra(store: Store, reader: Reader, spectra: Batch, keys: list[str]) -> None:
    stored = reader.stored_keys(keys)
    wanted = [i for i, key in enumerate(keys) if key not in stored]
    if wanted:
        chosen = spectra.take(np.asarray(wanted, np.int64))
        table = schema.spectra_table(chosen, [keys[i] for i in wanted])
        if not set(store.spectra.schema.names) <= set(table.column_names):
            raise KnowledgeError(
                f"{store.path}: its spectra have the columns {', '.join(store.spectra.schema.names[1:])}, these have "
                f"{', '.join(table.column_names[1:])}. Add spectra of the same kind."
            )
        store.add_spectra(table)
