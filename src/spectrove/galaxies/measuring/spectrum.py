"""All measurements of one spectrum."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import SpectrumError
from spectrove.galaxies.line_fit import LineFit, line_spread, measure_lines
from spectrove.galaxies.lines import LINE
from spectrove.galaxies.measuring.broad import WINDOW, Window, broad_values
from spectrove.galaxies.measuring.colours import colour_values
from spectrove.galaxies.measuring.indices import BREAK_RIPPLE, index_values
from spectrove.galaxies.measuring.lines import line_values
from spectrove.galaxies.measuring.measures import MEASURES
from spectrove.galaxies.measuring.sodium import sodium_values
from spectrove.galaxies.measuring.values import Values
from spectrove.galaxies.quantities import FLUX
from spectrove.inference.per_spectrum import PerSpectrum
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.readers.assemble import FLUX_UNIT
from spectrove.spectra import Spectrum, SpectrumSet

#: Redshifts at which lines are measured.
LOWEST, HIGHEST = -0.01, 20.0

#: Why nothing is measured in a spectrum without a redshift.
NO_REDSHIFT = "no redshift, and lines and bands are measured at rest"

_PLACE = {measure.name: i for i, measure in enumerate(MEASURES)}
#: Measures in the unit of the flux, and those that compare distant wavelengths.
_FLUXES = np.array([measure.unit == FLUX for measure in MEASURES])
_SHAPES = np.array(
    [measure.group == "colour" or measure.name in ("log_ha_hb", "log_oiii_oii") for measure in MEASURES]
)


def why_not(spectrum: Spectrum) -> str:
    """Why nothing can be measured in a spectrum; "" if something can."""
    if not np.isfinite(spectrum.z):
        return NO_REDSHIFT
    if not LOWEST <= spectrum.z <= HIGHEST:
        return f"redshift is {spectrum.z:g}, expected {LOWEST:g} to {HIGHEST:g}. Correct column z."
    if not spectrum.good.any():
        return f"no good pixel among {len(spectrum.flux)}. Check the file's ivar and mask."
    return ""


def measure_one(spectrum: Spectrum) -> tuple[NDArray[np.float64], str]:
    """Values and errors of `MEASURES` by turns, (2 n_measures,), in any unit, and why there are none; "" if there are.

    NaN where a single one cannot be measured.
    """
    out = np.full((len(MEASURES), 2), np.nan)
    if why := why_not(spectrum):
        return out.ravel(), why
    try:
        values = all_values(spectrum)
    except (SpectrumError, np.linalg.LinAlgError) as error:  # one bad spectrum does not stop the others
        said = str(error).removeprefix(f"{spectrum.object_id}: ").rstrip(".")
        return out.ravel(), f"stars and lines cannot be fitted ({said}). Check the file's flux and ivar."
    for name, pair in values.items():
        out[_PLACE[name]] = pair
    known = np.isfinite(out).all(axis=1) & (out[:, 1] > 0)
    out[~known] = np.nan
    return out.ravel(), ""


def all_values(spectrum: Spectrum) -> Values:
    """Every measure of a spectrum that can be measured.

    Raises:
        SpectrumError: Lines cannot be fitted.
    """
    z = spectrum.z
    spectrum, _ = spectrum.with_gaps_filled()
    fit = measure_lines(spectrum, z)
    rest = np.asarray(spectrum.wavelength, float) / (1 + z)
    flux = np.asarray(spectrum.flux, float)
    ivar = np.where(spectrum.good, np.asarray(spectrum.ivar, float), 0.0)
    spread = float(line_spread(spectrum, rest, z, np.array([LINE["ha"].wavelength]))[0])
    lines = line_values(fit, z, spread)
    found = lines | {"d4000n": (fit.d4000n, math.hypot(fit.index_error[0], BREAK_RIPPLE * fit.d4000n))}
    found |= index_values(rest, flux, ivar, fit.emission, lines)
    found |= sodium_values(rest, flux - fit.emission, ivar, fit.continuum)
    found |= colour_values(rest, flux, ivar, z)
    window = around_ha(rest, flux, ivar, fit, spread)
    return found if window is None else found | broad_values(window, z)


def around_ha(rest: NDArray, flux: NDArray, ivar: NDArray, fit: LineFit, spread: float) -> Window | None:
    """The pixels in which a broad component is fitted; None unless most of them are good."""
    span = slice(*np.searchsorted(rest, WINDOW).tolist())
    good = (ivar[span] > 0) & np.isfinite(fit.stars[span])
    whole = len(rest) > 1 and rest[0] <= WINDOW[0] and rest[-1] >= WINDOW[1]
    if not whole or good.sum() < max(40, 0.8 * len(good)):
        return None
    near = np.abs(rest[span][good] / LINE["ha"].wavelength - 1) < 1500 / SPEED_OF_LIGHT
    core = np.abs(rest[span] / LINE["ha"].wavelength - 1) < 1500 / SPEED_OF_LIGHT
    if near.sum() < 0.8 * core.sum():
        return None
    velocity, width = fit.forbidden
    return Window(
        rest[span][good],
        flux[span][good],
        np.sqrt(ivar[span][good]),
        fit.stars[span][good],
        spread,
        velocity,
        width,
    )


def measured(spectra: SpectrumSet) -> NDArray[np.float64]:
    """Values and errors of each spectrum by turns, (n_spectra, 2 n_measures).

    Fluxes are absolute only in a spectrum whose unit is known; in another one they stay unknown, and so do colours
    and ratios over long ranges where the flux is not calibrated.
    """
    values = np.array([values for values, _ in _remembered(spectra)]).reshape(len(spectra), len(MEASURES), 2)
    names = spectra.rows.column_names
    unit = spectra.column("flux_unit") if "flux_unit" in names else [None] * len(spectra)
    calibrated = spectra.column("calibrated") if "calibrated" in names else [None] * len(spectra)
    bent = np.array([said is False for said in calibrated], bool)
    absolute = np.array([one == FLUX_UNIT for one in unit], bool) & ~bent
    values[np.ix_(~absolute, _FLUXES)] = np.nan
    values[np.ix_(bent, _SHAPES)] = np.nan
    return values.reshape(len(spectra), 2 * len(MEASURES))


def reasons(spectra: SpectrumSet) -> list[str]:
    """Why nothing is measured in each spectrum, a sentence; "" where something is."""
    return [why for _, why in _remembered(spectra)]


#: Of pixels and redshift alone.
_remembered = PerSpectrum(lambda spectra: [measure_one(spectrum) for spectrum in spectra])
