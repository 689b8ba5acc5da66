"""Residuals common to many spectra: differences between templates and real galaxies at the same wavelengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spectrove.galaxies.residual.reconstruction import Residual

Floats = NDArray[np.floating]

#: Largest number of components, and least number of spectra for each.
COMPONENTS, SPECTRA_EACH = 10, 20
#: Least number of spectra for a pixel, and for a fit.
FEWEST_AT, FEWEST = 20, 50
#: Width of the Gaussian, in pixels, by which common residuals are smoothed: real features are as wide as the LSF.
SMOOTH = 2.0
#: Residuals of single pixels are clipped at this, sigma.
BOUND = 3.0
#: Least model flux by which residuals are divided.
LEAST_MODEL = 0.1
ITERATIONS = 8


@dataclass(frozen=True)
class CommonResidual:
    """Relative residuals, (flux - reconstruction) / reconstruction, common to many spectra.

    Attributes:
        mean: Shape (n_pixels,).
        components: Principal components of the residuals about the mean, unit norm each, (k, n_pixels).
        spread: Of their scores, (k,).
    """

    mean: Floats
    components: Floats
    spread: Floats

    def taken_off(self, left: Residual) -> Residual:
        """The residual minus the common residual; scores are fitted by inverse variance with their spread as prior.

        Pixels that the first fit does not explain, such as lines of another galaxy, have low weight in a second.
        """
        model = np.maximum(left.model, LEAST_MODEL)
        sigma = np.sqrt(np.where(left.valid > 0, left.variance, 1))
        relative = (left.difference / model - self.mean) * left.valid
        ivar = np.where(left.valid > 0, (model / sigma) ** 2, 0)
        scores = _scores(relative, ivar, self.components, self.spread)
        surprise = np.abs(relative - scores @ self.components) * model / sigma
        weight = np.minimum(1, BOUND / np.maximum(surprise, 1e-6)) ** 2
        scores = _scores(relative, ivar * weight, self.components, self.spread)
        difference = ((relative - scores @ self.components) * model * left.valid).astype(np.float32)
        return replace(left, difference=difference, sigma=difference / sigma)

    def to_arrays(self, prefix: str = "") -> dict[str, NDArray]:
        """The arrays by name."""
        return {
            f"{prefix}{name}": np.ascontiguousarray(value, np.float32) for name, value in vars(self).items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray], prefix: str = "") -> CommonResidual:
        """Common residual from the output of `to_arrays`."""
        return cls(*(arrays[f"{prefix}{name}"] for name in ("mean", "components", "spread")))


def fit_common_residual(left: Residual, seed: int = 0) -> CommonResidual | None:
    """The common residual of these spectra; None for fewer than `FEWEST`.

    The mean is a median, and lines above three sigma do not affect the components: features of a few spectra, such as
    the lines of background galaxies, are not common.

    Args:
        left: Residuals of spectra of one kind, (n_spectra, n_pixels).
        seed: Of the initial components.

    Source:
        Weighted alternating least squares: Bailey (2012), PASP 124, 1015.
    """
    n = len(left.difference)
    if n < FEWEST:
        return None
    model, seen = np.maximum(left.model, LEAST_MODEL), left.valid > 0
    relative = np.where(seen, left.difference / model, np.nan).astype(np.float32)
    enough = seen.sum(axis=0) >= FEWEST_AT
    mean = np.zeros(relative.shape[1], np.float32)
    mean[enough] = np.nanmedian(relative[:, enough], axis=0)
    mean = np.where(enough, gaussian_filter1d(mean, SMOOTH), 0).astype(np.float32)
    ivar = np.where(seen, model**2 / np.where(seen, left.variance, 1), 0) * enough
    bound = BOUND / np.sqrt(np.maximum(ivar, 1e-9))
    offset = np.clip(np.where(seen, relative - mean, 0), -bound, bound)
    components, scores = _factors(offset, ivar, min(COMPONENTS, n // SPECTRA_EACH), seed)
    spread = np.maximum(scores.std(axis=0), 1e-9)
    return CommonResidual(mean, components.astype(np.float32), spread.astype(np.float32))


def _factors(offset: Floats, ivar: Floats, k: int, seed: int) -> tuple[Floats, Floats]:
    """Components (k, n_pixels) and scores (n, k) of the best fit to the offsets, by inverse variance."""
    start = np.random.default_rng(seed).normal(size=(k, offset.shape[1]))
    components = np.linalg.qr(gaussian_filter1d(start, SMOOTH, axis=1).T)[0].T
    scores: Floats = np.zeros((len(offset), k))
    for _ in range(ITERATIONS):
        scores = _scores(offset, ivar, components, np.full(k, np.inf))
        for j in range(k):
            rest = offset - scores @ components + np.outer(scores[:, j], components[j])
            above, below = (ivar * rest).T @ scores[:, j], ivar.T @ scores[:, j] ** 2
            components[j] = gaussian_filter1d(above / np.maximum(below, 1e-9), SMOOTH)
            components[j] /= max(np.linalg.norm(components[j]), 1e-9)
    return components, scores


def _scores(offset: Floats, ivar: Floats, components: Floats, spread: Floats) -> Floats:
    """Scores by weighted least squares with a Gaussian prior of the given spread, (n, k)."""
    k = len(components)
    basis, ivar = components.astype(np.float64), ivar.astype(np.float64)
    upper = np.triu_indices(k)
    normal = np.empty((len(offset), k, k))
    normal[:, upper[0], upper[1]] = ivar @ (basis[upper[0]] * basis[upper[1]]).T
    normal[:, upper[1], upper[0]] = normal[:, upper[0], upper[1]]
    floor = 1e-3 * np.trace(normal, axis1=1, axis2=2) / k if np.isinf(spread).all() else 0.0
    normal[:, np.arange(k), np.arange(k)] += (
        np.atleast_1d(floor)[:, None] + 1e-9 + np.asarray(spread, float) ** -2
    )
    return np.linalg.solve(normal, ((ivar * offset) @ basis.T)[..., None])[..., 0]
