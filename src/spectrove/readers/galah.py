"""GALAH spectra of HERMES: one file for each of the four cameras of a star, images known by their names.

The primary image is the flux in electrons, sky subtracted, not normalised. Errors are relative to it. Wavelengths are
in air unless a card says vacuum, on a grid whose first pixel is CRVAL1, moved to the barycentre and not to the rest
frame of the star: DOPCOR01 is that motion in km/s, not a redshift. Data release 3 has five images, the reduction behind
release 4 eight, the last of which is the full width at half maximum of the line-spread function in angstrom.

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
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.readers.arrays import Arrays, spectra_of
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.medium import says_vacuum
from spectrove.readers.options import Options
from spectrove.readers.wavelengths import grid_of, to_angstrom
from spectrove.spectra import Spectrum

#: Names of the images of relative errors: of pipeline 6.0, and of data release 3.
_ERRORS = ("RELATIVE_ERROR", "INPUT_SIGMA")
#: Of the widths of the line-spread function.
_WIDTHS = "RESOLUTION_PROFILE"
#: A median relative error above this is no relative error.
_LARGEST = 2.0
#: Cards that are 0 where a step of the reduction failed.
_STEPS = ("WAV_OK", "TRACE_OK")
#: No star of the Galaxy is faster, km/s: -999 and its like are no velocities.
_FASTEST = 990.0
#: Between what wavelengths the four cameras see, angstrom.
_CAMERAS = (4600.0, 8000.0)
#: An error below this share of the usual one is none.
_LEAST_OF_USUAL = 0.02
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
    wavelength, unit = _wavelength(header, path)
    planes: dict[str, NDArray] = {"error": _absolute(flux, share)}
    width = _plane(hdus, _WIDTHS, len(flux))
    if width is None and (mean := header.number("RES")) is not None:
        width = np.full(len(flux), mean)
    if width is not None:
        angstrom, _ = to_angstrom(wavelength, options.wavelength_unit or unit, path.name)
        planes["resolution"] = angstrom / np.where(width > 0, width, np.nan)
    failed = any(header.number(card) == 0 for card in _STEPS)
    arrays = Arrays(
        header.header, wavelength, flux, planes, wavelength_unit=unit, within=_CAMERAS,
        flux_unit=header.text("BUNIT") or "count", survey="galah", observed=True,
        medium="vacuum" if says_vacuum(header.header) else "air",
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


def _absolute(flux: NDArray, share: NDArray) -> NDArray[np.float64]:
    """Errors from relative ones, (n_pixels,); 0, which is none, where the flux is too near 0 for a relative error.

    The noise of reading and of sky does not vanish with the flux, so that no error is far below the usual one.
    """
    error = np.abs(flux) * share
    usual = error[np.isfinite(error) & (error > 0)]
    return np.where(error >= _LEAST_OF_USUAL * np.median(usual), error, 0.0) if len(usual) else error


def _wavelength(header: Hdu, path: Path) -> tuple[NDArray, str | None]:
    """The grid and its unit. Files of release 3 have CRPIX1 = 0 where they mean the first pixel."""
    first = {} if header.number("CRPIX1") else {"CRPIX1": 1.0}
    wavelength, unit = grid_of(Hdu({**header.header, **first}, image=header.image))
    if wavelength is None:
        raise FormatError(
            f"{path.name}: CRVAL1 {header.number('CRVAL1')}, CDELT1 {header.number('CDELT1')}, CTYPE1 "
            f"{header.text('CTYPE1')!r}, expected the grid of a camera of HERMES. Fetch it again."
        )
    return wavelength, unit


def _about(header: Hdu, path: Path) -> dict[str, Any]:
    found = _SOBJECT.match(path.name)
    velocity = header.number("RVCOM") if header.number("RVCOM_OK") == 1 else None
    if velocity is not None and abs(velocity) > _FASTEST:
        velocity = None
    return {
        "class": "STAR",
        "targetid": found[1] if found else None,
        "z": None if velocity is None else velocity / SPEED_OF_LIGHT,
        **_position(header),
    }


def _position(header: Hdu) -> dict[str, float]:
    """The first pair of cards that has both coordinates; they are 0 for some stars."""
    for kind in ("ICRS", "OBS"):
        ra, dec = header.number(f"RA_{kind}"), header.number(f"DEC_{kind}")
        if ra is not None and dec is not None and 0 <= ra <= 360 and -90 <= dec <= 90:
            return {"ra": ra, "dec": dec}
    return {}
