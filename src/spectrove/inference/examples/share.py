"""The share of objects like the examples in a base, and the probability of each, from scores alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Shares that are tried.
GRID = np.logspace(-4, np.log10(0.9), 120)


@dataclass(frozen=True)
class Share:
    """The share of such objects in the base.

    Attributes:
        value: The median of its posterior.
        low, high: Its 68% interval.
    """

    value: float
    low: float
    high: float

    def probability(self, score: Floats) -> Floats:
        """Posterior probability of objects with these log-likelihood ratios against any object of the base, (n,)."""
        return np.clip(self.value * np.exp(np.minimum(score, 50.0)), 0.0, 1.0)


def estimate_share(background: Floats, examples: Floats) -> Share:
    """The share from scores of the base's objects (n_background,) and of the examples, left out in turn (n_examples,).

    Of the examples a half should lie above their median score, so twice as many objects as lie there in the base are
    an upper limit; no share can be told from a single example.
    """
    if len(examples) < 2:
        return Share(0.05, 0.005, 0.3)
    above = (background[:, None] >= np.sort(examples)[None]).mean(axis=0)
    part = 1 - (np.arange(len(examples)) + 0.5) / len(examples)
    limit = float(np.clip(np.min((above + 1 / len(background)) / part), GRID[0], GRID[-1]))
    return Share(limit / 2, limit / 6, limit)
