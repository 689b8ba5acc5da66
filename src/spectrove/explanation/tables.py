"""A table as data, and numbers as they stand in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table for the page.

    Attributes:
        title: Heading over it; "" for none.
        header: Heading row.
        rows: Rows of text.
        note: The text below it.
        numeric: Columns of numbers, by their place.
        faint: Rows that matter less, by their place.
        label: What a screen reader calls it; the title if "".
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    numeric: tuple[int, ...] = ()
    faint: tuple[int, ...] = ()
    label: str = ""


def with_error(value: float, error: float) -> str:
    """A value with its error to two figures of the error: "12.3 ± 1.4"; a dash if not known."""
    if not (math.isfinite(value) and math.isfinite(error)):
        return "–"
    return f"{to_error(value, error)} ± {to_error(error, error)}"


def to_error(value: float, error: float) -> str:
    """A value to two figures of its error: "12.3" of 12.3456 ± 1.4."""
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 2
    return f"{value:.{min(digits, 4)}f}".replace("-", "−")


def interval(low: float, high: float) -> str:
    """An interval to two figures of half its width: "12.3 to 15.1"."""
    half = (high - low) / 2
    return f"{to_error(low, half)} to {to_error(high, half)}"
