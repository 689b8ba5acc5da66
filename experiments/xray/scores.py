"""How well classes are told apart, with intervals by bootstrap over sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Draws of sources, and the seed of the draws.
RESAMPLINGS, SEED = 1000, 1

#: Classes of compact objects, which are told from active galaxies.
COMPACT = ("LMXB", "HMXB", "CV", "NS")

Names = NDArray[np.str_]


def balanced_accuracy(truth: Names, predicted: Names) -> float:
    """Mean over classes of the fraction that is recognised."""
    return float(np.mean([(predicted[truth == c] == c).mean() for c in np.unique(truth)]))


def interval(truth: Names, predicted: Names) -> tuple[float, float]:
    """Ends of the 95% interval of the balanced accuracy."""
    low, high = np.quantile(_draws(truth, [predicted])[0], [0.025, 0.975])
    return float(low), float(high)


def difference(truth: Names, one: Sequence[Names], other: Sequence[Names]) -> tuple[float, float, float]:
    """Balanced accuracy of one method less that of another on the same sources, with its 95% interval.

    Args:
        truth: Classes of the sources, (n_sources,).
        one: Classes predicted in each repetition, (n_sources,) each; the mean over repetitions is compared.
        other: The same of the other method.
    """
    mean = np.mean([balanced_accuracy(truth, p) for p in one])
    mean = mean - np.mean([balanced_accuracy(truth, p) for p in other])
    spread = np.mean(_draws(truth, one), axis=0) - np.mean(_draws(truth, other), axis=0)
    low, high = np.quantile(spread, [0.025, 0.975])
    return float(mean), float(low), float(high)


def mean_interval(truth: Names, predicted: Sequence[Names]) -> tuple[float, float, float]:
    """Mean balanced accuracy of the repetitions, and its 95% interval over sources."""
    mean = np.mean([balanced_accuracy(truth, p) for p in predicted])
    low, high = np.quantile(np.mean(_draws(truth, predicted), axis=0), [0.025, 0.975])
    return float(mean), float(low), float(high)


def _draws(truth: Names, predicted: Sequence[Names]) -> NDArray[np.float64]:
    """Balanced accuracy of each prediction on the same draws of sources, (n_predictions, RESAMPLINGS).

    Sources are drawn within each class: one with 26 members keeps 26.
    """
    rng = np.random.default_rng(SEED)
    total = np.zeros((len(predicted), RESAMPLINGS))
    classes = np.unique(truth)
    for c in classes:
        own = np.flatnonzero(truth == c)
        drawn = own[rng.integers(len(own), size=(RESAMPLINGS, len(own)))]
        for i, p in enumerate(predicted):
            total[i] += (p == c)[drawn].mean(axis=1)
    return total / len(classes)
