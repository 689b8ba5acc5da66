"""The objects of a base as a HATS catalog: catalog values, and vectors as columns of lists of fixed length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.hats.writing import TILE_ROWS, placed, write
from spectrove.knowledge import KnowledgeBase

#: What the name of a column of vectors begins with, before the name of the view.
VECTOR = "vector_"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        objects: Objects in the catalog.
        tiles: Its files.
        without_position: Objects that were left out, as no position of theirs is known.
    """

    objects: int
    tiles: int
    without_position: int

    def to_dict(self) -> dict[str, int]:
        """Plain values, as `kb export --json` prints them."""
        return asdict(self)


def export_hats(
    base: KnowledgeBase,
    folder: str | PathLike[str],
    where: str | None = None,
    *,
    tile_rows: int = TILE_ROWS,
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """What was written of the objects of a base to a HATS catalog, which LSDB opens.

    A row is an object: its id, position and catalog values, and of each view a column `vector_VIEW` in single
    precision, null where the object has none. Vectors are read tile by tile.

    Args:
        base: The base; one version of it is written, whoever changes it meanwhile.
        folder: A new folder, or one that holds a HATS catalog, which is replaced.
        where: SQL condition on its objects.
        tile_rows: Rows that a tile may have.
        progress: Called with the number of objects written in each step.

    Raises:
        DatasetError: No object has a position, or the folder cannot be written.
    """
    with base.one_version():
        table = base.rows(where)
        known = placed(table)

        def rows(places: NDArray[np.int64]) -> pa.Table:
            part = known.take(pa.array(places))
            ids = part.column("object_id").to_pylist()
            for view in base.views:
                part = part.append_column(VECTOR + view, _vectors(base, ids, view))
            if progress is not None:
                progress(len(ids))
            return part

        about = {
            "base": base.path.name,
            "base_version": base.version,
            "encoders": _encoders(base),
            "where": where,
        }
        ra, dec = (np.asarray(known.column(name), float) for name in ("ra", "dec"))
        tiles = write(Path(folder), ra, dec, rows, about, tile_rows)
    return Exported(known.num_rows, tiles, table.num_rows - known.num_rows)


def _vectors(base: KnowledgeBase, ids: list[str], view: str) -> pa.Array:
    """Vectors of objects as lists of fixed length, null where there is none."""
    has = base.has_vector(ids, view)
    width = base.dimensions[view]
    numbers = np.zeros((len(ids), width), np.float32)
    if has.any():
        numbers[has] = base.vectors_of(
            [name for name, one in zip(ids, has, strict=True) if one], view
        ).vectors
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers.ravel()), width, mask=pa.array(~has))


def _encoders(base: KnowledgeBase) -> str:
    return " ".join(f"{view}:{fingerprint}" for view, fingerprint in base.fingerprints.items())
