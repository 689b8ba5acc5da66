"""Prediction: an answer, its probabilities, its interval (or why there is none) and who voted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Vote:
    """One neighbour's part in an answer.

    Attributes:
        object_id: The neighbour.
        distance: Euclidean, in the view that was searched.
        weight: Its share of all votes; 0 where it does not vote.
        label: Its value in the label column, None where unlabelled.
        group: The class that value means; None where it does not vote.
        view: The view it was found in.
    """

    object_id: str
    distance: float
    weight: float
    label: str | None
    group: str | None
    view: str = "shape"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the commands print them."""
        return {
            "object_id": self.object_id,
            "distance": self.distance,
            "weight": self.weight,
            "label": self.label,
        }


@dataclass(frozen=True)
class Prediction:
    """What the neighbours say about one query.

    Attributes:
        object_id: The query.
        label: The label column, such as `class_derived`.
        value: The most probable class; None where no neighbour votes.
        probabilities: Class to probability, summing to one; empty where no neighbour votes.
        interval: 68% interval of the probability of `value` (of the target's class in a hunt). Of a calibrated
            probability: what calibrations fitted on plates drawn again say. Else it counts votes only.
        reason_no_interval: Why `interval` is None, as a sentence; "" otherwise.
        neighbors: Everyone who was asked, nearest first, with weights that sum to one over all who vote.
        flags: Names of cautions, see `spectra.FLAGS`.
        target: Name of the target, in a hunt.
        positive: The class that is hunted.
        is_target: Whether its probability reaches the target's threshold.
        metric: "linear" where distances are in a metric fitted on the base's labels, "none" where they are plain.
        z, z_source: The query's redshift and where it came from, for display only.
        calibrated: Whether probabilities are calibrated on the base's labels; else they are shares of the votes.
        p_distance: Share of the base's objects whose own nearest neighbour is farther than the query's; None where
            nothing is calibrated. Small means: nothing known is close.
        set: Classes that cannot be ruled out at 90%, see `Calibration.sets`; None where nothing is calibrated.
        witnesses: What each witness says for itself, where an object's own lines count beside its neighbours:
            "neighbours" and "lines" to class to probability. None elsewhere.
        none_of_these: Why it is none of the classes, as a sentence: no signal, no galaxy, nothing known near, or the
            lines that the question needs are not covered. Then probabilities are the prevalence. "" otherwise.
        second_redshift: Where lines of a second galaxy may stand, best first, see `inference.second_redshift`; None
            where the target does not ask, or the object is none.
        redshifts: Where the redshift was estimated and is open: `z`, `weight` and `probability` at each that it may be;
            the answer is their mean. None elsewhere.
    """

    object_id: str
    label: str
    value: str | None
    probabilities: dict[str, float]
    interval: tuple[float, float] | None
    reason_no_interval: str = ""
    neighbors: tuple[Vote, ...] = ()
    flags: tuple[str, ...] = ()
    target: str | None = None
    positive: str | None = None
    is_target: bool | None = None
    z: float | None = None
    z_source: str | None = None
    metric: str = "none"
    calibrated: bool = False
    p_distance: float | None = None
    set: tuple[str, ...] | None = None
    witnesses: dict[str, dict[str, float]] | None = None
    none_of_these: str = ""
    second_redshift: tuple[dict[str, Any], ...] | None = None
    redshifts: tuple[dict[str, Any], ...] | None = None
    n_effective: float = field(default=math.nan, compare=False)

    @property
    def probability(self) -> float | None:
        """Of the hunted class, or of `value` where nothing is hunted; None where no neighbour votes."""
        name = self.positive if self.target is not None else self.value
        return self.probabilities.get(name) if name is not None else None

    @property
    def weights(self) -> tuple[float, ...]:
        """Each neighbour's share of the votes."""
        return tuple(vote.weight for vote in self.neighbors)

    @property
    def rank(self) -> tuple[float, float]:
        """Larger is more probable; of equals, whose voters are nearer. None of these, and no answer, are last."""
        if self.probability is None:
            return -2.0, -math.inf
        if self.none_of_these:
            return -1.0, self.probability
        return self.probability, -sum(v.weight * v.distance for v in self.neighbors if v.weight > 0)

    def to_dict(self) -> dict[str, Any]:
        """What `hunt --json` or `classify --json` prints. Where there is no interval a hunt says why."""
        neighbors = [vote.to_dict() for vote in self.neighbors]
        told = {
            "metric": self.metric,
            "calibrated": self.calibrated,
            "p_distance": self.p_distance,
            "set": None if self.set is None else list(self.set),
            "witnesses": self.witnesses,
            "none_of_these": self.none_of_these or None,
            **({} if self.redshifts is None else {"redshifts": list(self.redshifts)}),
        }
        if self.target is None:
            return {
                "object_id": self.object_id,
                "label": self.label,
                "value": self.value,
                "probabilities": dict(self.probabilities),
                **told,
                "neighbors": neighbors,
                "flags": list(self.flags),
            }
        answer = {
            "object_id": self.object_id,
            "target": self.target,
            "probability": self.probability,
            "interval": None if self.interval is None else list(self.interval),
            "is_target": bool(self.is_target),
            "z": self.z,
            "z_source": self.z_source,
            **told,
            "neighbors": neighbors,
            "flags": list(self.flags),
        }
        if self.second_redshift is not None:
            answer["second_redshift"] = list(self.second_redshift)
        return (
            answer if self.interval is not None else {**answer, "reason_no_interval": self.reason_no_interval}
        )
