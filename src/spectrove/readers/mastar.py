"""MaStar, the stars of MaNGA: a table with a row for each visit, wavelengths in vacuum, and the line-spread function.

A star that was visited on several nights has several rows. DISP is one sigma of the line-spread function in angstrom.
The velocity HELIOV that comes with a row is not applied.

Source: MaStar spectra of SDSS DR15 and DR17 (sdss.org/dr17/mastar/mastar-spectra), data model of mastar-goodspec.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays, spectra_of, unique_names
from spectrove.readers.assemble import FLUX_UNIT
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.medium import says_vacuum
from spectrove.readers.options import Options
from spectrove.readers.sdss import FATAL_BITS, bits_of
from spectrove.readers.tables import column_unit
from spectrove.readers.wavelengths import to_angstrom
from spectrove.spectra import Spectrum

#: Bits of MJDQUAL that warn of the reduction: NODATA, SKYSUBBAD, HIGHSCAT, BADFLUX.
WARNED = 0b1111

#: Between what wavelengths BOSS sees, angstrom.
_RANGE = (3500.0, 10500.0)

#: FWHM of a Gaussian over its sigma.
_FWHM = 2.3548


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether a table has the columns of MaStar, vectors in each row."""
    return _table(hdus) is not None


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """A spectrum for each visit.

    Raises:
        FormatError: If there is no such table, or it has no rows.
    """
    hdu = _table(hdus)
    if hdu is None:
        raise FormatError(
            f"{path.name}: no table with MANGAID, MJDQUAL and the vectors WAVE, FLUX and IVAR, expected one of MaStar. "
            "Leave --survey at auto, or name the survey it comes from."
        )
    table = hdu.table
    wave, flux, ivar = (np.asarray(table[name], float) for name in ("wave", "flux", "ivar"))
    if not len(flux):
        raise FormatError(
            f"{path.name}: a table of MaStar with no rows, expected at least one. Leave it out."
        )
    _check_shapes(table, flux.shape, path)
    unit = options.wavelength_unit or column_unit(hdu, "wave") or "Angstrom"
    planes: dict[str, NDArray] = {"ivar": ivar}
    if "mask" in table:
        planes["mask"] = (bits_of(np.asarray(table["mask"])) & FATAL_BITS) == 0
    if "disp" in table:
        sigma = np.asarray(table["disp"], float)
        planes["resolution"] = (
            to_angstrom(wave, unit, path.name)[0] / np.where(sigma > 0, sigma, np.nan) / _FWHM
        )
    stars = [str(name).strip() for name in table["mangaid"]]
    quality = np.asarray(table["mjdqual"]).astype(np.int64)
    header = {**hdus[0].header, **hdu.header}
    arrays = Arrays(
        header, wave, flux, planes, wavelength_unit=unit,
        flux_unit=column_unit(hdu, "flux") or FLUX_UNIT, error_unit=column_unit(hdu, "ivar"), mask_name="good",
        survey="mastar", medium="air" if says_vacuum(header) is False else "vacuum", within=_RANGE,
        names=_names(table, stars),
        rows=[_about(table, star, i) for i, star in enumerate(stars)],
        flags=[["reduction_warning"] if one & WARNED else [] for one in quality.tolist()],
    )  # fmt: skip
    return spectra_of(arrays, path, options)


def _table(hdus: Sequence[Hdu]) -> Hdu | None:
    for hdu in hdus:
        if {"mangaid", "mjdqual", "wave", "flux", "ivar"} <= set(hdu.table) and np.ndim(
            hdu.table["flux"]
        ) == 2:
            return hdu
    return None


def _check_shapes(table: Any, shape: tuple[int, ...], path: Path) -> None:
    """Refuse vectors that are not as long as the flux.

    Raises:
        FormatError: One is not.
    """
    for name in ("wave", "ivar", "mask", "disp"):
        if name in table and np.shape(table[name]) != shape:
            raise FormatError(
                f"{path.name}: column {name.upper()} has shape {np.shape(table[name])}, FLUX {shape}, expected the "
                "same. Fetch it again."
            )


def _names(table: Any, stars: Sequence[str]) -> list[str]:
    """The star alone if each was visited once, else with night, plate and bundle of fibres."""
    parts = [np.asarray(table[name]).tolist() for name in ("mjd", "plate", "ifudesign") if name in table]
    whole = ["-".join([star, *(str(part[i]).strip() for part in parts)]) for i, star in enumerate(stars)]
    return unique_names([stars, whole], len(stars))


def _about(table: Any, star: str, i: int) -> dict[str, Any]:
    def number(*names: str) -> float | None:
        found = next((table[name] for name in names if name in table and np.ndim(table[name]) == 1), None)
        return None if found is None or not np.isfinite(float(found[i])) else float(found[i])

    mjd, plate = number("mjd"), number("plate")
    return {
        "class": "STAR",
        "targetid": star,
        "ra": number("ra", "objra", "ifura"),
        "dec": number("dec", "objdec", "ifudec"),
        "mjd": None if mjd is None else int(mjd),
        "plate": None if plate is None else int(plate),
    }
