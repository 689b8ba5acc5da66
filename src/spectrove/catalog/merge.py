"""Values of several catalogs as one column each: numbers by priority, labels by agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectrove.catalog.lookup import Lookup
from spectrove.errors import CatalogError
from spectrove.spectra import CORE_COLUMNS, FLAGS


class Joined(Protocol):
    """A catalog, of which the columns are known."""

    @property
    def table(self) -> pa.Table: ...


#: The type of the column `labels`: what each source said.
LABELS_TYPE = pa.list_(pa.struct([(name, pa.string()) for name in ("name", "value", "source", "version")]))

#: Columns that only serve the join, or say where a file came from: the file's own value stays.
OF_THE_FILE = {"object_id", "path", "row", "flux_unit", "calibrated", "flags", "z_source", "labels"}
#: Columns that name one observation: filled where empty, never overwritten, and not by a match on the sky.
IDENTITY = {"specobjid", "plate", "mjd", "fiberid", "targetid", "ra", "dec"}
#: Text that is no label: the first catalog's word stands.
NOT_LABELS = {
    "survey", "group", "split", "source", "licence", "license", "note", "notes", "comment", "label_source",
    "air_or_vacuum", "has_ivar", "name", "ref", "reference", "specobjid", "targetid", "run2d",
}  # fmt: skip
#: Flags that follow from the row, and are set anew when a catalog changes it.
ROW_FLAGS = ("no_redshift", "z_not_positive", "z_warning", "star")


def merged_columns(catalogs: Sequence[Joined]) -> dict[str, pa.DataType]:
    """The columns that a join adds or fills, with their types; `labels` last."""
    found: dict[str, pa.DataType] = {}
    for catalog in catalogs:
        for field in catalog.table.schema:
            if field.name not in OF_THE_FILE and _joinable(field.type):
                found[field.name] = _common(found.get(field.name), field.type)
    return found | ({"labels": LABELS_TYPE} if catalogs else {})


def merge(
    rows: Mapping[str, Any], catalogs: Sequence[Lookup], places: Sequence[NDArray], keys: Sequence[NDArray]
) -> tuple[dict[str, Any], dict[str, int]]:
    """The rows' columns with those of the catalogs, and how many objects each label's sources disagree about.

    Args:
        rows: Columns by name, each of length n_spectra.
        catalogs: In order of priority.
        places: For each catalog, the row of each spectrum, -1 for none; shape (n_spectra,).
        keys: For each catalog, the key that found it.
    """
    said = _file_labels(rows)
    disagreements: dict[str, int] = {}
    merged = dict(rows)
    for name, kind in merged_columns(catalogs).items():
        if name == "labels":
            continue
        sources = [c for c in catalogs if name in c.table.column_names]
        taken = [
            c.take(name, np.where((key == "sky") & (name in IDENTITY), -1, place), kind)
            for c, place, key in zip(catalogs, places, keys, strict=True)
            if c in sources
        ]
        own = [rows[name]] if name in rows else []
        if name not in NOT_LABELS and (pa.types.is_string(kind) or pa.types.is_boolean(kind)):
            _note_labels(said, name, taken, sources)
            merged[name], differ = _agreed(taken, rows.get(name), kind)
            if differ:
                disagreements[name] = differ
        elif name in IDENTITY:
            merged[name] = _first(name, own + taken, kind)
        else:
            merged[name] = _first(name, taken + own, kind)
        if name == "z":
            _settle_source(merged, rows, taken)
    _settle_errors(merged, rows)
    _settle_sky(merged, rows)
    merged["labels"] = pa.array(said, LABELS_TYPE)
    merged["flags"] = _new_flags(merged)
    return merged, disagreements


def row_flags(row: Mapping[str, Any], sky: bool = False) -> list[str]:
    """The flags that follow from redshift, warning and class."""
    flags, z = [], row.get("z")
    if z is None or not np.isfinite(z):
        flags.append("no_redshift")
    elif z <= 0:
        flags.append("z_not_positive")
    if row.get("zwarning"):
        flags.append("z_warning")
    if not sky and str(row.get("class") or "").strip().upper() == "STAR":
        flags.append("star")
    return flags


def _new_flags(merged: Mapping[str, Any]) -> pa.Array:
    names = [name for name in ("z", "zwarning", "class") if name in merged]
    values = zip(*(merged[name].to_pylist() for name in names), strict=True)
    flags = []
    for row, old in zip(values, merged["flags"].to_pylist(), strict=True):
        kept = set(old or []) - set(ROW_FLAGS)
        kept |= set(row_flags(dict(zip(names, row, strict=True)), "sky" in kept))
        flags.append([*(flag for flag in FLAGS if flag in kept), *sorted(kept - set(FLAGS))])
    return pa.array(flags, CORE_COLUMNS["flags"])


def _settle_source(merged: dict[str, Any], rows: Mapping[str, Any], taken: list[Any]) -> None:
    given = _first("z", taken, pa.float64()).is_valid()
    merged["z_source"] = pc.if_else(given, "catalog", rows["z_source"])


def _settle_errors(merged: dict[str, Any], rows: Mapping[str, Any]) -> None:
    """The error of a redshift that a catalog replaced by another goes with it; -1 is no error."""
    columns = (merged["z"], rows["z"], merged["z_err"], rows["z_err"])
    errors = [
        None if e is None or e <= 0 or (new != old and e == old_error) else e
        for new, old, e, old_error in zip(*(c.to_pylist() for c in columns), strict=True)
    ]
    merged["z_err"] = pa.array(errors, pa.float64())


def _settle_sky(merged: dict[str, Any], rows: Mapping[str, Any]) -> None:
    """Sky fibres stay SKY: pipelines fit galaxies and stars to them, and catalogs repeat it."""
    if "class" in merged:
        sky = ["sky" in (flags or []) for flags in rows["flags"].to_pylist()]
        values = merged["class"].to_pylist()
        merged["class"] = pa.array(["SKY" if s else v for s, v in zip(sky, values, strict=True)], pa.string())


def _file_labels(rows: Mapping[str, Any]) -> list[list[dict[str, str]]]:
    """Labels noted before, and the class and subclass that came with each file."""
    n = len(rows["path"])
    if "labels" in rows:
        return [list(said or []) for said in rows["labels"].to_pylist()]
    said: list[list[dict[str, str]]] = [[] for _ in range(n)]
    versions = rows["run2d"].to_pylist() if "run2d" in rows else [None] * n
    for name in ("class", "subclass"):
        for i, value in enumerate(rows[name].to_pylist() if name in rows else []):
            if value:
                said[i].append({"name": name, "value": value, "source": "file", "version": versions[i] or ""})
    return said


def _note_labels(said: list, name: str, taken: list[pa.Array], sources: list[Lookup]) -> None:
    for values, source in zip(taken, sources, strict=True):
        for i, value in enumerate(values.to_pylist()):
            if value is not None:
                text = str(value).lower() if isinstance(value, bool) else value
                said[i].append(
                    {"name": name, "value": text, "source": source.name, "version": source.version}
                )


def _agreed(taken: list[pa.Array], of_file: Any, kind: pa.DataType) -> tuple[pa.Array, int]:
    """The value that all catalogs share, null where they differ (counted), the file's where none speaks."""
    values, differ = [], 0
    own = of_file.to_pylist() if of_file is not None else [None] * len(taken[0])
    for i, words in enumerate(zip(*(t.to_pylist() for t in taken), strict=True)):
        known = [word for word in words if word is not None]
        spellings = {word.strip().casefold() if isinstance(word, str) else word for word in known}
        differ += len(spellings) > 1
        values.append(own[i] if not known else known[0] if len(spellings) == 1 else None)
    return pa.array(values, kind), differ


def _first(name: str, candidates: list[Any], kind: pa.DataType) -> Any:
    cast = [c if c.type == kind else _cast(name, c, kind) for c in candidates]
    flat = [c.combine_chunks() if isinstance(c, pa.ChunkedArray) else c for c in cast]
    return pc.coalesce(*flat)


def _cast(name: str, values: Any, kind: pa.DataType) -> Any:
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise CatalogError(
            f"column {name}: a catalog's is of type {kind}, the spectra's {values.type}: {str(error)[:120]}. "
            "Rename the catalog's column."
        ) from error


def _joinable(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
    )


def _common(one: pa.DataType | None, other: pa.DataType) -> pa.DataType:
    if one is None or one == other:
        return other
    numbers = all(pa.types.is_integer(k) or pa.types.is_floating(k) for k in (one, other))
    return pa.float64() if numbers else pa.string()
