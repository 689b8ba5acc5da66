"""Expected purity and completeness of a hunt, from its own probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spectrove.inference import Prediction


@dataclass(frozen=True)
class Expectations:
    """The expected performance of a hunt.

    Attributes:
        found: Number of objects found.
        false: Expected number of false positives: the sum of 1 - P over them.
        purity: Mean P of the objects found; None if there are none.
        completeness: Sum of their P over the sum of all; None if no object has a P above 0.
        calibrated: Whether all probabilities are calibrated; otherwise they are shares of the vote.
        measured: Whether they are those of a condition over measured columns; then they are never shares of a vote.
    """

    found: int
    false: float
    purity: float | None
    completeness: float | None
    calibrated: bool
    measured: bool = False

    @property
    def sentence(self) -> str:
        """As it is printed after how many were found, without a full stop."""
        purity, completeness = (
            "unknown" if v is None else f"{v:.2f}" for v in (self.purity, self.completeness)
        )
        plain = "the columns' errors" if self.measured else "vote shares"
        means = "calibrated probabilities" if self.calibrated else f"{plain}, not calibrated"
        return f"expected purity {purity}, completeness {completeness} (from {means})"


def expectations(predictions: Sequence[Prediction]) -> Expectations:
    """Expected purity and completeness of a hunt; objects without an answer, and none of the classes, take no part."""
    answered = [p for p in predictions if p.probability is not None]
    known = [(p.probability or 0.0, bool(p.is_target)) for p in answered if not p.none_of_these]
    hits = [p for p, found in known if found]
    total = sum(p for p, _ in known)
    return Expectations(
        found=len(hits),
        false=sum(1 - p for p in hits),
        purity=sum(hits) / len(hits) if hits else None,
        completeness=sum(hits) / total if total > 0 else None,
        calibrated=bool(answered) and all(p.calibrated for p in answered),
        measured=any(p.values is not None for p in answered),
    )
