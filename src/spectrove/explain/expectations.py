"""What a hunt should have found, from its own probabilities: purity of what is called, completeness of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spectrove.inference import Prediction


@dataclass(frozen=True)
class Expectations:
    """What the probabilities of a hunt say about it.

    Attributes:
        found: How many are called.
        false: How many of them should not be: the sum of 1 - P.
        purity: Mean P of those that are called; None where none is.
        completeness: Sum of their P over the sum of all; None where no object has a P above 0.
        calibrated: Whether every probability is calibrated; else they are shares of votes, and so are these.
    """

    found: int
    false: float
    purity: float | None
    completeness: float | None
    calibrated: bool

    @property
    def sentence(self) -> str:
        """As it is printed after how many were found, without a full stop."""
        purity, completeness = (
            "unknown" if v is None else f"{v:.2f}" for v in (self.purity, self.completeness)
        )
        means = "calibrated probabilities" if self.calibrated else "vote shares, not calibrated"
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
    )
