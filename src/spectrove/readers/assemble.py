"""From a reader's arrays to one checked Spectrum: order, range, vacuum, cleaned pixels, flags.

Every reader ends here, so what a spectrum may be is said once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectrove.catalog import row_flags
from spectrove.errors import FormatError, SpectrumError
from spectrove.pixels.air import air_to_vacuum
from spectrove.pixels.scatter import ivar_from_scatter
from spectrove.readers.sky import SKY_LINES
from spectrove.spectra import FLAGS, Mask, Spectrum

#: Wavelengths outside are not those of an optical or infrared spectrum, angstrom.
WAVELENGTH_RANGE = (100.0, 1e6)
#: Fewer pixels are no spectrum.
MIN_PIXELS = 8
#: Spectra fluxes are stored in this unit wherever the file's unit can be converted to it.
FLUX_UNIT = "1e-17 erg/s/cm2/A"

#: Wavelength, flux, and the other arrays by name, all of shape (n_pixels,).
_Pixels = tuple[NDArray, NDArray, dict[str, NDArray]]

_SUFFIXES = re.compile(r"\.(fits|fit|fts|csv|txt|dat|ascii|asc|ecsv|tsv|parquet|vot|xml|hdf5|h5)$", re.I)
_COMPRESSIONS = re.compile(r"\.(gz|bz2|xz|zip|fz)$", re.I)


def file_id(path: Path) -> str:
    """The file name without its suffixes: the object id of a file that does not say a better one."""
    return _SUFFIXES.sub("", _COMPRESSIONS.sub("", path.name))


@dataclass(frozen=True)
class RawSpectrum:
    """One spectrum as a reader found it.

    Attributes:
        object_id: The id; unique within the file.
        wavelength: Observed frame, angstrom, in `medium`; shape (n_pixels,), increasing or decreasing.
        flux: Shape (n_pixels,), in `flux_unit`.
        ivar: Inverse variance, same shape, 1/flux_unit^2; None if the file has no errors: then it is
            estimated from pixel scatter and flagged.
        path: The file, for messages and provenance.
        survey: Short name of the survey.
        row: Catalog values that came with the file.
        mask: Bits of `Mask`, same shape.
        lsf: One sigma, angstrom, same shape; NaN where unknown.
        flux_unit: Name of the unit; None if unknown.
        calibrated: Whether flux is proportional to a spectral flux density over the whole range.
        medium: "air" or "vacuum".
        medium_stated: Whether file or user said the medium; if not, it was assumed and is flagged.
        flags: Further flags from `spectra.FLAGS`.
    """

    object_id: str
    wavelength: ArrayLike
    flux: ArrayLike
    ivar: ArrayLike | None
    path: Path
    survey: str
    row: Mapping[str, Any] | None = None
    mask: ArrayLike | None = None
    lsf: ArrayLike | None = None
    flux_unit: str | None = FLUX_UNIT
    calibrated: bool = True
    medium: str = "vacuum"
    medium_stated: bool = True
    flags: Iterable[str] = ()


def assemble(raw: RawSpectrum) -> Spectrum:
    """One spectrum on an increasing vacuum grid, with bad pixels masked and its flags set.

    Raises:
        FormatError: If the arrays differ in length, or wavelengths are not a monotonic grid in range.
    """
    path, object_id = raw.path, raw.object_id
    name = f"{path.name} ({object_id})" if object_id not in path.name else path.name
    wavelength, flux = _vector(raw.wavelength, name, "wavelength"), _vector(raw.flux, name, "flux")
    others = {"ivar": raw.ivar, "mask": raw.mask, "lsf": raw.lsf}
    arrays = {key: _vector(value, name, key) for key, value in others.items() if value is not None}
    _check_lengths(name, {"wavelength": wavelength, "flux": flux, **arrays})
    flags = set(raw.flags)
    n = len(flux)
    wavelength, flux, arrays = _increasing(name, *_without_padding(name, wavelength, flux, arrays))
    if len(flux) < n:
        flags.add("pixels_dropped")
    if raw.medium == "air":
        wavelength = air_to_vacuum(wavelength)
        flags.add("air_converted")
    if not raw.medium_stated:
        flags.add("air_assumed")
    bits = arrays["mask"].astype(np.int32) if "mask" in arrays else np.zeros(len(flux), np.int32)
    if "ivar" not in arrays:
        arrays["ivar"] = ivar_from_scatter(flux, bits)
        flags.add("ivar_estimated")
    sigma = arrays.get("lsf", np.full(len(flux), np.nan)).astype(np.float32)
    if not np.isfinite(sigma).any():
        flags.add("lsf_unknown")
    if not raw.calibrated:
        flags.add("not_calibrated")
    flux32, ivar32, bits = clean_pixels(flux, arrays["ivar"], bits)
    bits = bits | sky_line_bits(wavelength)
    values = dict(raw.row or {})
    values |= {
        "survey": values.get("survey") or raw.survey,
        "path": str(path),
        "flux_unit": raw.flux_unit,
        "calibrated": raw.calibrated,
    }
    if values.get("z") is not None and not values.get("z_source"):
        values["z_source"] = "file"
    spectrum = Spectrum.stored(
        object_id, np.ascontiguousarray(wavelength), flux32, ivar32, bits, sigma, values
    )
    if values.get("sn_median") is None and (good := spectrum.good).any():
        values["sn_median"] = float(np.median(flux32[good] * np.sqrt(ivar32[good], dtype=float)))
    values["flags"] = flags_of(spectrum, flags)
    return spectrum


def clean_pixels(flux: NDArray, ivar: NDArray, mask: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Float32 flux and ivar without NaN, infinite or negative values, and a mask that says where."""
    with np.errstate(over="ignore"):
        flux, ivar = np.asarray(flux, np.float32), np.asarray(ivar, np.float32)
    bad = ~(np.isfinite(flux) & np.isfinite(ivar))
    negative = ivar < 0
    mask = mask | np.where(bad, np.int32(Mask.NONFINITE), np.int32(0))
    mask |= np.where(negative, np.int32(Mask.NEGATIVE_IVAR), np.int32(0))
    flux = np.where(bad, np.float32(0), flux)
    ivar = np.where(bad | negative, np.float32(0), ivar)
    mask |= np.where(ivar == 0, np.int32(Mask.NODATA), np.int32(0))
    return flux, ivar, mask.astype(np.int32)


def sky_line_bits(wavelength: NDArray) -> NDArray[np.int32]:
    """`Mask.SKYLINE` inside the ranges of `readers.sky.SKY_LINES` (observed vacuum angstrom), else 0."""
    bits = np.zeros(len(wavelength), np.int32)
    for low, high in SKY_LINES:
        first, last = np.searchsorted(wavelength, (low, high))
        bits[first:last] = Mask.SKYLINE
    return bits


def flags_of(spectrum: Spectrum, found: Iterable[str]) -> list[str]:
    """All flags of one spectrum, in the order of `spectra.FLAGS`; `found` are those already known."""
    flags = set(found)
    flags |= set(row_flags(spectrum.row, "sky" in flags))
    good = spectrum.with_gaps_filled()[0].good
    if not good.any():
        flags.add("no_good_pixels")
    elif good.mean() < 0.5:
        flags.add("few_good_pixels")
    return ordered(flags)


def ordered(flags: Iterable[str]) -> list[str]:
    """Known flags, each once, in the order of `spectra.FLAGS`."""
    flags = set(flags)
    if unknown := flags - set(FLAGS):
        raise SpectrumError(f"unknown flags {sorted(unknown)}; spectra.FLAGS names {', '.join(FLAGS)}.")
    return [flag for flag in FLAGS if flag in flags]


def _vector(value: ArrayLike, name: str, key: str) -> NDArray:
    array = np.ma.filled(np.ma.asarray(value), 0) if np.ma.isMaskedArray(value) else np.asarray(value)
    if array.dtype.kind not in "iufb":
        raise FormatError(
            f"{name}: {key} holds {array.dtype}, expected numbers. Name another column with --columns."
        )
    if array.ndim != 1:
        raise FormatError(
            f"{name}: {key} has shape {array.shape}, expected one dimension. Cut single spectra out first."
        )
    return array if array.dtype.kind in "if" else array.astype(float)


def with_wavelength(wavelength: NDArray) -> NDArray[np.bool_]:
    """Pixels that have a wavelength: those with NaN, zero or less, or a repeated value at either end, are padding."""
    keep = np.isfinite(wavelength) & (wavelength > 0)
    real = np.flatnonzero(keep)
    if not len(real):
        return keep
    values = wavelength[real]
    moves = np.flatnonzero(np.diff(values))
    if len(moves):
        keep[real[: moves[0]]] = False
        keep[real[moves[-1] + 2 :]] = False
    return keep


def _without_padding(name: str, wavelength: NDArray, flux: NDArray, arrays: dict[str, NDArray]) -> _Pixels:
    """Pixels that have a wavelength.

    Raises:
        FormatError: If they are too few.
    """
    keep = with_wavelength(wavelength)
    if keep.all():
        return wavelength, flux, arrays
    if keep.sum() < MIN_PIXELS:
        raise FormatError(
            f"{name}: {keep.sum()} of {len(keep)} pixels have a wavelength that is finite and above 0, "
            f"expected at least {MIN_PIXELS}. Name another column with --columns."
        )
    return wavelength[keep], flux[keep], {key: value[keep] for key, value in arrays.items()}


def _increasing(name: str, wavelength: NDArray, flux: NDArray, arrays: dict[str, NDArray]) -> _Pixels:
    """Pixels in order of wavelength; refused unless they are a monotonic grid in range."""
    wavelength, flux, arrays = _sorted(wavelength, flux, arrays)
    _check_wavelength(name, wavelength)
    if wavelength[0] < wavelength[-1]:
        return wavelength, flux, arrays
    return wavelength[::-1], flux[::-1], {key: value[::-1] for key, value in arrays.items()}


def _sorted(wavelength: NDArray, flux: NDArray, arrays: dict[str, NDArray]) -> _Pixels:
    """Pixels in order of wavelength where the stretches of a file only stand in another order, as arms may do."""
    steps = np.diff(wavelength)
    back = steps < 0 if np.mean(steps > 0) > 0.5 else steps > 0
    if not back.any() or not (steps != 0).all():
        return wavelength, flux, arrays
    pieces = np.split(np.arange(len(wavelength)), np.flatnonzero(back) + 1)
    spans = sorted((wavelength[p].min(), wavelength[p].max()) for p in pieces)
    if min(map(len, pieces)) < MIN_PIXELS or any(b[0] <= a[1] for a, b in pairwise(spans)):
        return wavelength, flux, arrays
    order = np.argsort(wavelength)
    return wavelength[order], flux[order], {key: value[order] for key, value in arrays.items()}


def _check_lengths(name: str, arrays: Mapping[str, NDArray]) -> None:
    lengths = {key: len(value) for key, value in arrays.items()}
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{key} {n}" for key, n in lengths.items())
        raise FormatError(f"{name}: arrays differ in length ({found}), expected one length. Fetch it again.")
    if lengths["flux"] < MIN_PIXELS:
        raise FormatError(
            f"{name}: {lengths['flux']} pixels, expected at least {MIN_PIXELS}. Leave this file out."
        )


def _check_wavelength(name: str, wavelength: NDArray) -> None:
    low, high = WAVELENGTH_RANGE
    if wavelength.min() < low or wavelength.max() > high:
        raise FormatError(
            f"{name}: wavelengths run from {wavelength.min():g} to {wavelength.max():g}, "
            f"expected {low:g} to {high:g} angstrom. Say their unit with --wavelength-unit."
        )
    steps = np.diff(wavelength)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        wrong = min(int((steps <= 0).sum()), int((steps >= 0).sum()))
        raise FormatError(
            f"{name}: wavelengths are not in order at {wrong} of {len(steps)} steps, expected a rising grid. "
            "Sort the pixels by wavelength, and merge those that share one."
        )
