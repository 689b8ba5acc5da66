"""Absorption indices: equivalent widths of a band against a straight line between two side bands."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.measuring.values import Values

#: Blue side band, central band, red side band, rest vacuum angstrom, by name. From the published air wavelengths.
#: Sources: hdelta_a, hgamma_a: Worthey & Ottaviani 1997, ApJS 111, 377; the others: Trager et al. 1998, ApJS 116, 1,
#: table 2 (after Worthey et al. 1994, ApJS 94, 687).
BANDS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "hdelta_a": ((4042.74, 4082.65), (4084.65, 4123.41), (4129.66, 4162.17)),
    "hgamma_a": ((4284.71, 4320.96), (4320.96, 4364.73), (4368.48, 4420.99)),
    "lick_hb": ((4829.22, 4849.23), (4849.23, 4877.99), (4877.99, 4892.99)),
    "lick_mgb": ((5119.13, 5144.13), (5161.56, 5194.07), (5192.82, 5207.82)),
    "lick_fe5270": ((5234.61, 5249.61), (5247.11, 5287.12), (5287.12, 5319.63)),
    "lick_fe5335": ((5306.10, 5318.85), (5313.60, 5353.61), (5354.86, 5364.87)),
    "lick_nad": ((5862.25, 5877.30), (5878.50, 5911.01), (5923.77, 5949.77)),
}

#: Indices whose band holds a line in emission; `NAME_sub` is measured with the fitted lines subtracted.
FILLED: dict[str, str] = {"hdelta_a": "hd", "hgamma_a": "hg", "lick_hb": "hb"}

#: How far the flux calibration may bend between a band and its side bands, relative: with it the errors hold of the
#: simulated survey, whose calibration has the waves that residuals of SDSS show.
RIPPLE = 0.008

#: The same between the two bands of the 4000 angstrom break.
BREAK_RIPPLE = 0.012

#: Least share of a band that good pixels cover.
LEAST_COVERED = 0.8


def index_values(rest: NDArray, flux: NDArray, ivar: NDArray, emission: NDArray, line_ew: Values) -> Values:
    """All indices, positive in absorption, each with its error.

    They are measured at the resolution of the spectrum: neither smoothed to that of the Lick system nor corrected for
    the velocity dispersion.

    Args:
        rest: Rest vacuum angstrom, (n_pixels,).
        flux, ivar: Per angstrom, any unit; zero inverse variance where bad.
        emission: The fitted emission lines, in the unit of the flux.
        line_ew: Equivalent widths of these lines with their errors, which are those of what is subtracted.
    """
    found = {name: lick_index(rest, flux, ivar, name) for name in BANDS}
    for name, line in FILLED.items():
        value, error = lick_index(rest, flux - emission, ivar, name)
        found[f"{name}_sub"] = value, math.hypot(error, line_ew[f"{line}_ew"][1])
    return found


def lick_index(rest: NDArray, flux: NDArray, ivar: NDArray, name: str) -> tuple[float, float]:
    """One index of `BANDS` and its one-sigma error, angstrom; NaN where a band is not covered.

    Pixels that an edge of a band divides count in part. The error is that of the pixels in the central band and of the
    two means that the line is drawn through, and how far the flux calibration may bend between the bands.
    """
    blue, centre, red = BANDS[name]
    means = [band_mean(rest, flux, ivar, *band) for band in (blue, red)]
    weight, span = _inside(rest, ivar, *centre)
    if not all(math.isfinite(mean) and mean > 0 for mean, _ in means) or weight is None:
        return math.nan, math.nan
    (low, low_variance), (high, high_variance) = means
    x = (rest[span] - sum(blue) / 2) / (sum(red) / 2 - sum(blue) / 2)
    line = low + (high - low) * x
    width = centre[1] - centre[0]
    share = weight / weight.sum() * width
    ratio = flux[span] / line
    good = share > 0
    value = float(np.sum(share * (1 - ratio)))
    slope = share * ratio / line
    variance = np.sum((share[good] / line[good]) ** 2 / ivar[span][good])
    variance += np.sum(slope * (1 - x)) ** 2 * low_variance + np.sum(slope * x) ** 2 * high_variance
    return value, math.hypot(math.sqrt(float(variance)), RIPPLE * width)


def band_mean(rest: NDArray, flux: NDArray, ivar: NDArray, low: float, high: float) -> tuple[float, float]:
    """Mean flux density over a band and its variance; NaN where it is not covered."""
    weight, span = _inside(rest, ivar, low, high)
    if weight is None:
        return math.nan, math.nan
    share = weight / weight.sum()
    good = share > 0
    return float(share @ flux[span]), float(np.sum(share[good] ** 2 / ivar[span][good]))


def _inside(rest: NDArray, ivar: NDArray, low: float, high: float) -> tuple[NDArray | None, slice]:
    """How much of each good pixel lies in a band, angstrom, and which pixels these are; None where not covered."""
    a, b = np.searchsorted(rest, [low, high])
    span = slice(max(int(a) - 1, 0), min(int(b) + 1, len(rest)))
    near = rest[span]
    if len(near) < 4:
        return None, span
    edges = np.concatenate(
        [[1.5 * near[0] - 0.5 * near[1]], (near[1:] + near[:-1]) / 2, [1.5 * near[-1] - 0.5 * near[-2]]]
    )
    weight = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None)
    weight = np.where(ivar[span] > 0, weight, 0.0)
    return (weight if weight.sum() >= LEAST_COVERED * (high - low) else None), span
