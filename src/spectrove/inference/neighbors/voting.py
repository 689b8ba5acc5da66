"""Weighted voting: the vote share of each class from distances and labels of neighbours.

Distances are divided by the median nearest-neighbour distance of the base, so that a weight means the same for every
encoder: x = 1 is the typical distance of a nearest neighbour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from spectrove.errors import ShapeError

#: Keeps the weight of an exact copy finite. The paper's value has lost its exponent in our copy.
EPSILON = 1e-6

#: Weight of a neighbour at scaled distance x.
#: Source: GalSpecEncoder-KB (2025), Table A1: four functions, of which it chose e^-x.
WEIGHTS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "inverse": lambda x: 1 / (x + EPSILON),
    "inverse_square": lambda x: 1 / (x**2 + EPSILON),
    "negative": lambda x: -x,
    "exp": lambda x: np.exp(-x),
}

#: Two interpretations of the normalisation in the paper.
NORMALISE: tuple[str, ...] = ("sum", "softmax")

#: Level of the intervals.
LEVEL = 0.68

#: Shares that differ by less, by rounding, are equal.
TIE = 1e-9


@dataclass(frozen=True)
class Ballot:
    """The result of a vote.

    Attributes:
        classes: Names, in the order of the columns of `share`.
        share: Of each class, shape (n_queries, n_classes); rows sum to one, NaN without a voter.
        weight: Of each neighbour, shape (n_queries, n_neighbors); rows sum to one, or to 0 without a voter.
            Neighbours without a vote have 0.
        n_effective: Kish's effective number of voters, shape (n_queries,); 0 without a voter.
        winner: The class with the largest share, None without a voter. Of equal shares the class with the
            nearest neighbour wins, then the first name in the alphabet.
    """

    classes: tuple[str, ...]
    share: NDArray[np.float64]
    weight: NDArray[np.float64]
    n_effective: NDArray[np.float64]
    winner: tuple[str | None, ...]


def vote(
    distance: NDArray[np.float64],
    labels: NDArray[np.object_],
    *,
    classes: Sequence[str] | None = None,
    weighting: str = "exp",
    normalise: str = "sum",
    scale: float = 1.0,
) -> Ballot:
    """Vote share of each class among the neighbours.

    Neighbours without a label and missing neighbours (infinite distance) do not vote and have no weight. The order of
    the neighbours does not matter.

    Args:
        distance: Euclidean, shape (n_queries, n_neighbors).
        labels: Class names, same shape; None for no vote.
        classes: All classes; those that occur if None.
        weighting: A name in `WEIGHTS`.
        normalise: "sum" or "softmax".
        scale: Distances are divided by this.

    Raises:
        ShapeError: If the arrays differ in shape.
        ValueError: If a label is not among `classes`.
    """
    distance, labels = np.asarray(distance, dtype=float), np.asarray(labels, dtype=object)
    if distance.shape != labels.shape or distance.ndim != 2:
        raise ShapeError(f"vote: distances {distance.shape}, labels {labels.shape}; expected equal (n, k).")
    found = {label for label in labels.ravel() if label is not None}
    names = tuple(sorted(found)) if classes is None else tuple(classes)
    if strangers := sorted(found - set(names)):
        raise ValueError(f"vote: labels {strangers} are not among the classes {list(names)}.")
    has_label = np.array([label is not None for label in labels.ravel()], dtype=bool).reshape(labels.shape)
    voting = has_label & np.isfinite(distance)
    weight = neighbor_weights(distance, voting, weighting=weighting, normalise=normalise, scale=scale)
    members = [(labels == name) & voting for name in names]
    somebody: NDArray[np.bool_] = np.asarray(voting.any(axis=1))
    share = np.full((len(distance), len(names)), np.nan)
    for j, member in enumerate(members):
        share[somebody, j] = _ordered_sum(np.where(member, weight, 0.0))[somebody]
    # Weights sum to one within rounding; a class with all votes gets exactly one.
    share /= _ordered_sum(share)[:, None]
    nearest = [np.where(m, distance, np.inf).min(axis=1, initial=np.inf) for m in members]
    return Ballot(names, share, weight, effective_number(weight), _winners(names, share, nearest, somebody))


def neighbor_weights(
    distance: NDArray[np.float64],
    voting: NDArray[np.bool_],
    *,
    weighting: str = "exp",
    normalise: str = "sum",
    scale: float = 1.0,
) -> NDArray[np.float64]:
    """Fraction of the votes of each neighbour, shape (n_queries, n_neighbors); rows sum to one, or are all 0.

    The weight -x is negative; divided by its sum it would favour the farthest. For "sum" it is therefore replaced by
    x_min + x_max - x over its sum, with the range of the voters. That keeps the order and is linear, and for two voters
    it equals 1/x. For softmax nothing changes: softmax(-x) is e^-x over its sum.
    """
    if weighting not in WEIGHTS or normalise not in NORMALISE:
        raise ValueError(
            f"weights {weighting!r} with {normalise!r}; expected one of {', '.join(WEIGHTS)} with "
            f"one of {', '.join(NORMALISE)}."
        )
    x = np.where(voting, distance, 0.0) / scale
    if normalise == "softmax":
        return _softmax(WEIGHTS[weighting](x), voting)
    if weighting == "exp":
        # Equal to e^-x over its sum, without underflow if all are far.
        return _softmax(-x, voting)
    if weighting == "negative":
        low = np.where(voting, x, np.inf).min(axis=1, initial=np.inf, keepdims=True)
        high = np.where(voting, x, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
        with np.errstate(invalid="ignore"):
            weight = np.where(voting, low + high - x, 0.0)
    else:
        weight = np.where(voting, WEIGHTS[weighting](x), 0.0)
    return _over_sum(weight, voting)


def _softmax(values: NDArray[np.float64], voting: NDArray[np.bool_]) -> NDArray[np.float64]:
    top = np.where(voting, values, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    return _over_sum(np.where(voting, np.exp(np.where(voting, values - top, 0.0)), 0.0), voting)


def _over_sum(weight: NDArray[np.float64], voting: NDArray[np.bool_]) -> NDArray[np.float64]:
    total = _ordered_sum(weight)[:, None]
    # All weights zero (copies under the reflected -x): equal weights.
    weight = np.where((total == 0) & voting, 1.0, weight)
    total = np.where(total == 0, voting.sum(axis=1, keepdims=True), total)
    return weight / np.where(total == 0, 1.0, total)


def _ordered_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums along rows, identical to the last bit for any order and any number of zeros.

    Added one by one from the smallest: `sum` adds in pairs, which depends on their number.
    """
    return np.sort(values, axis=1).cumsum(axis=1)[:, -1] if values.shape[1] else np.zeros(len(values))


def _winners(
    names: tuple[str, ...],
    share: NDArray[np.float64],
    nearest: list[NDArray[np.float64]],
    somebody: NDArray[np.bool_],
) -> tuple[str | None, ...]:
    winners: list[str | None] = []
    for i, votes in enumerate(share):
        if not somebody[i]:
            winners.append(None)
            continue
        best = [j for j in range(len(names)) if votes[j] >= votes.max() - TIE]
        winners.append(names[min(best, key=lambda j: (nearest[j][i], names[j]))])
    return tuple(winners)


def effective_number(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Effective number of voters, shape (n_queries,): 1 if one voter has all the weight.

    Source:
        Kish (1965), Survey Sampling: (sum w)^2 / sum w^2.
    """
    squares = _ordered_sum(weight**2)
    return np.where(squares > 0, _ordered_sum(weight) ** 2 / np.where(squares > 0, squares, 1), 0.0)


def share_interval(share: float, n_effective: float, level: float = LEVEL) -> tuple[float, float]:
    """Interval of the probability of a class, from its vote share and the effective number of voters.

    It depends on the number of votes only; distances and the reliability of votes enter in a calibration. The
    interval of a share of 0 or 1 ends at 0 or 1, and the share is always inside.

    Source:
        Brown, Cai & DasGupta (2001), Statistical Science 16, 101: the Jeffreys interval.
    """
    hits, misses = share * n_effective, (1 - share) * n_effective
    tail = (1 - level) / 2
    low, high = (float(betaincinv(hits + 0.5, misses + 0.5, p)) for p in (tail, 1 - tail))
    low, high = (0.0 if share <= TIE else low), (1.0 if share >= 1 - TIE else high)
    return min(low, share), max(high, share)
