"""Numbers from neighbours: what quantity a spectrum has, between which limits, and who says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.inference.conformal import signal_to_noise
from spectrove.inference.estimating import Estimator, estimator_for, own_models
from spectrove.inference.quantities import Quantity, quantity_of
from spectrove.inference.regression import Regressed, regress
from spectrove.inference.trend import robust_sigma
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline.ask import Answers, answers_of
from spectrove.pipeline.embed import Encoders, embed_queries
from spectrove.spectra import SpectrumSet

#: Neighbours that are asked: 10 is as good as 30 and better than 3 (RMSE of four quantities, real and mock).
VOTERS = 10

#: An estimate is confident if its nearest neighbour is nearer than those of the farthest 1% of the base's objects, and
#: its 68% interval is narrower than half of what 68% of the base's values span.
FARTHEST, WIDEST = 0.01, 0.5


@dataclass(frozen=True)
class Said:
    """One neighbour's part in an estimate.

    Attributes:
        object_id: The neighbour.
        distance: Euclidean, in the view that was searched.
        weight: Its share of the answer; what is missing to one is the trend's.
        label: Its own value; None where it has none that counts.
        adjusted: What it says of the query: its value carried along the trend.
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
        quantity, unit: The column, and its unit as far as known.
        value: None where no neighbour has a value.
        interval: It holds the value that the base's catalog would give, at the rate `level`; None where the base is too
            small.
        level: Of the interval.
        confident: See FARTHEST and WIDEST; never without an interval.
        reason_no_interval: A sentence; "" where there is an interval.
        p_distance: Share of the base's objects whose nearest neighbour is at least as far as this query's.
        trend: What the trend over the whole base says, before the neighbours correct it.
        neighbors: Nearest first.
        flags: Names of cautions, see `spectra.FLAGS`.
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
        """What `estimate --json` prints. Where there is no interval it says why."""
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
    """What estimates are made of: what was fitted, what was said, and the signal-to-noise of each query."""

    estimator: Estimator
    said: Regressed
    sn: NDArray[np.float64]


@dataclass(frozen=True)
class Estimates(Answers):
    """One batch of answers, with the estimates in the order of the spectra."""

    estimates: tuple[Estimate, ...] = ()
    _asked: Asked | None = None

    def at(self, level: float) -> Estimates:
        """The same with intervals of another level."""
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
    """The quantity of each spectrum by neighbour regression, with a conformal interval; and what was refused.

    Neither a query's own value nor, where it is an object of the base, anything fitted on its value gives its answer;
    only the choice of scale and the width of its interval are those of the whole base.

    Args:
        quantity: A numeric column of the base, but not z.
        k: Neighbours per spectrum.
        level: Rate at which intervals are to hold the value.
        where: SQL condition on the objects that take part.

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
    """The column, if it can be estimated at that level.

    Raises:
        KnowledgeError: It cannot, or the level is not between 0 and 1.
    """
    _checked(level)
    return quantity_of(base, quantity)


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise KnowledgeError(f"level is {level:g}, expected a number between 0 and 1, such as 0.68.")
    return level


def _estimates(made_of: Asked, neighbors: Neighbors, level: float) -> tuple[Estimate, ...]:
    """What is said of each query, in the unit of the quantity."""
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
    """Why there is no interval; "" where there is one."""
    if not answered:
        return f"No neighbour has a value in {name} that counts, so there is nothing to average."
    if too_few:
        return too_few
    return (
        ""
        if finite
        else f"The base has too few objects of this signal-to-noise for an interval at {level:g}."
    )
