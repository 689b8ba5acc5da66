"""Fluxes, equivalent widths and ratios of lines, from the fit of `line_fit`."""

from __future__ import annotations

import math

from spectrove.galaxies.line_fit import LineFit
from spectrove.galaxies.measuring.measures import LINE_TITLES, RATIOS

#: A number and its one-sigma error, by the name of the measure; what cannot be measured is absent or NaN.
Values = dict[str, tuple[float, float]]

#: Both lines of a ratio stand this many errors above zero: below, the logarithm has no Gaussian error.
LEAST_RATIO_SN = 3.0


def line_values(fit: LineFit) -> Values:
    """Fluxes and rest-frame equivalent widths of the fitted lines and sums, and their ratios."""
    found: Values = {}
    for key in LINE_TITLES:
        found[f"{key}_flux"] = fit.flux[key], fit.error[key]
        found[f"{key}_ew"] = fit.ew[key], fit.ew_error[key]
    for top, bottom in RATIOS:
        found[f"log_{top}_{bottom}"] = log_ratio(fit, top, bottom)
    return found


def log_ratio(fit: LineFit, top: str, bottom: str) -> tuple[float, float]:
    """log10 of the ratio of two lines and its error; NaN unless both stand `LEAST_RATIO_SN` errors above zero."""
    a, b = fit.flux[top], fit.flux[bottom]
    relative_a, relative_b = fit.error[top] / abs(a), fit.error[bottom] / abs(b)
    if not (a > 0 and b > 0 and max(relative_a, relative_b) < 1 / LEAST_RATIO_SN):
        return math.nan, math.nan
    return math.log10(a / b), math.hypot(relative_a, relative_b) / math.log(10)
