"""What is true of a mock galaxy, and what of it an injection leaves true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.line_fit import SUMS, continuum_levels, stellar_indices
from spectrove.galaxies.mock.galaxies import Galaxy, age_of_light
from spectrove.galaxies.mock.labels import CATALOG_LINES
from spectrove.galaxies.mock.signal import with_row
from spectrove.spectra import Spectrum

WIDTHS = tuple(f"truth_{key}_ew" for key in CATALOG_LINES)
RATIOS = tuple(f"truth_log_{name}" for name in ("nii_ha", "oiii_hb", "sii_ha", "oi_ha", "ha_hb"))
INDICES = ("truth_d4000n", "truth_hdelta_a")
STARS = ("truth_log_age", "truth_metallicity", "truth_ebv")
MOTIONS = ("truth_vdisp", "truth_line_width")
_EVERYTHING = (*WIDTHS, *RATIOS, *INDICES, *STARS, *MOTIONS)
_OTHER_CONTINUUM = (*WIDTHS, *INDICES, *STARS, "truth_vdisp")
_OTHER_LINES = (*WIDTHS, *RATIOS, *INDICES, "truth_line_width")

#: Columns that no longer hold of the spectrum, by kind of outlier and for "lens". Null is better than wrong: what
#: learns from the truth is to skip these. Strong sodium touches nothing that a column tells.
UNTRUE: Mapping[str, tuple[str, ...]] = {
    "calibration_jump": (*RATIOS[1:], *INDICES, *STARS),
    "star_blend": _OTHER_CONTINUUM,
    "quasar_blend": (*_OTHER_CONTINUUM, *RATIOS, "truth_line_width"),
    "double_peaks": _OTHER_LINES,
    "broad_lines": _EVERYTHING,
    "extreme_emission": _OTHER_LINES,
    "strong_nad": (),
    "post_starburst": _EVERYTHING,
    "supernova": _OTHER_CONTINUUM,
    "dust": (*RATIOS[1:], *INDICES, "truth_ebv"),
    "wrong_redshift": _EVERYTHING,
    "odd_ratios": _OTHER_LINES,
    "lens": (*WIDTHS, *INDICES),
}


def forget(spectrum: Spectrum, columns: tuple[str, ...]) -> Spectrum:
    """The spectrum with these columns null in its row, where the row has them."""
    return with_row(spectrum, **{name: None for name in columns if name in spectrum.row})


def truth_columns(
    galaxy: Galaxy, wavelength: NDArray, continuum: NDArray, emission: NDArray, ha_level: float
) -> dict[str, Any]:
    """What is true of a galaxy before noise and before anything was injected.

    Equivalent widths and indices are those that `measure_lines` would find without noise.

    Args:
        galaxy: The galaxy.
        wavelength: Observed vacuum angstrom, (n_pixels,).
        continuum, emission: Flux density that reaches the telescope, on those pixels.
        ha_level: Continuum that the galaxy's H alpha equivalent width refers to.
    """
    age, metallicity = age_of_light(galaxy)
    d4000n, hdelta_a = _indices(galaxy.z, wavelength, continuum + emission)
    return {
        "truth_class": galaxy.name,
        "truth_background": None,
        "truth_z": galaxy.z,
        "truth_z_source": None,
        "truth_line_sn": None,
        "truth_log_nii_ha": galaxy.ratios.log_nii_ha,
        "truth_log_oiii_hb": galaxy.ratios.log_oiii_hb,
        "truth_log_sii_ha": galaxy.ratios.log_sii_ha,
        "truth_log_oi_ha": galaxy.ratios.log_oi_ha,
        "truth_log_ha_hb": galaxy.ratios.log_ha_hb,
        "truth_vdisp": galaxy.vdisp,
        "truth_line_width": galaxy.lines.sigma,
        "truth_ebv": galaxy.ebv,
        "truth_log_age": age,
        "truth_metallicity": metallicity,
        "truth_d4000n": d4000n,
        "truth_hdelta_a": hdelta_a,
        **_widths(galaxy, wavelength, continuum, ha_level),
    }


def _indices(z: float, wavelength: NDArray, flux: NDArray) -> tuple[float | None, float | None]:
    rest = wavelength / (1 + z)
    near = slice(*np.searchsorted(rest, [3840.0, 4180.0]))
    (d4000n, _), (hdelta_a, _) = stellar_indices(rest[near], flux[near], np.ones(near.stop - near.start))
    return _known(d4000n), _known(hdelta_a)


def _widths(
    galaxy: Galaxy, wavelength: NDArray, continuum: NDArray, ha_level: float
) -> dict[str, float | None]:
    """Rest-frame equivalent widths, angstrom; null where the continuum under a line is not covered."""
    levels = continuum_levels(wavelength / (1 + galaxy.z), continuum, CATALOG_LINES, 0.0)
    relative = dict(zip(galaxy.lines.keys, galaxy.lines.relative.tolist(), strict=True))
    of = {key: sum(relative[part] for part in SUMS.get(key, (key,))) for key in CATALOG_LINES}
    flux = galaxy.ha_ew * ha_level
    return {f"truth_{key}_ew": _known(flux * of[key] / levels[key]) for key in CATALOG_LINES}


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
