"""All measurements of one spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import SpectroveError
from spectrove.galaxies.line_fit import LineFit, measure_lines
from spectrove.galaxies.measuring.lines import Values, line_values
from spectrove.galaxies.measuring.measures import MEASURES
from spectrove.inference.per_spectrum import PerSpectrum
from spectrove.readers.assemble import FLUX_UNIT
from spectrove.spectra import Spectrum

#: Redshifts at which lines are measured.
LOWEST, HIGHEST = -0.01, 20.0

#: Why nothing is measured in a spectrum without a redshift.
NO_REDSHIFT = "no redshift, and lines and bands are measured at rest"

_PLACE = {measure.name: i for i, measure in enumerate(MEASURES)}
_FLUXES = np.array([measure.group == "line flux" for measure in MEASURES])


def why_not(spectrum: Spectrum) -> str:
    """Why nothing can be measured in a spectrum; "" if something can."""
    if not np.isfinite(spectrum.z):
        return NO_REDSHIFT
    if not LOWEST <= spectrum.z <= HIGHEST:
        return f"redshift is {spectrum.z:g}, expected {LOWEST:g} to {HIGHEST:g}. Correct column z."
    if not spectrum.good.any():
        return f"no good pixel among {len(spectrum.flux)}. Check the file's ivar and mask."
    return ""


def measure_one(spectrum: Spectrum) -> NDArray[np.float64]:
    """Values and errors of `MEASURES` by turns, (2 n_measures,); NaN where they cannot be measured.

    Line fluxes are absolute only in a spectrum whose unit is known; in another one they stay unknown.
    """
    out = np.full((len(MEASURES), 2), np.nan)
    if why_not(spectrum):
        return out.ravel()
    try:
        fit = measure_lines(spectrum, spectrum.z)
    except (SpectroveError, np.linalg.LinAlgError):  # one bad spectrum does not stop the others
        return out.ravel()
    for name, pair in (line_values(fit) | index_values(fit)).items():
        out[_PLACE[name]] = pair
    if spectrum.row.get("flux_unit") != FLUX_UNIT or spectrum.row.get("calibrated") is False:
        out[_FLUXES] = np.nan
    known = np.isfinite(out).all(axis=1) & (out[:, 1] > 0)
    out[~known] = np.nan
    return out.ravel()


def index_values(fit: LineFit) -> Values:
    """The 4000 angstrom break and H delta A."""
    return {"d4000n": (fit.d4000n, fit.index_error[0]), "hdelta_a": (fit.hdelta_a, fit.index_error[1])}


#: The measurements of each spectrum of a set, remembered.
measured = PerSpectrum(lambda spectra: [measure_one(spectrum) for spectrum in spectra])
