"""Reconstruction of a spectrum from ordinary galaxies, and its residual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.lines import LINES
from spectrove.lines import SPEED_OF_LIGHT

Floats = NDArray[np.floating]

#: Width of the prior on the scores, in units of their spread among ordinary galaxies.
PRIOR = 3.0
#: Relative error of a reconstructed emission line.
LINE_ERROR = 0.1
#: Na D is excluded from the fit, so that an unusual depth is visible; rest angstrom.
SODIUM = (5880.0, 5912.0)


@dataclass(frozen=True)
class Ordinary:
    """Ordinary galaxies: mean spectrum (n_pixels,) and components (k, n_pixels), scaled by the spread of scores."""

    mean: Floats
    components: Floats

    @property
    def coarse(self) -> Ordinary:
        """The same on pairs of pixels."""
        k = len(self.components)
        return Ordinary(self.mean.reshape(-1, 2).mean(axis=1), self.components.reshape(k, -1, 2).mean(axis=2))


@dataclass(frozen=True)
class Residual:
    """Residuals of spectra, each (n_spectra, n_pixels), 0 if not observed; scores (n_spectra, k).

    Attributes:
        sigma: Flux minus reconstruction, in units of the error.
        difference: The same in flux.
        variance: Of the difference: noise, typical misfit of ordinary galaxies, a fraction of the emission lines.
        valid: 1 or 0.
        model: The reconstruction.
        scores: In units of their spread among ordinary galaxies.
    """

    sigma: Floats
    difference: Floats
    variance: Floats
    valid: Floats
    model: Floats
    scores: Floats


class Reconstructor:
    """Reconstructs spectra on one grid from ordinary galaxies."""

    def __init__(
        self, wavelength: NDArray[np.float64], ordinary: Ordinary, noise: Floats | None = None
    ) -> None:
        self.wavelength = wavelength
        self.ordinary, self.coarse = ordinary, ordinary.coarse
        self.noise = np.ones_like(ordinary.mean) if noise is None else noise
        self._upper = np.triu_indices(len(ordinary.components))
        # Double precision: in single precision scores would depend on the other spectra of the batch.
        self._components = self.coarse.components.astype(np.float64)
        self._products = (self._components[self._upper[0]] * self._components[self._upper[1]]).T.copy()
        self._lines = [near(wavelength, line.wavelength, 600) for line in LINES if line.kind == "emission"]
        self._fitted = fitted(wavelength).reshape(-1, 2).all(axis=1).astype(np.float32)

    def explain(self, flux: Floats, ivar: Floats) -> Residual:
        """The residual of each spectrum from its best reconstruction.

        Scores are fitted by inverse variance with a prior; pixels that the first fit does not explain have low weight
        in a second.
        """
        paired_flux, paired_ivar = joined_pairs(flux, ivar)
        paired_ivar = paired_ivar * self._fitted
        ordinary = self.coarse
        offset = paired_flux - ordinary.mean
        # In the first fit only the height of the lines is known.
        scores = self._scores(offset, with_line_error(paired_ivar, paired_flux - 1.5))
        model = ordinary.mean + scores @ ordinary.components
        weight = with_line_error(paired_ivar, model - 1.5)
        surprise = np.abs(paired_flux - model) * np.sqrt(weight)
        scores = self._scores(offset, weight * np.minimum(1, 4 / np.maximum(surprise, 1e-6)) ** 2)
        model = self.ordinary.mean + scores @ self.ordinary.components
        valid = (ivar > 0).astype(np.float32)
        variance = self._variance(ivar, model)
        difference = (flux - model) * valid
        return Residual(difference / np.sqrt(variance), difference, variance * valid, valid, model, scores)

    def _scores(self, offset: Floats, ivar: Floats) -> Floats:
        """Scores by weighted least squares with the distribution of ordinary galaxies as prior."""
        k = len(self._components)
        ivar = ivar.astype(np.float64)
        normal = np.empty((len(offset), k, k))
        normal[:, self._upper[0], self._upper[1]] = ivar @ self._products
        normal[:, self._upper[1], self._upper[0]] = normal[:, self._upper[0], self._upper[1]]
        normal[:, np.arange(k), np.arange(k)] += PRIOR**-2
        right = (ivar * offset) @ self._components.T
        return np.linalg.solve(normal, right[..., None])[..., 0].astype(np.float32)

    def _variance(self, ivar: Floats, model: Floats) -> Floats:
        variance = self.noise**2 / np.maximum(ivar, 1e-9)
        for span in self._lines:
            own = model[:, span]
            height = np.maximum(own.max(axis=1) - 0.5 * (own[:, 0] + own[:, -1]), 0)
            variance[:, span] += (LINE_ERROR * height[:, None]) ** 2
        return variance


def fitted(wavelength: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask of the pixels used in the fit."""
    return (wavelength < SODIUM[0]) | (wavelength > SODIUM[1])


def near(wavelength: NDArray[np.float64], line: float, velocity: float) -> slice:
    """Pixels within a velocity (km/s) of a line; at least one."""
    reach = line * velocity / SPEED_OF_LIGHT
    low, high = np.searchsorted(wavelength, [line - reach, line + reach])
    low = min(int(low), len(wavelength) - 1)
    return slice(low, max(int(high), low + 1))


def joined_pairs(flux: Floats, ivar: Floats) -> tuple[Floats, Floats]:
    """Weighted means of pairs of pixels, and their inverse variances."""
    total = ivar[:, ::2] + ivar[:, 1::2]
    mean = (flux[:, ::2] * ivar[:, ::2] + flux[:, 1::2] * ivar[:, 1::2]) / np.maximum(total, 1e-12)
    return mean, total


def with_line_error(ivar: Floats, height: Floats) -> Floats:
    """Inverse variance that includes half the error of a line of this height above the continuum."""
    error = (0.5 * LINE_ERROR) * np.maximum(height, 0)
    return ivar / (1 + ivar * error**2)
