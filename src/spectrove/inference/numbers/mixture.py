"""What a spectrum's own measurement and its neighbours say together where some measurements are of the wrong model.

A fit of one component to a source of two is precise and wrong. Which it is, nobody knows beforehand; but then it also
disagrees with the neighbours, and by how much is learned from the objects of the base.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.numbers.own import (
    FEWEST_BOTH,
    LEAST_FACTOR,
    LEAST_SCATTER,
    MOST_FACTOR,
    Told,
    Weighing,
    near_factor,
    weigh,
)
from spectrove.inference.numbers.trend import robust_sigma

Floats = NDArray[np.float64]

#: Where the share of strays is drawn to where the objects of a base do not say, as ln(share / (1 - share)), and how
#: weakly; the same of the logarithm of the factor on errors, which is drawn to 1.
USUAL, USUAL_WIDTH, FACTOR_WIDTH = -2.0, 1.5, 2.0


@dataclass(frozen=True)
class Mixture:
    """How a measurement and the estimate from neighbours are weighed, on the scale of a quantity.

    Attributes:
        offset: The catalog's value less the measurement, of measurements that are right.
        floor: Scatter of these that no error explains, one sigma.
        factor: On the errors of measurements; 0 where measurements are not used.
        share: Of measurements that stray.
        stray_offset: As `offset`, of these.
        stray_width: Their further scatter, one sigma.
        near_factor: On the errors of estimates from neighbours.
    """

    offset: float
    floor: float
    factor: float
    share: float
    stray_offset: float
    stray_width: float
    near_factor: float

    def weigh(self, own: tuple[Floats, Floats], near: tuple[Floats, Floats]) -> Told:
        """Mean and deviation of the number given both; of the neighbours alone where there is no measurement.

        Without an estimate from neighbours both are NaN. A measurement is a stray with the probability that its
        distance to the neighbours' estimate gives.

        Args:
            own, near: Values and errors on the scale, (n_spectra,) each; NaN where unknown.
        """
        from scipy.special import expit

        alone = weigh(Weighing(0.0, 0.0, 0.0, 0.0, self.near_factor), own, near)
        if self.factor == 0:
            return alone
        right, stray = self._variances(own[1])
        y, wide = near[0], (near[1] * self.near_factor) ** 2
        parts = [
            _together(own[0] + self.offset, right, y, wide, np.log1p(-self.share)),
            _together(own[0] + self.stray_offset, stray, y, wide, np.log(self.share)),
        ]
        first = expit(parts[0][0] - parts[1][0])
        chance = np.stack([first, 1 - first])
        centres, variances, shares = (np.stack([part[i] for part in parts]) for i in (1, 2, 3))
        centre, weight = (chance * centres).sum(axis=0), (chance * shares).sum(axis=0)
        width = np.sqrt((chance * (variances + (centres - centre) ** 2)).sum(axis=0))
        known = np.isfinite(width)
        return Told(
            np.where(known, centre, alone.centre), np.where(known, width, alone.width), np.where(known, weight, 0.0)
        )  # fmt: skip

    def _variances(self, error: Floats) -> tuple[Floats, Floats]:
        """Of the catalog's value about a measurement that is right, and about one that strays."""
        right = self.floor**2 + (self.factor * error) ** 2
        return right, right + self.stray_width**2


def _together(
    x: Floats, variance: Floats, y: Floats, wide: Floats, log_share: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Log probability of the distance of both, their mean by inverse variance, its variance, and the weight of x."""
    total = variance + wide
    weight = wide / total
    log = log_share - 0.5 * np.log(total) - 0.5 * (x - y) ** 2 / total
    return log, weight * x + (1 - weight) * y, weight * variance, weight


def fit_mixture(truth: Floats, own: tuple[Floats, Floats], near: tuple[Floats, Floats]) -> Mixture:
    """The mixture of largest likelihood of the objects of a base, each estimated from other groups.

    Args:
        truth: The catalog's values on the scale, (n_objects,).
        own, near: Measurements and estimates of the same objects, NaN where unknown.
    """
    factor = near_factor(truth - near[0], near[1], np.zeros(len(truth)))
    known = np.isfinite(truth) & np.isfinite(own[0]) & np.isfinite(own[1])
    if known.sum() < FEWEST_BOTH:
        return Mixture(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, factor)
    return _fitted(truth[known] - own[0][known], own[1][known], factor)


def _fitted(residual: Floats, error: Floats, of_near: float) -> Mixture:
    """The mixture of these differences between catalog and measurement."""
    from scipy.optimize import minimize

    middle, spread = float(np.median(residual)), max(robust_sigma(residual), LEAST_SCATTER)

    def loss(p: Floats) -> float:
        offset, floor, factor, odds, stray_offset, width = p
        right = np.exp(2 * floor) + np.exp(2 * factor) * error**2
        stray = right + np.exp(2 * width)
        logs = (
            -np.logaddexp(0, odds) - 0.5 * np.log(right) - 0.5 * (residual - offset) ** 2 / right,
            -np.logaddexp(0, -odds) - 0.5 * np.log(stray) - 0.5 * (residual - stray_offset) ** 2 / stray,
        )
        pull = ((odds - USUAL) / USUAL_WIDTH) ** 2 + (factor / FACTOR_WIDTH) ** 2
        return float(0.5 * pull - np.logaddexp(*logs).sum())

    widest = np.log(10 * spread) + 1
    limits = [
        (None, None), (np.log(LEAST_SCATTER), widest), (np.log(LEAST_FACTOR), np.log(MOST_FACTOR)), (-5.0, 0.0),
        (None, None), (np.log(LEAST_SCATTER), widest),
    ]  # fmt: skip
    # Strays may be too high, too low, or both: the best of three starts.
    starts = [
        np.array([middle, np.log(0.5 * spread), 0.0, USUAL, middle + 2 * side * spread, np.log(2 * spread)])
        for side in (-1, 0, 1)
    ]
    tried = [minimize(loss, start, method="L-BFGS-B", bounds=limits) for start in starts]
    offset, floor, factor, odds, stray_offset, width = min(tried, key=lambda t: float(t.fun)).x.tolist()
    return Mixture(
        offset, float(np.exp(floor)), float(np.exp(factor)), float(1 / (1 + np.exp(-odds))), stray_offset,
        float(np.exp(width)), of_near,
    )  # fmt: skip
