"""APOGEE spectra: aspcapStar, apStar (asStar) and apVisit files, image extensions that are known by their order.

Wavelengths are vacuum. Stars of apStar and aspcapStar are shifted to their rest frame, and aspcapStar's flux is divided
by its continuum. A pixel without data has an error of 1e10.

Source: SDSS DR17 data model, APOGEE_REDUX and APOGEE_ASPCAP; bits of APOGEE_PIXMASK.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays, survey_flux
from spectrove.readers.assemble import FLUX_UNIT, RawSpectrum, assemble, file_id
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.options import Options
from spectrove.readers.wavelengths import to_angstrom
from spectrove.spectra import Mask, Spectrum

#: BADPIX, CRPIX, SATPIX, UNFIXABLE, BADDARK, BADFLAT, BADERR, NOSKY, NOT_ENOUGH_PSF.
FATAL_BITS = sum(1 << bit for bit in (0, 1, 2, 3, 4, 5, 6, 7, 14))
#: Errors from here mean that there is no measurement.
NO_DATA = 1e9


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the file has APOGEE's header and, behind it, images of flux and error."""
    if not {"APRED", "V_APRED", "ASPCAP", "V_ASPCAP"} & set(hdus[0].header) or len(hdus) < 3:
        return False
    return all(hdu.image is not None and hdu.image.ndim in (1, 2) for hdu in hdus[1:3])


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """The star of a file; of an apStar file the combination of its visits.

    Raises:
        FormatError: If flux and error are not there, or have no wavelengths.
    """
    if not recognises(hdus):
        raise FormatError(
            f"{path.name}: no images of flux and error behind a header with APRED or V_APRED, expected a file of "
            "APOGEE. Leave --survey at auto, or name the survey it comes from."
        )
    planes = [np.atleast_2d(hdu.image) for hdu in hdus[1:] if hdu.image is not None]
    chips = len(planes) > 3 and planes[3].shape == planes[0].shape and _is_wavelength(planes[3])
    wavelength = planes[3] if chips else _log_grid(hdus[1], path)[None]
    # Chips of a visit are one spectrum end to end; rows of a star are the combination and its visits.
    rows = slice(None) if chips else slice(1)
    order = np.argsort(wavelength[rows].ravel(), kind="stable")
    flux, error = (plane[rows].ravel()[order].astype(float) for plane in planes[:2])
    masks = planes[2] if len(planes) > 2 and planes[2].dtype.kind in "iu" else None
    normalised = masks is None and not chips
    mask = np.zeros(len(flux), np.int64) if masks is None else masks[rows].ravel()[order].astype(np.int64)
    grid = wavelength[rows].ravel()[order]
    if options.wavelength_unit is not None:
        grid = to_angstrom(grid, options.wavelength_unit, path.name)[0]
    header = hdus[0]
    # What is divided by its continuum still has the BUNIT of before.
    units = [None if normalised else hdu.text("BUNIT") or None for hdu in hdus[1:3]]
    measured = np.where(error < NO_DATA, error, 0.0)
    written = Arrays(header.header, grid, flux, {"error": measured}, flux_unit=units[0], error_unit=units[1])
    found = survey_flux(written, "relative" if normalised else FLUX_UNIT, options, path.name)
    spectrum = assemble(RawSpectrum(
        file_id(path),
        grid,
        found.flux,
        found.ivar,
        path=path,
        survey="apogee",
        row={"ra": header.number("RA"), "dec": header.number("DEC"), "class": "STAR",
             "targetid": header.text("OBJID") or None},
        mask=_mask(mask),
        flux_unit=found.unit,
        calibrated=found.calibrated and found.unit != "relative",
        flags=found.flags,
        medium=options.medium_or("vacuum"),
    ))  # fmt: skip
    n_visits = 0 if chips else len(planes[0]) - 1
    said = f"{path.name}: {n_visits} further rows are visits of the same star or other sums of them; row 0 was taken."
    return [spectrum, *([Refusal(str(path), said)] if n_visits else [])]


def _mask(bits: NDArray) -> NDArray[np.int32]:
    mask = np.where(bits & FATAL_BITS, int(Mask.BADPIXEL), 0)
    return (mask | np.where(bits, int(Mask.SUSPECT), 0)).astype(np.int32)


def _is_wavelength(plane: NDArray) -> bool:
    steps = np.diff(plane, axis=1)
    return bool(plane.min() > 1000 and np.all(steps * np.sign(steps[:, :1]) > 0))


def _log_grid(hdu: Hdu, path: Path) -> NDArray:
    start, step = hdu.number("CRVAL1"), hdu.number("CDELT1") or hdu.number("CD1_1")
    if start is None or step is None or hdu.image is None or not 2 < start < 6:
        raise FormatError(
            f"{path.name}: CRVAL1 {start}, CDELT1 {step}, expected the logarithmic grid of APOGEE. Fetch it again."
        )
    pixel = hdu.number("CRPIX1")
    return 10.0 ** (start + step * (np.arange(hdu.image.shape[-1]) + 1 - (1.0 if pixel is None else pixel)))
