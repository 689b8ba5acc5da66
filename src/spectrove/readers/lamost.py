"""LAMOST spectra: low resolution as rows of a primary image or one row of a COADD table, medium resolution in two arms.

The image's rows are named by EXTEN0: flux, inverse variance, then either the wavelength (since DR5) or the
pseudo-continuum (before, with the grid in COEFF0 and COEFF1), and the two masks. Wavelengths are vacuum;
fluxes are relative, but calibrated in shape. Medium-resolution files have a table for each arm, COADD_B (4950-5350 A)
and COADD_R (6300-6800 A), and the exposures behind them; the arms are one spectrum with a gap, not calibrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.readers.arrays import Arrays, survey_flux
from spectrove.readers.assemble import RawSpectrum, assemble, file_id
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.medium import says_vacuum
from spectrove.readers.options import Options
from spectrove.readers.tables import column_unit
from spectrove.readers.wavelengths import to_angstrom
from spectrove.spectra import Mask, Spectrum

#: What the survey's fluxes are in.
RELATIVE = "relative"
#: Tables of the summed exposures of each arm at medium resolution.
ARMS = ("COADD_B", "COADD_R")


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the primary header is LAMOST's and the file has one of its two layouts."""
    header = hdus[0]
    named = any("LAMOST" in header.text(key).upper() for key in ("TELESCOP", "ORIGIN", "AUTHOR"))
    image = header.image
    return named and (
        (image is not None and image.ndim == 2 and image.shape[0] == 5)
        or bool(_arms(hdus))
        or _table(hdus) is not None
    )


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> list[Spectrum]:
    """The one spectrum of a LAMOST file's extensions."""
    header = hdus[0]
    arms, coadd = _arms(hdus), _table(hdus)
    if arms:
        source, rows = arms[0], _joined(arms, options, path.name)
    elif coadd is not None:
        source, table = coadd, coadd.table
        rows = {name: np.asarray(table[name])[0] for name in ("flux", "ivar", "wavelength")}
        rows |= {name: np.asarray(table[name])[0] for name in ("andmask", "ormask") if name in table}
        rows["wavelength"] = _in_angstrom(coadd, "wavelength", rows["wavelength"], options, path.name)
    elif header.image is not None and header.image.ndim == 2 and header.image.shape[0] == 5:
        source, rows = header, _image_rows(header)
        if options.wavelength_unit is not None:
            rows["wavelength"] = to_angstrom(rows["wavelength"], options.wavelength_unit, path.name)[0]
    else:
        raise FormatError(
            f"{path.name}: neither 5 rows in the primary image nor COADD tables, expected one of LAMOST's "
            "layouts. Leave --survey at auto, or name the survey it comes from."
        )
    flags = ["sky"] if "SKY" in (header.text("FIBERTYP").upper(), header.text("OBJTYPE").upper()) else []
    mask = np.zeros(len(rows["flux"]), np.int32)
    if "andmask" in rows:
        mask[rows["andmask"] != 0] |= Mask.BADPIXEL
    if "ormask" in rows:
        mask[rows["ormask"] != 0] |= Mask.SUSPECT
    said = Arrays(
        header.header,
        rows["wavelength"],
        rows["flux"],
        {"ivar": rows["ivar"]},
        flux_unit=column_unit(source, "flux") or source.text("BUNIT") or header.text("BUNIT") or None,
        error_unit=column_unit(source, "ivar"),
    )
    found = survey_flux(said, RELATIVE, options, path.name)
    vacuum = says_vacuum(header.header) is not False
    return [
        assemble(
            RawSpectrum(
                file_id(path),
                rows["wavelength"],
                found.flux,
                found.ivar,
                path=path,
                survey="lamost",
                row=_object_row(header, sky=bool(flags)),
                mask=mask,
                flux_unit=found.unit,
                calibrated=found.calibrated and not (arms and found.unit == RELATIVE),
                medium=options.medium_or("vacuum" if vacuum else "air"),
                flags=[*flags, *found.flags],
            )
        )
    ]


def _arms(hdus: Sequence[Hdu]) -> list[Hdu]:
    """The summed arms of a medium-resolution file, the bluer first."""
    arms = {hdu.name: hdu for hdu in hdus if hdu.name in ARMS}
    columns = {name: set(hdu.table) for name, hdu in arms.items()}
    return [
        arms[name] for name in ARMS
        if name in arms and {"flux", "ivar"} <= columns[name] and {"loglam", "wavelength"} & columns[name]
    ]  # fmt: skip


def _joined(arms: Sequence[Hdu], options: Options, name: str) -> dict[str, NDArray]:
    """Arms end to end: they do not overlap."""
    rows: dict[str, list[NDArray]] = {"wavelength": [], "flux": [], "ivar": [], "andmask": []}
    for arm in arms:
        column = "wavelength" if "wavelength" in arm.table else "loglam"
        wavelength = _in_angstrom(arm, column, np.asarray(arm.table[column]).ravel(), options, name)
        rows["wavelength"].append(wavelength)
        for key, column in (("flux", "flux"), ("ivar", "ivar"), ("andmask", "pixmask")):
            rows[key].append(np.asarray(arm.table.get(column, np.zeros(len(wavelength)))).ravel())
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _in_angstrom(hdu: Hdu, column: str, values: NDArray, options: Options, name: str) -> NDArray[np.float64]:
    """Angstrom, or log10 of that in a column `loglam`, unless file or user says another unit."""
    unit = options.wavelength_unit or column_unit(hdu, column) or "Angstrom"
    return to_angstrom(values, unit, name, column)[0]


def _image_rows(header: Hdu) -> dict[str, NDArray]:
    image = np.asarray(header.image)
    words = header.text("EXTEN0").replace(",", " ").lower().split()
    names = words if len(words) == 5 else ["flux", "inverse", "wavelength", "andmask", "ormask"]
    rows = dict(zip(names, image, strict=True))
    third = image[2]
    if "wavelength" not in rows or not (third[0] > 2000 and third[-1] > third[0]):
        start, step = header.number("COEFF0"), header.number("COEFF1")
        if start is None or step is None or not (2.0 < start < 6.0 and 0 < step < 1e-2):
            raise FormatError(
                f"{header.text('FILENAME') or 'LAMOST file'}: COEFF0 {start}, COEFF1 {step} and no row of "
                "wavelengths, expected one of the two. Fetch it again."
            )
        rows["wavelength"] = 10.0 ** (start + step * np.arange(image.shape[1]))
    return {"ivar": rows.get("inverse", image[1]), **rows}


def _table(hdus: Sequence[Hdu]) -> Hdu | None:
    for hdu in hdus:
        if {"flux", "ivar", "wavelength"} <= set(hdu.table) and np.ndim(hdu.table["flux"]) == 2:
            return hdu
    return None


def _object_row(header: Hdu, sky: bool) -> dict[str, object]:
    z, z_err = header.number("Z"), header.number("Z_ERR")
    mjd, fibre = header.number("MJD"), header.number("FIBERID")
    known = z is not None and z > -1  # -9999 marks an unknown redshift
    return {
        "ra": header.number("RA"),
        "dec": header.number("DEC"),
        "z": z if known else None,
        "z_err": z_err if known and z_err is not None and z_err > 0 else None,
        "class": "SKY" if sky else header.text("CLASS").upper() or None,
        "subclass": None if sky else header.text("SUBCLASS") or None,
        "mjd": None if mjd is None else int(mjd),
        "fiberid": None if fibre is None else int(fibre),
        "specobjid": header.text("OBSID") or None,
    }
