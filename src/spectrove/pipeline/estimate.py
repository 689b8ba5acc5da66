"""Estimates of a quantity from neighbours, with intervals and the contributions of the neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.inference.embed import Encoders, embed_queries
from spectrove.inference.numbers.conformal import signal_to_noise
from spectrove.inference.numbers.of_base import Estimator, estimator_for, own_models
from spectrove.inference.numbers.quantities import Quantity, quantity_of
from spectrove.inference.numbers.regression import Regressed, regress
from spectrove.inference.numbers.trend import robust_sigma
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline.ask import Answers, answers_of
from spectrove.spectra import SpectrumSet

#: Neighbours of an estimate: 10 is as good as 30 and better than 3 (RMSE of four quantities, real and mock).
VOTERS = 10

#: An estimate is confident if its nearest neighbour is nearer than those of the farthest 1% of the objects of the base,
#: and its 68% interval is narrower than half the 68% range of the values of the base.
FARTHEST, WIDEST = 0.01, 0.5


@dataclass(frozen=True)
class Said:
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
        p_distance: Fraction of the objects of the base with a nearest neighbour at least as far as that of the query.
        trend: Prediction of the trend over the whole base, before the correction by the neighbours.
        neighbors: Nearest first.
        flags: Names of flags, see `spectra.FLAGS`.
    """

    object_id: str
    quantity: str
    value: float | None
    interval: tuple[float, float] | None
    unit: str
    level: float
    confident: bool
    reason_no_interval: str
    p_distance: float
    trend: float | None
    neighbors: tuple[Said, ...]
    flags: tuple[str, ...]

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
        return (
            answer if self.interval is not None else answer | {"reason_no_interval": self.reason_no_interval}
        )


@dataclass(frozen=True)
class Asked:
    """Estimator, regression result and signal-to-noise of the queries, from which estimates are made."""

    estimator: Estimator
    said: Regressed
    sn: NDArray[np.float64]


@dataclass(frozen=True)
class Estimates(Answers):
    """One batch of answers, with the estimates in the order of the spectra."""

    estimates: tuple[Estimate, ...] = ()
    _asked: Asked | None = None

    def at(self, level: float) -> Estimates:
        """The same estimates with intervals at another level."""
        assert self._asked is not None
        return replace(self, estimates=_estimates(self._asked, self.neighbors, _checked(level)))


def estimate(base: KnowledgeBase, spectra: SpectrumSet, quantity: str, **options: Any) -> list[Estimate]:
    """The quantity of each spectrum that can be embedded; arguments as for `estimates`."""
    return list(estimates(base, spectra, quantity, **options).estimates)


def estimates(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    quantity: str,
    *,
    k: int = VOTERS,
    level: float = 0.68,
    where: str | None = None,
    allow_self: bool = False,
    encoder: Encoders = None,
) -> Estimates:
    """The quantity of each spectrum by neighbour regression, with a conformal interval; and the refusals.

    The estimate of an object of the base does not use its own value or a fit to it. Only the choice of scale and the
    width of the interval are those of the whole base.

    Args:
        quantity: A numeric column of the base, but not z.
        k: Neighbours per spectrum.
        level: Rate at which intervals contain the value.
        where: SQL condition on the objects used.

    Raises:
        KnowledgeError: The column cannot be estimated, or the level is not between 0 and 1.
    """
    column = check_quantity(base, quantity, level)
    estimator = estimator_for(base, column, k=k, where=where)
    embedded = embed_queries(base, spectra, encoder, base.space().views)
    found = base.search(
        embedded.views,
        k,
        spectra=embedded.spectra,
        where=column.condition(where),
        labelled=quantity,
        allow_self=allow_self,
    )
    answers = answers_of(embedded, found)
    spectra_asked = answers.spectra
    model = (
        np.zeros(len(spectra_asked), dtype=np.int64)
        if allow_self
        else own_models(base, estimator, spectra_asked)
    )
    said = regress(
        estimator.known,
        found.query_vectors,
        found.object_id,
        found.distance,
        model,
        unit_distance=found.scale,
    )
    made = Asked(estimator, said, signal_to_noise(spectra_asked))
    return Estimates(
        spectra_asked,
        answers.neighbors,
        refusals=answers.refusals,
        estimates=_estimates(made, answers.neighbors, level),
        _asked=made,
    )


def check_quantity(base: KnowledgeBase, quantity: str, level: float = 0.68) -> Quantity:
    """The quantity of the column; refuse it unless it can be estimated at that level.

    Raises:
        KnowledgeError: It cannot be estimated, or the level is not between 0 and 1.
    """
    _checked(level)
    return quantity_of(base, quantity)


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise KnowledgeError(f"level is {level:g}, expected a number between 0 and 1, such as 0.68.")
    return level


def _estimates(made_of: Asked, neighbors: Neighbors, level: float) -> tuple[Estimate, ...]:
    """Estimate of each query, in the unit of the quantity."""
    estimator, said, sn = made_of.estimator, made_of.said, made_of.sn
    known, asked, quantity = estimator.known, estimator.conformal, estimator.quantity
    scale, n = known.scale, len(neighbors)
    half = half_68 = np.full(n, np.inf)
    if n and not asked.reason:
        half = asked.half_width(said.error, sn, level)
        half_68 = asked.half_width(said.error, sn, 0.68)
    p_distance = asked.p_distance(said.nearest)
    sure = (p_distance > FARTHEST) & (half_68 < WIDEST * robust_sigma(known.value))

    def real(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = scale.inverse(values)
        low, high = quantity.low, quantity.high
        return np.clip(found, low, high) if low is not None or high is not None else found

    value, trend, adjusted = real(said.value), real(said.trend), real(said.said)
    low, high = real(said.value - half), real(said.value + half)
    places = known.places(neighbors.object_id)
    labels = neighbors.column(quantity.name)
    made = []
    for i in range(n):
        voters = tuple(
            Said(
                str(neighbors.object_id[i, j]),
                float(neighbors.distance[i, j]),
                float(said.weight[i, j]),
                float(labels[i, j]) if places[i, j] >= 0 else None,
                float(adjusted[i, j]) if places[i, j] >= 0 else None,
            )
            for j in range(len(neighbors.rows[i]))
        )
        answered = bool(np.isfinite(said.value[i]))
        reason = _reason(asked.reason, answered, bool(np.isfinite(half[i])), quantity.name, level)
        made.append(
            Estimate(
                object_id=str(neighbors.query_id[i]),
                quantity=quantity.name,
                value=float(value[i]) if answered else None,
                interval=None if reason else (float(low[i]), float(high[i])),
                unit=quantity.unit,
                level=level,
                confident=bool(sure[i]) and not reason,
                reason_no_interval=reason,
                p_distance=float(p_distance[i]),
                trend=float(trend[i]) if answered else None,
                neighbors=voters,
                flags=_with_far(neighbors.flags[i], bool(p_distance[i] <= FARTHEST)),
            )
        )
    return tuple(made)


def _with_far(flags: tuple[str, ...], far: bool) -> tuple[str, ...]:
    return (*flags, "far_from_all") if far and "far_from_all" not in flags else flags


def _reason(too_few: str, answered: bool, finite: bool, name: str, level: float) -> str:
    """Why there is no interval; "" if there is one."""
    if not answered:
        return f"No neighbour has a valid value in {name}, so there is nothing to average."
    if too_few:
        return too_few
    return (
        ""
        if finite
        else f"The base has too few objects of this signal-to-noise for an interval at {level:g}."
    )
