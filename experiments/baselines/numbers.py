"""Regressions on the same vectors, to compare neighbour regression with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV

from spectrove.inference.numbers.trend import choose_scale

#: From vectors (n, d) to values (n,).
Predict = Callable[[NDArray], NDArray[np.float64]]

#: Strengths of the ridge's penalty that are tried.
STRENGTHS = np.logspace(-3, 4, 22)

TREES = 60


def ridge(vectors: NDArray, values: NDArray, seed: int) -> Predict:
    """Ridge regression, its strength by leave-one-out, of the values on the same scale as the neighbours'."""
    scale, mean = choose_scale(values), np.mean(vectors, axis=0, dtype=float)
    fitted = RidgeCV(STRENGTHS).fit(vectors - mean, scale.forward(values))
    return lambda asked: scale.inverse(fitted.predict(asked - mean))


def forest(vectors: NDArray, values: NDArray, seed: int) -> Predict:
    """A random forest of the values on the same scale."""
    scale = choose_scale(values)
    trees = RandomForestRegressor(TREES, max_features=0.33, min_samples_leaf=3, random_state=seed, n_jobs=1)
    fitted = trees.fit(vectors, scale.forward(values))
    return lambda asked: scale.inverse(fitted.predict(asked))


#: Name to what fits it on the base of a fold.
BASELINES: dict[str, Callable[[NDArray, NDArray, int], Predict]] = {"ridge": ridge, "random forest": forest}
