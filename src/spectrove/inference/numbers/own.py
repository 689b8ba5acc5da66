"""What a spectrum's own measurement and its neighbours say of one number together.

The base's catalog decides what the number means: a measurement of Spectrove is moved to its system, with the scatter
that the two have on the objects of the base. A number that no catalog has is what Spectrove measures; then its own
error is the only one, and the neighbours are the prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.numbers.trend import robust_sigma

Floats = NDArray[np.float64]

#: Degrees of freedom of the distribution in which residuals are fitted: outliers of a catalog do not set its scatter.
TAIL = 4.0

#: Least number of objects with both a catalog's value and a measurement from which the two are compared.
FEWEST_BOTH = 20

#: Limits of the factors on errors, and the least scatter between measurement and catalog, on the scale of a quantity.
LEAST_FACTOR, MOST_FACTOR, LEAST_SCATTER = 0.05, 50.0, 1e-4


@dataclass(frozen=True)
class Weighing:
    """How a measurement and the estimate from neighbours are weighed, on the scale of a quantity.

    Attributes:
        offset, slope: The catalog's value of what measures x is x + offset + slope x.
        floor: Scatter between catalog and measurement that no error explains, one sigma.
        factor: On the errors of measurements; 0 where measurements are not used.
        near_factor: On the errors of estimates from neighbours.
    """

    offset: float
    slope: float
    floor: float
    factor: float
    near_factor: float

    def own(self, value: Floats, error: Floats) -> tuple[Floats, Floats]:
        """The measurements in the system of the catalog, with the sigma of the catalog's value about each."""
        if self.factor == 0:
            return np.full(len(value), np.nan), np.full(len(value), np.nan)
        return value + self.offset + self.slope * value, np.hypot(self.floor, self.factor * error)


@dataclass(frozen=True)
class Told:
    """What is known of one number for some spectra, on its scale.

    Attributes:
        centre, width: Of the distribution, (n_spectra,).
        share: Weight of the measurement in the centre, the rest being that of the neighbours, (n_spectra,).
    """

    centre: Floats
    width: Floats
    share: Floats

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Whether the spectrum's own measurement is in it, (n_spectra,)."""
        return self.share > 0


def weigh(weighing: Weighing, own: tuple[Floats, Floats], near: tuple[Floats, Floats]) -> Told:
    """The mean of measurement and neighbours by inverse variance; either alone where the other is unknown.

    Args:
        weighing: From `fit_weighing`.
        own, near: Values and errors on the scale, (n_spectra,) each; NaN where unknown.
    """
    x, sigma = weighing.own(*own)
    y, wide = near[0], near[1] * weighing.near_factor
    has_own, has_near = np.isfinite(x) & np.isfinite(sigma), np.isfinite(y) & np.isfinite(wide)
    with np.errstate(all="ignore"):  # what is unknown stays so
        share = np.where(has_own & has_near, wide**2 / (wide**2 + sigma**2), has_own.astype(float))
        both = np.sqrt(1 / (1 / sigma**2 + 1 / wide**2))
    centre = share * np.where(has_own, x, 0) + (1 - share) * np.where(has_near, y, 0)
    width = np.where(has_own & has_near, both, np.where(has_own, sigma, wide))
    known = has_own | has_near
    return Told(
        np.where(known, centre, np.nan), np.where(known, width, np.nan), np.where(has_own, share, 0.0)
    )


def fit_weighing(
    truth: Floats,
    own: tuple[Floats, Floats],
    near: tuple[Floats, Floats],
    *,
    independent: bool,
) -> Weighing:
    """How the two are weighed, from the objects of a base, each estimated from other groups.

    Args:
        truth: The base's values on the scale, (n_objects,).
        own, near: Measurements and estimates of the same objects, NaN where unknown.
        independent: Whether the values are a catalog's, and not the same measurements.
    """
    if not independent:
        return Weighing(0.0, 0.0, 0.0, 1.0, near_factor(truth - near[0], near[1], own[1]))
    of_near = near_factor(truth - near[0], near[1], np.zeros(len(truth)))
    known = np.isfinite(truth) & np.isfinite(own[0]) & np.isfinite(own[1])
    if known.sum() < FEWEST_BOTH:
        return Weighing(0.0, 0.0, 0.0, 0.0, of_near)
    return Weighing(*_compared(truth[known], own[0][known], own[1][known]), of_near)


def _compared(truth: Floats, value: Floats, error: Floats) -> tuple[float, float, float, float]:
    """Offset, slope, floor and factor of largest likelihood, for residuals with the tails of Student's t."""
    from scipy.optimize import minimize

    spread = max(robust_sigma(truth - value), LEAST_SCATTER)

    def loss(parameters: Floats) -> float:
        offset, slope, floor, factor = parameters
        sigma2 = np.exp(2 * floor) + np.exp(2 * factor) * error**2
        chi2 = (truth - value * (1 + slope) - offset) ** 2 / sigma2
        # A weak pull to what the errors say keeps the two terms apart where the data do not.
        pull = 0.5 * (slope / 0.3) ** 2 + 0.5 * (factor / 2) ** 2
        return float((0.5 * np.log(sigma2) + (TAIL + 1) / 2 * np.log1p(chi2 / TAIL)).sum() + pull)

    limits = [
        (None, None), (-0.9, 2.0), (np.log(LEAST_SCATTER), np.log(10 * spread) + 5),
        (np.log(LEAST_FACTOR), np.log(MOST_FACTOR)),
    ]  # fmt: skip
    start = np.array([float(np.median(truth - value)), 0.0, np.log(spread), 0.0])
    found = minimize(loss, start, method="L-BFGS-B", bounds=limits).x
    return float(found[0]), float(found[1]), float(np.exp(found[2])), float(np.exp(found[3]))


def near_factor(residual: Floats, error: Floats, label_error: Floats) -> float:
    """The factor on the errors of estimates that their residuals have beyond the errors of the values themselves."""
    known = np.isfinite(residual) & np.isfinite(error) & (error > 0) & np.isfinite(label_error)
    if not known.any():
        return 1.0
    r, e, own = residual[known], error[known], label_error[known]
    tried = np.geomspace(LEAST_FACTOR, MOST_FACTOR, 200)
    sigma2 = (tried[:, None] * e) ** 2 + own**2
    losses = (0.5 * np.log(sigma2) + (TAIL + 1) / 2 * np.log1p(r**2 / sigma2 / TAIL)).sum(axis=1)
    return float(tried[losses.argmin()])
