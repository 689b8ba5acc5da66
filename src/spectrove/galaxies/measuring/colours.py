"""Rest-frame colours between bands with straight edges, within the spectrum's own range."""

from __future__ import annotations

import math

from numpy.typing import NDArray

from spectrove.galaxies.measuring.indices import band_mean
from spectrove.galaxies.measuring.values import Values

#: Bands by the letter of the broad-band filter that they stand for: ends in rest vacuum angstrom.
COLOUR_BANDS: dict[str, tuple[float, float]] = {
    "u": (3400.0, 3850.0), "g": (4000.0, 5400.0), "r": (5600.0, 6900.0), "i": (6950.0, 8150.0),
}  # fmt: skip
COLOURS: tuple[tuple[str, str], ...] = (("u", "g"), ("g", "r"), ("r", "i"))

#: How far the flux calibration of survey spectra may bend between wavelengths, magnitudes per 1500 angstrom: the
#: scatter of g - r of SDSS spectra against photometry. Source: Adelman-McCarthy et al. 2008, ApJS 175, 297, section 4.
CALIBRATION = 0.05 / 1500.0


def calibration_error(low: float, high: float, z: float) -> float:
    """How far the calibration may bend a flux ratio between two rest wavelengths, magnitudes."""
    return CALIBRATION * abs(high - low) * (1 + z)


def colour_values(rest: NDArray, flux: NDArray, ivar: NDArray, z: float) -> Values:
    """Colours in AB magnitudes with their errors, not corrected for dust of the Milky Way.

    A band's flux is the mean of f_nu over its wavelengths. The error is the noise and the flux calibration.
    """
    per_frequency, weight = flux * rest**2, ivar / rest**4
    means = {name: band_mean(rest, per_frequency, weight, *ends) for name, ends in COLOUR_BANDS.items()}
    return {f"rest_{a}_{b}": _colour(means, a, b, z) for a, b in COLOURS}


def _colour(means: dict[str, tuple[float, float]], a: str, b: str, z: float) -> tuple[float, float]:
    (blue, blue_variance), (red, red_variance) = means[a], means[b]
    if not (blue > 3 * math.sqrt(blue_variance) and red > 3 * math.sqrt(red_variance)):
        return math.nan, math.nan
    noise = 2.5 / math.log(10) * math.hypot(math.sqrt(blue_variance) / blue, math.sqrt(red_variance) / red)
    low, high = (sum(COLOUR_BANDS[name]) / 2 for name in (a, b))
    return -2.5 * math.log10(blue / red), math.hypot(noise, calibration_error(low, high, z))
