"""Bayesian hardness ratios: what the counts of two bands say of a source's colour, few as they may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Points at which the posterior of a band's flux is computed.
POINTS = 64

#: Relative weight below which a number of background counts among a band's counts is left out, and how many are summed:
#: of more, whose weights change slowly, equally spaced ones.
LEAST_WEIGHT, MOST_TERMS = 1e-7, 40


def hardness_ratio(hard: tuple[Floats, Floats], soft: tuple[Floats, Floats]) -> float:
    """Posterior mean of (H - S) / (H + S) of the fluxes H and S of two bands.

    Each band is given by its posterior, as `flux_posterior` makes it.
    """
    return hardness_moments(hard, soft)[0]


def hardness_moments(hard: tuple[Floats, Floats], soft: tuple[Floats, Floats]) -> tuple[float, float]:
    """Posterior mean and standard deviation of (H - S) / (H + S), see `hardness_ratio`."""
    (h, weight_h), (s, weight_s) = hard, soft
    ratio = (h[:, None] - s[None, :]) / (h[:, None] + s[None, :])
    mean = float(weight_h @ ratio @ weight_s)
    return mean, float(np.sqrt(weight_h @ (ratio - mean) ** 2 @ weight_s))


def flux_posterior(counts: int, background: int, scale: float, area: float) -> tuple[Floats, Floats]:
    """Values of a band's flux and their posterior probabilities, which sum to 1; (POINTS,) each.

    Counts are Poisson about the sum of source and background, those of the background region about the background.
    The background's rate is integrated out: with flat priors the posterior is a mixture of gamma distributions,
    one for each number of background counts that may be among the band's.

    Args:
        counts: Of source and background in the band.
        background: Of the background region in the band.
        scale: Background counts expected in the source's region per count of the background region.
        area: Effective area times exposure, in any unit; the flux is per this unit.

    Source:
        Park et al. 2006, ApJ 652, 610, with flat priors (their psi = 1).
    """
    from scipy.special import gammainc

    source, weight = _source_counts(counts, background, scale)
    shape = source + 1.0
    mean = float(weight @ shape)
    deviation = float(np.sqrt(weight @ (shape + (shape - mean) ** 2)))
    edges = np.linspace(max(0.0, mean - 7 * deviation), mean + 9 * deviation, POINTS + 1)
    below = weight @ gammainc(shape[:, None], edges[None, :])
    probability = np.diff(below)
    return (edges[1:] + edges[:-1]) / 2 / area, probability / probability.sum()


def _source_counts(counts: int, background: int, scale: float) -> tuple[Floats, Floats]:
    """Numbers of counts that may be the source's, and their probabilities.

    With r counts of the background region per count of the source's region, j counts of the background have the
    weight (j + B)! / (j! B!) (1 + r)^-j.
    """
    from scipy.special import gammaln

    if scale <= 0:
        return np.array([float(counts)]), np.ones(1)
    j = np.arange(counts + 1.0)
    log_weight = gammaln(j + background + 1) - gammaln(j + 1) - j * np.log1p(1 / scale)
    weight = np.exp(log_weight - log_weight.max())
    kept = np.flatnonzero(weight > LEAST_WEIGHT)
    kept = kept[:: -(-len(kept) // MOST_TERMS)]
    return counts - j[kept], weight[kept] / weight[kept].sum()
