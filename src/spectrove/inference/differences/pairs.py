"""Two epochs of one object on one grid: calibration and resolution made equal, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from spectrove.errors import Refusal
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.spectra import Spectrum, SpectrumSet

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Spacing of the pixels, dex, and in km/s.
STEP = 2e-4
VELOCITY = SPEED_OF_LIGHT * STEP * np.log(10)
#: Order of the polynomial that takes the ratio of the flux calibrations away, and the order that must not matter.
ORDER, HIGHER_ORDER = 6, 12
#: Width of the running median that is the continuum, pixels: 400 A at 6500 A.
CONTINUUM = 141
#: Part of their weight that pixels under sky lines keep.
SKY_WEIGHT = 0.1
#: Difference of resolutions, as one sigma in pixels, below which nothing is smoothed.
SAME_RESOLUTION = 0.25
#: Fewest pixels that two epochs must have in common.
FEWEST = 300


@dataclass(frozen=True)
class Gridded:
    """Epochs of one object on one grid of the rest frame, in the redshift of all.

    Attributes:
        object_id: Shape (n_epochs,).
        wavelength: Vacuum angstrom at rest, (n_pixels,), and `z` the redshift.
        flux, variance: In the unit of each spectrum; 0 where not good; (n_epochs, n_pixels).
        good: Same shape.
        lsf: One sigma of the line-spread function, pixels; NaN where unknown; same shape.
        refusals: Epochs that cannot be used.
    """

    object_id: NDArray[np.str_]
    wavelength: Floats
    z: float
    flux: Floats
    variance: Floats
    good: Flags
    lsf: Floats
    refusals: tuple[Refusal, ...] = ()


def gridded(epochs: SpectrumSet, z: float) -> Gridded:
    """The epochs on the grid that covers all of them, at this redshift."""
    ends = [
        (s.wavelength[s.good][[0, -1]] / (1 + z)) if s.good.any() else np.array([np.nan, np.nan])
        for s in epochs
    ]
    low, high = float(np.nanmin(np.array(ends)[:, 0])), float(np.nanmax(np.array(ends)[:, 1]))
    n_pixels = max(8, round(np.log10(high / low) / STEP) + 1)
    recipe = PreprocessRecipe(
        frame="observed", wave_min=low * (1 + z), wave_max=high * (1 + z), n_pixels=n_pixels, scale="none",
        systematic=0.0, min_coverage=0.01,
    )  # fmt: skip
    made, refusals = prepare(epochs, recipe)
    place = {str(name): i for i, name in enumerate(epochs.object_id)}
    kept = [epochs[place[str(name)]] for name in made.object_id]
    lsf = np.array([_lsf_on(spectrum, made.wavelength) for spectrum in kept]).reshape(made.flux.shape)
    variance = np.where(made.valid, 1 / np.where(made.valid, made.ivar, 1).astype(float), 0)
    return Gridded(
        made.object_id, made.wavelength / (1 + z), z, made.flux.astype(float), variance, made.valid, lsf,
        tuple(refusals),
    )  # fmt: skip


def _lsf_on(spectrum: Spectrum, wavelength: Floats) -> Floats:
    """Sigma of the line-spread function in pixels of the grid (observed wavelengths)."""
    known = np.isfinite(spectrum.lsf) & (spectrum.lsf > 0)
    if known.sum() < 2:
        return np.full(len(wavelength), np.nan)
    sigma = np.interp(wavelength, spectrum.wavelength[known], spectrum.lsf[known].astype(float))
    return sigma / (wavelength * STEP * np.log(10))


@dataclass(frozen=True)
class Pair:
    """Two epochs, the second minus the first in units of the continuum.

    Attributes:
        wavelength: Rest frame, vacuum angstrom, (n_pixels,).
        first, second: Each over the common continuum, after calibration; NaN where not good.
        change: Second minus first; 0 where not good.
        variance: Of the change from photon noise; infinite where not good.
        sky: Pixels that sky lines or the atmosphere disturb.
        ratio: What the first was multiplied with, smooth; 1 on average.
        sn: Median signal-to-noise ratio per pixel of both.
        sharp: Lines as narrow as the resolution may be compared: the resolutions are known or both unknown.
    """

    wavelength: Floats
    first: Floats
    second: Floats
    change: Floats
    variance: Floats
    sky: Flags
    ratio: Floats
    sn: tuple[float, float]
    sharp: bool = True

    @cached_property
    def weight(self) -> Floats:
        """Inverse variance, less under sky lines; (n_pixels,)."""
        return np.where(self.sky, SKY_WEIGHT, 1.0) / self.variance

    @property
    def colour(self) -> float:
        """By which fraction the blue third gained over the red third from the first epoch to the second.

        Calibration or the object: the pair alone cannot tell.
        """
        third = len(self.ratio) // 3
        return float(self.ratio[:third].mean() / self.ratio[-third:].mean() - 1)


def pair_of(epochs: Gridded, i: int, j: int, still: Flags, sky: Flags, order: int = ORDER) -> Pair | None:
    """Epochs i and j made comparable; None if they share too few pixels.

    The flux of the first is multiplied by a smooth ratio, fitted to pixels without lines, which takes differences of
    flux calibration, seeing and fibre away, and also a change of the continuum's shape. The sharper of the two is
    smoothed to the resolution of the other.

    Args:
        still: Pixels without lines that may change, (n_pixels,).
        sky: Pixels that the sky disturbs, same shape.
    """
    good = epochs.good[i] & epochs.good[j]
    if good.sum() < FEWEST or (good & still).sum() < FEWEST // 2:
        return None
    a, b = epochs.flux[i].copy(), epochs.flux[j].copy()
    va, vb = epochs.variance[i].copy(), epochs.variance[j].copy()
    sn = tuple(float(np.median(f[good] / np.sqrt(v[good]))) for f, v in ((a, va), (b, vb)))
    known = [bool(np.isfinite(epochs.lsf[k]).any()) for k in (i, j)]
    if all(known):
        a, va = _smoothed(a, va, good, epochs.lsf[j] ** 2 - epochs.lsf[i] ** 2)
        b, vb = _smoothed(b, vb, good, epochs.lsf[i] ** 2 - epochs.lsf[j] ** 2)
    ratio = _ratio(a, b, va, vb, good & still & ~sky, order)
    a, va = a * ratio, va * ratio**2
    level = _continuum((a + b) / 2, good)
    change = np.where(good, (b - a) / level, 0.0)
    variance = np.where(good, (va + vb) / level**2, np.inf)
    first, second = (np.where(good, f / level, np.nan) for f in (a, b))
    shape = ratio / ratio[good].mean()
    return Pair(
        epochs.wavelength,
        first,
        second,
        change,
        variance,
        sky & good,
        shape,
        (sn[0], sn[1]),
        known[0] == known[1],
    )


def _smoothed(flux: Floats, variance: Floats, good: Flags, extra: Floats) -> tuple[Floats, Floats]:
    """The spectrum smoothed by a Gaussian whose squared width (pixels) changes along it; unchanged where not wider."""
    sigma = np.sqrt(np.maximum(np.nan_to_num(extra), 0))
    if np.median(sigma) < SAME_RESOLUTION:
        return flux, variance
    sigma = np.maximum(sigma, 0.05)
    reach = int(np.ceil(4 * sigma.max()))
    total, mean, noise = np.zeros(len(flux)), np.zeros(len(flux)), np.zeros(len(flux))
    for shift in range(-reach, reach + 1):
        weight = np.exp(-0.5 * (shift / sigma) ** 2) * np.roll(good, shift)
        total += weight
        mean += weight * np.roll(flux, shift)
        noise += weight * np.roll(variance, shift)
    # Smoothed noise is smoother and not smaller on the scales that are compared: the variance is only averaged.
    some = good & (total > 0)
    return np.where(some, mean / np.where(some, total, 1), 0), np.where(
        some, noise / np.where(some, total, 1), 0
    )


def _ratio(a: Floats, b: Floats, va: Floats, vb: Floats, used: Flags, order: int) -> Floats:
    """The smooth function that takes a to b, by least squares on the pixels that may be used, outliers left out."""
    x = np.linspace(-1, 1, len(a))
    basis = np.polynomial.legendre.legvander(x, order)
    ratio = np.full(len(a), np.median(b[used]) / max(float(np.median(a[used])), 1e-30))
    keep = used.copy()
    for _ in range(4):
        weight = np.where(keep, 1 / np.sqrt(np.where(used, vb + ratio**2 * va, 1)), 0)
        solved = np.linalg.lstsq(basis[keep] * (a * weight)[keep, None], (b * weight)[keep], rcond=None)[0]
        ratio = basis @ solved
        left = (b - a * ratio) * weight
        spread = 1.4826 * float(np.median(np.abs(left[keep])))
        keep = used & (np.abs(b - a * ratio) < 4 * spread * np.sqrt(np.where(used, vb + ratio**2 * va, 1)))
    return np.asarray(np.clip(ratio, 1e-6, None))


def _continuum(flux: Floats, good: Flags) -> Floats:
    """A running median, at least a twentieth of the median of all."""
    x = np.arange(len(flux))
    filled = np.interp(x, x[good], flux[good])
    floor = 0.05 * float(np.median(np.abs(flux[good])))
    return np.maximum(median_filter(filled, CONTINUUM, mode="nearest"), max(floor, 1e-30))
