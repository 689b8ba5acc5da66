"""Arrays of one or more spectra as a layout found them, and the spectra that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.assemble import FLUX_UNIT, RawSpectrum, assemble, file_id
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.frame import observed
from spectrove.readers.medium import medium_in, medium_of
from spectrove.readers.options import Options
from spectrove.readers.quality import are_believable, bad_pixels, by_scatter, inverse_variance
from spectrove.readers.units import error_factor, is_misprint, root_unit, stated, to_flux_density
from spectrove.readers.wavelengths import in_vacuum_by_nature, to_angstrom
from spectrove.spectra import Mask, Spectrum

_REDSHIFT_KEYS = ("Z_HELIO", "REDSHIFT", "ZHELIO", "ZSPEC", "Z_SPEC", "Z")
_RA_KEYS, _DEC_KEYS = (
    ("OBSRA", "SRCRA", "PLUG_RA", "TARG_RA", "RA"),
    ("OBSDEC", "SRCDEC", "PLUG_DEC", "TARG_DEC", "DEC"),
)

#: 1e-17 erg/s/cm2/A as SDSS (DR1-DR7 with their misprint) and DESI write it.
_SPELLINGS = ("1e-17erg/cm^2/s/ang", "1.0e-17erg/cm/s/ang", "10**-17erg/(scm2angstrom)")

#: No spectrograph resolves less: such numbers are widths in another unit, or powers where widths are expected.
LEAST_POWER = 3.0

_SKY = re.compile(r"(blank[ _-]?)?sky([ _-]?\d+|[ _-]fib(re|er).*)?$", re.I)


@dataclass
class Arrays:
    """Arrays of one or more spectra as a layout found them; shapes (n_pixels,) or (n_spectra, n_pixels)."""

    header: Mapping[str, Any]
    wavelength: NDArray
    flux: NDArray
    others: dict[str, NDArray] = field(default_factory=dict)
    wavelength_name: str = "wavelength"
    wavelength_unit: str | None = None
    flux_unit: str | None = None
    #: Unit of the errors, variances or inverse variances as the file writes it.
    error_unit: str | None = None
    mask_name: str = "mask"
    redshift: NDArray | None = None
    survey: str | None = None
    #: "air" or "vacuum" where the layout settles it.
    medium: str | None = None
    #: Between what wavelengths in angstrom spectra of the layout lie; those that do not reach in are refused.
    within: tuple[float, float] | None = None
    #: Whether the layout settles that wavelengths are those observed, whatever the header says of its grid.
    observed: bool = False
    #: Names of the spectra within the file; the numbers of their rows where there are none.
    names: Sequence[str] = ()
    #: Values of each spectrum's own, over those of the header.
    rows: Sequence[Mapping[str, Any]] = ()
    #: Further flags of each spectrum.
    flags: Sequence[Sequence[str]] = ()


def spectra_of(
    parts: Arrays | Sequence[Arrays | Refusal], path: Path, options: Options
) -> Sequence[Spectrum | Refusal]:
    """A spectrum for each row of each part; one of several that cannot be used gives a refusal instead.

    Raises:
        FormatError: If the only one cannot be used.
    """
    parts = [parts] if isinstance(parts, Arrays) else parts
    refusals = [part for part in parts if isinstance(part, Refusal)]
    arrays = [part for part in parts if isinstance(part, Arrays)]
    rows = [(part, i) for part in arrays for i in range(len(part.flux) if part.flux.ndim == 2 else 1)]
    names = [_name(part, i, path) for part, i in rows]
    if len(rows) == 1:
        return [_one(*rows[0], names[0], path, options), *refusals]
    found = [_or_refusal(part, i, name, path, options) for (part, i), name in zip(rows, names, strict=True)]
    return [*found, *refusals]


def _name(part: Arrays, i: int, path: Path) -> str:
    """The file's name, with that of the spectrum behind it where the file may hold several."""
    if part.names:
        return f"{file_id(path)}#{part.names[i]}" if part.names[i] else file_id(path)
    return f"{file_id(path)}#{i}" if part.flux.ndim == 2 and len(part.flux) > 1 else file_id(path)


def unique_names(candidates: Sequence[Sequence[Any]], n: int) -> list[str]:
    """The first list of n names in which each is there and none twice; else numbers from 0."""
    for values in candidates:
        names = [str(value).strip() for value in values]
        if len(set(names)) == n == len(names) and all(names):
            return names
    return [str(i) for i in range(n)]


def _or_refusal(arrays: Arrays, i: int, name: str, path: Path, options: Options) -> Spectrum | Refusal:
    try:
        return _one(arrays, i, name, path, options)
    except FormatError as error:
        return Refusal(str(path), str(error))


def _one(arrays: Arrays, i: int, name: str, path: Path, options: Options) -> Spectrum:
    def of_row(values: NDArray) -> NDArray:
        return np.asarray(values[i] if values.ndim == 2 else values)

    unit = options.wavelength_unit or arrays.wavelength_unit
    wavelength, flags = to_angstrom(
        of_row(arrays.wavelength), unit, path.name, arrays.wavelength_name, arrays.header
    )
    if arrays.within is not None:
        _check_within(wavelength, arrays.within, path.name)
    values = of_row(arrays.flux).astype(float)
    if values.shape != wavelength.shape:
        raise FormatError(
            f"{path.name}: flux has shape {values.shape}, wavelength {wavelength.shape}, expected the same. "
            "Name the columns with --columns."
        )
    others = {key: of_row(value) for key, value in arrays.others.items()}
    resolution = others.get("resolution")
    row = _row(arrays, i)
    if not arrays.observed:
        wavelength, more = observed(wavelength, arrays.header, arrays.wavelength_name, row["z"], path.name)
        flags += more
    flux, flux_unit, calibrated, ivar, more = _fluxes(arrays, wavelength, values, others, options, path.name)
    flags += more
    bad = None
    if "mask" in others:
        measured = np.isfinite(flux) & (True if ivar is None else ivar > 0)
        bad, more = bad_pixels(others["mask"], arrays.header, arrays.mask_name, measured)
        flags += more
    medium, medium_stated = _medium(arrays, wavelength, unit)
    return assemble(
        RawSpectrum(
            name,
            wavelength,
            flux,
            ivar,
            path=path,
            survey=arrays.survey or _survey(arrays.header),
            row=row,
            mask=None if bad is None else np.where(bad, int(Mask.BADPIXEL), 0),
            # a resolving power is wavelength / FWHM
            lsf=None
            if resolution is None
            else wavelength / np.where(resolution > LEAST_POWER, resolution, np.nan) / 2.3548,
            flux_unit=flux_unit,
            calibrated=calibrated,
            medium=options.medium_or(medium),
            medium_stated=medium_stated or options.medium != "auto",
            flags=[
                *flags,
                *(arrays.flags[i] if i < len(arrays.flags) else ()),
                *(["sky"] if row.get("class") == "SKY" else []),
            ],
        )
    )


def _check_within(wavelength: NDArray, within: tuple[float, float], name: str) -> None:
    """Refuse wavelengths of which none, but for a tenth, lies where the layout's spectrographs see.

    Raises:
        FormatError: Their unit is another than the file says.
    """
    known = wavelength[np.isfinite(wavelength) & (wavelength > 0)]
    low, high = within
    if len(known) and np.mean((known >= low) & (known <= high)) < 0.1:
        raise FormatError(
            f"{name}: wavelengths run from {known.min():g} to {known.max():g} angstrom in the unit that the file "
            f"says or usually has, expected some from {low:g} to {high:g}, where its spectrograph sees. Say their true "
            "unit with --wavelength-unit."
        )


def _fluxes(
    arrays: Arrays,
    wavelength: NDArray,
    values: NDArray,
    others: Mapping[str, NDArray],
    options: Options,
    name: str,
) -> tuple[NDArray, str | None, bool, NDArray | None, list[str]]:
    """Flux, its unit, whether it is calibrated, inverse variance, and flags."""
    unit = options.flux_unit or arrays.flux_unit
    flux, factor, flux_unit, calibrated = to_flux_density(wavelength, values, unit, name)
    flags = [] if stated(unit) else ["flux_unit_unknown"]
    if is_misprint(unit):
        flags.append("flux_unit_misprinted")
    error_unit = options.error_unit
    if error_unit is None and "ivar" in others and stated(arrays.error_unit) == stated(unit) is not None:
        others, more = by_scatter(others, values)
        flags += more
    if error_unit is None:
        power = {"ivar": -0.5, "variance": 0.5}
        error_unit = next(
            (root_unit(arrays.error_unit, p, unit) for k, p in power.items() if k in others), None
        )
        error_unit = arrays.error_unit if "error" in others and "ivar" not in others else error_unit
    if any(key in others for key in ("ivar", "error", "variance")):
        factor = error_factor(wavelength, flux, unit, factor, error_unit, name)
    ivar, more = inverse_variance(others, factor)
    if ivar is not None and not are_believable(flux, ivar):
        ivar, more = None, ["errors_unusable"]
    return flux, flux_unit, calibrated, ivar, flags + more


@dataclass(frozen=True)
class SurveyFlux:
    """Flux and inverse variance, shapes (n_pixels,), the flux's unit, whether it is calibrated, and flags to give."""

    flux: NDArray
    ivar: NDArray | None
    unit: str | None
    calibrated: bool
    flags: list[str]


def survey_flux(arrays: Arrays, habit: str, options: Options, name: str) -> SurveyFlux:
    """Fluxes and errors of a survey's file: in its own unit unless the file, or over it the user, says another.

    Args:
        arrays: Of one spectrum; wavelengths in angstrom, units as the file states them.
        habit: The survey's unit.
        options: What the user says.
        name: Of the file, for the message.

    Raises:
        FormatError: If a unit is not understood.
    """
    said = None if _is_spelling(arrays.flux_unit, habit) else arrays.flux_unit
    error_said = None if arrays.error_unit == arrays.flux_unit else stated(arrays.error_unit)
    as_usual = (
        said is None and error_said is None and options.flux_unit is None and options.error_unit is None
    )
    if as_usual and not set(arrays.others) & {"error", "variance"}:
        return SurveyFlux(arrays.flux, arrays.others.get("ivar"), habit, True, [])
    written = replace(arrays, flux_unit=said or habit, error_unit=error_said)
    values = np.asarray(arrays.flux, float)
    flux, unit, calibrated, ivar, flags = _fluxes(
        written, arrays.wavelength, values, arrays.others, options, name
    )
    return SurveyFlux(flux, ivar, unit, calibrated or unit == habit, flags)


def _is_spelling(text: str | None, habit: str) -> bool:
    """Whether no unit is stated, or the survey's own as its pipeline spells it: so astropy is not asked for it."""
    said = stated(text)
    spellings = _SPELLINGS if habit == FLUX_UNIT else (habit,)
    return said is None or said.replace(" ", "").lower() in spellings


def _medium(arrays: Arrays, wavelength: NDArray, unit: str | None) -> tuple[str, bool]:
    if arrays.medium is not None:
        return arrays.medium, True
    if in_vacuum_by_nature(unit):
        return "vacuum", True
    if (said := medium_in(arrays.wavelength_unit or "")) is not None:
        return said, True
    usable = wavelength[np.isfinite(wavelength) & (wavelength > 0)]
    return medium_of(arrays.header, arrays.wavelength_name, usable) if len(usable) else ("air", False)


def _row(arrays: Arrays, i: int) -> dict[str, Any]:
    header = Hdu(arrays.header)
    own = arrays.rows[i] if i < len(arrays.rows) else {}
    z = float(arrays.redshift[i]) if arrays.redshift is not None else _first(header, _REDSHIFT_KEYS)
    z = own.get("z", z)
    at_header = {"ra": _first(header, _RA_KEYS), "dec": _first(header, _DEC_KEYS)}
    sky = {"class": "SKY"} if _is_sky(header) else {}
    ra, dec = (own.get(key, at_header[key]) for key in ("ra", "dec"))
    on_sky = ra is not None and dec is not None and 0 <= ra <= 360 and -90 <= dec <= 90
    return {
        "zwarning": None,
        **sky,
        **own,
        "ra": ra if on_sky else None,
        "dec": dec if on_sky else None,
        "z": z if z is not None and -1 < z < 30 else None,  # -999 and NaN mean "not measured"
    }


def _is_sky(header: Hdu) -> bool:
    """Whether the header says that the spectrum is one of blank sky."""
    return any(
        _SKY.match(header.text(key)) for key in ("OBJTYPE", "OBJECT", "FIBERTYP", "IMAGETYP", "OBSTYPE")
    )


def _first(header: Hdu, keys: Sequence[str]) -> float | None:
    return next((value for key in keys if (value := header.number(key)) is not None), None)


def _survey(header: Mapping[str, Any]) -> str:
    texts = (str(header.get(key) or "").strip() for key in ("SURVEY", "INSTRUME", "TELESCOP"))
    return next((text.lower() for text in texts if text), "unknown")


def reliability_warning(header: Hdu) -> int | None:
    """1 unless 6dFGS or 2dFGRS calls the redshift reliable (QUALITY 3 to 5); None where it does not say."""
    quality = header.number("QUALITY")
    return None if quality is None else int(quality not in (3, 4, 5))
