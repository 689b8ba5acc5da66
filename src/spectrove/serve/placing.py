"""Positions beside answers, which a HATS catalog is tiled by; other tables have them only where the verb gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.hats.layout import SUFFIX

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

Positions = Mapping[str, tuple[float | None, float | None]]


def needs_positions(path: Path | None) -> bool:
    """Whether what is written there needs the position of every object."""
    return path is not None and path.suffix.lower() == SUFFIX


def positions_of(spectra: Any) -> dict[str, tuple[float | None, float | None]]:
    """Right ascension and declination of each spectrum, degrees, by its id; None where they are unknown."""
    names = spectra.rows.column_names
    ra, dec = (spectra.column(name) if name in names else [None] * len(spectra) for name in ("ra", "dec"))
    return dict(zip(map(str, spectra.object_id), zip(ra, dec, strict=True), strict=True))


def positions_in(base: KnowledgeBase) -> dict[str, tuple[float | None, float | None]]:
    """The same of the objects of a base."""
    names = [name for name in ("ra", "dec") if name in base.columns]
    table = base.rows(columns=names)
    ra, dec = (
        table.column(name).to_pylist() if name in names else [None] * table.num_rows for name in ("ra", "dec")
    )
    return dict(zip(table.column("object_id").to_pylist(), zip(ra, dec, strict=True), strict=True))


def with_positions(rows: Iterable[Mapping[str, Any]], positions: Positions) -> list[dict[str, Any]]:
    """The rows with columns `ra` and `dec` behind the id."""
    placed = []
    for row in rows:
        ra, dec = positions.get(str(row["object_id"]), (None, None))
        placed.append({"object_id": row["object_id"], "ra": ra, "dec": dec, **row})
    return placed


def placed_in(
    base: KnowledgeBase, path: Path, rows: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """Rows about objects of the base, with their positions if what is written there needs them."""
    return with_positions(rows, positions_in(base)) if needs_positions(path) else rows
