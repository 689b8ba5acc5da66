"""The share of objects like the examples in a base, and the probability of each, from ranks alone.

Nothing is labelled, so the share is known only as well as examples tell it: in a hunt that ranks well, the examples
that are left out in turn stand among the first share of the base. How their ranks go with the true share was measured
on mock surveys (18 kinds, 1% to 35% of the base, 2 to 10 examples): see the constants here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: The share of one who knows nothing, and its scatter in natural logarithms.
PRIOR_SHARE, PRIOR_SCATTER = 0.03, 1.2

#: Examples from which their ranks count as much as the prior.
EQUAL_COUNT = 3.0

#: Log of the share above the mean log rank of n examples: LEVEL - SLOPE / n.
LEVEL, SLOPE = 1.4, 3.3

#: Steepness of the probability as a function of the rank, and the scatter of its logarithm.
STEEPNESS, STEEPNESS_SCATTER = 1.5, 0.4

#: Log ranks at which curves are computed.
_RANKS = np.linspace(np.log(1e-6), 0.0, 400)


@dataclass(frozen=True)
class Share:
    """The share of such objects in the base.

    Attributes:
        value: Its median.
        low, high: Its 68% interval; the value where the share was given.
        log_rank, curve: The probability of an object by the log of its rank among the base, (n_points,) each.
    """

    value: float
    low: float
    high: float
    log_rank: Floats
    curve: Floats

    def probability(self, log_rank: Floats) -> Floats:
        """Posterior probability of objects with these log ranks of their scores among the base, (n,)."""
        return np.interp(log_rank, self.log_rank, self.curve)


def estimate_share(log_ranks: Floats, prevalence: float | None = None) -> Share:
    """The share from the log ranks of the examples among the base, each by its likeness to the others, (n_examples,).

    Args:
        log_ranks: Empty of a single example.
        prevalence: The share, where it is known.
    """
    middle, scatter = _log_share(log_ranks) if prevalence is None else (float(np.log(prevalence)), 0.0)
    shares = np.exp(middle + scatter * np.linspace(-1.5, 1.5, 5))
    prior = np.exp(-0.5 * np.linspace(-1.5, 1.5, 5) ** 2)
    steps = np.linspace(-2, 2, 9)
    total, curve = 0.0, np.zeros(len(_RANKS))
    for share, belief in zip(np.minimum(shares, 0.9), prior, strict=True):
        for step in steps:
            one = _curve(float(share), STEEPNESS * float(np.exp(STEEPNESS_SCATTER * step)))
            likelihood = np.prod(np.interp(log_ranks, _RANKS, one) / share)
            weight = belief * np.exp(-0.5 * step**2) * likelihood
            total, curve = total + weight, curve + weight * one
    low, value, high = np.minimum(np.exp(middle + scatter * np.array([-1.0, 0.0, 1.0])), 0.9)
    return Share(float(value), float(low), float(high), _RANKS, curve / max(total, 1e-300))


def _log_share(log_ranks: Floats) -> tuple[float, float]:
    """Median and scatter of the log of the share."""
    count, prior = len(log_ranks), float(np.log(PRIOR_SHARE))
    if count < 2:
        return prior, PRIOR_SCATTER
    told = float(log_ranks.mean()) + LEVEL - SLOPE / count
    return prior + count / (count + EQUAL_COUNT) * (told - prior), PRIOR_SCATTER / np.sqrt(count)


def _curve(share: float, steepness: float) -> Floats:
    """1 / (1 + (u / middle)^steepness) at the ranks u; with this middle its mean over all ranks is the share."""
    low, high = np.log(1e-7), np.log(1e3)
    rank = np.exp(_RANKS)
    found = np.zeros(len(rank))
    for _ in range(40):
        middle = (low + high) / 2
        found = 1 / (1 + np.exp(np.clip(steepness * (_RANKS - middle), -60, 60)))
        mean = float(((found[1:] + found[:-1]) / 2 * np.diff(rank)).sum())
        low, high = (middle, high) if mean < share else (low, middle)
    return found
