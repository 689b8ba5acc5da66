"""Recalibration of the probability of a condition on the objects of a base, by a logistic curve of two parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]

#: Probabilities nearer to 0 or 1 cannot be told from draws.
LEAST = 1e-3

#: Strength that holds the curve to the straight line, in units of the log-likelihood of one object.
PENALTY = 2.0

#: Bootstrap samples of the groups, for the interval.
RESAMPLES = 40


@dataclass(frozen=True)
class Curve:
    """A probability p becomes expit(offset + slope logit(p)).

    Attributes:
        offset, slope: Of the curve and of its bootstrap samples, (1 + n_resampled,).
    """

    offset: Floats
    slope: Floats

    def at(self, probability: Floats) -> Floats:
        """Recalibrated probabilities, (1 + n_resampled, n): the first row is the answer.

        Beyond `LEAST` from either end the curve goes straight to 0 and 1: what no draw meets is not met.
        """
        p = np.asarray(probability, dtype=float)
        inside = np.clip(p, LEAST, 1 - LEAST)
        found = expit(self.offset[:, None] + self.slope[:, None] * logit(inside)[None, :])
        low, high = np.minimum(p / LEAST, 1.0), np.minimum((1 - p) / LEAST, 1.0)
        return 1 - (1 - found * low[None, :]) * high[None, :]


def fit_curve(probability: Floats, truth: Floats, groups: NDArray, seed: int = 0) -> Curve:
    """The curve of largest likelihood, and those of bootstrap samples of the groups.

    Args:
        probability: Of objects, each from other groups, (n_objects,).
        truth: 1 or 0, (n_objects,).
        groups: Group of each object, (n_objects,).
        seed: Of the bootstrap.

    Source:
        Platt (1999), Advances in Large Margin Classifiers, 61.
    """
    x = logit(np.clip(probability, LEAST, 1 - LEAST))
    names, code = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    weights = [np.ones(len(x)), *(draw[code].astype(float) for draw in draws)]
    fitted = np.array([_fit(x, truth, weight) for weight in weights])
    return Curve(fitted[:, 0], fitted[:, 1])


def _fit(x: Floats, truth: Floats, weight: Floats) -> Floats:
    """Offset and slope by Newton's method, drawn to 0 and 1."""
    parameters = np.array([0.0, 1.0])
    design = np.stack([np.ones(len(x)), x], axis=1)
    for _ in range(50):
        p = expit(design @ parameters)
        down = design.T @ (weight * (p - truth)) + PENALTY * (parameters - [0, 1])
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + PENALTY * np.eye(2)
        step = np.linalg.solve(curvature, down)
        parameters = parameters - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-10:
            break
    return np.array([parameters[0], max(parameters[1], 0.0)])


def best_threshold(probability: Floats) -> float:
    """The threshold of largest expected F1: half of that F1.

    Source:
        Lipton, Elkan & Naryanaswamy (2014), ECML PKDD, LNCS 8725, 225.
    """
    p = np.sort(probability[np.isfinite(probability)])[::-1]
    if not len(p) or p.sum() <= 0:
        return 0.5
    f1 = 2 * np.cumsum(p) / (np.arange(1, len(p) + 1) + p.sum())
    return float(f1.max() / 2)


def at_prevalence(probability: Floats, before: float, after: float) -> Floats:
    """Probabilities for a population in which another fraction meets the condition, by Bayes' theorem."""
    factor = after / (1 - after) / (before / (1 - before))
    p = np.asarray(probability, dtype=float)
    return p * factor / (p * factor + 1 - p)
