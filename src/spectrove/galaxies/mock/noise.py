"""From a true spectrum to what SDSS would have recorded: photon noise, sky, calibration, cosmic rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.mock import sky
from spectrove.galaxies.mock.recipe import NoiseRecipe

#: Relative error that no exposure time removes; keeps S/N per pixel below about 80.
_FLOOR = 0.012

#: Bits of the SDSS pixel mask: a bad column loses the pixel in every exposure, a bright sky line is noted.
NODATA_BIT, BRIGHTSKY_BIT = 1 << 24, 1 << 23


@dataclass(frozen=True)
class Exposure:
    """One fibre's view: a stretch of the SDSS grid with its resolution and sky.

    All arrays (n_pixels,). `wdisp` is one sigma of the line-spread function in pixels, `sky` in
    1e-17 erg/s/cm2/A, `depth` scales the variance (shallow plates above 1).
    """

    first: int
    loglam: NDArray[np.float64]
    wdisp: NDArray[np.float64]
    sky: NDArray[np.float64]
    depth: float

    @property
    def span(self) -> slice:
        """Where on `sky.grid()` the exposure lies."""
        return slice(self.first, self.first + len(self.loglam))

    @property
    def wavelength(self) -> NDArray[np.float64]:
        """Observed vacuum angstrom, exactly what a file with single-precision loglam gives back."""
        return 10 ** self.loglam.astype(np.float32).astype(float)

    @property
    def lsf(self) -> NDArray[np.float64]:
        """One sigma of the line-spread function, angstrom."""
        return self.wdisp * sky.LOGLAM_STEP * np.log(10) * self.wavelength


@dataclass(frozen=True)
class Observed:
    """A recorded spectrum: flux (1e-17 erg/s/cm2/A), inverse variance, SDSS mask bits; each (n_pixels,)."""

    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    and_mask: NDArray[np.int32]
    or_mask: NDArray[np.int32]


def draw_exposure(rng: np.random.Generator) -> Exposure:
    """A fibre of a plate: grid limits, resolution, sky brightness and depth vary as in SDSS."""
    first = int(rng.integers(2, 42))
    n = int(np.clip(rng.normal(3832, 15), 3790, sky.N_GRID - first))
    span = slice(first, first + n)
    slope = rng.normal(0, 0.03) * np.linspace(-1, 1, n)
    wdisp = sky.wdisp()[span] * (np.clip(rng.normal(1.02, 0.06), 0.88, 1.25) + slope)
    airglow = 10 ** rng.normal(0, 0.08)
    seen = sky.sky_continuum()[span] * 10 ** rng.normal(0, 0.05) + sky.sky_lines()[span] * airglow
    return Exposure(first, sky.grid()[span], wdisp, seen, float(10 ** rng.normal(0, 0.1)))


def flux_for_sn(exposure: Exposure, sn: float) -> float:
    """Flux density near 6300 angstrom whose median S/N per pixel is about `sn`."""
    i = int(np.searchsorted(exposure.loglam, np.log10(6250.0)))
    g = exposure.depth * sky.gain()[exposure.first + i]
    dark = exposure.depth * sky.read_variance()[exposure.first + i] + g * exposure.sky[i]
    a = 1 / min(sn, 75.0) ** 2 - _FLOOR**2
    return float((g + np.sqrt(g * g + 4 * a * dark)) / (2 * a))


def variance(exposure: Exposure, flux: NDArray) -> NDArray[np.float64]:
    """Variance of each pixel: photons of object and sky, read-out, calibration floor; (n_pixels,)."""
    light = np.maximum(flux, 0) + exposure.sky
    photons = exposure.depth * (sky.gain()[exposure.span] * light + sky.read_variance()[exposure.span])
    return photons + (_FLOOR * flux) ** 2


def observe(flux: NDArray, exposure: Exposure, recipe: NoiseRecipe, rng: np.random.Generator) -> Observed:
    """What the survey records of a true flux density (1e-17 erg/s/cm2/A), with all its faults.

    Inverse variances tell the photon noise only, and a little too much of it; what the sky model and the
    calibration leave is not in them. Both as in real data.
    """
    n = len(flux)
    true_variance = variance(exposure, flux)
    noise = _correlated(n, recipe.correlation, rng) * np.sqrt(true_variance)
    noise *= 1 - recipe.overstated * rng.random()
    recorded = flux * _calibration(exposure, recipe.calibration, recipe.ripple, rng) + noise
    recorded += _sky_residual(exposure, recipe.sky_residual, rng)
    for _ in range(rng.poisson(recipe.cosmics)):
        _strike(recorded, true_variance, rng)
    ivar = (1 / true_variance).astype(np.float32)
    airglow = sky.sky_lines()[exposure.span]
    and_mask = np.where(airglow > 140, BRIGHTSKY_BIT, 0).astype(np.int32)
    or_mask = np.where(airglow > 60, BRIGHTSKY_BIT, 0).astype(np.int32)
    for _ in range(rng.poisson(recipe.bad_columns)):
        start, length = int(rng.integers(0, n)), int(rng.integers(2, 22))
        ivar[start : start + length] = 0
        recorded[start : start + length] = 0
        and_mask[start : start + length] |= NODATA_BIT
    return Observed(recorded.astype(np.float32), ivar, and_mask, or_mask | and_mask)


def _correlated(n: int, correlation: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Unit noise whose neighbours correlate, as rebinning onto a common grid leaves it."""
    white = rng.standard_normal(n + 1)
    if correlation == 0:
        return white[:n]
    # (a, b) with a^2 + b^2 = 1 and a b = correlation.
    angle = 0.5 * np.arcsin(2 * correlation)
    return np.cos(angle) * white[1:] + np.sin(angle) * white[:-1]


def _calibration(
    exposure: Exposure, size: float, ripple: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Factor of flux-calibration errors: a tilt, waves of some 400 angstrom and smaller ones of 60, the joint
    of the two cameras, and what is left of the telluric bands."""
    x = np.linspace(-1, 1, len(exposure.loglam))
    tilt = rng.normal(0, size) * x + rng.normal(0, 0.6 * size) * (1.5 * x * x - 0.5)
    nodes = rng.normal(0, 0.35 * size, 14)
    waves = np.interp(x, np.linspace(-1, 1, 14), nodes)
    waves += np.interp(x, np.linspace(-1, 1, 90), rng.normal(0, ripple, 90))
    w = 10**exposure.loglam
    joint = rng.normal(0, 0.4 * size) * np.exp(-0.5 * ((w - 5950) / 120) ** 2)
    bands = np.exp(-0.5 * ((w - 7625) / 30) ** 2) + 0.5 * np.exp(-0.5 * ((w - 6885) / 18) ** 2)
    return np.exp(tilt + waves + joint + rng.normal(0, 0.02) * bands)


def _sky_residual(exposure: Exposure, size: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Sky lines left by a model of slightly wrong strength, wavelength and, line by line, ratio."""
    lines = sky.sky_lines()[exposure.span]
    ratio = np.repeat(rng.normal(0, 0.5 * size, len(lines) // 40 + 1), 40)[: len(lines)]
    return lines * (rng.normal(0, size) + ratio) + sky.sky_slope()[exposure.span] * rng.normal(0, size)


def _strike(flux: NDArray, true_variance: NDArray, rng: np.random.Generator) -> None:
    """A cosmic ray that the pipeline missed: one to three pixels, far above the noise."""
    start, length = int(rng.integers(0, len(flux) - 3)), int(rng.integers(1, 4))
    hit = slice(start, start + length)
    flux[hit] += np.sqrt(true_variance[hit]) * rng.uniform(6, 50) * rng.uniform(0.3, 1, length)
