"""The share of objects like the examples in a base, and the probability of each, from ranks alone.

Nothing is labelled, so the share is known only as well as examples tell it: in a hunt that ranks well, the examples
that are left out in turn stand among the first share of the base. How their ranks go with the true share was measured
on two mock surveys (17 kinds, 1% to 30% of the base, 3 to 10 examples): see the constants here.

One number would be wrong for many kinds, as three examples do not say how steeply their kind ends. So every share and
steepness that the examples allow is believed as far as they allow it, and a probability and a purity are intervals over
these beliefs. Their widths were chosen on two mock surveys, for every kind and not on average over kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Floats = NDArray[np.float64]

#: The share of one who knows nothing, and its scatter in natural logarithms.
PRIOR_SHARE, PRIOR_SCATTER = 0.03, 1.2

#: Examples from which their ranks count as much as the prior.
EQUAL_COUNT = 1.7

#: Log of the share above the mean log rank of the examples.
LEVEL = 1.5

#: Steepness of the probability as a function of the rank, and the scatter of its logarithm from kind to kind.
STEEPNESS, STEEPNESS_SCATTER = 1.5, 1.2

#: Scatter of the log of the share that stays with any number of examples, for probabilities.
LEAST_SCATTER = 0.7

#: What an example's rank counts as evidence of share and steepness: examples left out in turn are not independent.
EVIDENCE = 0.5

#: Tails beyond the intervals: 68% of a probability, as everywhere; of a purity 9 in 10, with more room below, as a
#: list that is worse than said does more harm.
TAILS, PURITY_TAILS = (0.16, 0.84), (0.005, 0.95)

#: Log ranks at which curves are computed.
_RANKS = np.linspace(np.log(1e-6), 0.0, 400)

#: Shares believed, and how far the log of the steepness is from its median, in units of its scatter.
_SHARES, _STEPS = np.geomspace(1e-5, 0.9, 48), np.linspace(-2.5, 2.5, 9)


@dataclass(frozen=True)
class Purity:
    """The expected purity of some objects.

    Attributes:
        value: Mean of their probabilities.
        low, high: Between which the true share of positives among them is expected, 9 times in 10.
        count: How many objects.
    """

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


@dataclass(frozen=True)
class Share:
    """The share of such objects in the base.

    Attributes:
        value: Its median.
        low, high: Its 68% interval; the value where the share was given.
        log_rank: Log ranks of a score among the base, (n_points,).
        curves: The probability of an object there, of each belief, (n_beliefs, n_points).
        weights: How far each is believed, (n_beliefs,), their sum 1.
    """

    value: float
    low: float
    high: float
    log_rank: Floats
    curves: Floats
    weights: Floats

    def probability(self, log_rank: Floats) -> Floats:
        """Posterior probability of objects with these log ranks of their scores among the base, (n,)."""
        return np.interp(log_rank, self.log_rank, self.weights @ self.curves)

    def interval(self, log_rank: Floats) -> tuple[Floats, Floats]:
        """The ends of their 68% intervals, (n,) each."""
        low, high = (np.interp(log_rank, self.log_rank, bound) for bound in self._bounds)
        return low, high

    @cached_property
    def _bounds(self) -> tuple[Floats, Floats]:
        """The curves below and above which a tail of the beliefs is, point by point."""
        order = np.argsort(self.curves, axis=0)
        total = np.cumsum(self.weights[order], axis=0)
        sides = [np.argmax(total >= tail - 1e-12, axis=0) for tail in TAILS]
        low, high = (
            np.take_along_axis(self.curves, np.take_along_axis(order, side[None], 0), 0)[0] for side in sides
        )
        return low, high

    def purity(self, log_rank: Floats) -> Purity:
        """Expected share of positives among objects with these log ranks, (n,), with the chance of so few objects."""
        count = len(log_rank)
        if not count:
            return Purity(float("nan"), 0.0, 1.0, 0)
        place = np.clip(np.searchsorted(self.log_rank, log_rank), 0, len(self.log_rank) - 1)
        believed = self.curves[:, place].mean(axis=1)
        positives = np.arange(count + 1)
        total = self.weights @ binom.cdf(positives, count, believed[:, None])
        low, high = (min(int(np.searchsorted(total, tail)), count) / count for tail in PURITY_TAILS)
        return Purity(float(self.weights @ believed), low, high, count)


def estimate_share(log_ranks: Floats, prevalence: float | None = None) -> Share:
    """The share from the log ranks of the examples among the base, each by its likeness to the others, (n_examples,).

    Args:
        log_ranks: Empty of a single example.
        prevalence: The share, where it is known.
    """
    middle, scatter = _log_share(log_ranks) if prevalence is None else (float(np.log(prevalence)), 0.0)
    shares = _SHARES if prevalence is None else np.array([prevalence])
    curves = _believed(tuple(shares.tolist()))
    evidence = np.repeat(-0.5 * (np.log(shares) - middle) ** 2 / (scatter**2 + LEAST_SCATTER**2), len(_STEPS))
    evidence = evidence + np.tile(-0.5 * _STEPS**2, len(shares))
    for rank in log_ranks:
        found = curves[:, np.clip(np.searchsorted(_RANKS, rank), 0, len(_RANKS) - 1)]
        evidence += EVIDENCE * (np.log(np.maximum(found, 1e-300)) - np.repeat(np.log(shares), len(_STEPS)))
    weights = np.exp(evidence - evidence.max())
    low, value, high = np.minimum(np.exp(middle + scatter * np.array([-1.0, 0.0, 1.0])), 0.9)
    return Share(float(value), float(low), float(high), _RANKS, curves, weights / weights.sum())


def _log_share(log_ranks: Floats) -> tuple[float, float]:
    """Median and scatter of the log of the share."""
    count, prior = len(log_ranks), float(np.log(PRIOR_SHARE))
    if count < 2:
        return prior, PRIOR_SCATTER
    told = float(log_ranks.mean()) + LEVEL
    return prior + count / (count + EQUAL_COUNT) * (told - prior), PRIOR_SCATTER / np.sqrt(count)


@lru_cache(maxsize=4)
def _believed(shares: Sequence[float]) -> Floats:
    """1 / (1 + (u / middle)^steepness) at the ranks u, of each share and step, (n_shares * n_steps, n_points).

    With the middle that is found here the mean over all ranks is the share.
    """
    share = np.repeat(np.asarray(shares), len(_STEPS))
    steepness = np.tile(STEEPNESS * np.exp(STEEPNESS_SCATTER * _STEPS), len(shares))
    low, high = (
        np.full(len(share), -400.0),
        np.full(len(share), 400.0),
    )  # logs: shallow ones have theirs far away
    width = np.diff(np.exp(_RANKS))
    found = np.zeros((len(share), len(_RANKS)))
    for _ in range(50):
        middle = (low + high) / 2
        steps = np.clip(steepness[:, None] * (_RANKS - middle[:, None]), -60, 60)
        found = 1 / (1 + np.exp(steps))
        mean = (found[:, 1:] + found[:, :-1]) / 2 @ width
        low, high = np.where(mean < share, middle, low), np.where(mean < share, high, middle)
    return found
