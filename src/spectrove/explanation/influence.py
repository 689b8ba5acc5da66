"""The influence of a neighbour: the classification repeated without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from spectrove.inference import Prediction
from spectrove.knowledge import Neighbors
from spectrove.plain import plain

#: The question that is explained, asked again as though the object of this id were not in the base.
Again = Callable[[str], tuple[Neighbors, Prediction]]


@dataclass(frozen=True)
class Influence:
    """The answer without one neighbour, which the next nearest replaces.

    Attributes:
        object_id: Who was left out.
        instead: Who moved up; "" where nobody is left to.
        value: The most probable class then; None where nobody votes.
        probability: Of the class the explained answer is about, then; None where nobody votes.
        change: That less the probability in the explained answer.
        overturns: Whether the answer is another: another class, or the other side of a hunt's threshold.
    """

    object_id: str
    instead: str
    value: str | None
    probability: float | None
    change: float | None
    overturns: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "object_id": self.object_id, "instead": self.instead or None, "value": self.value,
            "probability": plain(self.probability), "change": plain(self.change), "overturns": self.overturns,
        }  # fmt: skip


@dataclass(frozen=True)
class Rival:
    """The nearest object of another class than the answer's.

    Attributes:
        object_id, label, group: Who it is and what it would vote for.
        rank: Its place among the neighbours, 1 the nearest.
        distance: Euclidean, in the space that was searched.
    """

    object_id: str
    label: str
    group: str
    rank: int
    distance: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "object_id": self.object_id, "label": self.label, "class": self.group, "rank": self.rank,
            "distance": plain(self.distance),
        }  # fmt: skip


def influences(prediction: Prediction, again: Again) -> tuple[Influence, ...]:
    """For each neighbour of an answer, nearest first, the answer without it."""
    known = {vote.object_id for vote in prediction.neighbors}
    found = []
    for vote in prediction.neighbors:
        neighbors, other = again(vote.object_id)
        new = [name for name in neighbors.object_id[0].tolist() if name and name not in known]
        found.append(_influence(prediction, other, vote.object_id, new[-1] if new else ""))
    return tuple(found)


def find_rival(answer: str | None, candidates: Sequence[Any]) -> Rival | None:
    """The nearest of the candidates (votes, nearest first) whose class is not the answer's; None if there is none."""
    for rank, vote in enumerate(candidates, 1):
        if vote.group is not None and vote.group != answer:
            return Rival(vote.object_id, str(vote.label), vote.group, rank, vote.distance)
    return None


def _influence(before: Prediction, after: Prediction, left_out: str, instead: str) -> Influence:
    asked = before.positive if before.target is not None else before.value
    p = after.probabilities.get(asked, 0.0) if asked is not None and after.probabilities else None
    known = p is not None and before.probability is not None
    change = p - before.probability if known else None  # type: ignore[operator]
    other = after.is_target != before.is_target if before.target is not None else after.value != before.value
    return Influence(left_out, instead, after.value, p, change, bool(other))
