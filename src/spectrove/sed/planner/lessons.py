"""What galaxies fitted before taught the rules: an order of sub-grids, and how much a change must gain to be needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Lessons:
    """What was learned from galaxies that are not among those it is used on.

    Attributes:
        version: Counts up with what is learned.
        recipe: The command that learned it, and from what.
        order: Parameters of the sub-grids, one after the other.
        thresholds: By change: what chi2, in units of that for each band but at least of 1, must fall by.
    """

    version: int
    recipe: str
    order: tuple[tuple[str, ...], ...]
    thresholds: dict[str, float]

    @staticmethod
    def of(row: dict[str, Any]) -> Lessons:
        """From plain values."""
        return Lessons(
            row["version"], row["recipe"], tuple(tuple(one) for one in row["order"]), row["thresholds"]
        )

    @staticmethod
    @cache
    def shipped() -> Lessons:
        """Those of the package."""
        text = files("spectrove.sed.planner").joinpath("lessons.json").read_text("utf-8")
        return Lessons.of(json.loads(text))
