"""Catalog rows: read a catalog, join it to spectra, keep what each source said.

A spectrum finds its row by file path, object id, specobjid, targetid, plate-MJD-fibre, or sky position
within 2 arcsec, in this order. Where several catalogs label an object, the label stands only if they agree; the
column `labels` keeps what each said.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectrove.catalog import tables
from spectrove.catalog.lookup import Lookup, Named
from spectrove.catalog.merge import LABELS_TYPE, merge, merged_columns, row_flags
from spectrove.catalog.tiles import Tiles, positions, unplaced
from spectrove.errors import CatalogError
from spectrove.hats.layout import is_hats
from spectrove.provenance import file_hash
from spectrove.spectra import SpectrumSet

__all__ = [
    "LABELS_TYPE",
    "SKY_RADIUS",
    "JoinReport",
    "Joiner",
    "as_catalog",
    "join",
    "read_catalog",
    "read_ids",
    "row_flags",
]

#: How far apart on the sky a spectrum and a catalog row may be to be the same object, arcsec.
SKY_RADIUS = 2.0


@dataclass(frozen=True)
class JoinReport:
    """What a join did.

    Attributes:
        n_spectra: How many spectra were joined.
        matched: For each catalog, how many spectra were matched by which key.
        unmatched: Ids that no catalog has.
        disagreements: For each label column, how many objects its sources disagree about.
        renamed: How many objects took the id that a catalog gives their file.
        repeated: For each catalog, rows whose id another row has too; the first was used.
        unknown: For each catalog, how many values of each column count as unknown: numbers that stand for "not
            measured" (-99, 9999), impossible redshifts, and ids that were rounded as floats.
        unplaced: For each catalog in HATS, how many spectra have no position, by which its rows are found.
    """

    n_spectra: int = 0
    matched: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    disagreements: Mapping[str, int] = field(default_factory=dict)
    renamed: int = 0
    repeated: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    unplaced: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: JoinReport) -> JoinReport:
        names = {**self.matched, **other.matched}
        return JoinReport(
            self.n_spectra + other.n_spectra,
            {name: _added(self.matched.get(name, {}), other.matched.get(name, {})) for name in names},
            self.unmatched + other.unmatched,
            _added(self.disagreements, other.disagreements),
            self.renamed + other.renamed,
            {**self.repeated, **other.repeated},
            {**self.unknown, **other.unknown},
            _added(self.unplaced, other.unplaced),
        )

    def sentence(self) -> str:
        """The report for people, one line per catalog."""
        lines = []
        for name, keys in self.matched.items():
            how = ", ".join(f"{count} by {key}" for key, count in keys.items() if count)
            lines.append(
                f"{name}: {sum(keys.values())} of {self.n_spectra} spectra matched ({how or 'none'})"
            )
        for name, columns in self.unknown.items():
            which = ", ".join(f"{column} {count}" for column, count in columns.items())
            lines.append(
                f"{name}: taken as unknown, being no measurement, no possible redshift or a rounded id: {which}"
            )
        lines += [
            f"{name}: {count} spectra have no position (ra, dec), by which the rows of a HATS catalog are found"
            for name, count in self.unplaced.items()
        ]
        for column, count in self.disagreements.items():
            lines.append(f"{column}: sources disagree about {count} objects, left unlabelled")
        return "\n".join(lines)


def read_catalog(
    path: str | PathLike[str], near: Named | None = None, radius: float = SKY_RADIUS
) -> pa.Table:
    """A catalog as a table with lower-case column names and ids as text.

    The schema's metadata says `name` (the file's stem) and `version` (the start of its SHA-256).

    Args:
        path: A file, a folder of Parquet files, or a HATS catalog.
        near: Objects that it is read for: of a HATS catalog only rows within `radius`, and some within an arcminute.
        radius: Largest distance on the sky, arcsec.

    Raises:
        CatalogError: If the file is missing, empty, or in none of the known formats; if it is in HATS and none of the
            objects has a position.
    """
    path = Path(path)
    if is_hats(path):
        tiles = Tiles(path, radius)
        if near is None:
            return tiles.whole()
        if not np.isfinite(positions(near)[0]).any():
            raise CatalogError(
                f"{path.name}: a HATS catalog, whose rows are found by position, and none of the {len(near)} objects "
                "has one (ra, dec). Join positions first, or give the table as one .parquet file."
            )
        return tiles.near(near).table
    table = tables.read(path)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), "version": _version(Path(path))})


def as_catalog(table: Any) -> pa.Table:
    """A table of Arrow, astropy or pandas, or a mapping of columns, as `read_catalog` gives those of files.

    Raises:
        CatalogError: It is no table, or its columns differ in length.
    """
    try:
        columns = tables.columns_of(table)
        read = None if columns is None else tables.tidy(columns, "table")
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise CatalogError(f"the table cannot be read ({str(error)[:200]}). Check its columns.") from error
    if read is None:
        raise CatalogError(
            f"found {type(table).__name__}, expected a file, a table of Arrow, astropy or pandas, or a mapping of "
            "columns."
        )
    return read


def read_ids(path: str | PathLike[str]) -> pa.Table | None:
    """The ids of a text file that holds one in each line, as a catalog; None of a file that is a table.

    What is behind a # and empty lines do not count.
    """
    path = Path(path)
    if path.suffix.lower() not in ("", ".txt", ".list", ".lst", ".dat", ".csv") or not path.is_file():
        return None
    lines = [line.partition("#")[0].strip() for line in path.read_text("utf-8-sig", "replace").splitlines()]
    ids = [line.strip("\"' ,;") for line in lines if line]
    if not ids or tables.is_key(ids[0]) or any(mark in i for i in ids for mark in ",;\t"):
        return None
    table = tables.tidy({"object_id": pa.array(ids)}, path.name)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), "version": _version(path)})


def join(
    spectra: SpectrumSet, catalogs: Sequence[pa.Table | Path | str], *, radius: float = SKY_RADIUS
) -> tuple[SpectrumSet, JoinReport]:
    """The same spectra with the columns of the catalogs, and what matched.

    Numbers of the first catalog that has one win over those of the file. Text and booleans are labels: they
    stand where all catalogs that give one agree, and are null where they differ.

    Args:
        spectra: What to join to.
        catalogs: Tables of `read_catalog`, or files to be read.
        radius: Largest distance on the sky, arcsec.
    """
    return Joiner(catalogs, radius=radius).join(spectra)


class Joiner:
    """Catalogs with their look-ups, built once and joined to many batches."""

    def __init__(self, catalogs: Sequence[pa.Table | Path | str], *, radius: float = SKY_RADIUS) -> None:
        self.catalogs = [_opened(c, f"catalog{i + 1}", radius) for i, c in enumerate(catalogs)]

    @property
    def columns(self) -> dict[str, pa.DataType]:
        """The columns that a join adds or fills, with their types."""
        return merged_columns(self.catalogs)

    def join(self, spectra: SpectrumSet) -> tuple[SpectrumSet, JoinReport]:
        """As `spectrove.catalog.join`."""
        if not self.catalogs or not len(spectra):
            return spectra, JoinReport(len(spectra))
        ids = np.array(spectra.object_id, dtype=object)
        matched, places, keys = {}, [], []
        catalogs = [catalog.near(spectra) for catalog in self.catalogs]
        for catalog in catalogs:
            place, key = catalog.find(spectra)
            places.append(place)
            keys.append(key)
            matched[catalog.name] = dict(Counter(key[key != ""].tolist()))
            named = catalog.object_ids(place, key)
            ids = np.where(named != "", named, ids)
        rows = {name: spectra.rows.column(name) for name in spectra.rows.column_names}
        merged, disagreements = merge(rows, catalogs, places, keys)
        report = JoinReport(
            len(spectra),
            matched,
            tuple(ids[np.all([place < 0 for place in places], axis=0)].tolist()),
            disagreements,
            int((ids != spectra.object_id).sum()),
            {c.name: c.repeated for c in catalogs if c.repeated},
            {c.name: c.unknown for c in catalogs if c.unknown},
            unplaced(self.catalogs, spectra),
        )
        return replace(spectra, object_id=ids.astype(str), rows=pa.table(merged)), report


def _opened(catalog: pa.Table | Path | str, default_name: str, radius: float) -> Lookup | Tiles:
    if not isinstance(catalog, pa.Table):
        if is_hats(Path(catalog)):
            return Tiles(Path(catalog), radius)
        catalog = read_catalog(catalog)
    return Lookup(catalog, default_name, radius)


def _version(path: Path) -> str:
    if not path.is_dir():
        return f"sha256:{file_hash(path)[:12]}"
    files = sorted(f for f in path.rglob("*.parquet") if not f.name.startswith("_"))
    return f"sha256:{hashlib.sha256(''.join(file_hash(f) for f in files).encode()).hexdigest()[:12]}"


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}
