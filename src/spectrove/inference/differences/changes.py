"""Whether lines changed between two epochs: matched filters, with their error from the rest of the same spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import fftconvolve

from spectrove.domain import Variability
from spectrove.inference.differences.pairs import STEP, VELOCITY, Floats, Pair
from spectrove.lines import SPEED_OF_LIGHT, Line

#: Full width at half maximum of a narrow line, km/s, and what around it is left out where broad ones are measured.
NARROW, HIDDEN = 450.0, 700.0
#: A template reaches so many full widths from its centre: outside lies the level that it stands on.
REACH = 1.5
#: Part of the information of a template that its pixels must hold.
COVERED = 0.5
#: Fewest control places; with fewer the error is the photon noise alone.
CONTROLS = 30
#: A pixel stands out if it is so many sigma from the median of so many around it.
SPIKE, SPIKE_WIDTH = 4.0, 9
#: Weight of a template on disturbed pixels from which it is flagged.
ON_SKY = 0.3


@dataclass(frozen=True)
class Change:
    """The change of one line.

    Attributes:
        line: Its name, and `broad` the full width at half maximum of a broad component, km/s; 0 for a narrow line.
        low, high: Where it was measured, rest angstrom.
        width: Change of the equivalent width, angstrom, second minus first epoch; `error` one sigma.
        before, after: Equivalent width at each epoch, relative to the level beside it.
        z: Change over its error.
        sky: Part of its weight on pixels that the sky disturbs.
    """

    line: str
    broad: float
    low: float
    high: float
    width: float
    error: float
    before: float
    after: float
    z: float
    sky: float

    @property
    def what(self) -> str:
        """In words: "broad X appeared"."""
        strength = max(abs(self.before), abs(self.after))
        gone = min(abs(self.before), abs(self.after)) < 0.3 * strength
        if (self.broad and gone) or (gone and not self.broad):
            verb = "appeared" if self.width > 0 else "vanished"
        else:
            verb = "strengthened" if self.width > 0 else "weakened"
        return f"{'broad ' if self.broad else ''}{self.line} {verb}"

    @property
    def sentence(self) -> str:
        """What changed, by how much, how surely."""
        return f"{self.what} ({self.width:+.2g} ± {self.error:.1g} A, {abs(self.z):.1f} sigma)"


@dataclass(frozen=True)
class _Filtered:
    """Amplitudes of one template at every pixel as an equivalent width, their variance, and the weight on sky."""

    width: Floats
    variance: Floats
    known: NDArray[np.bool_]


def still_pixels(wavelength: Floats, about: Variability) -> NDArray[np.bool_]:
    """Pixels where nothing is expected to change: away from lines, and from broad ones by their width."""
    moving = np.zeros(len(wavelength), bool)
    for line in about.narrow:
        moving |= _near(wavelength, line.wavelength, 2 * HIDDEN)
    for line in about.broad:
        moving |= _near(wavelength, line.wavelength, max(about.widths))
    return ~moving


def sky_pixels(wavelength: Floats, z: float, about: Variability) -> NDArray[np.bool_]:
    """Pixels that the sky disturbs, of rest wavelengths at a redshift."""
    observed = wavelength * (1 + z)
    return np.any([(observed >= low) & (observed <= high) for low, high in about.sky], axis=0)


def line_changes(pair: Pair, about: Variability) -> list[Change]:
    """The change of every line that both epochs cover, the most significant first.

    A Gaussian template with a straight level is fitted to the difference at the line, and at every other place of the
    spectrum: the scatter there is the error, which so holds what is left of the calibration, of mismatched stars and of
    a wrong noise estimate. A fraction of the line's own strength is added, for fibres and seeing.
    """
    moving = ~still_pixels(pair.wavelength, about)
    hidden = np.any([_near(pair.wavelength, line.wavelength, HIDDEN) for line in about.narrow], axis=0)
    found = []
    if pair.sharp:
        found += _of_width(pair, about, NARROW, about.narrow, pair.weight, moving)
    for width in about.widths:
        found += _of_width(pair, about, width, about.broad, np.where(hidden, 0, pair.weight), moving)
    return sorted(found, key=lambda change: -abs(change.z))


def _of_width(
    pair: Pair,
    about: Variability,
    fwhm: float,
    lines: Sequence[Line],
    weight: Floats,
    moving: NDArray[np.bool_],
) -> list[Change]:
    """The change of lines of one width."""
    is_broad = fwhm > NARROW
    values = _without_spikes(pair) if is_broad else pair.change
    change = _filtered(values, weight, fwhm, pair.wavelength)
    before, after = (
        _filtered(np.nan_to_num(flux - 1), weight, fwhm, pair.wavelength)
        for flux in (pair.first, pair.second)
    )
    on_sky = _share(weight, pair.sky, fwhm)
    variance = _with_scatter(change, moving, pair.wavelength, fwhm)
    found = []
    for line in lines:
        at = int(np.argmin(np.abs(np.log(pair.wavelength / line.wavelength))))
        outside = abs(pair.wavelength[at] / line.wavelength - 1) > 2 * STEP * np.log(10)
        if outside or not change.known[at]:
            continue
        strength = (before.width[at] + after.width[at]) / 2
        error = float(np.sqrt(variance[at] + (about.line_error * strength) ** 2))
        z = float(change.width[at]) / error
        if not is_broad:
            z *= _kept_without_one(values, weight, fwhm, at)
        reach = line.wavelength * fwhm / SPEED_OF_LIGHT
        found.append(
            Change(
                line.name, fwhm if is_broad else 0.0, line.wavelength - reach, line.wavelength + reach,
                float(change.width[at]), error, float(before.width[at]), float(after.width[at]),
                z, float(on_sky[at]),
            )
        )  # fmt: skip
    return found


def _without_spikes(pair: Pair) -> Floats:
    """The change with pixels that stand out of their surroundings brought back to them: no broad line is so sharp."""
    level = median_filter(pair.change, SPIKE_WIDTH, mode="nearest")
    most = SPIKE * np.sqrt(np.where(np.isfinite(pair.variance), pair.variance, 0))
    return np.clip(pair.change, level - most, level + most)


def _kept_without_one(values: Floats, weight: Floats, fwhm: float, at: int) -> float:
    """The least part of the significance at a place that is left without one of its pixels: a cosmic ray has only one.

    From 0 to 1; 0 also where the sign turns.
    """
    x, basis = _template(fwhm)
    half = len(x) // 2
    here = slice(at - half, at + half + 1)
    w, v = weight[here], values[here]

    def significance(kept: Floats) -> float:
        matrix = (basis * kept) @ basis.T + 1e-12 * np.eye(3) * kept.max()
        inverse = np.linalg.inv(matrix)
        return float(inverse[2] @ ((basis * kept) @ v) / np.sqrt(inverse[2, 2]))

    whole = significance(w)
    middle = range(half - 2, half + 3)
    parts = [significance(np.where(np.arange(len(w)) == k, 0, w)) / whole for k in middle] if whole else [0.0]
    return float(np.clip(min(parts), 0, 1))


def _template(fwhm: float) -> tuple[Floats, Floats]:
    """Places from -1 to 1, and a constant, a slope and a Gaussian there, (3, n_pixels)."""
    sigma = fwhm / 2.3548 / VELOCITY
    half = max(6, int(np.ceil(REACH * fwhm / VELOCITY)))
    x = np.arange(-half, half + 1) / half
    return x, np.stack([np.ones_like(x), x, np.exp(-0.5 * (x * half / sigma) ** 2)])


def _filtered(values: Floats, weight: Floats, fwhm: float, wavelength: Floats) -> _Filtered:
    """Weighted least squares of a Gaussian on a straight line, centred on each pixel in turn.

    The normal equations of all places are correlations of the weights, and of the weighted values, with few kernels.
    """
    x, basis = _template(fwhm)
    g, half = basis[2], len(x) // 2

    def correlate(of: Floats, kernel: Floats) -> Floats:
        return fftconvolve(of, kernel[::-1], mode="same")

    matrix = np.empty((len(values), 3, 3))
    for i in range(3):
        for j in range(i, 3):
            matrix[:, i, j] = matrix[:, j, i] = correlate(weight, basis[i] * basis[j])
    right = np.stack([correlate(weight * values, one) for one in basis], axis=1)
    usual = np.median(weight[weight > 0]) if (weight > 0).any() else 1.0
    ends = np.zeros(len(values), bool)
    ends[:half] = ends[-half:] = True
    known = (correlate((weight > 0.01 * usual).astype(float), g) >= COVERED * g.sum()) & ~ends
    matrix[~known] = np.eye(3)
    matrix = matrix + 1e-9 * usual * np.eye(3)
    inverse = np.linalg.inv(matrix)
    amplitude = np.einsum("ij,ij->i", inverse[:, 2], right)
    area = fwhm / 2.3548 / VELOCITY * np.sqrt(2 * np.pi) * wavelength * STEP * np.log(10)
    return _Filtered(
        np.where(known, amplitude * area, 0), np.where(known, inverse[:, 2, 2] * area**2, np.inf), known
    )


def _with_scatter(change: _Filtered, moving: NDArray[np.bool_], wavelength: Floats, fwhm: float) -> Floats:
    """Variance of the amplitudes, raised or scaled to the scatter at places without lines.

    What exceeds photon noise is of the calibration and goes with the continuum: the same relative to it everywhere, so
    that in equivalent width it grows with wavelength.
    """
    control = change.known & ~_widened(moving, int(0.5 * fwhm / VELOCITY))
    if control.sum() < CONTROLS:
        return change.variance
    width, variance = change.width[control], change.variance[control]
    ratio = _spread(width / np.sqrt(variance))
    if ratio <= 1:
        return change.variance * max(ratio, 0.7) ** 2
    scale = wavelength / 5000.0
    low, high = 0.0, 10 * _spread(width / scale[control]) + 1e-9
    for _ in range(40):
        middle = (low + high) / 2
        more = _spread(width / np.sqrt(variance + (middle * scale[control]) ** 2)) > 1
        low, high = (middle, high) if more else (low, middle)
    return change.variance + (high * scale) ** 2


def _spread(values: Floats) -> float:
    """Robust standard deviation about zero."""
    return 1.4826 * float(np.median(np.abs(values)))


def _widened(flags: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    if by < 1:
        return flags
    return np.convolve(flags, np.ones(2 * by + 1), "same") > 0.5


def _share(weight: Floats, sky: NDArray[np.bool_], fwhm: float) -> Floats:
    """Part of the template at each pixel that lies on disturbed or missing pixels."""
    sigma = fwhm / 2.3548 / VELOCITY
    half = max(3, int(np.ceil(2.5 * sigma)))
    g = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.asarray(fftconvolve(sky.astype(float), g / g.sum(), mode="same"))


def _near(wavelength: Floats, line: float, velocity: float) -> NDArray[np.bool_]:
    """Pixels within a velocity (km/s) of a line."""
    return np.abs(wavelength / line - 1) * SPEED_OF_LIGHT <= velocity
