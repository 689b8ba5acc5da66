"""chi2 of one spectrum against templates at every redshift: all at once by correlation, then the best minima closely.

At each redshift the model is a sum of templates, none of them negative, and a polynomial of low order in observed
wavelength, of any sign, which takes up what calibration does to the continuum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

from spectrove.galaxies.redshift.templates import COARSE, LOG_STEP, Basis

#: log10 of the observed wavelengths that are looked at (3491 to 10593 angstrom): all of them lie inside the templates
#: at every redshift of `Z_RANGE`.
LOG_RANGE = (3.543, 4.025)

#: Redshifts that are tried.
Z_RANGE = (-0.005, 1.7)

#: Order of the polynomial in log wavelength.
DEGREE = 3

_SWEEPS = (14, 40)  # over all redshifts, and over the best ones
_BEST = 320  # redshifts that get the longer descent
_MINIMA = 14  # minima that are solved exactly
_RIDGE = 1e-7
_STEP_SIDE = 50  # pixels that lie on either side of a step at least
_BLIND = np.float32(1e-5)


@dataclass(frozen=True)
class Pixels:
    """One spectrum on the common grid of step `LOG_STEP` from `LOG_RANGE[0]`.

    Attributes:
        flux, weight: Shape (n_pixels,); weight is 0 where bad.
        steps: Pixels from which on the level and slope of the spectrum are free, as those of an arm that was calibrated
            apart.
    """

    flux: NDArray[np.float64]
    weight: NDArray[np.float64]
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fit:
    """The best model at one redshift.

    Attributes:
        z, chi2: Where, and how well.
        coefficients: Of the templates, (n_templates,).
        pull: What each template would gain or lose, in sigma, if it alone might change; 0 for those in use.
    """

    z: float
    chi2: float
    coefficients: NDArray[np.float64]
    pull: NDArray[np.float64]


def n_pixels() -> int:
    """Length of the common grid."""
    return round((LOG_RANGE[1] - LOG_RANGE[0]) / LOG_STEP)


def scan(pixels: Pixels, basis: Basis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Redshifts, increasing, and chi2 at each; both (n_redshifts,). chi2 is a little too high away from minima."""
    flux, weight = _joined(pixels)
    polynomials = _polynomials(len(flux), pixels.steps, COARSE)
    first = round((LOG_RANGE[0] - basis.log_min) / LOG_STEP / COARSE)
    shifts = coarse_shifts()
    lags = first - shifts
    gram, right, total = _normal_equations(flux, weight, polynomials, basis, lags)
    gain = _descend(gram, right, _SWEEPS[0])
    best = np.sort(np.argpartition(gain, -min(_BEST, len(gain)))[-min(_BEST, len(gain)) :])
    gain[best] = np.maximum(
        gain[best], _descend(np.ascontiguousarray(gram[:, :, best]), right[:, best], _SWEEPS[1])
    )
    z = np.asarray(10.0 ** (shifts * LOG_STEP * COARSE) - 1, dtype=float)
    return z, total - np.minimum(gain, total)


def coarse_shifts() -> NDArray[np.int64]:
    """Coarse pixels that templates are moved by, one for each redshift of the scan."""
    low, high = np.log10(1 + np.array(Z_RANGE)) / (LOG_STEP * COARSE)
    return np.arange(int(np.ceil(low)), int(high) + 1)


def minima(z: NDArray, chi2: NDArray, separation: float, n: int = _MINIMA) -> NDArray[np.int64]:
    """Positions of the n lowest minima that lie `separation` (of 1 + z) or more apart, best first."""
    padded = np.pad(chi2, 1, constant_values=np.inf)
    low = np.flatnonzero((chi2 <= padded[:-2]) & (chi2 <= padded[2:]))
    chosen: list[int] = []
    for i in low[np.argsort(chi2[low], kind="stable")]:
        if all(abs(z[i] - z[j]) > separation * (1 + z[j]) for j in chosen):
            chosen.append(int(i))
        if len(chosen) == n:
            break
    return np.array(chosen, dtype=np.int64)


class Fitter:
    """Fits of one spectrum at chosen redshifts: what does not depend on redshift is computed once."""

    def __init__(self, pixels: Pixels, basis: Basis) -> None:
        used = pixels.weight > 0
        self.position = np.flatnonzero(used)
        self.basis = basis
        root = np.sqrt(pixels.weight[used])
        self.root = root
        design = _polynomials(len(pixels.flux), pixels.steps)[:, used] * root
        self.frame = np.linalg.qr(design.T)[0] if len(root) > len(design) else design.T[:, :0]
        data = pixels.flux[used] * root
        self.data = data - self.frame @ (self.frame.T @ data)
        self.total = float(self.data @ self.data)

    def templates(self, z: float) -> NDArray[np.float64]:
        """Templates moved to z, on the used pixels, (n_templates, n_used)."""
        start = (LOG_RANGE[0] - self.basis.log_min - np.log10(1 + z)) / LOG_STEP
        whole = int(np.floor(start))
        part = start - whole
        at = self.position + whole
        t = self.basis.templates
        return t[:, at] * (1 - part) + t[:, at + 1] * part

    def loss(self, fit: Fit, template: int) -> float:
        """By how much chi2 rises where a fit has to do without one of the templates."""
        if not fit.coefficients[template]:
            return 0.0
        gram, right = (np.delete(part, template, axis=0) for part in self.normal_equations(fit.z))
        gram = np.delete(gram, template, axis=1)
        coefficients = solve(gram, right)
        return self.total - float((2 * right - gram @ coefficients) @ coefficients) - fit.chi2

    def normal_equations(self, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gram matrix and right side of the templates at z, polynomials solved for."""
        design = self.templates(z) * self.root
        across = design @ self.frame
        return design @ design.T - across @ across.T, design @ self.data

    def __call__(self, z: float) -> Fit:
        gram, right = self.normal_equations(z)
        coefficients = solve(gram, right)
        slope = right - gram @ coefficients
        pull = slope / np.sqrt(np.maximum(np.diag(gram), 1e-30))
        return Fit(float(z), self.total - float((right + slope) @ coefficients), coefficients, pull)

    def step(self, residual: NDArray[np.float64]) -> tuple[float, int]:
        """By how much one step, up or down at the pixel that suits it best, would lower chi2 of what a model leaves,
        and that pixel of the common grid.
        """
        if len(residual) < 4 * _STEP_SIDE:
            return 0.0, 0
        height = np.cumsum((self.root * residual)[::-1])[::-1]
        across = np.cumsum((self.root[:, None] * self.frame)[::-1], axis=0)[::-1]
        size = np.cumsum((self.root**2)[::-1])[::-1] - (across**2).sum(axis=1)
        gain = height**2 / np.where(size > 1e-3 * size.max(), size, np.inf)
        best = _STEP_SIDE + int(np.argmax(gain[_STEP_SIDE:-_STEP_SIDE]))
        return float(gain[best]), int(self.position[best])

    def residual(self, fit: Fit) -> NDArray[np.float64]:
        """What the model leaves of the used pixels, in sigma, (n_used,)."""
        design = self.templates(fit.z) * self.root
        design -= (design @ self.frame) @ self.frame.T
        return self.data - fit.coefficients @ design


def solve(gram: NDArray, right: NDArray) -> NDArray[np.float64]:
    """Non-negative coefficients of least chi2, by the normal equations."""
    scale = np.sqrt(np.maximum(np.diag(gram), 0))
    seen = scale > 1e-9 * scale.max(initial=0)
    out = np.zeros(len(right))
    if not seen.any():
        return out
    s = scale[seen]
    normal = gram[np.ix_(seen, seen)] / np.outer(s, s) + _RIDGE * np.eye(len(s))
    for _ in range(3):
        try:
            lower = np.linalg.cholesky(normal)
            break
        except np.linalg.LinAlgError:
            normal += 1e-5 * np.eye(len(s))
    else:
        return out
    out[seen] = nnls(lower.T, solve_triangular(lower, right[seen] / s, lower=True))[0] / s
    return out


def gains_without_sign(pixels: Pixels, basis: Basis, bins: int, lags: NDArray) -> NDArray[np.float64]:
    """By how much templates of any sign lower chi2 where they are moved by each of the lags, (n_lags,).

    Args:
        pixels: Of the common grid, of which `bins` are joined into one, as wide as those of the basis.
        basis: Its templates reach over the whole grid at every lag.
        bins: A divisor of `n_pixels`.
        lags: Pixel of the templates that the first one falls on, descending by 1.
    """
    flux, weight = _joined(pixels, bins)
    gram, right, _ = _normal_equations(flux, weight, _polynomials(len(flux), pixels.steps, bins), basis, lags)
    gram, right = np.moveaxis(gram, 2, 0).astype(float), right.T.astype(float)
    size = np.einsum("lii->l", gram)
    gram[:, range(len(basis.singles)), range(len(basis.singles))] += 1e-5 * size[:, None] + 1e-30
    gain = np.einsum("li,li->l", right, np.linalg.solve(gram, right[..., None])[..., 0])
    return np.asarray(np.where(np.isfinite(gain), gain, 0.0), float)


def _joined(pixels: Pixels, bins: int = COARSE) -> tuple[NDArray, NDArray]:
    weight = pixels.weight.reshape(-1, bins)
    total = weight.sum(axis=1)
    flux = (pixels.flux.reshape(-1, bins) * weight).sum(axis=1) / np.where(total > 0, total, 1)
    return flux, total


def _polynomials(n: int, steps: Sequence[int] = (), bins: int = 1) -> NDArray[np.float64]:
    """Polynomials over n bins of so many pixels, and level and slope of what lies beyond each step."""
    x = np.linspace(-1, 1, n)
    whole = np.polynomial.legendre.legvander(x, DEGREE).T
    beyond = [np.clip((np.arange(n) + 1) * bins - step, 0, bins) / bins for step in steps]
    return np.asarray(np.concatenate([whole, *([b, b * x] for b in beyond)]), dtype=np.float64)


def _normal_equations(
    flux: NDArray, weight: NDArray, polynomials: NDArray, basis: Basis, lags: NDArray
) -> tuple[NDArray, NDArray, float]:
    """Gram matrices (n_templates, n_templates, n_redshifts), right sides (n_templates, n_redshifts) and the chi2 of
    no template, polynomials solved for.
    """
    n_templates, n = len(basis.singles), basis.n_coarse
    root = np.sqrt(weight)
    frame = np.linalg.qr((polynomials * root).T)[0]
    data = flux * root - frame @ (frame.T @ (flux * root))
    series = np.concatenate([[weight], (frame * root[:, None]).T, [data * root]])
    waves = np.conj(sfft.rfft(series, n)).astype(np.complex64)
    span = slice(int(lags[-1]), int(lags[0]) + 1)  # shifts increase as lags decrease
    pairs = sfft.irfft(basis.products * waves[0], n)[:, span]
    crossed = sfft.irfft(basis.singles[None] * waves[1:, None], n)[:, :, span]
    first, second = basis.pairs.T
    # Single precision is blind to less: without it templates that are not covered would have any size and sign.
    same = first == second
    pairs[same] += _BLIND * pairs[same].max(axis=1, keepdims=True)
    for across in crossed[:-1]:
        pairs -= across[first] * across[second]
    gram = np.empty((n_templates, n_templates, pairs.shape[1]), np.float32)
    gram[first, second] = gram[second, first] = pairs[:, ::-1]
    return gram, np.ascontiguousarray(crossed[-1][:, ::-1]), float(data @ data)


def _descend(gram: NDArray, right: NDArray, sweeps: int) -> NDArray[np.float64]:
    """How much non-negative templates lower chi2 at each redshift, by coordinate descent over all redshifts at once."""
    diagonal = np.einsum("iil->il", gram)
    floor = 1e-6 * diagonal.max(axis=0) + np.float32(1e-30)
    inverse = np.where(diagonal > floor, 1 / np.maximum(diagonal, floor), np.float32(0))
    x, slope = np.zeros_like(right), right.copy()
    # On short pieces, which polynomials explain nearly alone, single precision can leave a matrix that is not
    # positive, and the descent then has no end. Those redshifts gain nothing here; minima are fitted exactly later.
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(sweeps):
            for j in range(len(x)):
                new = np.maximum(x[j] + slope[j] * inverse[j], 0)
                slope -= gram[j] * (new - x[j])
                x[j] = new
        # Holds for any x, converged or not: what is gained so far.
        gain = np.einsum("jl,jl->l", x, right + slope).astype(float)
    return np.where(np.isfinite(gain), gain, 0.0)
