"""Precision, recall and F1 of a finished hunt against known truth, for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spectrove.statistics import wilson


@dataclass(frozen=True)
class Score:
    """Counts and scores; intervals hold 95% and are None where nothing was counted.

    `precision` and `recall` are NaN where their denominator is zero.
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    precision: float
    recall: float
    f1: float
    precision_interval: tuple[float, float] | None
    recall_interval: tuple[float, float] | None

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, value and interval of each, as printed."""
        pairs = (
            ("Precision", self.precision, self.precision_interval),
            ("Recall", self.recall, self.recall_interval),
            ("F1", self.f1, None),
        )
        return [(name, _text(value), _span(interval)) for name, value, interval in pairs]


def score(pairs: Sequence[tuple[bool, bool]]) -> Score:
    """Scores from (was it found, is it truly a target) of each object."""
    tp = sum(found and true for found, true in pairs)
    fp = sum(found and not true for found, true in pairs)
    fn = sum(true and not found for found, true in pairs)
    return Score(
        tp, fp, fn, len(pairs) - tp - fp - fn,
        precision=tp / (tp + fp) if tp + fp else math.nan,
        recall=tp / (tp + fn) if tp + fn else math.nan,
        f1=2 * tp / (2 * tp + fp + fn) if tp + fp + fn else math.nan,
        precision_interval=wilson(tp, tp + fp),
        recall_interval=wilson(tp, tp + fn),
    )  # fmt: skip


def _text(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} – {interval[1]:.3f}"
