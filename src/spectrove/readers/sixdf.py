"""6dFGS and 2dFGRS: arrays of counts, with rows flux, variance, sky and, in 6dFGS, observed wavelength.

The array is the primary image, or an extension whose name begins with SPECTRUM: V and R for the two arms of 6dFGS, VR
for both together. Postage stamps of the galaxy may stand before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays, reliability_warning, spectra_of, unique_names
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.options import Options
from spectrove.readers.wavelengths import grid_of
from spectrove.spectra import Spectrum


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the file has an array of these surveys."""
    return bool(_arrays(hdus))


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """The spectra of a file; the header's grid may be de-redshifted, a row of wavelengths is not.

    Raises:
        FormatError: If there is none.
    """
    found = _arrays(hdus)
    if not found:
        raise FormatError(
            f"{path.name}: no image of 3 or 4 rows with OBSRA in its header, expected an array of 6dFGS or 2dFGRS. "
            "Leave --survey at auto, or name the survey it comes from."
        )
    many = len(found) > 1
    names = unique_names([[hdu.name.removeprefix("SPECTRUM").strip() for hdu in found]], len(found))
    arrays = [_one(hdus[0], hdu, name if many else "", path) for hdu, name in zip(found, names, strict=True)]
    return spectra_of(arrays, path, options)


def _one(primary: Hdu, hdu: Hdu, name: str, path: Path) -> Arrays:
    header = Hdu({**primary.header, **hdu.header})
    image = np.asarray(hdu.image)
    wavelength, unit = (image[3], None) if len(image) == 4 else grid_of(hdu)
    if wavelength is None:
        raise FormatError(
            f"{path.name}: no row of wavelengths and no CRVAL1, expected one of them. Fetch it again."
        )
    return Arrays(
        header.header, wavelength, image[0], {"variance": image[1]}, wavelength_unit=unit, flux_unit="count",
        survey="6dfgs" if len(image) == 4 or "6DF" in header.text("INSTRUME").upper() else "2dfgrs",
        observed=len(image) == 4, names=[name], rows=[{"zwarning": reliability_warning(header)}],
    )  # fmt: skip


def _arrays(hdus: Sequence[Hdu]) -> list[Hdu]:
    """The array of both arms together, else those that there are."""
    position = any("OBSRA" in hdu.header for hdu in hdus)
    found = [
        hdu for i, hdu in enumerate(hdus)
        if position and hdu.image is not None and hdu.image.ndim == 2 and (i == 0 or hdu.name.startswith("SPECTRUM"))
        and (len(hdu.image) == 4 or (len(hdu.image) == 3 and hdu.name.startswith("SPECTRUM")))
    ]  # fmt: skip
    return [hdu for hdu in found if hdu.name.endswith("VR")] or found
