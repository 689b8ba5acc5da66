"""Na D absorption beyond that of the stars, as gas in front of them makes it, and its velocity."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.lines import LINE
from spectrove.galaxies.measuring.values import Values
from spectrove.lines import SPEED_OF_LIGHT

#: Rest vacuum angstrom in which the excess is summed.
BAND = (5879.0, 5911.0)

#: How far the stars' own Na D may differ from that of the populations, angstrom: half the width of the differences of
#: 1,023 galaxies of SDSS at good signal, of all kinds, and of simulated ones whose stars are none of the populations.
STARS = 0.75

#: Errors of the equivalent width at which its velocity is measured: in all, and of the noise alone.
LEAST_SN, LEAST_NOISE_SN = 2.0, 4.0

#: How far stars that differ from the populations may move the velocity, km/s.
MOVED = 25.0

#: Velocities and widths (one sigma) that are tried, km/s.
_VELOCITIES = np.arange(-700.0, 701.0, 20.0)
_WIDTHS = (80.0, 140.0, 220.0)
_CENTRES = np.array([LINE["nad_5890"].wavelength, LINE["nad_5896"].wavelength])


def sodium_values(rest: NDArray, flux: NDArray, ivar: NDArray, continuum: NDArray) -> Values:
    """`nad_ew`, angstrom, positive in absorption, and `nad_velocity`, km/s, negative towards us.

    Args:
        rest: Rest vacuum angstrom, (n_pixels,).
        flux, ivar: Without emission lines; zero inverse variance where bad.
        continuum: Stellar continuum, fitted with Na D left out, NaN where there is none.
    """
    low, high = np.searchsorted(rest, BAND)
    span = slice(int(low), int(high))
    level, good = continuum[span], ivar[span] > 0
    unknown = {"nad_ew": (math.nan, math.nan), "nad_velocity": (math.nan, math.nan)}
    if good.sum() < max(8, 0.8 * len(good)) or not (np.isfinite(level) & (level > 0)).all():
        return unknown
    depth = (1 - flux[span] / level)[good]
    root = (np.sqrt(ivar[span]) * level)[good]
    width = (BAND[1] - BAND[0]) / good.sum()
    value, noise = float(depth.sum() * width), float(np.sqrt(np.sum(1 / root**2))) * width
    error = math.hypot(noise, STARS)
    found = {**unknown, "nad_ew": (value, error)}
    if value > max(LEAST_SN * error, LEAST_NOISE_SN * noise):
        found["nad_velocity"] = _velocity(np.log(rest[span][good]), depth, root)
    return found


def _velocity(x: NDArray, depth: NDArray, root: NDArray) -> tuple[float, float]:
    """Velocity of a doublet in absorption and its error, from the chi2 at all velocities, the best width at each.

    Both lines have free depths that are not negative. The error is that of noise, scaled where the fit is worse than
    the noise allows, a tenth of the width for a profile that is no Gaussian, and `MOVED`.
    """
    best = np.full(len(_VELOCITIES), np.inf)
    width_at = np.zeros(len(_VELOCITIES))
    data = depth * root
    for width in _WIDTHS:
        shift = (
            x[None, None, :] - np.log(_CENTRES)[:, None, None] - (_VELOCITIES / SPEED_OF_LIGHT)[None, :, None]
        )
        lines = np.exp(-0.5 * (shift * SPEED_OF_LIGHT / width) ** 2) * root  # (2, n_velocities, n_pixels)
        chi2 = _chi2(lines, data)
        better = chi2 < best
        best[better], width_at[better] = chi2[better], width
    i = int(np.argmin(best))
    if i in (0, len(best) - 1):
        return math.nan, math.nan
    step = _VELOCITIES[1] - _VELOCITIES[0]
    curvature = (best[i - 1] - 2 * best[i] + best[i + 1]) / step**2
    if curvature <= 0:
        return math.nan, math.nan
    velocity = _VELOCITIES[i] - (best[i + 1] - best[i - 1]) / (2 * step) / curvature
    scale = max(1.0, float(best[i]) / max(len(x) - 4, 1))
    return float(velocity), math.hypot(math.sqrt(2 * scale / curvature), 0.1 * float(width_at[i]), MOVED)


def _chi2(lines: NDArray, data: NDArray) -> NDArray[np.float64]:
    """Least chi2 of two lines of free depths, none negative, at each velocity, (n_velocities,)."""
    a, b = lines
    aa, bb, ab = (np.einsum("vp,vp->v", p, q) for p, q in ((a, a), (b, b), (a, b)))
    ad, bd = a @ data, b @ data
    determinant = np.maximum(aa * bb - ab**2, 1e-12 * aa * bb + 1e-300)
    first, second = (bb * ad - ab * bd) / determinant, (aa * bd - ab * ad) / determinant
    both = np.where((first >= 0) & (second >= 0), first * ad + second * bd, 0.0)
    alone = np.maximum(
        np.maximum(ad, 0) ** 2 / np.maximum(aa, 1e-300), np.maximum(bd, 0) ** 2 / np.maximum(bb, 1e-300)
    )
    return float(data @ data) - np.maximum(both, alone)
