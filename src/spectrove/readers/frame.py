"""Whether a file's wavelengths are those observed, or were shifted to the rest frame of the object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.readers.multispec import LARGEST_MOTION, is_multispec

_WAVELENGTH = re.compile(r"wave|lam|wl|wavelength|^w_?rest|^rest_?w", re.I)
_REST = re.compile(r"rest", re.I)
#: Cards that say the frame: by a word, or by a yes.
_FRAMES = (
    "SPECSYS",
    "FRAME",
    "WAVEFRAM",
    "WFRAME",
    "SPECFRAM",
    "RESTFRAM",
    "REST_FRAME",
    "RESTFRAME",
    "REST",
)
_AT_REST = re.compile(r"^\s*(source|rest([ _-]?frame)?|t|true|1|yes)\s*$", re.I)
_REMARK = re.compile(r"\brest[ _-]?(frame|wavelength|wave|lambda|system)", re.I)
_ABOUT = re.compile(r"wave|lambda|angstrom|spectr", re.I)
#: Values of DOPCOR01 beyond, or below minus `LARGEST_MOTION`, are velocities, km/s.
_LARGEST_REDSHIFT = 8.0
#: Values up to this are redshifts. Of larger ones the wavelengths tell: a redshift puts those of the optical where it
#: does not end beyond the first of these limits, angstrom, and a velocity where a redshift would end beyond the second.
_PLAIN_REDSHIFT, _OPTICAL, _BEYOND = 1.0, 11_000.0, 26_000.0
#: The card of IRAF's dopcor.
_DOPCOR = "DOPCOR01"
_CONTRARY = re.compile(r"\b(not|never|no)\b|observed", re.I)


def is_rest_name(name: str) -> bool:
    """Whether a column holds wavelengths at rest by its name: restwave, wave_rest, lambda_rest and their like."""
    return bool(_REST.search(name) and _WAVELENGTH.search(name))


def rest_reason(header: Mapping[str, Any], column: str, taken_off: float = 0.0) -> str | None:
    """What says that the wavelengths are at rest: the column, a card (SPECSYS = SOURCE), IRAF's dopcor or a remark.

    Args:
        header: Of the file.
        column: Name of the wavelengths' column.
        taken_off: The redshift that dopcor took off.
    """
    if is_rest_name(column):
        return f"column {column}"
    for card in _FRAMES:
        if card in header and _AT_REST.match(str(header[card])):
            return f"{card} = {header[card]}"
    if abs(taken_off) > LARGEST_MOTION:
        return f"{_DOPCOR} = {header[_DOPCOR]}"
    remarks = getattr(header, "remarks", None) or header.get("COMMENT") or ()
    remarks = remarks.splitlines() if isinstance(remarks, str) else map(str, remarks)
    found = (t for t in remarks if _REMARK.search(t) and _ABOUT.search(t) and not _CONTRARY.search(t))
    return next((f"the remark {text[:60]!r}" for text in found), None)


def observed(
    wavelength: NDArray, header: Mapping[str, Any], column: str, z: float | None, name: str
) -> tuple[NDArray, list[str]]:
    """Observed wavelengths, and the flag `rest_frame` where they were at rest and are multiplied by 1 + z.

    Args:
        wavelength: As the file has them, angstrom, shape (n_pixels,).
        header: Of the file.
        column: Name of the wavelengths' column.
        z: Redshift that the file gives, None if it gives none.
        name: Of the file, for the message.

    Raises:
        FormatError: If they are at rest and there is no redshift, or DOPCOR01 may be a redshift and a velocity.
    """
    taken_off = _dopcor(header, wavelength, z, name)
    reason = rest_reason(header, column, taken_off)
    if reason is None:
        return wavelength, []
    known = taken_off if abs(taken_off) > LARGEST_MOTION else None
    shift = known or (z if z is not None and np.isfinite(z) else taken_off or None)
    if shift is None:
        raise FormatError(
            f"{name}: the wavelengths are at rest ({reason}) and the file gives no redshift, expected observed ones. "
            "Multiply them by 1 + z, or write REDSHIFT into the header."
        )
    return wavelength * (1 + shift), ["rest_frame"]


def _dopcor(header: Mapping[str, Any], wavelength: NDArray, z: float | None, name: str) -> float:
    """The redshift that IRAF's dopcor took off all of a linear spectrum, 0 if none or if it is put back already.

    Where dopcor was given a velocity the card has it in km/s: GALAH's has 13.36, the motion of the Earth.

    Raises:
        FormatError: If it may be either.
    """
    if is_multispec(header):
        return 0.0
    try:
        value = float(str(header.get(_DOPCOR) or "0").split()[0])
    except ValueError:
        return 0.0
    if not np.isfinite(value) or not len(wavelength):
        return 0.0
    if -LARGEST_MOTION <= value <= _PLAIN_REDSHIFT:
        return value
    is_own = z is not None and abs(z - value) < 0.01 * (1 + abs(value))
    end = float(np.nanmax(wavelength)) * (1 + value)
    if -LARGEST_MOTION <= value <= _LARGEST_REDSHIFT and (is_own or end <= _OPTICAL):
        return value
    if -LARGEST_MOTION <= value <= _LARGEST_REDSHIFT and end <= _BEYOND:
        raise FormatError(
            f"{name}: {_DOPCOR} = {value:g} may be a redshift, and the wavelengths at rest, or a velocity in km/s, and "
            "they are those observed; expected one that tells. Write the redshift as REDSHIFT too, or delete the card."
        )
    return value / SPEED_OF_LIGHT
