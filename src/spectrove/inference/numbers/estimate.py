"""Estimates of a quantity from a neighbour regression: value, interval, and the part of each neighbour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.inference.numbers.of_base import Estimator
from spectrove.inference.numbers.quantities import Quantity
from spectrove.inference.numbers.regression import Regressed
from spectrove.inference.numbers.trend import Scale, robust_sigma
from spectrove.knowledge import Neighbors

#: The way that every base has, beside those of its kind of light.
NEIGHBOURS = "neighbours"

#: Neighbours of an estimate: 10 is as good as 30 and better than 3 (RMSE of four quantities, real and mock).
VOTERS = 10

#: An estimate is confident if its nearest neighbour is nearer than those of the farthest 1% of the objects of the base,
#: and its 68% interval is narrower than half the 68% range of the values of the base.
FARTHEST, WIDEST = 0.01, 0.5


@dataclass(frozen=True)
class NeighborValue:
    """Contribution of one neighbour to an estimate.

    Attributes:
        object_id: The neighbour.
        distance: Euclidean, in the view that was searched.
        weight: Its weight in the mean; the weights of the neighbours and of the trend sum to one.
        label: Its own value; None without a valid value.
        adjusted: Its prediction for the query: its value plus the difference along the trend.
    """

    object_id: str
    distance: float
    weight: float
    label: float | None
    adjusted: float | None


@dataclass(frozen=True)
class Estimate:
    """A number for one spectrum.

    Attributes:
        object_id: The query.
        quantity, unit: The column, and its unit if known.
        value: None if no neighbour has a value.
        interval: Contains the value that the catalog of the base would list, at the rate `level`; None if the base is
            too small.
        level: Of the interval.
        confident: See FARTHEST and WIDEST; never without an interval.
        reason_no_interval: A sentence; "" if there is an interval.
        p_distance: Fraction of the objects of the base with a nearest neighbour at least as far as that of the query;
            None where no neighbour has a part in it.
        trend: Prediction of the trend over the whole base, before the correction by the neighbours.
        neighbors: Nearest first.
        flags: Names of flags, see `spectra.FLAGS`.
        by: "neighbours", or what read it off the spectrum itself, a name of `Domain.estimators`.
        samples: Of the posterior, as many as were asked for.
        chi2, n_pixels: Of the spectrum that belongs to the value, over so many pixels; None where none is computed.
    """

    object_id: str
    quantity: str
    value: float | None
    interval: tuple[float, float] | None
    unit: str
    level: float
    confident: bool
    reason_no_interval: str
    p_distance: float | None
    trend: float | None
    neighbors: tuple[NeighborValue, ...]
    flags: tuple[str, ...]
    by: str = NEIGHBOURS
    samples: tuple[float, ...] = ()
    chi2: float | None = None
    n_pixels: int | None = None

    def __repr__(self) -> str:
        if self.value is None:
            return f"<Estimate {self.object_id}: {self.quantity} unknown>"
        ends = "" if self.interval is None else f" [{self.interval[0]:.4g} {self.interval[1]:.4g}]"
        unit, sure = f" {self.unit}" if self.unit else "", "" if self.confident else ", not confident"
        return f"<Estimate {self.object_id}: {self.quantity} {self.value:.4g}{ends}{unit}{sure}>"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as printed by `estimate --json`; without an interval they say why."""
        answer = {
            "object_id": self.object_id,
            "quantity": self.quantity,
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
            "unit": self.unit,
            "level": self.level,
            "confident": self.confident,
            "p_distance": self.p_distance,
            "trend": self.trend,
            "neighbors": [vars(neighbor).copy() for neighbor in self.neighbors],
            "flags": list(self.flags),
        }
        if self.by != NEIGHBOURS:
            answer["by"] = self.by
        if self.chi2 is not None:
            answer |= {"chi2": self.chi2, "n_pixels": self.n_pixels}
        if self.samples:
            answer["samples"] = list(self.samples)
        return (
            answer if self.interval is not None else answer | {"reason_no_interval": self.reason_no_interval}
        )


@dataclass(frozen=True)
class Regression:
    """The neighbour regression of some queries, from which estimates at any level follow.

    Attributes:
        estimator: Fitted on the base.
        result: On the scale of the quantity.
        neighbors: Of the queries, with their flags.
        sn: Signal-to-noise of the queries, (n_queries,).
    """

    estimator: Estimator
    result: Regressed
    neighbors: Neighbors
    sn: NDArray[np.float64]

    def estimates(self, level: float) -> tuple[Estimate, ...]:
        """Estimate of each query, in the unit of the quantity, with intervals at this level.

        Raises:
            KnowledgeError: The level is not between 0 and 1.
        """
        check_level(level)
        quantity, known = self.estimator.quantity, self.estimator.known
        value, trend, adjusted = (
            _in_unit(values, known.scale, quantity)
            for values in (self.result.value, self.result.trend, self.result.predictions)
        )
        half, half_68 = self._half_width(level), self._half_width(0.68)
        low, high = (
            _in_unit(values, known.scale, quantity)
            for values in (self.result.value - half, self.result.value + half)
        )
        p_distance = self.estimator.conformal.p_distance(self.result.nearest)
        sure = (p_distance > FARTHEST) & (half_68 < WIDEST * robust_sigma(known.value))
        voters = self._neighbor_values(adjusted)
        led_away = self._led_away()
        made = []
        for i in range(len(self.neighbors)):
            valued = bool(np.isfinite(self.result.value[i])) and not led_away[i]
            reason = (
                f"The trend of the base leads to {value[i]:.3g}, far beyond all its values of {quantity.name}: the "
                "spectrum is unlike those of the base."
                if led_away[i]
                else self._no_interval(valued, bool(np.isfinite(half[i])), level)
            )
            made.append(
                Estimate(
                    object_id=str(self.neighbors.query_id[i]),
                    quantity=quantity.name,
                    value=float(value[i]) if valued else None,
                    interval=None if reason else (float(low[i]), float(high[i])),
                    unit=quantity.unit,
                    level=level,
                    confident=bool(sure[i]) and not reason,
                    reason_no_interval=reason,
                    p_distance=float(p_distance[i]),
                    trend=float(trend[i]) if valued else None,
                    neighbors=voters[i],
                    flags=(
                        *_with_far(self.neighbors.flags[i], bool(p_distance[i] <= FARTHEST)),
                        *(["upper_limit"] if not reason and _is_limit(quantity, float(low[i])) else []),
                    ),
                )
            )
        return tuple(made)

    def _led_away(self) -> NDArray[np.bool_]:
        """Estimates that lie beyond the base's values by more than all these span: no number for anybody to use."""
        known = self.estimator.known.value
        if not len(known) or not (span := float(np.ptp(known))):
            return np.zeros(len(self.result.value), bool)
        value = self.result.value
        return (value < known.min() - span) | (value > known.max() + span)

    def _half_width(self, level: float) -> NDArray[np.float64]:
        """Half width of each interval on the scale of the quantity, (n_queries,); infinite without one."""
        conformal, n = self.estimator.conformal, len(self.neighbors)
        if not n or conformal.reason:
            return np.full(n, np.inf)
        return conformal.half_width(self.result.error, self.sn, level)

    def _neighbor_values(self, adjusted: NDArray[np.float64]) -> list[tuple[NeighborValue, ...]]:
        """The part of each neighbour in each estimate; `adjusted` are their predictions, (n_queries, n_neighbors)."""
        near = self.neighbors
        valid = self.estimator.known.places(near.object_id) >= 0
        labels = near.column(self.estimator.quantity.name)
        return [
            tuple(
                NeighborValue(
                    str(near.object_id[i, j]),
                    float(near.distance[i, j]),
                    float(self.result.weight[i, j]),
                    float(labels[i, j]) if valid[i, j] else None,
                    float(adjusted[i, j]) if valid[i, j] else None,
                )
                for j in range(len(near.rows[i]))
            )
            for i in range(len(near))
        ]

    def _no_interval(self, valued: bool, finite: bool, level: float) -> str:
        """Why there is no interval; "" if there is one."""
        if not valued:
            name = self.estimator.quantity.name
            return f"No neighbour has a valid value in {name}, so there is nothing to average."
        if self.estimator.conformal.reason or finite:
            return self.estimator.conformal.reason
        return f"The base has too few objects of this signal-to-noise for an interval at {level:g}."


def check_level(level: float) -> None:
    """Refuse a level of intervals unless it is between 0 and 1.

    Raises:
        KnowledgeError: It is not.
    """
    if not 0 < level < 1:
        raise KnowledgeError(f"level is {level:g}, expected a number between 0 and 1, such as 0.68.")


def _in_unit(values: NDArray[np.float64], scale: Scale, quantity: Quantity) -> NDArray[np.float64]:
    """Values from the scale of the regression in the unit of the quantity, within its limits."""
    inverse = scale.inverse(values)
    if quantity.low is None and quantity.high is None:
        return inverse
    return np.clip(inverse, quantity.low, quantity.high)


def _is_limit(quantity: Quantity, low: float) -> bool:
    """Whether an interval reaches to values that cannot be told from nothing."""
    return quantity.least is not None and low < quantity.least


def _with_far(flags: tuple[str, ...], far: bool) -> tuple[str, ...]:
    return (*flags, "far_from_all") if far and "far_from_all" not in flags else flags
