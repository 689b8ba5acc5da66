"""Columns of a base as colours, with a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectrove.knowledge import KnowledgeBase
from spectrove.plain import plain

#: Colours that people with any colour vision tell apart, on light and on dark ground; Okabe & Ito 2008, Color
#: Universal Design, with the yellow darker.
CLASSES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a832")

#: Further classes, objects without a value, and those that a condition leaves out.
OTHERS, UNKNOWN, OUTSIDE = "#7d7d7d", "#a6a6a6", "#a6a6a6"

#: Steps of a scale of numbers.
STEPS = 30

#: Part of the objects below and above the ends of a scale: a few strays would take all colours.
ENDS = 0.02

#: Whole numbers of so few values are classes.
FEW = 8

#: Columns that name each object, by which no map is coloured.
NAMES = frozenset({"object_id", "spectrum_key", "path", "healpix29"})


@dataclass(frozen=True)
class Entry:
    """A line of a legend.

    Attributes:
        name: The class, "others" or "no value".
        color: "#0072b2".
        objects: How many there are.
    """

    name: str
    color: str
    objects: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, "color": self.color, "objects": self.objects}


@dataclass(frozen=True)
class Colouring:
    """Objects coloured by a column.

    Attributes:
        column: "" where all have one colour.
        codes: Index of the colour of each object of the map, (n_objects,), uint8.
        colors: By index.
        legend: Classes, most frequent first, others and those without a value; of numbers the latter alone.
        ends: Of a scale of numbers, in the unit of the column; None for classes.
    """

    column: str
    codes: NDArray[np.uint8]
    colors: tuple[str, ...]
    legend: tuple[Entry, ...]
    ends: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a legend."""
        scale = (
            {"low": self.ends[0], "high": self.ends[1], "colors": self.colors[:STEPS]} if self.ends else None
        )
        return plain({"column": self.column, "classes": [e.to_dict() for e in self.legend], "scale": scale})


def columns_of(base: KnowledgeBase) -> list[str]:
    """Columns by which a map can be coloured: texts, numbers and yes or no."""
    types = base.rows("false").schema
    return [
        field.name for field in types if field.name not in NAMES and not pa.types.is_nested(field.type)
        and not pa.types.is_binary(field.type) and not pa.types.is_large_binary(field.type)
    ]  # fmt: skip


def plainly(n: int) -> Colouring:
    """All `n` objects in one colour."""
    return Colouring("", np.zeros(n, np.uint8), CLASSES[:1], ())


def coloured(column: str, values: pa.ChunkedArray) -> Colouring:
    """Objects coloured by their values in a column, (n_objects,)."""
    kind = values.type
    number = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    if number:
        numbers = np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False), float)
        known = numbers[np.isfinite(numbers)]
        if len(np.unique(known[:10_000])) > FEW or len(np.unique(known)) > FEW:
            return _by_scale(column, numbers, known)
        values = pa.chunked_array([pa.array([None if not np.isfinite(v) else f"{v:g}" for v in numbers])])
    return _by_class(column, values)


def _by_scale(column: str, numbers: NDArray[np.float64], known: NDArray[np.float64]) -> Colouring:
    low, high = (float(v) for v in np.quantile(known, [ENDS, 1 - ENDS]))
    if not high > low:
        low, high = float(known.min()), float(known.max())
    with np.errstate(invalid="ignore", over="ignore"):
        step = np.floor((numbers - low) / (high - low) * STEPS)
    missing = ~np.isfinite(numbers)
    codes = np.where(missing, STEPS, np.clip(np.where(missing, 0, step), 0, STEPS - 1)).astype(np.uint8)
    without = int(missing.sum())
    legend = (Entry("no value", UNKNOWN, without),) if without else ()
    return Colouring(column, codes, (*scale(STEPS), UNKNOWN), legend, (low, high))


def _by_class(column: str, values: pa.ChunkedArray) -> Colouring:
    texts = pc.cast(values, pa.string()).combine_chunks()
    empty = pc.equal(texts, "").fill_null(True)
    texts = pc.if_else(empty, pa.scalar(None, pa.string()), texts)
    coded = texts.dictionary_encode()
    names: Sequence[str] = coded.dictionary.to_pylist()
    codes = np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = sorted(range(len(names)), key=lambda i: (-int(counts[i]), names[i]))
    shown = order[: len(CLASSES)]
    table = np.full(len(names) + 1, len(shown), np.uint8)
    table[shown] = np.arange(len(shown))
    table[-1] = len(shown) + 1
    legend = [Entry(names[i], CLASSES[place], int(counts[i])) for place, i in enumerate(shown)]
    if rest := order[len(CLASSES) :]:
        legend.append(Entry(f"{len(rest)} others", OTHERS, int(counts[rest].sum())))
    if without := int((codes < 0).sum()):
        legend.append(Entry("no value", UNKNOWN, without))
    return Colouring(column, table[codes], (*CLASSES[: len(shown)], OTHERS, UNKNOWN), tuple(legend))


def scale(steps: int) -> tuple[str, ...]:
    """Colours of a scale from low to high, as bright as they are high: viridis, without its darkest end."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return tuple(to_hex(colormaps["viridis"](v)) for v in np.linspace(0.08, 0.97, steps))
