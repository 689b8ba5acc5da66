"""Check whether another redshift fits a spectrum far better than the given one.

The scan is coarse, good enough to find that lines and breaks are misplaced; `pipeline.redshift` measures redshifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft
from scipy.ndimage import median_filter

from spectrove.galaxies.residual.encoder import Detector
from spectrove.preprocess import PreprocessRecipe

Floats = NDArray[np.floating]

#: The observed frame on a log grid four times coarser than the detector's; cosmic rays are masked, nothing is scaled.
_FIRST, _PIXELS, _BIN = 3500.0, 1200, 4
#: Width of the running median by which the flux is divided, coarse pixels (about 250 angstrom).
_CONTINUUM = 61
#: Relative error added to every pixel, for the imperfection of the templates.
_SYSTEMATIC = 0.03
#: Redshifts tried, and least difference of another from the given one, in 1 + z.
_Z_RANGE = (-0.005, 1.0)
_APART = 0.004


@dataclass(frozen=True)
class OtherRedshift:
    """Decrease in chi-square from templates at the given redshift, at the best other one, and at redshift 0.

    Attributes:
        z: The best other redshift.
        given, other: Decrease in chi-square at the given redshift and at the other one.
        star: The same at redshift 0, an object of our Galaxy.
        lines: Chi-square above its expectation of all that is not smooth.
    """

    z: float
    given: float
    other: float
    star: float
    lines: float


class RedshiftScan:
    """Typical spectra of ordinary galaxies, compared with a spectrum at every redshift."""

    def __init__(self, detector: Detector) -> None:
        ordinary = detector.reconstructor.ordinary
        typical = ordinary.mean + detector.scores.mean @ ordinary.components
        n = typical.shape[1] // _BIN * _BIN
        wavelength = detector.reconstructor.wavelength[:n].reshape(-1, _BIN)
        self._templates = np.stack([_flat(t[:n].reshape(-1, _BIN).mean(axis=1)) for t in typical])
        self._step = float(np.log(wavelength[1, 0] / wavelength[0, 0]))
        self._rest = float(np.exp(np.log(wavelength[0]).mean()))
        self._size = sfft.next_fast_len(self._templates.shape[1] + _PIXELS, real=True)

    @property
    def recipe(self) -> PreprocessRecipe:
        """Preparation of a spectrum for `look`."""
        return PreprocessRecipe(
            frame="observed", grid="log", wave_min=_FIRST, wave_max=_FIRST * np.exp(self._step * (_PIXELS - 1)),
            n_pixels=_PIXELS, scale="none", clip=(-1e30, 1e30), systematic=_SYSTEMATIC,
        )  # fmt: skip

    @cached_property
    def _products(self) -> tuple[NDArray, NDArray]:
        upper = np.triu_indices(len(self._templates))
        pairs = self._templates[upper[0]] * self._templates[upper[1]]
        return sfft.rfft(pairs, self._size), sfft.rfft(self._templates, self._size)

    def look(self, flux: Floats, ivar: Floats, z: float) -> OtherRedshift:
        """Result of the scan of one spectrum on the grid of the recipe, (n_pixels,) each."""
        taken, redshift, lines = self.scan(flux, ivar)
        near = np.abs(np.log((1 + redshift) / (1 + z))) < _APART
        local = np.abs(redshift) < 0.004
        elsewhere = np.where(near | local, -np.inf, taken)
        best = int(elsewhere.argmax())
        return OtherRedshift(
            float(redshift[best]),
            float(taken[near].max(initial=0.0)),
            float(elsewhere[best]),
            float(taken[local & ~near].max(initial=0.0)),
            lines,
        )

    def scan(self, flux: Floats, ivar: Floats) -> tuple[Floats, Floats, float]:
        """Decrease in chi-square at each redshift, the redshifts, and the chi-square above its expectation."""
        level = _level(flux, ivar)
        weight = ivar * level**2
        relative = np.where(weight > 0, np.clip(flux / level - 1, -2, 20), 0)
        pairs, singles = self._products
        count = len(self._templates)
        # Shift s aligns template pixel p with spectrum pixel p + s.
        low, high = (round((np.log(self._rest * (1 + z)) - np.log(_FIRST)) / self._step) for z in _Z_RANGE)
        shifts = np.arange(low, high + 1)
        normal = _correlated(weight, pairs, self._size)[:, shifts]
        right = _correlated(weight * relative, singles, self._size)[:, shifts]
        matrix = np.empty((len(shifts), count, count))
        upper = np.triu_indices(count)
        matrix[:, upper[0], upper[1]] = matrix[:, upper[1], upper[0]] = normal.T
        matrix[:, np.arange(count), np.arange(count)] += (
            1e-3 * np.trace(matrix, axis1=1, axis2=2)[:, None] + 1e-6
        )
        solved = np.linalg.solve(matrix, right.T[..., None])[..., 0]
        redshift = np.exp(np.log(_FIRST) + self._step * shifts) / self._rest - 1
        there = float((weight * relative**2).sum() - np.count_nonzero(weight))
        return (solved * right.T).sum(axis=1), redshift, there


def _correlated(values: Floats, templates: NDArray, size: int) -> Floats:
    """Sum over p of values(p + s) templates(p) for each s, negative ones at the end; (n_templates, size)."""
    return sfft.irfft(sfft.rfft(values, size) * np.conj(templates), size)


def _flat(template: Floats) -> Floats:
    return template / np.maximum(median_filter(template, _CONTINUUM, mode="nearest"), 0.02) - 1


def _level(flux: Floats, ivar: Floats) -> Floats:
    """A running median over good pixels, never near 0."""
    good = ivar > 0
    if good.sum() < 10:
        return np.ones(len(flux))
    at = np.arange(len(flux))
    level = median_filter(np.interp(at, at[good], flux[good]), _CONTINUUM, mode="nearest")
    return np.maximum(level, 0.1 * max(float(np.median(np.abs(flux[good]))), 1e-12))
