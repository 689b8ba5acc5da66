"""KnowledgeBase: spectra, labels and vectors of known objects in one folder, with versions and search."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import checks, curation, history, lookup, schema, writing
from spectrove.knowledge.classwise import ClassDistances, find_by_class
from spectrove.knowledge.finding import find
from spectrove.knowledge.lookup import Searched
from spectrove.knowledge.neighbors import Neighbors
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.schema import DEFAULT_VIEW
from spectrove.knowledge.space import Metric, Space, choose_space, scale, snapshot
from spectrove.knowledge.store import Store
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target

T = TypeVar("T")


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
            encoder: Name or folder of the encoder of the default view, so that queries can be encoded the same
                way; the other views' encoders are those that their vectors name.
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
        main = DEFAULT_VIEW if DEFAULT_VIEW in views else next(iter(views))
        views = {**views, main: replace(views[main], encoder=encoder)}
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
        """Name or folder of the encoder of the default view (of the first, if there is no such view)."""
        self._reader.refresh()
        return history.main_encoder(self._reader)

    @property
    def encoders(self) -> dict[str, str]:
        """View to the name or folder of its encoder."""
        self._reader.refresh()
        return {name: view.encoder for name, view in self._reader.views().items()}

    @property
    def version(self) -> int:
        """Number of the version that a search would see now."""
        return self._reader.refresh()

    @property
    def fingerprints(self) -> dict[str, str]:
        """View to the fingerprint of its vectors."""
        self._reader.refresh()
        return {name: view.fingerprint for name, view in self._reader.views().items()}

    @property
    def dimensions(self) -> dict[str, int]:
        """View to the length of its vectors."""
        self._reader.refresh()
        return {name: view.dimensions for name, view in self._reader.views().items()}

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

    def reencode(self, views: Mapping[str, Embeddings], *, since: int) -> int:
        """The number of a new version, in which these views are made anew or added; the others stay.

        An object without a vector stays in the base and cannot be found in that view. `rollback` brings the old
        views back, with the encoders that made them.

        Args:
            views: View name to vectors, matched by id.
            since: The version whose spectra the vectors were made of.

        Raises:
            KnowledgeError: The base has changed since, or a vector is of no object.
        """
        if empty := [view for view, vectors in views.items() if not len(vectors)]:
            raise KnowledgeError(f"{self.path}: no vectors for view {empty[0]}. Nothing was written.")
        with self._store.writing("reencode", views={view: v.encoder for view, v in views.items()}):
            writing.replace_views(self._store, self._reader, views, since)
        return self.version

    def curate(self, changes: curation.Changes, removed: set[str], *, since: int) -> int:
        """The number of a new version with these labels and without these objects; `curation.apply_review` checks."""
        with self._store.writing("curate", relabelled=len(changes), removed=len(removed)):
            curation.rewrite(self._store, self._reader, changes, removed, since)
        return self.version

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
        checks.check_view(self._store, self._reader, view)
        return self._reader.embeddings(view, where)

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
        checks.check_view(self._store, self._reader, view)
        return scale(self._store, self._reader, Space({view: 1.0}))

    def space(self, view: str | Mapping[str, float] | None = None, target: Target | None = None) -> Space:
        """Where a search would measure distances: the views named, else the target's, else the default view."""
        self._reader.refresh()
        return choose_space(self._store, self._reader, view, target)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives for this version of the base, made once and kept in memory until the base changes."""
        self._reader.refresh()
        kept = ("remember", key)
        if kept not in self._reader.kept:
            self._reader.kept[kept] = make()
        return self._reader.kept[kept]

    def searched(
        self,
        *,
        where: str | None = None,
        view: str | Mapping[str, float] | None = None,
        labelled: str | None = None,
        target: Target | None = None,
        group: str = "plate",
    ) -> Searched:
        """What `search` with these arguments would look through."""
        space = self.space(view, target)
        found = snapshot(self._store, self._reader, space)
        pool = lookup.choose(self._reader, found, space.views, where=where, labelled=labelled, target=target)
        label = labelled or (target.label if target else "")
        return lookup.searched(self._reader, found, pool, label, group)

    def search(
        self,
        query: Embeddings | Mapping[str, Embeddings],
        k: int | None = None,
        *,
        spectra: SpectrumSet | None = None,
        where: str | None = None,
        view: str | Mapping[str, float] | None = None,
        allow_self: bool = False,
        labelled: str | None = None,
        exclude_column: str | None = None,
        target: Target | None = None,
        metric: Metric | Sequence[Metric] | None = None,
    ) -> Neighbors:
        """The K nearest known objects of each query, exactly.

        An answer is the same to the last bit whether a query comes alone or among others. Equal distances
        are ordered by object id.

        Args:
            query: Vectors of the one view that is searched, or view name to vectors of the same queries in the
                same order; they must carry the views' fingerprints.
            k: Neighbours per query; the target's, or 3.
            spectra: The queries' spectra, matched by id. Only `ra`, `dec` and `exclude_column` are read:
                nothing else of a query's row can change what is found.
            where: SQL condition on the objects searched.
            view: The view to search, or several with their weights: see `space.Space` for the distance. By
                default the target's, or "shape".
            allow_self: Let a query find itself: by default objects with its id, or within 2 arcsec of it
                where `spectra` gives its position, are left out.
            labelled: Search only objects with a value in this column.
            exclude_column: Leave out objects whose value here equals the query's, such as `plate`.
            target: Search the part of the base that the target names: objects of its classes, its filter and
                its composition. It is checked first.
            metric: Coordinates to measure distances in, such as an `inference.LinearMetric`. Of several the first is
                for queries that are no objects of the searched part of the base; those that are in fold i
                (`Searched.fold`) get metric 1 + i, which is to be fitted without the labels of that fold.

        Raises:
            FingerprintError: The vectors are another encoder's.
            KnowledgeError: A column or condition is wrong, or nothing is left to search.
            TargetError: The target names a column, value or view that the base does not have.
        """
        self._reader.refresh()
        return find(
            self._store,
            self._reader,
            query,
            k if k is not None else (target.k if target else 3),
            spectra=spectra,
            where=where,
            view=view,
            allow_self=allow_self,
            labelled=labelled,
            exclude_column=exclude_column,
            target=target,
            metric=metric,
        )

    def search_by_class(
        self, query: Embeddings | Mapping[str, Embeddings], k: int, **asked: Any
    ) -> ClassDistances:
        """Distances to the K nearest objects of each class of `target`, or of each value of `labelled`.

        The other arguments are those of `search`, `metric` as a sequence; `kinds` (label value to the name of a kind)
        asks for kinds finer than the target's classes.
        """
        self._reader.refresh()
        return find_by_class(self._store, self._reader, query, k, **asked)
