"""Datasets: many spectra with their rows in one Lance table, written batch by batch and resumable."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectrove.catalog import Joiner, JoinReport
from spectrove.errors import DatasetError, Refusal, sql_problem
from spectrove.provenance import canonical_json
from spectrove.readers.columns import BOOKKEEPING, ROW_COLUMNS, conform_rows
from spectrove.readers.files import DATASET_SUFFIX, find_files
from spectrove.readers.light import Light, batch_of
from spectrove.readers.options import Options, responses
from spectrove.readers.parallel import Progress, read_files
from spectrove.shared import FOLDER as SHARED_FOLDER
from spectrove.shared import joined as joined_shared
from spectrove.shared import split as split_shared
from spectrove.spectra import CORE_COLUMNS, PIXEL_COLUMNS, SpectrumSet

#: Spectra per commit: what an interrupted run may have to read again.
COMMIT = 1024
#: Beyond this many commits the table's small pieces are merged at the end.
MANY_COMMITS = 16
#: Metadata of a table of vectors, which is no dataset (`spectrove embed`).
VECTORS_MARK = b"spectrove vectors"
#: Shared values that are kept in memory.
MOST_VALUES = 32


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        dataset: Where it was written; the folder is not there if nothing could be read.
        n_files: How many files were named.
        n_spectra: How many spectra were added or replaced.
        n_skipped: How many files were in the dataset already, unchanged.
        refusals: Files and spectra left out, with the reason.
        join: What the catalogs matched.
    """

    dataset: Path
    n_files: int
    n_spectra: int
    n_skipped: int
    refusals: tuple[Refusal, ...]
    join: JoinReport

    def sentence(self) -> str:
        """The report for people."""
        text = f"{self.n_spectra} spectra of {self.n_files - self.n_skipped} files written to {self.dataset}"
        text += f"; {self.n_skipped} files were there already" if self.n_skipped else ""
        text += f"; {len(self.refusals)} left out" if self.refusals else ""
        return "\n".join([text, self.join.sentence()]).strip()


def ingest(
    paths: Path | str | Iterable[Path | str],
    dataset: Path | str,
    *,
    catalogs: Sequence[pa.Table | Path | str] = (),
    survey: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
    light: Light | None = None,
    cluster: str | None = None,
    **options: Any,
) -> IngestReport:
    """What was written to a dataset from files, folders or globs of spectra.

    Files already in the dataset and unchanged are skipped, so an interrupted run goes on where it was.
    Each batch is one commit: a reader never sees half of it.

    Args:
        paths: One or many.
        dataset: A folder whose name ends in `.lance`; created, or added to.
        catalogs: Tables or files joined to the rows.
        survey: A name of `READERS`, or "auto".
        workers: Processes; by default one per core.
        progress: Called with the number of files done and of all files to read.
        light: The kind of light, if the readers here do not know it.
        cluster: "local" or the address of a scheduler of dask: workers read the files, and this process writes.
        options: As in `read_file`: columns, medium, wavelength_unit, flux_unit, error_unit, response.

    Raises:
        DatasetError: If there is nothing to read, or the dataset cannot be written.
    """
    store = Store(dataset)
    Options.of(options)  # a wrong option is refused before any work
    files = find_files(paths, leave_out=[c for c in catalogs if not isinstance(c, pa.Table)])
    joiner = Joiner(catalogs)
    recipe = _recipe(joiner, survey, options)
    todo = store.to_read(files, recipe)
    own = ROW_COLUMNS if light is None else {**CORE_COLUMNS, **light.rows, **BOOKKEEPING}
    columns = own | {k: v for k, v in joiner.columns.items() if k not in own}
    refusals: list[Refusal] = []
    report, added, skipped, pending = JoinReport(), 0, len(files) - len(todo), []
    for batch in read_files(
        todo, survey=survey, workers=workers, progress=progress, options=options, light=light, cluster=cluster
    ):
        refusals += batch.refusals
        joined, said = joiner.join(batch.spectra)
        report += said
        fresh, refused, again = store.without_known(joined)
        refusals += refused
        skipped += again
        if len(fresh):
            rows = fresh.rows.set_column(
                fresh.rows.column_names.index("file_recipe"), "file_recipe", pa.array([recipe] * len(fresh))
            )
            pending.append(fresh.with_rows(conform_rows(rows, columns)))
        if sum(map(len, pending)) >= COMMIT:
            added += store.commit(pending)
            pending = []
    added += store.commit(pending)
    store.tidy()
    return IngestReport(store.path, len(files), added, skipped, tuple(refusals), report)


def write_dataset(path: Path | str, spectra: SpectrumSet) -> None:
    """Write spectra as a new dataset, in place of one of that name.

    Raises:
        DatasetError: If the path does not end in `.lance` or cannot be written.
    """
    Store(path).overwrite(spectra)


def domains_said(path: Path | str) -> set[str]:
    """Values of the column "domain" of a dataset: kinds of light that its catalog names; none without the column.

    Raises:
        DatasetError: If there is no such dataset.
    """
    table = Store(path).open()
    if "domain" not in table.schema.names:
        return set()
    values = table.search().select(["domain"]).to_arrow().column("domain")
    return {str(value) for value in values.unique().to_pylist() if value is not None}


def dataset_columns(path: Path | str) -> set[str]:
    """Names of all columns of a dataset.

    Raises:
        DatasetError: If there is no such dataset.
    """
    return set(Store(path).open().schema.names)


def read_dataset(path: Path | str, where: str | None = None, light: Light | None = None) -> SpectrumSet:
    """The spectra of a dataset, in the order they were written, or those for which an SQL condition holds.

    Args:
        path: The dataset.
        where: SQL on its columns.
        light: The kind of light, if the readers here do not know it: the set is then of its class.

    Raises:
        DatasetError: If there is no such dataset, or the condition names a column that it has not.
    """
    store = Store(path)
    table = store.open()
    query = table.search() if where is None else _filtered(table.search(), where)
    with store.explain(where):
        found = query.to_arrow()
    return _spectra(found, store, light)


def iter_dataset(
    path: Path | str, where: str | None = None, batch_size: int = 1024, light: Light | None = None
) -> Iterator[SpectrumSet]:
    """The spectra of a dataset in sets of at most `batch_size`, as `read_dataset` would give them."""
    store = Store(path)
    table = store.open()
    query = table.search() if where is None else _filtered(table.search(), where)
    with store.explain(where):
        for batch in query.to_batches(batch_size):
            if batch.num_rows:
                yield _spectra(pa.Table.from_batches([batch]), store, light)


@dataclass(frozen=True)
class DatasetVersion:
    """A dataset as it was at one time: its rows stay where they are, whatever is written to it later.

    Attributes:
        path: The whole path.
        number: Of the version.
        made: When it was written, UTC, ISO.
        rows: Number of its spectra.
    """

    path: str
    number: int
    made: str
    rows: int


def dataset_version(path: Path | str) -> DatasetVersion:
    """The newest version of a dataset.

    Raises:
        DatasetError: If there is no such dataset.
    """
    store = Store(Path(path).resolve())
    table = store.open()
    with store.explain(None):
        number = int(table.version)
        made = next(v["timestamp"] for v in table.list_versions() if v["version"] == number)
        return DatasetVersion(str(store.path), number, made.astimezone(UTC).isoformat(), table.count_rows())


def read_part(dataset: DatasetVersion, start: int, n: int, light: Light | None = None) -> SpectrumSet:
    """The spectra `start` to `start + n - 1` of a version of a dataset, in its order."""
    store = _store_at(dataset)
    with store.explain(None):
        return _spectra(store.open().search().offset(start).limit(n).to_arrow(), store, light)


def dataset_ids(dataset: DatasetVersion) -> list[str]:
    """The ids of all spectra of a version of a dataset, in its order."""
    store = _store_at(dataset)
    with store.explain(None):
        return store.open().search().select(["object_id"]).to_arrow().column("object_id").to_pylist()


@lru_cache(2)
def _store_at(dataset: DatasetVersion) -> Store:
    store = Store(dataset.path)
    with store.explain(None):
        store.open().checkout(dataset.number)
    return store


def _filtered(query: Any, where: str) -> Any:
    if not where.strip():
        raise DatasetError("the condition is empty, expected SQL on the columns, as \"split = 'train'\".")
    return query.where(where)


def _spectra(table: pa.Table, store: Store, light: Light | None) -> SpectrumSet:
    plain = table.drop_columns([c for c in BOOKKEEPING if c in table.column_names])
    return batch_of(light).from_arrow(joined_shared(plain, store.shared_value))


def select(spectra: SpectrumSet, where: str | None) -> SpectrumSet:
    """The spectra for whose rows an SQL condition holds, in their order, by the same SQL as a dataset's."""
    if where is None or not len(spectra):
        return spectra
    import lancedb

    rows = spectra.rows.append_column("_place", pa.array(np.arange(len(spectra))))
    rows = rows.append_column("object_id", pa.array(spectra.object_id.tolist()))
    table = lancedb.connect("memory://").create_table("rows", rows)
    store = Store("rows" + DATASET_SUFFIX)
    with store.explain(where, [n for n in rows.column_names if n != "_place"]):
        places = _filtered(table.search(), where).select(["_place"]).to_arrow().column("_place")
    return spectra.take(np.sort(places.to_numpy()))


class Store:
    """One dataset's Lance table: what is in it, and atomic additions."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if self.path.suffix != DATASET_SUFFIX or not self.path.stem:
            raise DatasetError(
                f"{path}: expected the name of a dataset, ending in {DATASET_SUFFIX}. Add the suffix."
            )
        self._table: Any = None
        #: Path, size and time of the file of each object that is stored or about to be.
        self._known: dict[str, tuple[str, int | None, int | None]] = {}
        #: Objects taken in this run.
        self._fresh: set[str] = set()
        #: Files that changed since they were stored, and the path they were stored under.
        self._stale: dict[str, str] = {}
        self._commits = 0
        #: A value that spectra share, by its name, which is its hash.
        self.shared_value = lru_cache(MOST_VALUES)(self._read_shared)

    def exists(self) -> bool:
        """Whether a first commit was made."""
        versions = self.path / "_versions"
        return versions.is_dir() and any(versions.iterdir())

    def open(self) -> Any:
        """The Lance table. DatasetError if there is none."""
        if not self.exists():
            raise DatasetError(f"{self.path}: there is no dataset here. Make one with `spectrove ingest`.")
        if self._table is None:
            with self.explain(None):
                self._table = self._connect().open_table(self.path.stem)
            if VECTORS_MARK in (self._table.schema.metadata or {}):
                raise DatasetError(
                    f"{self.path}: holds vectors, expected spectra. Name the dataset; kb create --vectors takes these."
                )
        return self._table

    def to_read(self, files: Sequence[Path], recipe: str) -> list[Path]:
        """Files that are not in the dataset as they are now, in their order."""
        if not self.exists():
            return list(files)
        table = self.open()
        present = [name for name in ("object_id", "path", *BOOKKEEPING) if name in table.schema.names]
        rows = table.search().select(present).to_arrow().to_pylist()
        marks: dict[str, set[tuple]] = {}
        stored: dict[str, str] = {}
        for row in rows:
            path = row["path"] or ""
            self._known[row["object_id"]] = (path, row.get("file_bytes"), row.get("file_mtime_ns"))
            marks.setdefault(os.path.abspath(path), set()).add(tuple(row.get(name) for name in BOOKKEEPING))
            stored[os.path.abspath(path)] = path
        todo = [file for file in files if marks.get(os.path.abspath(file)) != {(*_mark(file), recipe)}]
        self._stale = {str(f): stored[os.path.abspath(f)] for f in todo if os.path.abspath(f) in stored}
        return todo

    def without_known(self, spectra: SpectrumSet) -> tuple[SpectrumSet, list[Refusal], int]:
        """Spectra of new ids, refusals of the others, and how many files were stored under another path."""
        keep, refusals, again = [], [], set()
        replaced = set(self._stale.values())
        paths, sizes, times = (spectra.column(c) for c in ("path", "file_bytes", "file_mtime_ns"))
        for i, object_id in enumerate(map(str, spectra.object_id)):
            mine = (paths[i], sizes[i], times[i])
            first = self._known.get(object_id)
            if first is None or (first[0] in replaced and object_id not in self._fresh):
                self._known[object_id] = mine
                self._fresh.add(object_id)
                keep.append(i)
            elif first[1:] == mine[1:] and first[0] != mine[0] and Path(first[0]).name == Path(mine[0]).name:
                again.add(mine[0])
            else:
                refusals.append(Refusal(str(paths[i]), duplicate_sentence(object_id, mine[0], first[0])))
        return spectra.take(np.array(keep, dtype=np.int64)), refusals, len(again)

    def commit(self, parts: Sequence[SpectrumSet]) -> int:
        """Add the spectra in one step; rows of changed files are replaced. Returns how many."""
        if not parts:
            return 0
        spectra = type(parts[0]).concatenate(parts)
        table = spectra.to_arrow()
        if not self.exists():
            self._create(table)
            return len(spectra)
        with self.explain(None):
            table = self._keep_shared(table)
            self._add_columns(table.schema)
            table = _in_schema(table, self.open().schema)
            changed = self._stale.keys() & set(spectra.column("path"))
            if not changed:
                self.open().add(table)
            else:
                self._replace(table, changed | {self._stale[path] for path in changed})
        self._commits += 1
        return len(spectra)

    def overwrite(self, spectra: SpectrumSet) -> None:
        """The dataset becomes these spectra."""
        self._create(spectra.to_arrow(), mode="overwrite" if self.exists() else "create")

    def tidy(self) -> None:
        """Merge many small pieces into few."""
        if self._commits > MANY_COMMITS:
            with self.explain(None):
                self.open().optimize()

    def explain(self, where: str | None, columns: Sequence[str] | None = None) -> _Explained:
        """A context in which the store's errors become sentences."""
        return _Explained(self, where, columns)

    def _replace(self, table: pa.Table, paths: set[str]) -> None:
        merge = self.open().merge_insert("object_id")
        merge.when_matched_update_all().when_not_matched_insert_all().execute(table)
        quoted = ", ".join(_quoted(path) for path in sorted(paths))
        kept = ", ".join(_quoted(i) for i in table.column("object_id").to_pylist())
        self.open().delete(f"path IN ({quoted}) AND object_id NOT IN ({kept})")

    def _create(self, table: pa.Table, mode: str = "create") -> None:
        fresh = not self.exists()
        if fresh and self.path.exists():
            self._remove_leftover()
        try:
            with self.explain(None):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                table = self._keep_shared(table)
                self._table = self._connect().create_table(self.path.stem, table, mode=mode)
        except DatasetError:
            if fresh and self.path.is_dir() and not self.exists():
                shutil.rmtree(self.path, ignore_errors=True)
            raise
        self._commits += 1

    def _remove_leftover(self) -> None:
        """A killed first commit leaves data without a version; anything else is not ours to remove."""
        names = {p.name for p in self.path.iterdir()} if self.path.is_dir() else {""}
        if not names <= {"data", "_transactions", "_versions", "_indices", "_deletions", SHARED_FOLDER}:
            raise DatasetError(f"{self.path}: exists and is no dataset. Choose another name.")
        shutil.rmtree(self.path)

    def _keep_shared(self, table: pa.Table) -> pa.Table:
        """The table with references to values that spectra share, after these are written, each once."""
        table, values = split_shared(table)
        folder = self.path / SHARED_FOLDER
        for name, value in values.items():
            if not (folder / name).exists():
                folder.mkdir(parents=True, exist_ok=True)
                written = folder / f".{name}.{os.getpid()}.tmp"
                written.write_bytes(value)
                os.replace(written, folder / name)
        return table

    def _read_shared(self, name: str) -> bytes:
        try:
            return (self.path / SHARED_FOLDER / name).read_bytes()
        except FileNotFoundError as error:
            raise DatasetError(
                f"{self.path}: {SHARED_FOLDER}/{name} is missing, which its spectra share. Restore the folder "
                "from a copy."
            ) from error

    def _add_columns(self, schema: pa.Schema) -> None:
        new = [f for f in schema if f.name not in self.open().schema.names]
        if new:
            self.open().add_columns(pa.schema(new))

    def _connect(self) -> Any:
        import lancedb  # a second or two to import

        return lancedb.connect(str(self.path.parent))


class _Explained:
    """Turns errors of the store into a DatasetError that says object, finding and next step."""

    def __init__(self, store: Store, where: str | None, columns: Sequence[str] | None) -> None:
        self.store, self.where, self.columns = store, where, columns

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        # lancedb raises ValueError, RuntimeError and OSError, with the cause in the text
        if not isinstance(error, ValueError | RuntimeError | OSError) or isinstance(error, DatasetError):
            return
        text = str(error).strip().splitlines()[0][:300]
        if self.where is not None:
            names = self.columns or [n for n in self.store.open().schema.names if n not in PIXEL_COLUMNS]
            known = [n for n in names if n not in BOOKKEEPING]
            raise DatasetError(
                f"{self.store.path.name}: the condition {self.where!r} was not understood "
                f"({sql_problem(error, known)}). Correct the condition."
            ) from error
        if "No space left" in str(error) or getattr(error, "errno", None) == 28:
            raise DatasetError(
                f"{self.store.path}: the disk is full. What was committed before is whole: make room "
                "and run again."
            ) from error
        raise DatasetError(
            f"{self.store.path}: the dataset cannot be read or written ({text}). "
            "Check the folder and its rights."
        ) from error


def duplicate_sentence(object_id: str, path: str, first: str) -> str:
    """Why the second spectrum of one id is left out."""
    return (
        f"{Path(path).name}: object {object_id} was already read from {first or 'another file'}, expected "
        "each id once. Leave one of the files out, or rename it by a catalog with columns path and object_id."
    )


def _recipe(joiner: Joiner, survey: str, options: Mapping[str, Any]) -> str:
    """How files were read, as text: a file read otherwise is read again."""
    catalogs = [f"{c.name}@{c.version or c.table.num_rows}" for c in joiner.catalogs]
    said = {k: v for k, v in {**options, "response": responses(options)}.items() if v}
    return canonical_json({"catalogs": catalogs, "survey": survey, "options": said})


def _mark(file: Path) -> tuple[int | None, int | None]:
    try:
        status = os.stat(file)
    except OSError:
        return None, None
    return status.st_size, status.st_mtime_ns


def _in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    kinds = {f.name: f.type for f in schema}
    return conform_rows(table, kinds).cast(pa.schema([pa.field(n, k) for n, k in kinds.items()]))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
