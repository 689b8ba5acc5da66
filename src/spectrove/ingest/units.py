"""Units of files whose reader does not know them: wavelength in angstrom, flux in one unit, air or vacuum."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.ingest.assemble import FLUX_UNIT

#: Spellings that astropy does not read.
_SPELLINGS = (
    (re.compile(r"\b(angstroms|angs|ang|AA|A)\b", re.I), "Angstrom"),
    (re.compile(r"\bmicrons?\b", re.I), "um"),
    (re.compile(r"\bergs\b", re.I), "erg"),
    (re.compile(r"\bcounts?\b|\bADU\b", re.I), "count"),
    (re.compile(r"(\b(?:cm|s|Hz))\^?(-?\d)"), r"\1**(\2)"),
    (re.compile(r"^\s*1?\.?0?E([+-]?\d+)", re.I), r"10**(\1)"),
    (re.compile(r"10\^([+-]?\d+)"), r"10**(\1)"),
)
#: Float32 holds inverse variances of fluxes of this size without overflow or loss.
_SAFE = (1e-12, 1e12)


def parse_unit(text: str | None) -> Any | None:
    """An astropy unit, or None if the text is none."""
    if not text or not text.strip():
        return None
    import astropy.units as u  # a fraction of a second, and the fast readers do without

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "erg/s/cm2/A" has more slashes than astropy advises
        # Respelled first: to astropy a plain A is an ampere.
        for spelling in (_respelled(text), text):
            try:
                return u.Unit(spelling.strip().strip("[]"))
            except (ValueError, TypeError):
                continue
    return None


def _respelled(text: str) -> str:
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    return text


def to_angstrom(values: NDArray, unit: str | None, name: str) -> NDArray[np.float64]:
    """Wavelengths in angstrom; without a unit they are taken to be so already.

    Raises:
        FormatError: If the unit is not one of wavelength, frequency or energy.
    """
    values = np.asarray(values, dtype=float)
    found = parse_unit(unit)
    if found is None:
        return values
    import astropy.units as u

    try:
        return (values * found).to_value(u.AA, equivalencies=u.spectral())
    except u.UnitConversionError as error:
        raise FormatError(
            f"{name}: wavelengths in {unit!r}, expected a unit of length. Say it with --wavelength-unit."
        ) from error


def to_flux_density(
    wavelength: NDArray, flux: NDArray, unit: str | None
) -> tuple[NDArray, NDArray, str | None, bool]:
    """Fluxes in `FLUX_UNIT` where the unit is a spectral flux density, else as they are.

    Args:
        wavelength: Angstrom, shape (n_pixels,).
        flux: In `unit`, same shape.
        unit: Name of the unit, None if unknown.

    Returns:
        Flux, the factor per pixel that it was multiplied by, the unit's name, and whether the flux is a
        spectral flux density.
    """
    found = parse_unit(unit)
    factor = np.ones(len(flux))
    if found is not None:
        import astropy.units as u

        target = 1e-17 * u.erg / u.s / u.cm**2 / u.AA
        try:
            factor = (factor * found).to_value(target, equivalencies=u.spectral_density(wavelength * u.AA))
            return flux * factor, factor, FLUX_UNIT, True
        except u.UnitConversionError:
            unit = found.to_string()
    finite = np.abs(flux[np.isfinite(flux) & (flux != 0)])
    size = float(np.median(finite)) if len(finite) else 1.0
    if not _SAFE[0] < size < _SAFE[1]:
        power = int(np.floor(np.log10(size)))
        factor = factor * 10.0**-power
        unit = f"1e{power} {unit or '(unit not stated)'}"
    return flux * factor, factor, unit, False


def medium_of(header: Mapping[str, Any], column: str, wavelength: NDArray) -> tuple[str, bool]:
    """Whether wavelengths are in "air" or "vacuum", and whether the file says so.

    The header's VACUUM, AIRORVAC or CTYPE1 decide, then the name of the column. Otherwise it is assumed: the
    0.0001 dex grid of SDSS and MaNGA, space telescopes and the infrared beyond 2.5 micron are vacuum, all
    else air, as reduced with IRAF or ESO pipelines.
    """

    def text(key: str) -> str:
        return str(header.get(key) or "").strip().upper()

    if isinstance(header.get("VACUUM"), bool | np.bool_):
        return ("vacuum" if header["VACUUM"] else "air"), True
    for key in ("AIRORVAC", "MEDIUM", "WAVEMED"):
        if text(key)[:3] in ("AIR", "VAC"):
            return ("air" if text(key).startswith("AIR") else "vacuum"), True
    for start, medium in (("AWAV", "air"), ("WAVE", "vacuum")):
        if text("CTYPE1").startswith(start) and not text("CTYPE1").startswith("WAVELEN"):
            return medium, True
    if "vac" in column:
        return "vacuum", True
    if "air" in column or column == "awav":
        return "air", True
    steps = np.diff(np.log10(wavelength)) if np.all(wavelength > 0) else np.zeros(1)
    sdss_grid = len(steps) > 10 and np.allclose(np.abs(steps), 1e-4, atol=2e-6)
    space = any(
        word in text("TELESCOP") + text("INSTRUME") for word in ("JWST", "HST", "NIRSPEC", "STIS", "COS")
    )
    return ("vacuum" if sdss_grid or space or wavelength.max() > 25000 else "air"), False
