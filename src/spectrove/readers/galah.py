"""GALAH spectra of HERMES: one file for each of the four cameras of a star, images known by their names.

The primary image is the flux in electrons, sky subtracted, not normalised. Errors are relative to it. Wavelengths are
in air, on a linear grid whose first pixel is CRVAL1, moved to the barycentre and not to the rest frame of the star:
DOPCOR01 is that motion in km/s, not a redshift. Data release 3 has five images, the reduction behind release 4 eight,
the last of which is the full width at half maximum of the line-spread function in angstrom.

Source: GALAH DR3 spectra (docs.datacentral.org.au/galah/dr3); `folder_and_file_structure.txt` of the reduction
pipeline 6.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays, spectra_of
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.options import Options
from spectrove.spectra import Spectrum

#: Names of the images of relative errors: of pipeline 6.0, and of data release 3.
_ERRORS = ("RELATIVE_ERROR", "INPUT_SIGMA")
#: Of the widths of the line-spread function.
_WIDTHS = "RESOLUTION_PROFILE"
#: A median relative error above this is no relative error.
_LARGEST = 2.0
#: Cards that are 0 where a step of the reduction failed.
_STEPS = ("WAV_OK", "TRACE_OK")
_SPEED_OF_LIGHT = 299792.458
_SOBJECT = re.compile(r"^(\d{15})([1-4])(?!\d)")


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the primary image is one spectrum of HERMES with an image of relative errors of its length."""
    return _flux(hdus) is not None and _errors(hdus) is not None


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """The spectrum of one camera.

    Raises:
        FormatError: If it is not there, has no wavelengths, or errors that are no relative ones.
    """
    flux, errors = _flux(hdus), _errors(hdus)
    if flux is None or errors is None:
        raise FormatError(
            f"{path.name}: no primary spectrum of HERMES with an image {' or '.join(_ERRORS)} of its length, expected "
            "a file of GALAH. Leave --survey at auto, or name the survey it comes from."
        )
    header = hdus[0]
    share = abs(errors.astype(float))
    middle = float(np.median(share[np.isfinite(share)])) if np.isfinite(share).any() else 0.0
    if middle > _LARGEST:
        raise FormatError(
            f"{path.name}: the median of the relative errors is {middle:g}, expected below {_LARGEST:g}: these may be "
            "errors in electrons. Fetch the file of a later release."
        )
    wavelength = _wavelength(header, len(flux), path)
    planes: dict[str, NDArray] = {"error": np.abs(flux) * share}
    width = _plane(hdus, _WIDTHS, len(flux))
    if width is None and (mean := header.number("RES")) is not None:
        width = np.full(len(flux), mean)
    if width is not None:
        planes["resolution"] = wavelength / np.where(width > 0, width, np.nan)
    failed = any(header.number(card) == 0 for card in _STEPS)
    arrays = Arrays(
        header.header, wavelength, flux, planes, wavelength_unit="Angstrom",
        flux_unit=header.text("BUNIT") or "count", survey="galah", medium="air", observed=True,
        rows=[_about(header, path)], flags=[["reduction_warning"] if failed else []],
    )  # fmt: skip
    return spectra_of(arrays, path, options)


def _flux(hdus: Sequence[Hdu]) -> NDArray | None:
    header = hdus[0]
    named = "HERMES" in header.text("INSTRUME").upper() or "GALAH" in header.text("ORIGIN").upper()
    return header.image if named and header.image is not None and header.image.ndim == 1 else None


def _errors(hdus: Sequence[Hdu]) -> NDArray | None:
    """The image of relative errors: by its name, or the second of release 3's five where they have none."""
    n = 0 if hdus[0].image is None else hdus[0].image.shape[-1]
    found = next((plane for name in _ERRORS if (plane := _plane(hdus, name, n)) is not None), None)
    if found is None and len(hdus) in (4, 5) and not any(hdu.name for hdu in hdus[1:]):
        return hdus[1].image if hdus[1].image is not None and hdus[1].image.shape == (n,) else None
    return found


def _plane(hdus: Sequence[Hdu], name: str, n: int) -> NDArray | None:
    found = (hdu.image for hdu in hdus[1:] if hdu.name == name)
    return next((image for image in found if image is not None and image.shape == (n,)), None)


def _wavelength(header: Hdu, n: int, path: Path) -> NDArray[np.float64]:
    """Angstrom, in air. Files of release 3 have CRPIX1 = 0 where they mean the first pixel."""
    start, step = header.number("CRVAL1"), header.number("CDELT1") or header.number("CD1_1")
    if start is None or not step or not 3000 < start < 10000:
        raise FormatError(
            f"{path.name}: CRVAL1 {start}, CDELT1 {step}, expected the grid of a camera of HERMES in angstrom. "
            "Fetch it again."
        )
    return np.asarray(start + step * (np.arange(n) + 1 - (header.number("CRPIX1") or 1.0)))


def _about(header: Hdu, path: Path) -> dict[str, Any]:
    found = _SOBJECT.match(path.name)
    velocity = header.number("RVCOM") if header.number("RVCOM_OK") == 1 else None
    ra, dec = (header.number(f"{key}_ICRS") or header.number(f"{key}_OBS") for key in ("RA", "DEC"))
    placed = ra is not None and dec is not None
    return {
        "class": "STAR",
        "targetid": found[1] if found else None,
        "z": None if velocity is None else velocity / _SPEED_OF_LIGHT,
        **({"ra": ra, "dec": dec} if placed else {}),
    }
