"""Fluxes, equivalent widths, ratios, velocity and width of lines, from the fit of `line_fit`."""

from __future__ import annotations

import math

from spectrove.galaxies.line_fit import BALMER, SUMS, LineFit
from spectrove.galaxies.lines import LINE
from spectrove.galaxies.measuring.colours import calibration_error
from spectrove.galaxies.measuring.measures import LINE_TITLES, RATIOS
from spectrove.galaxies.measuring.values import Values

#: Both lines of a ratio stand this many errors above zero: below, the logarithm has no Gaussian error.
LEAST_RATIO_SN = 3.0

#: How far the stellar absorption under a line may be off, angstrom, beside `line_fit.CONTINUUM_EW`: simulated
#: galaxies whose stars are none of the fitted populations lie .3 to .9 below the truth, SDSS's own fits .4 on the other
#: side of ours.
ABSORPTION: dict[str, float] = {"ha": 0.6, "hb": 0.65, "hg": 0.6, "hd": 0.6, "oiii": 0.08}

#: How far the continuum under a line may be off in an equivalent width, relative: the same comparisons of strong lines.
LEVEL, BALMER_LEVEL = 0.03, 0.08

#: How far the wavelengths of a spectrum may be off as a velocity, km/s; its line-spread function, relative; and the
#: width of a line that is no Gaussian, relative.
WAVELENGTHS, SPREAD, PROFILE = 3.0, 0.05, 0.06


def line_values(fit: LineFit, z: float, spread: float) -> Values:
    """Fluxes and rest-frame equivalent widths of the fitted lines and sums, their ratios, velocity and width.

    Args:
        fit: The lines.
        z: The redshift.
        spread: One sigma of the line-spread function at H alpha, km/s, which the width is corrected for.
    """
    found: Values = {}
    for key in LINE_TITLES:
        found[f"{key}_flux"], found[f"{key}_ew"] = _line(fit, key)
    for top, bottom in RATIOS:
        value, error = log_ratio(found[f"{top}_flux"], found[f"{bottom}_flux"])
        low, high = (LINE[SUMS.get(key, (key,))[0]].wavelength for key in (top, bottom))
        found[f"log_{top}_{bottom}"] = value, math.hypot(error, 0.4 * calibration_error(low, high, z))
    velocity_error, width_error = fit.kinematics_error
    shape = math.hypot(SPREAD * spread**2 / max(fit.width, 1.0), PROFILE * fit.width)
    found["line_velocity"] = fit.velocity, math.hypot(velocity_error, WAVELENGTHS)
    found["line_width"] = fit.width, math.hypot(width_error, shape)
    return found


def _line(fit: LineFit, key: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Flux and equivalent width of a line, each with its error; of a line without a continuum only the flux."""
    flux, error, ew = fit.flux[key], fit.error[key], fit.ew[key]
    if not math.isfinite(ew):
        return (flux, error), (math.nan, math.nan)
    absorption = ABSORPTION.get(key, 0.0)
    level = flux / ew if ew else 0.0
    uncertain = (BALMER_LEVEL if key in BALMER else LEVEL) * ew
    return (flux, math.hypot(error, absorption * level)), (
        ew,
        math.hypot(fit.ew_error[key], absorption, uncertain),
    )


def log_ratio(top: tuple[float, float], bottom: tuple[float, float]) -> tuple[float, float]:
    """log10 of the ratio of two lines and its error; NaN unless both stand `LEAST_RATIO_SN` errors above zero."""
    if not all(value > LEAST_RATIO_SN * error for value, error in (top, bottom)):
        return math.nan, math.nan
    relative = math.hypot(*(error / value for value, error in (top, bottom)))
    return math.log10(top[0] / bottom[0]), relative / math.log(10)
