"""A broad component of H alpha beside the narrow lines around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.lines import LINE
from spectrove.galaxies.measuring.values import Values
from spectrove.lines import SPEED_OF_LIGHT

#: Rest vacuum angstrom of the fit.
WINDOW = (6260.0, 6870.0)

#: Full widths at half maximum that are tried, km/s: below the least, wings of the narrow lines are as wide.
FWHMS = np.geomspace(1200.0, 11000.0, 15)

#: Offsets from the narrow lines that are tried, and widths of these in place of the fitted one, km/s, one sigma.
_OFFSETS = (-500.0, 0.0, 500.0)
_WIDTHS = (60.0, 90.0, 130.0, 180.0, 250.0, 350.0)

#: Where no component is significant, its flux is that of one this wide, km/s: over ordinary galaxies about zero.
USUAL = 3000.0

#: Errors at which a broad component counts as one, and at which its width is given.
SIGNIFICANT = 5.0

#: How far the stellar continuum under a broad line may be off, relative to itself, and the profile of the narrow lines,
#: relative to their flux; and the share of a broad line that stars and wings may take up.
CONTINUUM, PROFILE, SHARED = 0.02, 0.02, 0.07

#: Width of a second component of H alpha and [N II], in widths of the first, and its limits in km/s: winds and a
#: line-spread function with wings are no broad line.
WING, LEAST_WING, MOST_WING = 2.2, 250.0, 400.0

_SIGMA = 2 * math.sqrt(2 * math.log(2))
#: Narrow lines by column: key, share.
_NARROW: tuple[tuple[tuple[str, float], ...], ...] = (
    (("ha", 1.0),),
    (("nii", 1.0), ("nii_6548", 1 / 3.05)),
    (("sii_6716", 1.0),),
    (("sii_6731", 1.0),),
    (("oi", 1.0), ("oi_6364", 1 / 3.0)),
)


@dataclass(frozen=True)
class Window:
    """Pixels around H alpha, good ones alone.

    Attributes:
        rest: Vacuum angstrom, (n_pixels,).
        flux, root: Flux density and square root of the inverse variance, (n_pixels,).
        stars: The populations' spectrum, (n_pixels,).
        spread: Of the line-spread function at H alpha, one sigma, km/s.
        velocity, width: Of the narrow lines as fitted, km/s.
    """

    rest: NDArray[np.float64]
    flux: NDArray[np.float64]
    root: NDArray[np.float64]
    stars: NDArray[np.float64]
    spread: float
    velocity: float
    width: float

    def line(self, centre: float, sigma: float) -> NDArray[np.float64]:
        """A Gaussian of unit flux at a rest wavelength, sigma in km/s beside the spread."""
        whole = centre * math.hypot(sigma, self.spread) / SPEED_OF_LIGHT
        u = (self.rest - centre * (1 + self.velocity / SPEED_OF_LIGHT)) / whole
        return np.exp(-0.5 * np.minimum(u * u, 80)) / (math.sqrt(2 * math.pi) * whole)


def broad_values(window: Window, z: float) -> Values:
    """`ha_broad_flux`, `ha_broad_ew` (rest) and `ha_broad_fwhm` with their errors.

    Stars on a straight line, narrow lines of one width with wings, and a Gaussian at H alpha of every width and offset:
    the best is taken where it stands `SIGNIFICANT` errors above zero and is none at an end of the widths, where it is
    the wings of the narrow lines or the continuum; else that of a usual width. Where that is significant nevertheless,
    it is the best with its larger error, or unknown at an end: what has no width is no significant broad line. The
    error is the noise, scaled where the fit is worse than it, and how far the stars and the profile of the narrow lines
    may be off.
    """
    amplitude, gain, chi2, narrow = _scan(window)
    level = float(np.median(window.stars[np.abs(window.rest - LINE["ha"].wavelength) < 100]))
    scale = max(1.0, float(chi2.min()) / max(len(window.rest) - 12, 1))
    angstrom = FWHMS / SPEED_OF_LIGHT * LINE["ha"].wavelength
    noise = np.where(gain > 0, np.abs(amplitude) / np.sqrt(np.maximum(gain, 1e-300)), np.inf) * math.sqrt(
        scale
    )
    model = np.hypot(CONTINUUM * max(level, 0.0) * angstrom[:, None], PROFILE * narrow)
    error = np.hypot(np.hypot(noise, model), SHARED * np.abs(amplitude))
    best = divmod(int(np.argmin(chi2)), chi2.shape[1])
    fwhm = _width(chi2.min(axis=1), scale)
    has_width = math.isfinite(fwhm[0])
    usual = int(np.argmin(np.abs(FWHMS - USUAL))), len(_OFFSETS) // 2
    at = best if has_width and _stands(amplitude, error, best) else usual
    if at == usual and best != usual and _stands(amplitude, error, usual):
        if not has_width:
            return dict.fromkeys(("ha_broad_flux", "ha_broad_ew", "ha_broad_fwhm"), (math.nan, math.nan))
        at = best
    flux, flux_error = float(amplitude[at]) * (1 + z), float(error[at]) * (1 + z)
    ew = (flux / (1 + z) / level, flux_error / (1 + z) / level) if level > 0 else (math.nan, math.nan)
    if not (has_width and _stands(amplitude, error, at)):
        fwhm = math.nan, math.nan
    return {"ha_broad_flux": (flux, flux_error), "ha_broad_ew": ew, "ha_broad_fwhm": fwhm}


def _stands(amplitude: NDArray, error: NDArray, at: tuple[int, ...]) -> bool:
    """Whether a component is significant."""
    return bool(amplitude[at] > SIGNIFICANT * error[at])


def _scan(window: Window) -> tuple[NDArray, NDArray, NDArray, float]:
    """Amplitude, gain in chi2 and chi2 of broad lines, each (n_widths, n_offsets), the best narrow width for each.

    And the flux of H alpha and [N II] without a broad line.
    """
    data = window.flux * window.root
    x = (window.rest - LINE["ha"].wavelength) / 300
    base = np.stack([window.stars, window.stars * x], axis=1)
    centre = LINE["ha"].wavelength
    broad = np.stack([
        window.line(centre * (1 + offset / SPEED_OF_LIGHT), fwhm / _SIGMA) for fwhm in FWHMS for offset in _OFFSETS
    ], axis=1) * window.root[:, None]  # fmt: skip
    shape = len(FWHMS), len(_OFFSETS)
    amplitude, gain, chi2 = np.zeros(shape), np.zeros(shape), np.full(shape, np.inf)
    narrow, lowest = 0.0, np.inf
    for width in dict.fromkeys((min(window.width, _WIDTHS[-1]), *_WIDTHS)):
        wing = min(max(WING * width, LEAST_WING), MOST_WING)
        lines = [_column(window, of, width) for of in _NARROW] + [
            _column(window, of, wing) for of in _NARROW[:2]
        ]
        q, r = np.linalg.qr(np.column_stack([base, *lines]) * window.root[:, None])
        residual = data - q @ (q.T @ data)
        if float(residual @ residual) < lowest:
            lowest = float(residual @ residual)
            fluxes = np.linalg.lstsq(r, q.T @ data, rcond=None)[0]
            narrow = float(np.abs(fluxes[[2, 3, 7, 8]]).sum())
        rest = broad - q @ (q.T @ broad)
        norm = np.maximum(np.einsum("pb,pb->b", rest, rest), 1e-300)
        product = rest.T @ residual
        whole = (float(residual @ residual) - product**2 / norm).reshape(shape)
        better = whole < chi2
        chi2[better] = whole[better]
        amplitude[better] = (product / norm).reshape(shape)[better]
        gain[better] = (product**2 / norm).reshape(shape)[better]
    return amplitude, gain, chi2, narrow


def _column(window: Window, of: tuple[tuple[str, float], ...], width: float) -> NDArray[np.float64]:
    """Lines of one width with fixed shares."""
    return np.sum([share * window.line(LINE[key].wavelength, width) for key, share in of], axis=0)


def _width(chi2: NDArray, scale: float) -> tuple[float, float]:
    """FWHM and its error, km/s, from the chi2 at each width; NaN at an end of what is tried."""
    i = int(np.argmin(chi2))
    if i in (0, len(chi2) - 1):
        return math.nan, math.nan
    step = math.log(FWHMS[1] / FWHMS[0])
    curvature = (chi2[i - 1] - 2 * chi2[i] + chi2[i + 1]) / step**2
    if curvature <= 0:
        return math.nan, math.nan
    centre = math.log(FWHMS[i]) - (chi2[i + 1] - chi2[i - 1]) / (2 * step) / curvature
    error = math.sqrt(2 * scale / curvature)
    return math.exp(centre), math.exp(centre) * math.hypot(error, 0.05)
