"""Neighbour regression: a number from what the base's trend says here and what it was seen to miss nearby.

Each neighbour says its own value, carried to the query along the trend (see `trend`): value + trend(query) -
trend(neighbour). The trend itself is one more voter. The answer is their weighted mean, so that it can be checked by
hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ShapeError
from spectrove.inference.trend import Scale, Trend
from spectrove.inference.voting import neighbor_weights

#: The trend has the weight of so many average neighbours. With 10 neighbours anything from 2 to 10 is within 1% (RMSE,
#: four quantities, real and mock); with 3 it keeps the answer within 3% of the trend's.
TREND_VOTERS = 5.0


@dataclass(frozen=True)
class Known:
    """What a quantity is regressed on.

    Attributes:
        object_id: Objects with a value, sorted; shape (n_objects,).
        value, error: Their values and one-sigma errors (0 where unknown) on `scale`, (n_objects,).
        scale: On which values are averaged.
        trend: On that scale.
        reach: Mean distance of the neighbours that 9 of 10 objects of the base stay within.
        model: For each object the model of the trend that has not seen its fold, (n_objects,).
    """

    object_id: NDArray[np.str_]
    value: NDArray[np.float64]
    error: NDArray[np.float64]
    scale: Scale
    trend: Trend
    reach: float
    model: NDArray[np.int64]

    def places(self, object_id: NDArray[np.str_]) -> NDArray[np.int64]:
        """Where objects stand, same shape; -1 for others."""
        place = np.minimum(np.searchsorted(self.object_id, object_id), len(self.object_id) - 1)
        return np.where(self.object_id[place] == object_id, place, -1)


@dataclass(frozen=True)
class Regressed:
    """Answers on the quantity's scale.

    Attributes:
        value, error: Mean and one-sigma error before any calibration, (n_queries,); NaN where nobody votes.
        said: What each neighbour says of the query, (n_queries, n_neighbors); NaN where it does not vote.
        weight: Of each neighbour, same shape; with `trend_weight` a row sums to one.
        trend: What the trend says, (n_queries,).
        trend_weight: (n_queries,).
        nearest: Distance of the nearest who votes, (n_queries,); infinite where nobody does.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    said: NDArray[np.float64]
    weight: NDArray[np.float64]
    trend: NDArray[np.float64]
    trend_weight: NDArray[np.float64]
    nearest: NDArray[np.float64]


def neighbor_mean(
    labels: NDArray, label_errors: NDArray, weights: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted mean of the neighbours' labels, with its full uncertainty.

    The neighbours are read as a mixture of Gaussians, so the variance has two parts: how uncertain each label is, and
    how much the labels disagree.

    Args:
        labels: Known values, shape (n_objects, n_neighbors), in the unit of the quantity. NaN marks "unknown".
        label_errors: One-sigma errors, same shape and unit.
        weights: Non-negative, same shape; rows need not sum to one.

    Returns:
        Mean and one-sigma error, each (n_objects,), same unit. Objects with no known label get NaN for both, never a
        guess.

    Raises:
        ShapeError: If the three arrays differ in shape.

    Source:
        Law of total variance, applied to a mixture of Gaussians.
    """
    labels, errors, weights = (np.asarray(a, dtype=float) for a in (labels, label_errors, weights))
    if not labels.shape == errors.shape == weights.shape or labels.ndim != 2:
        raise ShapeError(
            f"neighbor_mean: labels {labels.shape}, errors {errors.shape}, weights {weights.shape}; expected equal "
            "(n, k)."
        )
    known = np.isfinite(labels)
    share = np.where(known, weights, 0.0)
    total = share.sum(axis=1, keepdims=True)
    share = np.divide(share, total, out=np.full_like(share, np.nan), where=total > 0)
    filled, spread = np.where(known, labels, 0.0), np.where(known, errors, 0.0)
    mean = (share * filled).sum(axis=1)
    variance = (share * (spread**2 + (filled - mean[:, None]) ** 2)).sum(axis=1)
    return mean, np.sqrt(variance)


def regress(
    known: Known,
    vectors: NDArray,
    object_id: NDArray[np.str_],
    distance: NDArray[np.float64],
    model: NDArray[np.int64],
    *,
    unit_distance: float = 1.0,
) -> Regressed:
    """What neighbours and trend say of some queries.

    Args:
        known: What was fitted on the base.
        vectors: Of the queries, (n_queries, n_dimensions).
        object_id, distance: Of their neighbours, (n_queries, n_neighbors); "" and infinite where there is none.
        model: Which model of the trend answers for each query, (n_queries,): one that has not seen its label.
        unit_distance: The base's median nearest-neighbour distance, in which weights see distances.

    Source:
        Law of total variance (`neighbor_mean`). The distance adds to every voter's variance once the neighbours are
        farther than 9 of 10 objects of the base have theirs: the error then grows in proportion to the distance.
    """
    places = known.places(object_id)
    voting = (places >= 0) & np.isfinite(distance)
    weight = neighbor_weights(distance, voting, scale=unit_distance)
    trend = known.trend.at(vectors, model)
    residual = known.trend.residual[model[:, None], np.maximum(places, 0)]
    said = np.where(voting, trend[:, None] + residual, np.nan)
    count = voting.sum(axis=1)
    trend_weight = np.where(count > 0, TREND_VOTERS / (TREND_VOTERS + count), np.nan)
    weight = weight * np.nan_to_num(1 - trend_weight)[:, None]
    total = np.where(voting, distance, 0.0).sum(axis=1)
    far = np.divide(total, count, out=np.full(len(count), np.inf), where=count > 0)
    spread = known.trend.spread[model]
    stretch = np.where(count > 0, np.maximum(1.0, far / known.reach if known.reach > 0 else 1.0), 1.0)
    value, error = neighbor_mean(
        np.column_stack([said, np.where(count > 0, trend, np.nan)]),
        np.column_stack([np.where(voting, known.error[np.maximum(places, 0)], 0.0), spread]),
        np.column_stack([weight, np.nan_to_num(trend_weight)]),
    )
    error = np.sqrt(error**2 + spread**2 * (stretch**2 - 1))
    nearest = np.where(voting, distance, np.inf).min(axis=1, initial=np.inf)
    return Regressed(value, error, said, weight, trend, trend_weight, nearest)
