"""SDSS spectra of data releases 1 to 7: `spSpec-MJD-PLATE-FIBER.fit`, rows of a primary image.

The rows are the spectrum, the spectrum less its continuum, its noise and the mask. Wavelengths are vacuum; BUNIT is
misprinted as "erg/cm/s/Ang".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.readers.arrays import Arrays, survey_flux
from spectrove.readers.assemble import FLUX_UNIT, RawSpectrum, assemble, file_id
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.medium import says_vacuum
from spectrove.readers.options import Options
from spectrove.readers.planes import labels, pick
from spectrove.readers.sdss import FATAL_BITS, bits_of, object_id
from spectrove.readers.wavelengths import to_angstrom
from spectrove.spectra import Mask, Spectrum

#: Rows of a file whose header has no ARRAYn.
ROWS = {"flux": 0, "error": 2, "mask": 3}
#: The pipeline's class by SPEC_CLN (SDSS DR7 glossary, "specClass").
CLASSES = {1: "STAR", 2: "GALAXY", 3: "QSO", 4: "QSO", 5: "SKY", 6: "STAR", 7: "GALAXY"}


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the primary image has the rows and the header the keys of an spSpec file."""
    header, image = hdus[0].header, hdus[0].image
    if image is None or image.ndim != 2 or not 3 <= len(image) <= 6:
        return False
    return all(key in header for key in ("PLATEID", "FIBERID", "COEFF0", "COEFF1"))


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> list[Spectrum]:
    """The one spectrum of an spSpec file.

    Raises:
        FormatError: If it is none.
    """
    header, image = hdus[0], hdus[0].image
    if image is None or not recognises(hdus):
        raise FormatError(
            f"{path.name}: no image of rows with PLATEID, FIBERID, COEFF0 and COEFF1, expected an spSpec file of "
            "SDSS DR1-DR7. Leave --survey at auto, or name the survey it comes from."
        )
    rows = pick(labels(header.header, len(image))) or ROWS
    row = _row(header)
    flags = ["sky"] if row["class"] == "SKY" else []
    start, step = header.number("COEFF0") or 0.0, header.number("COEFF1") or 0.0
    loglam = start + step * np.arange(image.shape[1])
    wavelength = to_angstrom(loglam, options.wavelength_unit or "Angstrom", path.name, "loglam")[0]
    written = Arrays(
        header.header,
        wavelength,
        image[rows.get("flux", ROWS["flux"])],
        {"error": image[rows.get("error", ROWS["error"])]},
        flux_unit=header.text("BUNIT") or None,
    )
    found = survey_flux(written, FLUX_UNIT, options, path.name)
    return [
        assemble(
            RawSpectrum(
                object_id(row["plate"], row["mjd"], row["fiberid"]) or file_id(path),
                wavelength,
                found.flux,
                found.ivar,
                path=path,
                survey="sdss",
                row=row,
                mask=_mask(image[rows.get("mask", ROWS["mask"])]) if len(image) > 3 else None,
                medium=options.medium_or("air" if says_vacuum(header.header) is False else "vacuum"),
                flux_unit=found.unit,
                calibrated=found.calibrated,
                flags=[*flags, *found.flags],
            )
        )
    ]


def _mask(bits: NDArray) -> NDArray[np.int32]:
    words = bits_of(bits)
    mask = np.where(words & FATAL_BITS, int(Mask.BADPIXEL), 0)
    return (mask | np.where(words, int(Mask.SUSPECT), 0)).astype(np.int32)


def _row(header: Hdu) -> dict[str, Any]:
    z, z_err = header.number("Z"), header.number("Z_ERR")
    status, warning = header.number("Z_STATUS"), header.number("Z_WARNIN")
    found = [header.number(key) for key in ("PLATEID", "MJD", "FIBERID")]
    plate, mjd, fibre = (None if value is None else int(value) for value in found)
    unsure = bool(warning) or (status is not None and status < 2)  # 0 not measured, 1 failed
    return {
        "ra": header.number("RAOBJ"),
        "dec": header.number("DECOBJ"),
        "z": z if z is not None and z > -0.5 else None,
        "z_err": z_err if z_err is not None and z_err > 0 else None,
        "zwarning": None if warning is None and status is None else int(warning or unsure),
        "class": "SKY"
        if header.text("OBJTYPE").upper() == "SKY"
        else CLASSES.get(int(header.number("SPEC_CLN") or 0)),
        "plate": plate,
        "mjd": mjd,
        "fiberid": fibre,
    }
