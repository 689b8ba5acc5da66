"""What a reconstruction leaves of many spectra alike: where templates differ from real galaxies at the same place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spectrove.encoders.reconstruction import Residual

Floats = NDArray[np.floating]

#: Components at most, and spectra that each needs.
COMPONENTS, SPECTRA_EACH = 10, 20
#: Spectra that a pixel needs, and that a fit needs at all.
FEWEST_AT, FEWEST = 20, 50
#: Nothing narrower than this Gaussian, in pixels, is common: real features are as wide as the instrument's lines.
SMOOTH = 2.0
#: No pixel counts for more sigma than this.
BOUND = 3.0
#: The model counts as no smaller than this where residuals are relative to it.
LEAST_MODEL = 0.1
ITERATIONS = 8


@dataclass(frozen=True)
class CommonResidual:
    """Relative residuals, flux less reconstruction over reconstruction, that many spectra have in common.

    Attributes:
        mean: Shape (n_pixels,).
        components: Of what is left beside the mean, unit norm each, (k, n_pixels).
        spread: Of their scores, (k,).
    """

    mean: Floats
    components: Floats
    spread: Floats

    def taken_off(self, left: Residual) -> Residual:
        """The residual without what is common; scores are fitted by inverse variance under their spread.

        Pixels that the first fit cannot explain, as those of another galaxy's lines, lose their say in a second.
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
        """Its arrays by name."""
        return {
            f"{prefix}{name}": np.ascontiguousarray(value, np.float32) for name, value in vars(self).items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray], prefix: str = "") -> CommonResidual:
        """What `to_arrays` gave."""
        return cls(*(arrays[f"{prefix}{name}"] for name in ("mean", "components", "spread")))


def fit_common_residual(left: Residual, seed: int = 0) -> CommonResidual | None:
    """What these residuals have in common; None of fewer than `FEWEST`.

    The mean is a median, and nobody's line of three sigma and more draws the components: what few spectra have, as the
    lines of galaxies behind, is not common.

    Args:
        left: Of spectra of one kind, (n_spectra, n_pixels).
        seed: Of the start of the components.

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
    """Components (k, n_pixels) and scores (n, k) that explain the offsets best, by inverse variance."""
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
    """Weighted least squares in which a score of the usual spread counts as one observation, (n, k)."""
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
