"""Writing a change in an order that loses nothing: columns, then spectra, and objects last."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import schema
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
    """Write table `objects` with these views replaced or added, as one version; needs the lock."""
    if (now := reader.refresh()) != since:
        raise KnowledgeError(
            f"{store.path}: the base changed while it was encoded (version {since} then, {now} now). "
            "Nothing was written; encode it again."
        )
    table = reader.scan(store.objects.schema.names).select(store.objects.schema.names)
    # One write: a reader sees all old views or all new ones.
    store.replace_objects(schema.with_views(table.cast(store.objects.schema), views), now)


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
