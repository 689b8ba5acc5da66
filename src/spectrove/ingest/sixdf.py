"""6dFGS: arrays of counts, with rows flux, variance, sky and observed wavelength."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spectrove.errors import FormatError, Refusal
from spectrove.ingest.arrays import Arrays, spectra_of
from spectrove.ingest.fitsfile import Hdu
from spectrove.ingest.options import Options
from spectrove.spectra import Spectrum


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the header has 6dFGS's position and the image its four rows."""
    image = hdus[0].image
    return image is not None and image.ndim == 2 and image.shape[0] == 4 and "OBSRA" in hdus[0].header


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """The one spectrum of a 6dFGS array; the header's grid may be de-redshifted, the row of wavelengths is not."""
    header, image = hdus[0], hdus[0].image
    if image is None or not recognises(hdus):
        raise FormatError(
            f"{path.name}: no image of 4 rows with OBSRA in its header, expected an array of 6dFGS. "
            "Leave --survey at auto, or name the survey it comes from."
        )
    arrays = Arrays(
        header.header, image[3], image[0], {"variance": image[1]}, flux_unit="count", survey="6dfgs",
        rows=[{"zwarning": warning(header)}],
    )  # fmt: skip
    return spectra_of(arrays, path, options)


def warning(header: Hdu) -> int | None:
    """1 unless 6dFGS calls the redshift reliable (QUALITY 3 or 4)."""
    quality = header.number("QUALITY")
    return None if quality is None else int(quality not in (3, 4))
