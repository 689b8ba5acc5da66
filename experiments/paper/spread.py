"""Distances between all pairs of a base, and the shape of their distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from scipy.stats import kurtosis, skew

from experiments.samples.recipes import Recipe
from experiments.samples.workshop import Workshop

#: The paper's figures for its base of galaxies.
PAPER = {"skewness": 0.44, "kurtosis": -0.40, "mean": 2.84, "median": 2.71, "sd": 1.18}


def pair_distances(
    workshop: Workshop, recipe: Recipe, sample: str, most: int
) -> tuple[NDArray[np.float64], float, int]:
    """L2 distances of all pairs of one base (of its first `most` objects), the base's scale, and how many objects."""
    part = workshop.sample(sample, recipe).repeats[0][0]
    vectors = part.known.embeddings.vectors[:most].astype(float)
    return pdist(vectors), workshop.base(part).scale_of("shape"), len(vectors)


def moments(values: NDArray[np.float64]) -> dict[str, float]:
    """Skewness, excess kurtosis, mean, median and standard deviation."""
    return {
        "skewness": float(skew(values)),
        "kurtosis": float(kurtosis(values)),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "sd": float(values.std()),
    }
