"""KnowledgeBase: spectra, labels and vectors of known objects in one folder, with versions and search."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import (
    checks,
    columnwise,
    history,
    joining,
    labelled,
    lookup,
    relabel,
    schema,
    writing,
)
from spectrove.knowledge.classwise import Among, ClassDistances, find_by_class
from spectrove.knowledge.files import Files, Uri, place_of
from spectrove.knowledge.finding import Conditions, find
from spectrove.knowledge.index import building, state
from spectrove.knowledge.lookup import Searched
from spectrove.knowledge.neighbors import Neighbors
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.schema import DEFAULT_DOMAIN, DEFAULT_VIEW
from spectrove.knowledge.space import Metric, Space, choose_space, scale, snapshot
from spectrove.knowledge.store import Store
from spectrove.spectra import Batch, SpectrumSet, html_table
from spectrove.targets import Target

T = TypeVar("T")


class KnowledgeBase:
    """Known spectra with their labels, and one vector each per view.

    A method that writes either writes everything or nothing. Once it has returned, its change survives a
    killed process. Readers see complete versions only.
    """

    def __init__(self, store: Store, batch: type[Batch] = SpectrumSet) -> None:
        self._store = store
        self._reader = Reader(store, batch)

    # --- making and opening -------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | PathLike[str],
        spectra: Batch,
        views: Mapping[str, Embeddings],
        *,
        encoder: str,
        domain: str = DEFAULT_DOMAIN,
        complete: bool = True,
    ) -> Self:
        """A new base at `path`, where nothing may be (or an empty folder).

        Args:
            path: Folder to make, for instance `sdss.kb`, or an address such as `s3://bucket/sdss.kb`, whose
                credentials are read from the environment (AWS_ACCESS_KEY_ID and so on).
            spectra: The known objects, a `SpectrumSet` or another `spectra.Batch`; every row column is kept and
                can be filtered on.
            views: Vectors by view name, matched to the spectra by id. A spectrum without a vector is stored
                but cannot be found in that view.
            encoder: Name or folder of the encoder of the default view, needed to encode queries in the same way.
                The vectors of the other views name their own encoders.
            domain: The kind of light, a key of `pipeline.DOMAINS`.
            complete: False if more batches follow. The folder is then incomplete, and cannot be opened, until
                `complete()` is called: an interrupted creation is never taken for a base.

        Raises:
            KnowledgeError: `path` is occupied, there are no spectra or no views, or an id occurs twice.
        """
        path = place_of(path)
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
        about = {"encoder": encoder, "domain": domain}
        return cls(Store.create(path, about, pixels, objects, complete=complete), type(spectra))

    @classmethod
    def in_memory(
        cls,
        spectra: Batch,
        views: Mapping[str, Embeddings],
        *,
        encoder: str,
        domain: str = DEFAULT_DOMAIN,
    ) -> Self:
        """A new base that never touches the disk and is gone with the process.

        It answers as one in a folder. What is fitted on it is kept in memory.

        Args:
            spectra, views, encoder, domain: As in `create`.
        """
        return cls.create("memory://base", spectra, views, encoder=encoder, domain=domain)

    def complete(self) -> None:
        """Mark a base created with `complete=False` as complete, so that it can be opened."""
        self._store.complete()

    @classmethod
    def open(cls, path: str | PathLike[str], *, batch: type[Batch] = SpectrumSet) -> Self:
        """The knowledge base in the folder, or at the address, `path`.

        Args:
            path: The base.
            batch: Class of its spectra, which `spectra` gives back.

        Raises:
            KnowledgeError: There is no base, it is incomplete, or a newer spectrove made it.
        """
        return cls(Store.open(place_of(path)), batch)

    # --- what it is ---------------------------------------------------------------------------------

    @property
    def path(self) -> Path | Uri:
        """The folder, or the address of a base that is not in the local file system."""
        return self._store.path

    @property
    def files(self) -> Files:
        """Small files beside the tables, for what is fitted on the base and kept with it."""
        return self._store.files

    @property
    def domain(self) -> str:
        """Name of the kind of light: "galaxies"."""
        return str(self._store.about.get("domain", DEFAULT_DOMAIN))

    @property
    def encoder(self) -> str:
        """Name or folder of the encoder of the default view (of the first view, if there is no default view)."""
        self._reader.refresh()
        return history.main_encoder(self._reader)

    @property
    def encoders(self) -> dict[str, str]:
        """Name or folder of the encoder of each view."""
        self._reader.refresh()
        return {name: view.encoder for name, view in self._reader.views().items()}

    @property
    def version(self) -> int:
        """Number of the newest version, which a search reads."""
        return self._reader.refresh()

    @property
    def measured_version(self) -> int:
        """Number of the version at which spectra, redshifts and vectors were last written.

        Versions after it joined columns (`add_columns`), so that what is measured in spectra still holds.
        """
        self._reader.refresh()
        return self._reader.measured_version

    @property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprint of the vectors of each view."""
        self._reader.refresh()
        return {name: view.fingerprint for name, view in self._reader.views().items()}

    @property
    def dimensions(self) -> dict[str, int]:
        """Length of the vectors of each view."""
        self._reader.refresh()
        return {name: view.dimensions for name, view in self._reader.views().items()}

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the vector columns."""
        return tuple(self.fingerprints)

    @property
    def columns(self) -> list[str]:
        """Columns that can be used in SQL conditions, in targets and as `labelled`."""
        self._reader.refresh()
        return self._reader.columns()

    def __len__(self) -> int:
        return self.count()

    def __repr__(self) -> str:
        views = ", ".join(f"{view} by {encoder}" for view, encoder in self.encoders.items())
        return f"<KnowledgeBase {self.path.name}: {len(self)} objects, version {self.version}, {views}>"

    def _repr_html_(self) -> str:
        """Objects, views and label columns as a small table, for notebooks."""
        about = self.info()
        rows: list[tuple[str, Any]] = [("objects", about["rows"]), ("version", about["version"])]
        rows += [
            (f"view {view}", f"{v['encoder']}, {v['dimensions']} dimensions")
            for view, v in about["views"].items()
        ]
        rows += [
            (name, ", ".join(f"{v} {n}" for v, n in counts.items()))
            for name, counts in about["labels"].items()
        ]
        return f"<p>{escape(repr(self))}</p>{html_table((), rows)}"

    def count(self, where: str | None = None) -> int:
        """Number of objects, or of those that meet an SQL condition."""
        self._reader.refresh()
        return self._reader.count(where)

    def info(self) -> dict[str, Any]:
        """Domain, rows, views, encoder, label columns with class counts, version and size, as plain values."""
        self._reader.refresh()
        return history.info(self._store, self._reader)

    def labels(self) -> dict[str, dict[str, Any]]:
        """Each column of labels or of joined numbers: type, values, sources, disagreements, as plain values."""
        self._reader.refresh()
        return labelled.labels(self._store, self._reader)

    def sources_of(self, column: str) -> list[dict[str, Any]]:
        """What filled a joined column, oldest first: source, version, date, base_version, given, details."""
        self._reader.refresh()
        schema_now = self._store.objects.schema
        return joining.sources_of(schema_now.field(column)) if column in schema_now.names else []

    def column_notes(self) -> dict[str, dict[str, Any]]:
        """What the latest source of each joined column says of it, by column: `unit` and whatever else it noted."""
        self._reader.refresh()
        return {name: found[-1] for name, found in labelled.sources(self._store).items()}

    # --- changing it --------------------------------------------------------------------------------

    def add(self, spectra: Batch, views: Mapping[str, Embeddings]) -> int:
        """Number of objects added.

        Columns that are new to the base are added (null for the older objects). Columns that `spectra` lacks
        are null for the new objects.

        Raises:
            KnowledgeError: An id is in the base already or twice in `spectra`, or a column has another type.
            FingerprintError: The vectors were made by another encoder.
        """
        checks.refuse_repeats(self.path, spectra)
        with self._store.writing("add", rows=len(spectra)):
            checks.refuse_known(self._store, self._reader, spectra)
            objects = writing.prepare_objects(self._store, self._reader, spectra, views)
            if len(spectra):
                self._store.objects.add(objects)
        return len(spectra)

    def upsert(self, spectra: Batch, views: Mapping[str, Embeddings]) -> tuple[int, int]:
        """Numbers of objects added and replaced; no value of a replaced row is kept.

        Raises:
            KnowledgeError: An id is twice in `spectra`, or a column has another type.
            FingerprintError: The vectors were made by another encoder.
        """
        checks.refuse_repeats(self.path, spectra)
        with self._store.writing("upsert", rows=len(spectra)):
            objects = writing.prepare_objects(self._store, self._reader, spectra, views)
            if not len(spectra):
                return 0, 0
            merge = self._store.objects.merge_insert("object_id").when_matched_update_all()
            result = merge.when_not_matched_insert_all().execute(objects, on_bad_vectors="null")
        return int(result.num_inserted_rows), int(result.num_updated_rows)

    def delete(self, where: str) -> int:
        """Number of objects deleted: those that meet the SQL condition (`"true"` for all).

        Their spectra are kept until `optimize(forget_older_than=...)`, so that `rollback` can restore them.
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
        """Number of a new version in which these views are replaced or added; other views are unchanged.

        An object without a vector stays in the base but cannot be found in that view. `rollback` restores the
        old views and their encoders.

        Args:
            views: Vectors by view name, matched by id.
            since: The version whose spectra were encoded.

        Raises:
            KnowledgeError: The base has changed since that version, or a vector belongs to no object.
        """
        if empty := [view for view, vectors in views.items() if not len(vectors)]:
            raise KnowledgeError(f"{self.path}: no vectors for view {empty[0]}. Nothing was written.")
        beside = columnwise.possible(self._store) and writing.views_beside(self._reader, views)
        encoders = {view: v.encoder for view, v in views.items()}
        with self._store.writing("reencode", views=encoders, in_place=beside):
            writing.replace_views(self._store, self._reader, views, since)
        return self.version

    def curate(self, changes: relabel.Changes, removed: set[str], *, since: int) -> int:
        """Number of a new version with these labels and without these objects; `curation.apply_review` checks them."""
        in_place = relabel.of_few(changes, removed)
        about = {"relabelled": len(changes), "removed": len(removed), "in_place": in_place}
        with self._store.writing("curate", **about):
            relabel.rewrite(self._store, self._reader, changes, removed, since)
        return self.version

    def add_columns(
        self,
        table: pa.Table,
        source: str | joining.Source | Mapping[str, joining.Source],
        *,
        existing: joining.Existing = "keep",
        noted: Collection[str] | None = None,
        operation: str = "label",
        dry_run: bool = False,
    ) -> joining.ColumnsAdded:
        """What came of joining the columns of a table by object_id, as one new version; nothing is encoded again.

        A column is new or fills one that the base has. Objects that are not in the table keep what they have; a null
        says nothing. If nothing changes, there is no new version. Rollback restores what was before.

        Args:
            table: `object_id`, each once, and columns of text, booleans or numbers. NaN and "" are unknown.
            source: Where the values come from, in a word, or by column as `joining.Source`. It is kept with the column.
            existing: Of a value that is there and differs: "keep" it, "replace" it, or "renew" the column, so that it
                holds what the table says of its objects, nothing where that is null.
            noted: Columns whose values are noted for each object in `labels`, with the source; by default those of text
                and booleans.
            operation: What `versions` calls it.
            dry_run: True to say what would come of it; nothing is written.

        Raises:
            KnowledgeError: A column has a reserved name or holds another type than the base's, or an id occurs twice.
        """
        plan = joining.plan_of(table, source, existing, noted)
        self._reader.refresh()
        foreseen = joining.change(self._store, self._reader, plan)
        if dry_run or not foreseen.altered:
            return foreseen
        origins = sorted({s.name for s in plan.sources.values()})
        about = {"columns": plan.names, "in_place": columnwise.possible(self._store)}
        with self._store.writing(operation, source=", ".join(origins), **about):
            done = joining.write(self._store, self._reader, plan)
        return replace(done, version=self.version)

    def drop_columns(self, names: Sequence[str]) -> int:
        """Number of a new version without these columns, each of which `add_columns` made; rollback restores them."""
        self.check_droppable(names)
        about = {"columns": list(names), "in_place": columnwise.possible(self._store)}
        with self._store.writing("drop columns", **about):
            joining.drop(self._store, self._reader, names)
        return self.version

    def check_droppable(self, names: Sequence[str]) -> None:
        """Refuse columns unless `drop_columns` removes them."""
        self._reader.refresh()
        joining.check_droppable(self._store, self._reader, names)

    def versions(self) -> list[dict[str, Any]]:
        """Versions that `rollback` can restore, oldest first: number, timestamp (UTC, ISO), rows, operation, about."""
        self._reader.refresh()
        return history.versions(self._store)

    def rollback(self, version: int) -> int:
        """Number of a new version with the content of `version`.

        Later versions are kept, so that a rollback can be undone.
        """
        return history.rollback(self._store, version)

    def optimize(self, *, forget_older_than: timedelta | None = None) -> None:
        """Merge small files and index the ids, for faster reading after many small additions.

        Args:
            forget_older_than: Also remove versions older than this, and spectra that no remaining version
                uses. By default nothing is removed.
        """
        history.optimize(self._store, forget_older_than)

    def build_index(self, views: Collection[str] | None = None) -> list[str]:
        """Make the index of these views in the newest version; the views that now have one.

        With it a search in a large base looks at some hundred objects that the index proposes; without it, at all. What
        is found has the same distances. An object is missed now and then: `info` says how often. An index is used
        for later versions too: objects that are new since are all looked at, and those that are gone are not found.

        Takes some minutes for a million objects, with progress through `spectrove.work`; the base can be read and
        written meanwhile. An interrupted call leaves the index that was there before.

        Args:
            views: Names of views; all if None. Those with fewer objects than are worth an index
                (`index.opening.INDEX_FROM`) get none, and those of a base in an object store unless the environment
                variable SPECTROVE_INDEX names a folder of this machine for it.

        Raises:
            KnowledgeError: The base lacks a view, or its folder cannot be written.
        """
        self._reader.refresh()
        for view in views or ():
            checks.check_view(self._store, self._reader, view)
        wanted = list(self._reader.views()) if views is None else list(views)
        return building.build_views(self._store, self._reader, wanted)

    def index_state(self) -> dict[str, Any]:
        """Whether the index of each view is used by a search now, and whether one is being made, as plain values.

        Returns:
            `views`: of each its `state`, "used", "stale" (more than a fifth has changed since), "damaged", "other
            vectors", "other history" (made before a backup was restored), "newer" (an older version is read),
            "absent", "too small" (a base not worth one) or "impossible" (not in a local folder), `why` in words, and
            where it is known `changed`, objects. `making`: the index that is being made, or whose making failed or
            was interrupted, with its `sentence`; else None.
        """
        self._reader.refresh()
        return state.states(self._store, self._reader)

    def index_outgrown(self) -> bool:
        """Whether more than a fifth of the objects of an index was added or replaced since it was made, by the log."""
        self._reader.refresh()
        return state.outgrown(self._store, self._reader)

    # --- reading it ---------------------------------------------------------------------------------

    def rows(self, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Table of catalog values: object_id first, then the named columns (all if None)."""
        self._reader.refresh()
        return self._reader.rows(where, columns)

    def some_ids(self, most: int) -> list[str]:
        """Ids of at most so many objects, those with the smallest `id_hash`, which come first."""
        self._reader.refresh()
        return self._reader.first_by_hash(most)

    def embeddings(self, view: str = DEFAULT_VIEW, where: str | None = None) -> Embeddings:
        """Vectors and ids of the objects that have a vector in this view, sorted by id."""
        self._reader.refresh()
        checks.check_view(self._store, self._reader, view)
        return self._reader.embeddings(view, where)

    def vectors_of(self, object_ids: Sequence[str], view: str = DEFAULT_VIEW) -> Embeddings:
        """Vectors of some objects in a view, in this order.

        Raises:
            KnowledgeError: An object is not in the base, or has no vector in this view.
        """
        self._reader.refresh()
        checks.check_view(self._store, self._reader, view)
        return self._reader.vectors_of(view, object_ids)

    def has_vector(self, object_ids: Sequence[str], view: str = DEFAULT_VIEW) -> NDArray[np.bool_]:
        """Which of these objects have a vector in a view, (n_objects,)."""
        self._reader.refresh()
        checks.check_view(self._store, self._reader, view)
        known = self._reader.snapshot(view)
        return np.array([known.position(name) is not None for name in object_ids], dtype=bool)

    def label_values(self, column: str) -> dict[str, int]:
        """Number of objects with each value of a label column; objects without a label are not counted."""
        self._reader.refresh()
        return self._reader.label_values(column)

    def spectra(self, object_ids: Sequence[str] | NDArray[np.str_]) -> SpectrumSet:
        """The stored spectra with their catalog values, in the order of `object_ids`, of the class `batch` of `open`.

        Raises:
            KnowledgeError: An id is not in the base.
        """
        self._reader.refresh()
        return self._reader.spectra([str(i) for i in object_ids])

    # --- searching it -------------------------------------------------------------------------------

    @property
    def scale(self) -> float:
        """Median nearest-neighbour distance in the default view (the first view, if there is no default view)."""
        views = self.views
        return self.scale_of(DEFAULT_VIEW if DEFAULT_VIEW in views else views[0])

    def scale_of(self, view: str) -> float:
        """Median distance of an object to its nearest neighbour; distances are divided by it before they are weighted.

        Measured on 512 objects chosen by a hash of their ids (on all of a smaller base), once per version. It is
        1 if there are no two different objects.
        """
        self._reader.refresh()
        checks.check_view(self._store, self._reader, view)
        return scale(self._store, self._reader, Space({view: 1.0}))

    def space(self, view: str | Mapping[str, float] | None = None, target: Target | None = None) -> Space:
        """The views and weights of a search: the views named, else the target's, else the default view."""
        self._reader.refresh()
        return choose_space(self._store, self._reader, view, target)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """Result of `make()`, computed once and kept in memory until the base changes."""
        self._reader.refresh()
        return self._reader.remember(("remember", key), make)

    def let_go(self) -> None:
        """Tell the system that the mapped vectors of a large base are not needed now; they are read when asked for.

        After a fit that looked at thousands of objects they are most of what a process holds.
        """
        self._reader.let_go()

    def one_version(self) -> AbstractContextManager[None]:
        """Inside, everything is read from one version of the base, the newest at the beginning.

        An answer then cannot mix two versions that another process writes meanwhile, and asks only once for the newest.
        Nothing may be written to the base inside.
        """
        return self._reader.held()

    def searched(
        self,
        *,
        where: str | None = None,
        view: str | Mapping[str, float] | None = None,
        labelled: str | None = None,
        target: Target | None = None,
        group: str = "",
    ) -> Searched:
        """The objects that `search` would search with these arguments.

        Args:
            where, view, labelled, target: As in `search`.
            group: Column of `Searched.groups`; "" for none.
        """
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
        spectra: Batch | None = None,
        metric: Metric | Sequence[Metric] | None = None,
        **conditions: Any,
    ) -> Neighbors:
        """The K nearest known objects of each query, by exact search.

        The answer for a query is identical to the last bit whether it is searched alone or in a batch. Objects at
        equal distance are ordered by id.

        Args:
            query: Vectors of the view that is searched, or vectors by view name (same queries, same order).
                Their fingerprints must be those of the views.
            k: Neighbours per query; by default the target's number, or 3.
            spectra: Spectra of the queries, matched by id. Only `ra`, `dec` and `exclude_column` are read; no
                other catalog value of a query can change the answer.
            metric: Metric in which distances are measured, such as an `inference.LinearMetric`. If there are
                several, the first is used for queries outside the searched part of the base. A query of fold i
                (`Searched.fold`) uses metric 1 + i, which must be fitted without the labels of that fold.
            where: SQL condition on the objects searched.
            view: The view to search, or several with their weights; `space.Space` defines the distance. By
                default the target's views, or "shape".
            allow_self: True lets a query find itself. By default objects with the id of the query, or within
                2 arcsec of it if `spectra` has its position, are excluded.
            labelled: Search only objects with a value in this column.
            exclude_column: Exclude objects with the query's value in this column.
            target: Search only the objects of the target: its classes, its filter and its composition. The
                target is checked first.
            with_rows: False leaves the catalog values of the neighbours out, which is quicker: `rows` then holds an
                empty dictionary for each.

        Raises:
            FingerprintError: The vectors were made by another encoder.
            KnowledgeError: A column or condition is wrong, or no object is left to search.
            TargetError: The target names a column, value or view that the base does not have.
        """
        searched = Conditions(spectra=spectra, metric=metric, **conditions)
        default = searched.target.k if searched.target else 3
        with self._reader.held():
            return find(self._store, self._reader, query, default if k is None else k, searched)

    def search_by_class(
        self,
        query: Embeddings | Mapping[str, Embeddings],
        k: int,
        *,
        kinds: Mapping[str, str] | None = None,
        among: Among | None = None,
        **conditions: Any,
    ) -> ClassDistances:
        """Distances to the K nearest objects of each class of `target`, or of each value of `labelled`.

        The other arguments are those of `search`, with `metric` as a sequence. `kinds` (label value to subclass)
        gives subclasses finer than the classes of the target. With `among` distances are those to these objects alone,
        in the unit of their own median nearest-neighbour distance.
        """
        self._reader.refresh()
        return find_by_class(self._store, self._reader, query, k, Conditions(**conditions), kinds, among)
