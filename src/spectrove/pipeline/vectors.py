"""Files of vectors: those of all spectra of a dataset, made before there is a base, in one Lance table.

    VECTORS.lance   a row for each spectrum, in the order of the dataset: object_id, z, spectrum_key (a hash of what
                    was measured), flags, refused (sentences), and vector_VIEW and coverage_VIEW, null where refused

Its metadata say of which version of which dataset, and by which encoders.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder
from spectrove.errors import DatasetError, FingerprintError, KnowledgeError, Refusal
from spectrove.inference.embed import Embedded
from spectrove.knowledge import DEFAULT_VIEW
from spectrove.knowledge.schema import COVERAGE, VECTOR, matrix, spectrum_keys, view_columns
from spectrove.knowledge.store import sentence
from spectrove.readers.dataset import VECTORS_MARK, DatasetVersion, dataset_ids, dataset_version
from spectrove.readers.files import DATASET_SUFFIX
from spectrove.spectra import CORE_COLUMNS, SpectrumSet

#: Columns of a row beside those of the views.
OWN = ("object_id", "z", "spectrum_key", "flags", "refused")

#: Ids that a message names.
NAMED = 3


@dataclass(frozen=True)
class About:
    """What a file of vectors was made of and by.

    Attributes:
        dataset: Path of the dataset.
        number, made, rows: The version of it, see `DatasetVersion`.
        domain: The kind of light.
        views: Name or folder, and fingerprint, of the encoder of each view.
        size: Spectra that were encoded together.
    """

    dataset: str
    number: int
    made: str
    rows: int
    domain: str
    views: Mapping[str, tuple[str, str]]
    size: int

    @classmethod
    def of(cls, dataset: DatasetVersion, domain: str, encoders: Mapping[str, Encoder], size: int) -> About:
        """What is going to be made."""
        views = {view: (encoder.name, encoder.fingerprint) for view, encoder in encoders.items()}
        return cls(dataset.path, dataset.number, dataset.made, dataset.rows, domain, views, size)

    @property
    def work(self) -> list[Any]:
        """All that the vectors depend on, as plain values; not where the dataset lies."""
        views = {view: list(by) for view, by in self.views.items()}
        return [self.number, self.made, self.rows, self.domain, views, self.size]

    def to_metadata(self) -> dict[bytes, bytes]:
        """The same as metadata of the table."""
        return {VECTORS_MARK: json.dumps(vars(self)).encode()}


class Vectors:
    """An open file of vectors.

    Raises:
        DatasetError: There is none at this path.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._table = _opened(self.path)
        told = (self._table.schema.metadata or {}).get(VECTORS_MARK)
        if told is None:
            raise DatasetError(
                f"{path}: expected vectors made by spectrove embed; these are other data. Name such a file."
            )
        about = json.loads(told)
        self.about = About(**about | {"views": {view: tuple(by) for view, by in about["views"].items()}})

    def __len__(self) -> int:
        return int(self._table.count_rows())

    def rows(self, columns: Sequence[str]) -> pa.Table:
        """Some columns of all rows, in the order of the dataset."""
        with sentence(self.path, "read the vectors"):
            return self._table.search().select(list(columns)).to_arrow()

    def ids(self) -> list[str]:
        """The ids of the spectra, in the order of the dataset."""
        return self.rows(["object_id"]).column("object_id").to_pylist()

    def refusals(self) -> list[Refusal]:
        """Spectra without a vector in one of the views, with the reasons."""
        with sentence(self.path, "read the vectors"):
            found = (
                self._table.search().where("refused IS NOT NULL").select(["object_id", "refused"]).to_arrow()
            )
        return [Refusal(row["object_id"], why) for row in found.to_pylist() for why in row["refused"]]

    def counts(self) -> dict[str, int]:
        """Number of vectors of each view."""
        return {view: int(self._table.count_rows(f"{VECTOR}{view} IS NOT NULL")) for view in self.about.views}

    def embeddings(self, view: str = DEFAULT_VIEW) -> Embeddings:
        """The vectors of a view, in the order of the dataset."""
        return self._of_view(self.rows(["object_id", VECTOR + view, COVERAGE + view]), view)

    def dimensions(self, view: str) -> int:
        """Length of the vectors of a view."""
        return int(self._table.schema.field(VECTOR + view).type.list_size)

    def check(self, dataset: Path | str, encoders: Mapping[str, Encoder]) -> None:
        """Refuse a dataset with other spectra, and encoders that did not make these vectors.

        Raises:
            FingerprintError: Another encoder, or other weights, made the vectors of a view.
            KnowledgeError: A view is not there, or the ids of the dataset are others.
        """
        for view, encoder in encoders.items():
            if view not in self.about.views:
                raise KnowledgeError(
                    f"{self.path}: no vectors of the view {view}, only of {', '.join(self.about.views)}. Leave it "
                    "out, or embed the dataset with it."
                )
            name, fingerprint = self.about.views[view]
            if encoder.fingerprint != fingerprint:
                raise FingerprintError(
                    f"{self.path}: the vectors of the view {view} were made by {name} with fingerprint {fingerprint}, "
                    f"expected {encoder.fingerprint}, that of {encoder.name}. Embed the dataset again."
                )
        self._check_ids(dataset)

    def matched(
        self, batches: Iterable[SpectrumSet], views: Sequence[str]
    ) -> Iterator[tuple[SpectrumSet, Embedded]]:
        """Each batch, and its vectors as `embed` would give them.

        Raises:
            KnowledgeError: A spectrum is not the one that was encoded, or has another redshift.
        """
        places = {name: i for i, name in enumerate(self.ids())}
        columns = [*OWN, *(kind + view for view in views for kind in (VECTOR, COVERAGE))]
        for batch in batches:
            names = batch.object_id.tolist()
            with sentence(self.path, "read the vectors"):
                query = self._table.take_offsets([places[name] for name in names]).select(columns)
                found = query.to_arrow() if names else self._table.schema.empty_table()
            order = {name: i for i, name in enumerate(found.column("object_id").to_pylist())}
            rows = found.take([order[name] for name in names])
            self._check_spectra(batch, rows)
            yield batch, self._embedded(batch, rows, views)

    def _check_ids(self, dataset: Path | str) -> None:
        ids, known = Counter(dataset_ids(dataset_version(dataset))), Counter(self.ids())
        lacking, strange = list((ids - known).elements()), list((known - ids).elements())
        if lacking or strange:
            said = [
                f"{len(names)} {what} ({', '.join(names[:NAMED])}{', ...' if len(names) > NAMED else ''})"
                for names, what in ((lacking, "without a row here"), (strange, "are here and not there"))
                if names
            ]
            raise KnowledgeError(
                f"{self.path}: these are vectors of {known.total()} spectra, and {dataset} has {ids.total()}: "
                f"{', '.join(said)}. Embed the dataset as it is now."
            )

    def _check_spectra(self, batch: SpectrumSet, rows: pa.Table) -> None:
        """Refuse spectra that are not those that were encoded."""
        for what, now, then in (
            ("spectrum", spectrum_keys(batch), rows.column("spectrum_key").to_pylist()),
            ("redshift", _redshifts(batch).to_pylist(), rows.column("z").to_pylist()),
        ):
            other = [i for i, (one, two) in enumerate(zip(now, then, strict=True)) if one != two]
            if other:
                hint = ", without estimated or given redshifts" if what == "redshift" else ""
                raise KnowledgeError(
                    f"{self.path}: {batch.object_id[other[0]]} has another {what} than when the vectors were made "
                    f"({len(other)} of {len(batch)}). Embed the dataset as it is now{hint}."
                )

    def _embedded(self, batch: SpectrumSet, rows: pa.Table, views: Sequence[str]) -> Embedded:
        main = rows.column(VECTOR + views[0])
        kept = np.flatnonzero(np.asarray(main.is_valid()))
        left = np.flatnonzero(np.asarray(main.is_null()))
        spectra, own = batch.take(kept), rows.take(kept)
        place = spectra.rows.column_names.index("flags")
        flags = [
            list(dict.fromkeys([*(now or ()), *(added or ())]))
            for now, added in zip(spectra.column("flags"), own.column("flags").to_pylist(), strict=True)
        ]
        spectra = spectra.with_rows(
            spectra.rows.set_column(place, "flags", pa.array(flags, CORE_COLUMNS["flags"]))
        )
        made = {DEFAULT_VIEW if view == views[0] else view: self._of_view(own, view) for view in views}
        refused = rows.take(left).select(["object_id", "refused"]).to_pylist()
        refusals = tuple(Refusal(row["object_id"], why) for row in refused for why in row["refused"])
        return Embedded(spectra, made[DEFAULT_VIEW], refusals, made)

    def _of_view(self, rows: pa.Table, view: str) -> Embeddings:
        rows = rows.filter(rows.column(VECTOR + view).is_valid())
        name, fingerprint = self.about.views[view]
        return Embeddings(
            matrix(rows.column(VECTOR + view)), np.array(rows.column("object_id").to_pylist(), dtype=str), fingerprint,
            matrix(rows.column(COVERAGE + view)), name,
        )  # fmt: skip


def rows_of(spectra: SpectrumSet, made: Embedded) -> pa.Table:
    """The rows of some spectra, from their vectors."""
    why: dict[str, list[str]] = {}
    for refusal in (*made.refusals, *made.unmade):
        why.setdefault(refusal.name, []).append(refusal.error)
    names = spectra.object_id.tolist()
    # Those of the preparation alone: the others are of the catalog, which may say something else when a base is made.
    before = dict(zip(names, spectra.column("flags"), strict=True))
    flags = {
        name: [flag for flag in after or () if flag not in (before[name] or ())]
        for name, after in zip(made.spectra.object_id.tolist(), made.spectra.column("flags"), strict=True)
    }
    columns: dict[pa.Field, Any] = {
        pa.field("object_id", pa.string()): pa.array(names, pa.string()),
        pa.field("z", pa.float64()): _redshifts(spectra),
        pa.field("spectrum_key", pa.string()): pa.array(spectrum_keys(spectra), pa.string()),
        pa.field("flags", pa.list_(pa.string())): pa.array(
            [flags.get(n) for n in names], pa.list_(pa.string())
        ),
        pa.field("refused", pa.list_(pa.string())): pa.array(
            [why.get(n) for n in names], pa.list_(pa.string())
        ),
    }
    for view, vectors in made.views.items():
        columns |= view_columns(view, vectors, spectra.object_id)
    return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(list(columns)))


def write(path: Path, about: About, tables: Iterator[pa.Table]) -> None:
    """Write a file of vectors, in place of any other.

    Args:
        path: Its place.
        about: What it holds.
        tables: Rows of its parts, as `rows_of` gives them.
    """
    shutil.rmtree(path, ignore_errors=True)
    first = next(tables)
    schema = first.schema.with_metadata(about.to_metadata())
    batches = (batch for table in chain([first], tables) for batch in table.to_batches())
    import lancedb

    lancedb.connect(str(path.parent)).create_table(
        path.stem, pa.RecordBatchReader.from_batches(schema, batches), on_bad_vectors="null"
    )


def _opened(path: Path) -> Any:
    versions = path / "_versions"
    if path.suffix != DATASET_SUFFIX or not versions.is_dir() or not any(versions.iterdir()):
        raise DatasetError(
            f"{path}: there are no vectors here. Make them with spectrove embed, or correct the path."
        )
    import lancedb

    with sentence(path, "open the vectors"):
        return lancedb.connect(str(path.parent)).open_table(path.stem)


def _redshifts(spectra: SpectrumSet) -> pa.ChunkedArray | pa.Array:
    """Redshifts, null where unknown."""
    if "z" not in spectra.rows.column_names:
        return pa.nulls(len(spectra), pa.float64())
    column = spectra.rows.column("z").cast(pa.float64())
    known: NDArray[np.float64] = np.array(column.to_numpy(zero_copy_only=False), dtype=float)
    return pa.array(known, from_pandas=True)
