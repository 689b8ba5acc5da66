"""Points: everything that one measurement depends on, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from experiments.samples.spoiled import Spoil

Space = Literal["euclidean", "cosine", "cosine, centred", "standardised", "mahalanobis"]
Trust = Literal["", "S/N", "redshift", "D4000n"]

#: Queries as they are.
UNSPOILED = Spoil()


@dataclass(frozen=True)
class Ask:
    """How a query is asked.

    Attributes:
        k: Neighbours that vote, with weights e^-d over their sum.
        metric: "auto" measures distances in the linear metric that the base's own labels give, where it helps.
        space: What distances are measured in.
        whitening: Power by which the principal axes of the base's vectors are whitened.
        trust: A field of the neighbours that weighs their votes besides their distance.
        size: Objects in the base; all if None.
        share: Share of LINERs in a base of constant size.
        prior: Whether the vote is corrected to the share of LINERs in the whole base.
        sn: Queries with a median S/N in this range alone are scored.
    """

    k: int = 5
    metric: Literal["none", "auto"] = "none"
    space: Space = "euclidean"
    whitening: float = 0.0
    trust: Trust = ""
    size: int | None = None
    share: float | None = None
    prior: bool = False
    sn: tuple[float, float] | None = None


@dataclass(frozen=True)
class Point:
    """One measurement of an ablation.

    Attributes:
        x: Where it stands on the axis: a number, or a name.
        line: Which of several curves it belongs to.
        ask: How queries are asked.
        spoil: What is done to them first.
        changes: Of the small recipe that an encoder is trained from; None for the shipped encoder.
        sample: The one sample it is for; "" for all.
    """

    x: float | str
    line: str = ""
    ask: Ask = Ask()
    spoil: Spoil = UNSPOILED
    changes: dict[str, Any] | None = None
    sample: str = ""

    def identity(self) -> dict[str, Any]:
        """What decides its figures: not where it stands in a figure."""
        return {"ask": asdict(self.ask), "spoil": asdict(self.spoil), "changes": self.changes}


@dataclass(frozen=True)
class Ablation:
    """One question and the points that answer it.

    Attributes:
        name: What is typed, and what files are called.
        question: What is asked, as a sentence.
        axis: What x is.
        points: The measurements.
        reference: x and line of the point that the others are compared with, None for a point's own x or line;
            None where points have other queries.
        tasks: Which tasks are scored.
        scale: Of the x axis, where x is a number.
        note: What a reader must know besides.
    """

    name: str
    question: str
    axis: str
    points: tuple[Point, ...]
    reference: tuple[float | str | None, str | None] | None = None
    tasks: tuple[str, ...] = ("3-class", "5-class", "LINER")
    scale: Literal["linear", "log"] = "linear"
    note: str = ""
    samples: tuple[str, ...] = field(default=("real", "mock"))

    @property
    def trained(self) -> bool:
        """Whether encoders are trained for it."""
        return any(p.changes is not None for p in self.points)

    def compared_with(self, point: Point) -> tuple[float | str, str] | None:
        """x and line of the point that this one is compared with; None for none, and for itself."""
        if self.reference is None:
            return None
        x, line = self.reference
        wanted = (point.x if x is None else x, point.line if line is None else line)
        return None if wanted == (point.x, point.line) else wanted

    def of(self, sample: str) -> list[Point]:
        """The points that are measured in a sample."""
        return [p for p in self.points if p.sample in ("", sample)]
