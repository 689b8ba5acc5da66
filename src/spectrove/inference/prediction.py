"""Prediction: a class with its probabilities, its interval (or why there is none) and the votes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Vote:
    """Vote of one neighbour.

    Attributes:
        object_id: The neighbour.
        distance: Euclidean, in the view that was searched.
        weight: Its fraction of all votes; 0 if it does not vote.
        label: Its value in the label column, None without a label.
        group: The class of that value; None if it does not vote.
        view: The view searched.
    """

    object_id: str
    distance: float
    weight: float
    label: str | None
    group: str | None
    view: str = "shape"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as printed by the commands."""
        return {
            "object_id": self.object_id,
            "distance": self.distance,
            "weight": self.weight,
            "label": self.label,
        }


@dataclass(frozen=True)
class Prediction:
    """Answer about one query.

    Attributes:
        object_id: The query.
        label: The label column, such as `class_derived`.
        value: The most probable class; None without a vote.
        probabilities: Probability of each class, summing to one; empty without a vote.
        interval: 68% interval of the probability of `value` (of the hunted class in a hunt): from bootstrap samples of
            the groups if the probability is calibrated, else from the number of votes.
        reason_no_interval: Why `interval` is None, a sentence; "" otherwise.
        neighbors: The neighbours, nearest first, with weights that sum to one over all voters.
        flags: Names of flags, see `spectra.FLAGS`.
        target: Name of the target, in a hunt.
        positive: The hunted class.
        is_target: Whether its probability reaches the threshold of the target.
        metric: "linear" if distances are in a metric fitted on the labels of the base, "none" for plain distances.
        z, z_source: Redshift of the query and its source, for display only.
        calibrated: Whether probabilities are calibrated on the labels of the base; else they are vote shares.
        p_distance: Fraction of the objects of the base with a larger nearest-neighbour distance; None if nothing is
            calibrated. Small if no known object is near.
        set: Classes that cannot be excluded at 90%, see `Calibration.sets`; None if nothing is calibrated.
        witnesses: Probability of each class by "neighbours" alone and by "lines" alone, if the lines of the object
            are used as evidence; else None.
        none_of_these: Why it is none of the classes, a sentence: no signal, no galaxy, no known object near, or lines
            required by the question are not covered. Probabilities are then the prevalence. "" otherwise.
        second_redshift: What the signs of the target found in the object, as candidate redshifts of a second galaxy,
            best first, see `Domain.signs`; None if the target names no signs or the object is no target.
        redshifts: If the redshift was estimated and is uncertain: `z`, `weight` and `probability` of each candidate;
            the answer is their mean. Else None.
        values: In a hunt by a condition, what is known of each of its columns: `name`, `value`, the ends of its 68%
            `interval`, `unit`, what it is `from`, and `measured` and `neighbours`, each value and error alone. Else
            None.
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
    values: tuple[dict[str, Any], ...] | None = None
    n_effective: float = field(default=math.nan, compare=False)

    def __repr__(self) -> str:
        name = self.positive if self.target is not None else self.value
        p = "no vote" if self.probability is None else f"P({name}) = {self.probability:.3g}"
        ends = " [{:.3g}, {:.3g}]".format(*self.interval) if self.interval else ""
        found = ", a target" if self.is_target else ""
        flags = f", {', '.join(self.flags)}" if self.flags else ""
        return f"<Prediction {self.object_id}: {p}{ends}{found}{', calibrated' if self.calibrated else ''}{flags}>"

    @property
    def probability(self) -> float | None:
        """Probability of the hunted class, or of `value` without a target; None without a vote."""
        name = self.positive if self.target is not None else self.value
        return self.probabilities.get(name) if name is not None else None

    @property
    def weights(self) -> tuple[float, ...]:
        """Fraction of the votes of each neighbour."""
        return tuple(vote.weight for vote in self.neighbors)

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key: larger is more probable, then nearer voters. "None of these" and no answer come last."""
        if self.probability is None:
            return -2.0, -math.inf
        if self.none_of_these:
            return -1.0, self.probability
        return self.probability, -sum(v.weight * v.distance for v in self.neighbors if v.weight > 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as printed by `hunt --json` and `classify --json`."""
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
        if self.values is not None:
            answer["values"] = [dict(value) for value in self.values]
        if self.second_redshift is not None:
            answer["second_redshift"] = list(self.second_redshift)
        return (
            answer if self.interval is not None else {**answer, "reason_no_interval": self.reason_no_interval}
        )
