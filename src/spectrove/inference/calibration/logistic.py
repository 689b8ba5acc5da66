"""A small regularised logistic model with one weight per feature, shared by all classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

#: Penalty on the squared coefficients, relative to the log-likelihood of all objects.
PENALTY = 1.0

#: Penalty on the intercepts, small: it only keeps those of a class without objects finite.
INTERCEPT_PENALTY = 1e-3


@dataclass(frozen=True)
class Logistic:
    """Log-likelihoods of classes from features of classes.

    Attributes:
        coef: Weight of each feature, shape (n_features,).
        intercept: Of each class, without the fraction of the class in the sample, shape (n_classes,).
    """

    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def evidence(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-likelihood of each class up to a constant, (n, n_classes), from features (n, n_classes, n_features)."""
        # Feature by feature: a matrix product rounds differently for different numbers of rows.
        total = np.broadcast_to(self.intercept, x.shape[:2]).copy()
        for j, weight in enumerate(self.coef):
            total += weight * x[:, :, j]
        return total


def fit_logistic(
    x: NDArray[np.float64], y: NDArray[np.int64], weight: NDArray[np.float64] | None = None
) -> Logistic:
    """The maximum-likelihood model for the classes `y`, independent of their fractions in the sample.

    Args:
        x: Shape (n, n_classes, n_features).
        y: Class of each object, shape (n,).
        weight: Of each object; all 1 if None.

    Source:
        McFadden's conditional logit; the fractions in the sample are subtracted from the intercepts: King & Zeng
        (2001), Political Analysis 9, 137, section 4.1.
    """
    n, n_classes, n_features = x.shape
    weight = np.ones(n) if weight is None else weight
    spread = np.maximum((x - x.mean(axis=1, keepdims=True)).std(axis=(0, 1)), 1e-9)
    scaled, rows = x / spread, np.arange(n)

    def loss(t: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        coef, intercept = t[:n_features], t[n_features:]
        log_p = log_softmax(scaled @ coef + intercept, axis=1)
        miss = np.exp(log_p)
        miss[rows, y] -= 1
        miss *= weight[:, None]
        value = -(weight * log_p[rows, y]).sum()
        value += 0.5 * PENALTY * (coef**2).sum() + 0.5 * INTERCEPT_PENALTY * (intercept**2).sum()
        down = np.concatenate(
            [
                np.einsum("nc,ncf->f", miss, scaled) + PENALTY * coef,
                miss.sum(axis=0) + INTERCEPT_PENALTY * intercept,
            ]
        )
        return float(value), down

    # Converged to the last digits: vectors of another batch differ by 1e-7, and so may the answers, no more.
    tight = {"ftol": 1e-15, "gtol": 1e-8, "maxiter": 1000}
    found = minimize(loss, np.zeros(n_features + n_classes), jac=True, method="L-BFGS-B", options=tight).x
    mass = np.maximum(np.bincount(y, weights=weight, minlength=n_classes), 0.5)
    return Logistic(found[:n_features] / spread, found[n_features:] - np.log(mass / mass.sum()))
