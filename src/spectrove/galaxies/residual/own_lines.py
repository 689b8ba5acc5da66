"""Emission lines of a galaxy: their strengths, the likelihood of their ratios, and double peaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.residual.reconstruction import near
from spectrove.lines import SPEED_OF_LIGHT

Floats = NDArray[np.floating]

#: Lines measured, rest angstrom; doublets as one.
MEASURED: dict[str, float] = {
    "oii": 3728.8, "neiii": 3869.860, "hb": 4862.683, "oiii": 5008.240, "oi": 6302.046, "ha": 6564.614,
    "nii": 6585.27, "sii": 6725.5,
}  # fmt: skip
#: Half width over which a line is summed, km/s; half as much again for the [S II] pair.
_REACH = 380.0
#: Continuum ranges on either side, km/s from the line.
_BESIDE = (900.0, 1500.0)
#: Lines whose profiles are stacked to search for two peaks.
_PROFILE = ("hb", "oiii", "ha")
#: Half length of a profile, pixels of 69 km/s; largest offset of its centre, and the half separations tried.
_HALF, _OFF, _APART = 9, 3, (2, 3, 4, 5, 6)


class LineMeter:
    """Measures the lines of `MEASURED` on one grid of log wavelength."""

    def __init__(self, wavelength: NDArray[np.float64]) -> None:
        self.wavelength = wavelength
        self.width = np.gradient(wavelength).astype(np.float32)
        self._spans = [
            near(wavelength, w, _REACH * (1.7 if key == "sii" else 1.0)) for key, w in MEASURED.items()
        ]
        self._beside = [self._strips(w) for w in MEASURED.values()]
        self._middle = [int(np.abs(wavelength - MEASURED[key]).argmin()) for key in _PROFILE]

    def _strips(self, wavelength: float) -> NDArray[np.int64]:
        velocity = np.abs(self.wavelength / wavelength - 1) * SPEED_OF_LIGHT
        inside = np.flatnonzero((velocity > _BESIDE[0]) & (velocity < _BESIDE[1]))
        return inside if len(inside) else np.array([int(velocity.argmin())])

    def widths(self, flux: Floats, variance: Floats, valid: Floats, model: Floats) -> tuple[Floats, Floats]:
        """asinh of the equivalent widths (rest angstrom) of the lines, and errors.

        Args:
            flux: Observed, 0 if not valid; (n_spectra, n_pixels).
            variance: Of the flux.
            valid: 1 or 0.
            model: Smooth reconstruction; its level beside a line is the continuum.

        Returns:
            Values and errors, (n_spectra, n_lines); the error is infinite if less than 80% of a line was observed.
        """
        value, error = [], []
        for span, beside in zip(self._spans, self._beside, strict=True):
            level = np.maximum(model[:, beside].mean(axis=1), 0.05)
            width = self.width[span] * valid[:, span]
            ew = ((flux[:, span] / level[:, None] - 1) * width).sum(axis=1)
            sigma = np.sqrt((variance[:, span] * width**2).sum(axis=1)) / level
            seen = valid[:, span].mean(axis=1) >= 0.8
            value.append(np.where(seen, np.arcsinh(ew), 0))
            error.append(np.where(seen, sigma / np.sqrt(1 + ew**2), np.inf))
        return np.stack(value, axis=1).astype(np.float32), np.stack(error, axis=1).astype(np.float32)

    def valley(self, flux: Floats, variance: Floats, valid: Floats, model: Floats) -> Floats:
        """Depth of the centre of the stacked line profile below the lower of two peaks, in sigma; (n_spectra,)."""
        reach = np.arange(-_HALF, _HALF + 1)
        profile = np.zeros((len(flux), len(reach)), np.float32)
        noise = np.zeros_like(profile)
        for key, middle in zip(_PROFILE, self._middle, strict=True):
            place = np.clip(middle + reach, 0, flux.shape[1] - 1)
            level = model[:, self._beside[list(MEASURED).index(key)]].mean(axis=1, keepdims=True)
            profile += (flux[:, place] - level) * valid[:, place]
            noise += variance[:, place] * valid[:, place]
        error = np.sqrt(1.5 * noise.max(axis=1) + (0.04 * profile.max(axis=1)) ** 2 + 1e-12)
        best = np.full(len(flux), -np.inf, np.float32)
        for middle in range(_HALF - _OFF, _HALF + _OFF + 1):
            for apart in _APART:
                if middle - apart < 0 or middle + apart >= len(reach):
                    continue
                lower = np.minimum(profile[:, middle - apart], profile[:, middle + apart])
                between = profile[:, middle - apart + 1 : middle + apart].min(axis=1)
                np.maximum(best, lower - between, out=best)
        return best / error


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians, the distribution of ordinary galaxies. Means (k, d), covariances (k, d, d)."""

    mean: Floats
    covariance: Floats

    def distance(self, values: Floats, error: Floats | None = None) -> Floats:
        """Least squared Mahalanobis distance from a component, per measured dimension, with errors; (n_spectra,).

        Args:
            values: Shape (n_spectra, d).
            error: One sigma of each value, infinite if unknown; exact if None.
        """
        if error is None:
            root = np.linalg.inv(np.linalg.cholesky(self.covariance.astype(np.float64))).astype(np.float32)
            apart = np.einsum("kij,nkj->nki", root, values[:, None] - self.mean, optimize=True)
            return (apart**2).sum(axis=2).min(axis=1) / values.shape[1]
        known = np.isfinite(error)
        noise = np.where(known, error, 1e3) ** 2
        spread = self.covariance + noise[:, None, :, None] * np.eye(values.shape[1], dtype=np.float32)
        apart = (values[:, None] - self.mean) * known[:, None]
        solved = np.linalg.solve(spread, apart[..., None])[..., 0]
        return (apart * solved).sum(axis=2).min(axis=1) / np.maximum(known.sum(axis=1), 1)
