"""LAMOST spectra: low resolution as rows of a primary image or one row of a COADD table, medium resolution in two arms.

The image's rows are named by EXTEN0: flux, inverse variance, then either the wavelength (since DR5) or the
pseudo-continuum (before, with the grid in COEFF0 and COEFF1), and the two masks. Wavelengths are vacuum;
fluxes are relative, but calibrated in shape. Medium-resolution files have a table for each arm, COADD_B (4950-5350 A)
and COADD_R (6300-6800 A), and the exposures behind them; the arms are one spectrum with a gap, not calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.ingest.assemble import assemble, file_id
from spectrove.ingest.fitsfile import Hdu
from spectrove.ingest.medium import says_vacuum
from spectrove.ingest.options import Options
from spectrove.spectra import Mask, Spectrum

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
    arms, table = _arms(hdus), _table(hdus)
    if arms:
        rows = _joined(arms)
    elif table is not None:
        rows = {name: np.asarray(table[name])[0] for name in ("flux", "ivar", "wavelength")}
        rows |= {name: np.asarray(table[name])[0] for name in ("andmask", "ormask") if name in table}
    elif header.image is not None and header.image.ndim == 2 and header.image.shape[0] == 5:
        rows = _image_rows(header)
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
    vacuum = says_vacuum(header.header) is not False
    return [
        assemble(
            file_id(path),
            rows["wavelength"],
            rows["flux"],
            rows["ivar"],
            path=path,
            survey="lamost",
            row=_object_row(header, sky=bool(flags)),
            mask=mask,
            flux_unit="relative",
            calibrated=not arms,
            medium=options.medium_or("vacuum" if vacuum else "air"),
            flags=flags,
        )
    ]


def _arms(hdus: Sequence[Hdu]) -> list[Mapping[str, NDArray]]:
    """The summed arms of a medium-resolution file, the bluer first."""
    arms = {hdu.name: hdu.table for hdu in hdus if hdu.name in ARMS}
    return [
        arms[name] for name in ARMS
        if name in arms and {"flux", "ivar"} <= set(arms[name]) and {"loglam", "wavelength"} & set(arms[name])
    ]  # fmt: skip


def _joined(arms: Sequence[Mapping[str, NDArray]]) -> dict[str, NDArray]:
    """Arms end to end: they do not overlap."""
    rows: dict[str, list[NDArray]] = {"wavelength": [], "flux": [], "ivar": [], "andmask": []}
    for arm in arms:
        log = "wavelength" not in arm
        wavelength = np.asarray(arm["loglam" if log else "wavelength"], float).ravel()
        rows["wavelength"].append(10.0**wavelength if log else wavelength)
        for name, column in (("flux", "flux"), ("ivar", "ivar"), ("andmask", "pixmask")):
            rows[name].append(np.asarray(arm.get(column, np.zeros(len(wavelength)))).ravel())
    return {name: np.concatenate(parts) for name, parts in rows.items()}


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


def _table(hdus: Sequence[Hdu]) -> Mapping[str, NDArray] | None:
    for hdu in hdus:
        if {"flux", "ivar", "wavelength"} <= set(hdu.table) and np.ndim(hdu.table["flux"]) == 2:
            return hdu.table
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
