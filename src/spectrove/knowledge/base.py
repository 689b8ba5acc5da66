"""KnowledgeBase: spectra, labels and vectors of known objects in one folder, with versions and search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import checks, history, lookup, schema, writing
from spectrove.knowledge.neighbors import Neighbors
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.search import nearest
from spectrove.knowledge.store import Store
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target

#: The view that is searched where none is named.
DEFAULT_VIEW = "shape"


class KnowledgeBase:
    """Known spectra with their labels, and one vector each per view.

    Every method that writes either does all of it or nothing, and what it acknowledged by returning
    survives a killed process. Readers see whole versions only.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = Reader(store)

    # --- making and opening -------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | PathLike[str],
        spectra: SpectrumSet,
        views: Mapping[str, Embeddings],
        *,
        encoder: str,
        complete: bool = True,
    ) -> KnowledgeBase:
        """A new base in the folder `path`, which must not exist (or be empty).

        Args:
            path: Folder to make, for instance `sdss.kb`.
            spectra: The known objects; every row column is kept and can be filtered on.
            views: View name to vectors. Matched to the spectra by id; a spectrum without a vector is kept
                and cannot be found in that view.
            encoder: Name or folder of the encoder, so that queries can be encoded the same way.
            complete: Give False where more batches follow at once: until `complete()` is called the folder
                counts as half-made, so that a creation killed between batches never passes for a base.

        Raises:
            KnowledgeError: Something is at `path`, there are no spectra or views, or an id occurs twice.
        """
        path = Path(path)
        if not len(spectra) or not views:
            raise KnowledgeError(
                f"{path}: {len(spectra)} spectra in {len(views)} views, expected one or more of each. "
                "Check that the dataset holds spectra the encoder accepted."
            )
        checks.refuse_repeats(path, spectra)
        keys = schema.spectrum_keys(spectra)
        objects = schema.objects_table(spectra, views, keys)
        pixels = schema.spectra_table(spectra, keys)
        return cls(Store.create(path, {"encoder": encoder}, pixels, objects, complete=complete))

    def complete(self) -> None:
        """End a creation that began with `complete=False`: from now on the base opens."""
        self._store.complete()

    @classmethod
    def open(cls, path: str | PathLike[str]) -> KnowledgeBase:
        """The base in that folder.

        Raises:
            KnowledgeError: There is none, it is half-made, or a newer spectrove made it.
        """
        return cls(Store.open(Path(path)))

    # --- what it is ---------------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The folder."""
        return self._store.path

    @property
    def encoder(self) -> str:
        """Name or folder of the encoder whose vectors these are."""
        return str(self._store.about.get("encoder", ""))

    @property
    def version(self) -> int:
        """Number of the version that a search would see now."""
        return self._reader.refresh()

    @property
    def fingerprints(self) -> dict[str, str]:
        """View to the fingerprint of its vectors."""
        self._reader.refresh()
        return {view: fingerprint for view, (fingerprint, _) in self._reader.views().items()}

    @property
    def dimensions(self) -> dict[str, int]:
        """View to the length of its vectors."""
        self._reader.refresh()
        return {view: dimensions for view, (_, dimensions) in self._reader.views().items()}

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the vector columns."""
        return tuple(self.fingerprints)

    @property
    def columns(self) -> list[str]:
        """Columns that SQL conditions, targets and `labelled` may name."""
        self._reader.refresh()
        return self._reader.columns()

    def __len__(self) -> int:
        return self.count()

    def count(self, where: str | None = None) -> int:
        """How many objects there are, or how many meet an SQL condition."""
        self._reader.refresh()
        return self._reader.count(where)

    def info(self) -> dict[str, Any]:
        """Rows, views, fingerprints, encoder, label columns with class counts, version, size; all plain."""
        self._reader.refresh()
        return history.info(self._store, self._reader)

    # --- changing it --------------------------------------------------------------------------------

    def add(self, spectra: SpectrumSet, views: Mapping[str, Embeddings]) -> int:
        """How many objects were added.

        Columns the base does not have yet are added to it (null for the objects before); columns that
        `spectra` lacks become null.

        Raises:
            KnowledgeError: An id is in the base already, or twice in `spectra`; a column's values do not fit.
            FingerprintError: The vectors are another encoder's.
        """
        checks.refuse_repeats(self.path, spectra)
        with self._store.writing("add", rows=len(spectra)):
            checks.refuse_known(self._store, self._reader, spectra)
            objects = writing.prepare_objects(self._store, self._reader, spectra, views)
            if len(spectra):
                self._store.objects.add(objects)
        return len(spectra)

    def upsert(self, spectra: SpectrumSet, views: Mapping[str, Embeddings]) -> tuple[int, int]:
        """How many objects were added and how many replaced; a replaced row keeps nothing of the old one.

        Raises:
            KnowledgeError: An id is twice in `spectra`, or a column's values do not fit.
            FingerprintError: The vectors are another encoder's.
        """
        checks.refuse_repeats(self.path, spectra)
        with self._store.writing("upsert", rows=len(spectra)):
            objects = writing.prepare_objects(self._store, self._reader, spectra, views)
            if not len(spectra):
                return 0, 0
            merge = self._store.objects.merge_insert("object_id").when_matched_update_all()
            result = merge.when_not_matched_insert_all().execute(objects)
        return int(result.num_inserted_rows), int(result.num_updated_rows)

    def delete(self, where: str) -> int:
        """How many objects were deleted: those that meet the SQL condition (`"true"` means all).

        Their spectra stay until `optimize(forget_older_than=...)`, so that `rollback` can bring them back.
        """
        if not where.strip():
            raise KnowledgeError(
                f'{self.path}: delete needs an SQL condition. Say "true" to delete every object.'
            )
        self._reader.refresh()
        self._reader.count(where)  # a wrong condition is reported before the lock and the log
        with self._store.writing("delete", where=where):
            n = self._reader.count(where)
            if n:
                self._store.objects.delete(where)
        return n

    def versions(self) -> list[dict[str, Any]]:
        """Versions one can roll back to, oldest first: number, timestamp (UTC, ISO), rows, operation."""
        self._reader.refresh()
        return history.versions(self._store)

    def rollback(self, version: int) -> int:
        """The number of the new version, which is the base as it was at `version`.

        Later versions stay: a rollback can be rolled back.
        """
        return history.rollback(self._store, version)

    def optimize(self, *, forget_older_than: timedelta | None = None) -> None:
        """Join small files and index ids, which makes reading faster after many small additions.

        Args:
            forget_older_than: Also remove versions older than this, and spectra that none of the others
                needs. By default nothing is forgotten.
        """
        history.optimize(self._store, forget_older_than)

    # --- reading it ---------------------------------------------------------------------------------

    def rows(self, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Catalog values as a table: object_id first, then the named columns (all if None)."""
        self._reader.refresh()
        return self._reader.rows(where, columns)

    def embeddings(self, view: str = DEFAULT_VIEW, where: str | None = None) -> Embeddings:
        """Vectors of the objects that have one, with their ids, sorted by id."""
        self._reader.refresh()
        return self._reader.embeddings(view, where, self.encoder)

    def label_values(self, column: str) -> dict[str, int]:
        """Each value of a label column and how many objects have it; unlabelled ones are not counted."""
        self._reader.refresh()
        return self._reader.label_values(column)

    def spectra(self, object_ids: Sequence[str] | NDArray[np.str_]) -> SpectrumSet:
        """The stored spectra with their catalog values, in the order asked for.

        Raises:
            KnowledgeError: An id is not in the base.
        """
        self._reader.refresh()
        return self._reader.spectra([str(i) for i in object_ids])

    # --- searching it -------------------------------------------------------------------------------

    @property
    def scale(self) -> float:
        """Median nearest-neighbour distance of the default view (the first, if there is no such view)."""
        views = self.views
        return self.scale_of(DEFAULT_VIEW if DEFAULT_VIEW in views else views[0])

    def scale_of(self, view: str) -> float:
        """Median distance between an object and its nearest other; the unit in which weights see distances.

        From 512 objects chosen by a hash of their ids (all, in a smaller base); kept per version. 1 where
        there are no two different objects.
        """
        self._reader.refresh()
        return lookup.scale(self._store, self._reader, view)

    def search(
        self,
        query: Embeddings,
        k: int | None = None,
        *,
        spectra: SpectrumSet | None = None,
        where: str | None = None,
        view: str = DEFAULT_VIEW,
        allow_self: bool = False,
        labelled: str | None = None,
        exclude_column: str | None = None,
        target: Target | None = None,
    ) -> Neighbors:
        """The K nearest known objects of each query, exactly.

        An answer is the same to the last bit whether a query comes alone or among others. Equal distances
        are ordered by object id.

        Args:
            query: Vectors of one encoder; they must carry the view's fingerprint.
            k: Neighbours per query; the target's, or 3.
            spectra: The queries' spectra, matched by id. Only `ra`, `dec` and `exclude_column` are read:
                nothing else of a query's row can change what is found.
            where: SQL condition on the objects searched.
            view: Vector column.
            allow_self: Let a query find itself: by default objects with its id, or within 2 arcsec of it
                where `spectra` gives its position, are left out.
            labelled: Search only objects with a value in this column.
            exclude_column: Leave out objects whose value here equals the query's, such as `plate`.
            target: Search the part of the base that the target names: objects of its classes, its filter and
                its composition. It is checked first.

        Raises:
            FingerprintError: The vectors are another encoder's.
            KnowledgeError: A column or condition is wrong, or nothing is left to search.
            TargetError: The target names a column or value that the base does not have.
        """
        version = self._reader.refresh()
        k = k if k is not None else (target.k if target else 3)
        if k < 1:
            raise KnowledgeError(f"k is {k}, expected 1 or more.")
        checks.check_query(self._store, self._reader, query, view)
        snapshot = self._reader.snapshot(view)
        pool = lookup.choose(self._reader, view, where=where, labelled=labelled, target=target)
        excluded = lookup.exclusions(
            self._reader, snapshot, query, spectra, allow_self=allow_self, column=exclude_column
        )
        positions, distance = nearest(snapshot, query.vectors, k, pool.allowed, excluded)
        ids = [[str(snapshot.object_id[p]) if p >= 0 else "" for p in found] for found in positions]
        return Neighbors(
            query_id=query.object_id,
            query_vectors=query.vectors,
            object_id=np.array(ids, dtype=str).reshape(positions.shape),
            distance=distance,
            rows=self._reader.rows_at(snapshot, positions),
            scale=lookup.scale(self._store, self._reader, view),
            flags=lookup.flags(snapshot, query, positions),
            view=view,
            fingerprint=query.fingerprint,
            version=version,
            pool=pool.counts,
        )
