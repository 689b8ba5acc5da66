"""Wavelengths in angstrom: by their unit, by that of their axis, or by their range where no unit is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.medium import from_space
from spectrove.readers.multispec import wavelength_unit
from spectrove.readers.units import is_wavelength, parse_unit, stated

#: Wavelengths without a unit: the unit, and between what their shortest and their longest must lie. Where nanometres
#: and ultraviolet angstrom, or logarithms and micron, have the same numbers there is no line, and the file is refused.
RANGES: tuple[tuple[str, tuple[float, float], tuple[float, float]], ...] = (
    ("m", (5e-8, 3e-5), (1e-7, 3e-5)),
    ("um", (0.09, 2.4), (0.2, 30)),
    ("um", (2.7, 3.3), (3.0, 30)),
    ("log10", (3.3, 4.6), (3.4, 4.7)),
    ("um", (4.6, 7.6), (4.7, 30)),
    ("um", (10.0, 25), (12.0, 40)),
    ("nm", (90, 880), (300, 2600)),
    ("Angstrom", (90, 880), (7000, 1e6)),
    ("Angstrom", (880, 2000), (3500, 1e6)),
    ("Angstrom", (2000, 1e6), (3000, 1e6)),
    ("Hz", (1e13, 5e15), (1e13, 5e15)),
)  # fmt: skip
_LOG = re.compile(r"^\W*(?P<base>log10|log_10|log|lg|dex|ln|loge)\b[\s(\[]*(?P<inner>.*?)[\s)\]]*$", re.I)
#: "Angstrom (air)", "nm, vacuum": what stands behind a unit is read by `medium.medium_in`.
_MEDIUM = re.compile(r"[\s,;_([-]+(?:in[\s_]+)?(?:air|vac(?:uum)?)\s*[)\]]*$", re.I)
_NO_UNIT = re.compile(r"^(?:lambda|wave(?:length)?|lam)?$", re.I)
#: Axis types of FITS WCS paper III, with the units that they have where none is written.
_SPECTRAL = {"WAVE", "AWAV", "FREQ", "ENER", "WAVN", "VRAD", "VOPT", "ZOPT", "VELO", "BETA"}
_NO_AXIS = ("RA--", "DEC-", "GLON", "GLAT", "PIX", "RA", "DEC")
_WCS_CARDS = ("CTYPE1", "CUNIT1", "CRVAL1", "CRPIX1", "CDELT1", "RESTFRQ", "RESTWAV", "SPECSYS",
              "PV1_0", "PV1_1", "PV1_2", "PV1_3", "PV1_4", "PV1_5", "PV1_6")  # fmt: skip


def to_angstrom(
    values: NDArray, unit: str | None, name: str, column: str = "", header: Mapping[str, Any] | None = None
) -> tuple[NDArray[np.float64], list[str]]:
    """Wavelengths in angstrom, and the flags to give: `wavelength_unit_assumed` where no unit is written.

    Args:
        values: Wavelengths, frequencies, energies, wavenumbers, or logarithms of wavelengths; shape (n_pixels,).
        unit: As written, "log10(Angstrom)" and the like too; None if nothing is.
        name: Of the spectrum, for the message.
        column: Name of the column: one that says "log" holds logarithms.
        header: What names the telescope.

    Raises:
        FormatError: If the unit is not understood, or there is none and the range does not tell.
    """
    values = np.asarray(values, dtype=float)
    base, unit = _base_and_unit(unit)
    finite = values[np.isfinite(values) & (values != 0)]
    largest = float(finite.max()) if len(finite) else 0.0
    named_log = ("log" in column or column.startswith("ln")) and largest < 12
    if base is not None or named_log:
        natural = _is_natural((base or column).lower(), unit, largest)
        values = np.where(values == 0, np.nan, values)  # padding
        with np.errstate(over="ignore"):
            values = np.exp(values) if natural else 10.0**values
        finite = values[np.isfinite(values)]
    if unit is not None:
        return _converted(values, unit, name), []
    unit = _by_range(finite, name, header or {})
    flags = [] if named_log and unit == "Angstrom" else ["wavelength_unit_assumed"]
    if unit == "log10":
        with np.errstate(over="ignore"):
            return 10.0**values, flags
    return _converted(values, unit, name), flags


def _base_and_unit(text: str | None) -> tuple[str | None, str | None]:
    """The base of the logarithm, "log10" or "ln" and the like, and the unit, each None where it is not written."""
    unit = stated(text)
    unit = None if unit is None else stated(_MEDIUM.sub("", unit))
    if unit is None or not (found := _LOG.match(unit)):
        return None, unit
    return found["base"], None if _NO_UNIT.match(found["inner"]) else found["inner"]


def _is_natural(base: str, unit: str | None, largest: float) -> bool:
    """Whether logarithms are natural: by their name, else of lengths by their size."""
    if base.startswith(("ln", "loge")):
        return True
    length = unit is None or (found := parse_unit(unit)) is None or is_wavelength(found)
    return length and largest > 6.5


def is_understood(text: str) -> bool:
    """Whether `to_angstrom` understands the unit; "log10(nm)" and "ln" are."""
    base, unit = _base_and_unit(text)
    return base is not None if unit is None else parse_unit(unit) is not None


def _converted(values: NDArray, unit: str, name: str) -> NDArray[np.float64]:
    found = parse_unit(unit)
    if found is None:
        raise FormatError(
            f"{name}: the wavelengths are in {unit!r}, which is not understood, expected a unit as 'Angstrom', 'nm' "
            "or 'um'. Say it with --wavelength-unit."
        )
    import astropy.units as u

    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((values * found).to_value(u.AA, equivalencies=u.spectral()))
    except (u.UnitConversionError, TypeError, AttributeError) as error:
        raise FormatError(
            f"{name}: wavelengths in {unit!r}, expected a unit of length, frequency or energy. "
            "Say it with --wavelength-unit."
        ) from error


def _by_range(values: NDArray, name: str, header: Mapping[str, Any]) -> str:
    values = values[values > 0]
    if not len(values):
        return "Angstrom"  # nothing to convert; refused for its range
    shortest, longest = float(values.min()), float(values.max())
    if shortest > 500 and longest < 4000 and from_space(header):
        return "Angstrom"
    for unit, (low, high), (least, most) in RANGES:
        if low <= shortest < high and least <= longest <= most:
            return unit
    raise FormatError(
        f"{name}: wavelengths run from {shortest:g} to {longest:g} and nothing says their unit; these may be "
        "several. Say it with --wavelength-unit, as --wavelength-unit nm."
    )


def in_vacuum_by_nature(unit: str | None) -> bool:
    """Whether the unit is of frequency, energy or wavenumber, which do not depend on the air."""
    found = parse_unit(unit)
    return found is not None and not is_wavelength(found)


def grid_of(hdu: Hdu) -> tuple[NDArray | None, str | None]:
    """Wavelengths of an image's last axis as its cards have them, and their unit; (None, None) for another axis.

    Raises:
        FormatError: If the axis is a spectral one that is not understood.

    Source:
        Greisen et al. 2006, A&A 446, 747 (FITS WCS paper III); IRAF's DC-FLAG and WAT1 for linear and log10 axes.
    """
    if hdu.image is None:
        return None, None
    start, pixel = hdu.number("CRVAL1"), hdu.number("CRPIX1")
    step = hdu.number("CD1_1") or hdu.number("CDELT1")
    kind = hdu.text("CTYPE1").upper()
    if start is None or not step or kind.startswith(_NO_AXIS):
        return None, None
    from_reference = np.arange(hdu.image.shape[-1]) + 1 - (1.0 if pixel is None else pixel)
    linear = start + step * from_reference
    unit = stated(hdu.text("CUNIT1")) or stated(wavelength_unit(hdu.header))
    if unit is None and parse_unit(kind) is not None and kind not in _SPECTRAL:
        unit = kind
    with np.errstate(over="ignore"):
        if hdu.number("DC-FLAG") == 1:
            return 10.0**linear, unit
        if kind[:4] in _SPECTRAL and kind[4:5] in ("", "-"):
            return _spectral(hdu, kind, start, step, from_reference, unit)
        if re.search(r"LOG|\bLN", kind):
            return linear, f"{'ln' if re.search(r'LN|LOGE', kind) else 'log'}({unit or ''})"
    return linear, unit


def _spectral(
    hdu: Hdu, kind: str, start: float, step: float, from_reference: NDArray, unit: str | None
) -> tuple[NDArray, str | None]:
    linear = start + step * from_reference
    plain = unit is None or parse_unit(unit) == parse_unit("Angstrom")
    if kind[4:] == "-LOG":
        if start < 12 and plain:  # no wavelength in angstrom: many write a log10 grid so
            return linear, f"log({unit or ''})"
        return start * np.exp(step * from_reference / start), unit
    if kind in ("WAVE", "AWAV"):
        return linear, unit
    if kind in ("FREQ", "ENER", "WAVN"):
        return linear, unit or {"FREQ": "Hz", "ENER": "J", "WAVN": "1/m"}[kind]
    return _by_astropy(hdu, kind, step, from_reference, unit)


def _by_astropy(
    hdu: Hdu, kind: str, step: float, from_reference: NDArray, unit: str | None
) -> tuple[NDArray, str]:
    """Axes linear in one quantity and given in another (F2W, V2W, grisms) and velocities, in angstrom."""
    import astropy.units as u
    from astropy.io import fits
    from astropy.wcs import WCS

    header = fits.Header({"NAXIS": 1, "WCSAXES": 1})
    header.update({key: hdu.header[key] for key in _WCS_CARDS if hdu.header.get(key) is not None})
    header["CDELT1"] = step
    if (found := parse_unit(unit)) is not None:
        header["CUNIT1"] = found.to_string("fits")
    try:
        axis = WCS(header)
        pixels = np.arange(len(from_reference))
        if kind.startswith(("WAVE", "AWAV", "FREQ", "ENER", "WAVN")):
            values = axis.all_pix2world(pixels, 0)[0] * u.Unit(axis.wcs.cunit[0])
            return values.to_value(u.AA, equivalencies=u.spectral()), "Angstrom"
        return axis.pixel_to_world(pixels).to_value(u.AA), "Angstrom"
    except Exception as error:  # wcslib raises whatever its axis makes it
        raise FormatError(
            f"CTYPE1 {hdu.text('CTYPE1')!r} in {unit or 'no unit'}: the axis is not understood ({str(error)[:80]}), "
            "expected wavelengths, or velocities with RESTWAV. Write the wavelengths as a table with a column of them."
        ) from error
