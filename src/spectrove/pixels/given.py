"""A spectrum as users hold it, in arrays or astropy quantities, as the columns that are stored.

Wavelengths become vacuum angstrom in the observed frame, errors become inverse variance, and the unit of the flux goes
into the row. astropy is not imported here: what has a unit has brought it along.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectrove.errors import RedshiftError, ShapeError, SpectrumError
from spectrove.pixels.air import air_to_vacuum
from spectrove.pixels.masks import Mask
from spectrove.pixels.scatter import ivar_from_scatter

#: Arrays without a unit are angstrom; outside of this range they were probably meant otherwise.
WAVELENGTHS = (100.0, 1e6)

#: Arguments of `Spectrum` that a misspelt name may have meant, and a name in the row that is near one of them.
ARGUMENTS = ("wavelength", "flux", "error", "ivar", "mask", "object_id", "medium", "lsf")
KEPT_ROWS = frozenset({"flux_unit"})

Floats = NDArray[np.float64]


def columns_of(
    wavelength: ArrayLike,
    flux: ArrayLike,
    *,
    error: ArrayLike | None = None,
    ivar: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    z: float | None = None,
    object_id: str = "",
    medium: str = "vacuum",
    **row: Any,
) -> dict[str, Any]:
    """The columns of `Spectrum` from what its user gives; the arguments are described there.

    Raises:
        ShapeError: The arrays are not one-dimensional, or differ in length.
        SpectrumError: A unit, wavelengths, the mask or the medium are wrong, or both error and ivar are given.
        RedshiftError: z is no redshift.
    """
    name, lsf = str(object_id) or "spectrum", row.pop("lsf", None)
    if error is not None and ivar is not None:
        raise SpectrumError(f"{name}: has both error and ivar, expected one of them. Leave one out.")
    _check_names(row, name)
    flags = list(row.pop("flags", None) or ())
    unit = flux_unit(flux, row.get("flux_unit"), name)
    angstrom = in_angstrom(wavelength, name)
    values: dict[str, NDArray | None] = {
        "wavelength": angstrom,
        "flux": _values(flux, None, name, "flux"),
        "error": None if error is None else _values(error, unit, name, "error"),
        "ivar": None if ivar is None else _values(ivar, _inverse_square(unit), name, "ivar"),
        "lsf": None if lsf is None else _like(_values(lsf, "angstrom", name, "lsf"), angstrom),
        "mask": None if mask is None else np.asarray(mask),
    }
    arrays = {key: value for key, value in values.items() if value is not None}
    _check_shapes(arrays, name)
    if _knows_no_medium(wavelength) and arrays["wavelength"][0] > arrays["wavelength"][-1]:
        arrays = {
            key: value[::-1] for key, value in arrays.items()
        }  # energies that rise are wavelengths that fall
    _check_wavelengths(arrays["wavelength"], name)
    if medium not in ("vacuum", "air"):
        raise SpectrumError(f"{name}: medium {medium!r}, expected 'vacuum' or 'air'.")
    if medium == "air" and not _knows_no_medium(wavelength):
        arrays["wavelength"] = air_to_vacuum(arrays["wavelength"])
        flags.append("air_converted")
    bits = mask_bits(arrays.get("mask"), arrays["flux"], name) | _masked(flux)
    inverse, estimated = _inverse_variance(arrays, bits, name)
    sigma = arrays.get("lsf", np.full(len(bits), np.nan))
    flags += ["ivar_estimated"] * estimated + ["lsf_unknown"] * (not np.isfinite(sigma).any())
    if unit is None:
        flags.append("flux_unit_unknown")
    return {
        "object_id": str(object_id),
        "wavelength": np.ascontiguousarray(arrays["wavelength"]),
        "flux": arrays["flux"].astype(np.float32),
        "ivar": inverse.astype(np.float32),
        "mask": bits,
        "lsf": np.asarray(sigma, np.float32),
        "row": _row(row, z, unit, flags, name),
    }


def in_angstrom(wavelength: Any, name: str) -> Floats:
    """Wavelengths in angstrom, from angstrom without a unit or from any unit of length, frequency or energy."""
    if not _has_unit(wavelength):
        return _numbers(wavelength, name, "wavelength")
    from astropy import units as u

    try:
        return np.asarray(wavelength.to_value(u.AA, equivalencies=u.spectral()), dtype=float)
    except u.UnitConversionError as error:
        raise SpectrumError(
            f"{name}: wavelength is in {wavelength.unit}, expected a unit of length, frequency or energy."
        ) from error


def flux_unit(flux: Any, said: Any, name: str) -> Any:
    """The unit of the flux, of the quantity itself or as text in the row; None where neither says one."""
    if _has_unit(flux):
        if hasattr(flux.unit, "physical_unit"):
            raise SpectrumError(
                f"{name}: flux is in {flux.unit}, expected a linear unit. Convert it, as flux.to('Jy')."
            )
        return flux.unit
    if said is None:
        return None
    from astropy import units as u

    return u.Unit(str(said), parse_strict="silent")


def _inverse_square(unit: Any) -> Any:
    """The unit of an inverse variance; None where that of the flux is none or one that astropy does not know."""
    from astropy import units as u

    return None if unit is None or isinstance(unit, u.UnrecognizedUnit) else unit**-2


def mask_bits(mask: NDArray | None, flux: NDArray, name: str) -> NDArray[np.int32]:
    """Bits of `Mask`: True marks a bad pixel, whole numbers are bits already."""
    if mask is None:
        return np.zeros(len(flux), np.int32)
    if mask.dtype == bool:
        return np.where(mask, np.int32(Mask.BADPIXEL), np.int32(0))
    if mask.dtype.kind not in "iu" or (mask & ~sum(Mask)).any():
        raise SpectrumError(
            f"{name}: mask holds {mask.dtype} up to {np.max(mask)}, expected True for bad pixels, or bits of "
            f"spectrove.spectra.Mask (up to {sum(Mask)}). For a survey's own bits say which are bad: mask = bits != 0."
        )
    return mask.astype(np.int32)


def _inverse_variance(arrays: Mapping[str, NDArray], bits: NDArray, name: str) -> tuple[Floats, bool]:
    """Inverse variance from ivar or error, or from the scatter of the flux, and whether it is from scatter."""
    if "ivar" in arrays:
        return arrays["ivar"], False
    if "error" not in arrays:
        return ivar_from_scatter(arrays["flux"], bits), True
    error = arrays["error"]
    measured = np.isfinite(error) & (error > 0)
    if not measured.any():
        raise SpectrumError(
            f"{name}: none of {len(error)} errors is positive. Give one sigma, or leave error out."
        )
    return np.where(measured, 1.0, 0.0) / np.where(measured, error, 1.0) ** 2, False


def _row(row: dict[str, Any], z: Any, unit: Any, flags: list[str], name: str) -> dict[str, Any]:
    row = {key: _plain(value, key, name) for key, value in row.items()}
    row["flux_unit"] = row.get("flux_unit") or (None if unit is None else unit.to_string())
    redshift = redshift_of(z, name)
    row["z"] = redshift
    if redshift is not None and not row.get("z_source"):
        row["z_source"] = "given"
    row["flags"] = list(dict.fromkeys(flags))
    return row


def redshift_of(z: Any, name: str) -> float | None:
    """A redshift as a number, None where none is given.

    Raises:
        RedshiftError: It is not one finite number above -1.
    """
    if z is None or z is np.ma.masked:
        return None
    try:
        value = float(z)
    except (TypeError, ValueError) as error:
        raise RedshiftError(
            f"{name}: z is {z!r}, expected one number. Give None if it is unknown."
        ) from error
    if not np.isfinite(value) or value <= -1:
        raise RedshiftError(
            f"{name}: z is {value:g}, expected a finite number above -1. Give None if it is unknown."
        )
    return value


def _plain(value: Any, key: str, name: str) -> Any:
    """A value of the row without its unit: positions in degrees."""
    if not _has_unit(value):
        return value.item() if isinstance(value, np.generic) else value
    if key in ("ra", "dec"):
        return float(value.to_value("deg"))
    raise SpectrumError(
        f"{name}: {key} is in {value.unit}, expected a plain value. Give {key}.value, and the unit in the name."
    )


def _has_unit(value: Any) -> bool:
    return getattr(value, "unit", None) is not None and hasattr(value, "to_value")


def _knows_no_medium(wavelength: Any) -> bool:
    """Whether the axis is a frequency, an energy or a wavenumber, which are the same in air and in vacuum."""
    return _has_unit(wavelength) and wavelength.unit.physical_type != "length"


def _values(value: Any, unit: Any, name: str, key: str) -> Floats:
    """Numbers of an array; of a quantity, in the unit (of its own if None)."""
    if not _has_unit(value):
        return _numbers(value, name, key)
    if key != "flux" and unit is None:
        raise SpectrumError(
            f"{name}: {key} is in {value.unit}, and flux has no unit. Give both one, or neither."
        )
    try:
        return np.asarray(value.value if unit is None else value.to_value(unit), dtype=float)
    except ValueError as error:  # astropy's UnitConversionError is one
        raise SpectrumError(
            f"{name}: {key} is in {value.unit}, expected {unit}, as the flux has it."
        ) from error


def _numbers(value: Any, name: str, key: str) -> Floats:
    array = np.ma.filled(value, np.nan) if np.ma.isMaskedArray(value) else np.asarray(value)
    if array.dtype.kind not in "iufb":
        raise SpectrumError(f"{name}: {key} holds {array.dtype}, expected numbers.")
    return array.astype(float)


def _like(value: Floats, array: NDArray) -> Floats:
    """One number for every pixel of an array; several as they are."""
    return np.full(array.shape, value) if value.ndim == 0 else value


def _masked(flux: Any) -> NDArray[np.int32] | np.int32:
    """Bits of the pixels that a masked array, or a masked quantity, hides."""
    hidden = np.ma.getmaskarray(flux) if np.ma.isMaskedArray(flux) else getattr(flux, "mask", False)
    return np.where(hidden, np.int32(Mask.BADPIXEL), np.int32(0))


def _check_shapes(arrays: Mapping[str, NDArray], name: str) -> None:
    shapes = {key: value.shape for key, value in arrays.items()}
    if len(set(shapes.values())) != 1 or len(arrays["flux"].shape) != 1 or arrays["flux"].size < 2:
        found = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise ShapeError(
            f"{name}: {found}; expected arrays of one dimension and one length, two pixels or more."
        )


def _check_wavelengths(wavelength: Floats, name: str) -> None:
    low, high = WAVELENGTHS
    first, last = wavelength[0], wavelength[-1]
    steps = np.diff(wavelength)
    if (steps < 0).all():
        raise SpectrumError(
            f"{name}: wavelengths fall from {first:g} to {last:g}, expected rising ones. "
            "Reverse all arrays, as x[::-1]."
        )
    if not (steps > 0).all():
        raise SpectrumError(
            f"{name}: wavelengths do not rise at {int((~(steps > 0)).sum())} of {len(steps)} steps, expected a rising "
            "grid. Sort the pixels by wavelength, and merge those that share one."
        )
    if first < low or last > high:
        raise SpectrumError(
            f"{name}: wavelengths run from {first:g} to {last:g} angstrom, expected {low:g} to {high:g}. "
            "Give them a unit, as wavelength * astropy.units.um."
        )


def _check_names(row: Mapping[str, Any], name: str) -> None:
    """Refuse catalog values whose names are an argument's, written otherwise.

    Raises:
        SpectrumError: Such as `erorr` or `redshift`, which would be kept as values and do nothing.
    """
    for given in row:
        near = {"redshift": ["z"], "uncertainty": ["error"]}.get(given.lower()) or (
            [] if given in KEPT_ROWS else get_close_matches(given, ARGUMENTS, n=1, cutoff=0.8)
        )
        if near:
            raise SpectrumError(
                f"{name}: {given!r} is no argument of Spectrum; did you mean {near[0]!r}? "
                "A catalog value of that name needs another one."
            )
