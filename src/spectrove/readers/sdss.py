"""SDSS, BOSS and eBOSS spectra: `spec-PLATE-MJD-FIBER.fits`, lite and full, of every pipeline version.

HDU 1 holds the co-added pixels, one further table the SpecObj row (SPECOBJ or SPALL), another the line
fits (SPZLINE). Only the pixels are needed: a file stripped of the rest is read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
from spectrove.readers.tables import NAMES, column_unit
from spectrove.readers.wavelengths import to_angstrom
from spectrove.spectra import Mask, Spectrum

#: Bits of SPPIXMASK (SDSS DR17 bitmask documentation) that spoil a pixel when set in every exposure:
#: FULLREJECT, NOSKY, BRIGHTSKY, NODATA, COMBINEREJ, BADFLUXFACTOR, BADSKYCHI, REDMONSTER. The survey's own
#: redshift fits leave out BRIGHTSKY too. Bits 0-15 speak of a whole fibre whose data are as good as any
#: (their residuals against the pipeline's model are those of unflagged pixels), so they are kept as SUSPECT,
#: as are the milder bits of single pixels.
FATAL_BITS = sum(1 << bit for bit in (18, 22, 23, 24, 25, 26, 27, 28))

#: Plain SDSS lines by the key of `columns.LINE_KEYS`; several are summed.
SPZLINE_NAMES: dict[str, tuple[str, ...]] = {
    "ha": ("H_alpha",),
    "hb": ("H_beta",),
    "oiii": ("[O_III] 5007",),
    "nii": ("[N_II] 6583",),
    "sii": ("[S_II] 6716", "[S_II] 6730"),
    "oi": ("[O_I] 6300",),
}

#: Columns of the position, SDSS-V's names last.
_RA, _DEC = ("plug_ra", "ra", "racat", "fiber_ra"), ("plug_dec", "dec", "deccat", "fiber_dec")

#: Columns of a co-added spectrum, and cards of the primary header, that SDSS alone has.
_MARKS = {"and_mask", "or_mask", "wdisp"}
_CARDS = ("PLATEID", "FIBERID")

_FILE_NAME = re.compile(r"spec(?:lite|full)?-(\d{3,6})-(\d{5})-(\d{1,4})(?!\d)", re.I)
_EXPOSURE = re.compile(r"[BR]\d-\d{8}")
_RUN2D = re.compile(r"v(\d+)_(\d+)_(\d+)$")


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether a table of the file has the columns of an SDSS co-added spectrum, and something else says that it is one.

    That is a column only SDSS has, a SpecObj row, or the primary header; other surveys have `loglam` too.
    """
    coadd = _coadd(hdus)
    if coadd is None:
        return False
    if _MARKS & set(coadd.table) or any("specobjid" in hdu.table for hdu in hdus):
        return True
    header = hdus[0]
    return "SDSS" in header.text("TELESCOP").upper() or all(key in header.header for key in _CARDS)


def is_exposure(header: Mapping[str, Any]) -> bool:
    """Whether an extension is a single exposure of a full file (B1-00002591-...), behind all we want."""
    return bool(_EXPOSURE.match(str(header.get("EXTNAME") or "")))


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> list[Spectrum]:
    """The one spectrum of an SDSS file's extensions.

    Raises:
        FormatError: If no table has flux and loglam, or the pixels are no spectrum.
    """
    coadd = _coadd(hdus)
    if coadd is None:
        raise FormatError(
            f"{path.name}: no table with columns flux and loglam, expected an SDSS spec file. "
            "Leave --survey at auto, or name the survey it comes from."
        )
    table, header = coadd.table, hdus[0]
    loglam = np.asarray(table["loglam"], dtype=float)
    wavelength = _wavelength(coadd, loglam, options, path.name)
    found = survey_flux(_pixels(coadd, header, wavelength), FLUX_UNIT, options, path.name)
    # A table stripped to the redshift alone still says that.
    named = ("specobjid", "zwarning", "z_err", "class", "sourcetype", "objtype", "z")
    specobj = _first_row(_find(hdus, named))
    row = _object_row(specobj, header)
    row |= _identity(specobj, header, path)
    row["targetid"] = _id_text(specobj.get("catalogid"))
    row |= _lines(_find(hdus, ("linename",)))
    flags = _flags(row, specobj)
    if "sky" in flags:
        # The pipeline fits galaxies, quasars and stars to sky fibres as well: its class says nothing.
        row |= {"class": "SKY", "subclass": None}
    expected = specobjid(row["plate"], row["mjd"], row["fiberid"], row["run2d"])
    if expected and row["specobjid"] and row["specobjid"] != expected:
        flags.append("specobjid_mismatch")
    row["specobjid"] = row["specobjid"] or expected
    return [
        assemble(
            RawSpectrum(
                object_id(row["plate"], row["mjd"], row["fiberid"]) or _field_id(specobj) or file_id(path),
                wavelength,
                found.flux,
                found.ivar,
                path=path,
                survey=_survey(specobj, row),
                row=row,
                mask=pixel_mask(table, len(wavelength)),
                lsf=line_spread(table.get("wdisp"), np.log10(wavelength)),
                flux_unit=found.unit,
                calibrated=found.calibrated,
                medium=options.medium_or("air" if says_vacuum(header.header) is False else "vacuum"),
                flags=[*flags, *found.flags],
            )
        )
    ]


def _wavelength(coadd: Hdu, loglam: NDArray, options: Options, name: str) -> NDArray[np.float64]:
    """Angstrom; loglam is the log10 of that unless file or user says another unit."""
    unit = options.wavelength_unit or column_unit(coadd, "loglam")
    if unit is not None:
        return to_angstrom(loglam, unit, name, "loglam")[0]
    if np.any(loglam > 6.0):  # also keeps 10**loglam finite
        raise FormatError(f"{name}: loglam reaches {np.nanmax(loglam):g}, expected 2 to 6. Fetch it again.")
    return 10.0**loglam


def _pixels(coadd: Hdu, header: Hdu, wavelength: NDArray) -> Arrays:
    """Flux and errors of the table, with the units that it or the primary header states."""
    kind, column = next(
        (
            (kind, name)
            for kind in ("ivar", "error", "variance")
            for name in NAMES[kind]
            if name in coadd.table
        ),
        (None, ""),
    )
    return Arrays(
        coadd.header,
        wavelength,
        coadd.table["flux"],
        {} if kind is None else {kind: coadd.table[column]},
        flux_unit=column_unit(coadd, "flux") or coadd.text("BUNIT") or header.text("BUNIT") or None,
        error_unit=None if kind is None else column_unit(coadd, column),
    )


def object_id(plate: int | None, mjd: int | None, fiberid: int | None) -> str | None:
    """PLATE-MJD-FIBER, plate and fibre zero-padded to four digits; None unless all three are known."""
    if plate is None or mjd is None or fiberid is None:
        return None
    return f"{plate:04d}-{mjd}-{fiberid:04d}"


def _field_id(specobj: Mapping[str, Any]) -> str | None:
    """FIELD-MJD-CATALOGID of SDSS-V, which has no plates; None unless all three are known."""
    field, mjd, catalogid = (_id_text(specobj.get(name)) for name in ("field", "mjd", "catalogid"))
    return f"{field.zfill(6)}-{mjd}-{catalogid}" if field and mjd and catalogid else None


def specobjid(plate: int | None, mjd: int | None, fiberid: int | None, run2d: str | None) -> str | None:
    """The SDSS specobjid as text; None unless its four parts are known.

    Source: SDSS DR17 glossary, "specObjID": plate in bits 50-63, fibre 38-49, MJD - 50000 in 24-37, run2d
    10-23, where run2d "vN_M_P" counts as (N - 5) * 10000 + M * 100 + P.
    """
    if plate is None or mjd is None or fiberid is None or not run2d:
        return None
    version = _RUN2D.match(run2d)
    if version:
        run = (int(version[1]) - 5) * 10000 + int(version[2]) * 100 + int(version[3])
    elif run2d.isdigit():
        run = int(run2d)
    else:
        return None
    fields = ((plate, 14), (fiberid, 12), (mjd - 50000, 14), (run, 14))
    if any(not 0 <= value < 1 << bits for value, bits in fields):
        return None
    return str(plate << 50 | fiberid << 38 | (mjd - 50000) << 24 | run << 10)


def split_specobjid(text: str | None) -> tuple[int, int, int, int] | None:
    """Plate, MJD, fibre and run2d number of a specobjid; None if it is not one."""
    if not text or not text.isdigit() or int(text) >> 64:
        return None
    number = int(text)
    parts = number >> 50, (number >> 24 & 0x3FFF) + 50000, number >> 38 & 0xFFF, number >> 10 & 0x3FFF
    return parts if parts[0] > 0 and parts[2] > 0 else None


def pixel_mask(table: Mapping[str, NDArray], n_pixels: int) -> NDArray[np.int32]:
    """SDSS and_mask and or_mask as bits of `Mask`: fatal in every exposure BADPIXEL, all else SUSPECT."""
    mask = np.zeros(n_pixels, np.int32)
    columns = (table.get(name) for name in ("and_mask", "or_mask"))
    every, some = (None if column is None else bits_of(column) for column in columns)
    if every is not None:
        mask[(every & FATAL_BITS) != 0] |= Mask.BADPIXEL
        mask[every != 0] |= Mask.SUSPECT
    if some is not None:
        mask[some != 0] |= Mask.SUSPECT
    return mask


def bits_of(values: NDArray) -> NDArray:
    """Mask values as whole numbers, any shape; some files and all texts hold them as floats."""
    return np.nan_to_num(values).astype(np.int64) if values.dtype.kind == "f" else values


def line_spread(wdisp: NDArray | None, loglam: NDArray) -> NDArray[np.float64] | None:
    """One sigma in angstrom from SDSS `wdisp`, in pixels of the log10 grid; NaN where not positive."""
    if wdisp is None or len(loglam) < 2 or len(wdisp) != len(loglam):
        return None
    step = float(np.median(np.diff(loglam)))
    with np.errstate(invalid="ignore", over="ignore"):
        sigma = np.asarray(wdisp, float) * abs(step) * np.log(10) * 10.0**loglam
    return np.where(np.isfinite(sigma) & (sigma > 0), sigma, np.nan)


def _coadd(hdus: Sequence[Hdu]) -> Hdu | None:
    return next((hdu for hdu in hdus if "flux" in hdu.table and "loglam" in hdu.table), None)


def _find(hdus: Sequence[Hdu], any_of: tuple[str, ...]) -> Mapping[str, NDArray]:
    """The table that has one of the columns, by content since names of extensions vary; else none."""
    for name in any_of:
        for hdu in hdus:
            if (
                name in hdu.table
                and "loglam" not in hdu.table
                and (name == "linename" or "linename" not in hdu.table)
            ):
                return hdu.table
    return {}


def _first_row(table: Mapping[str, NDArray]) -> dict[str, Any]:
    wanted = ("plate", "mjd", "fiberid", "run2d", "specobjid", "class", "subclass", "z", "z_err", "zwarning")
    more = ("vdisp", "vdisp_err", "sn_median_all", "survey", "field", "catalogid", *_RA, *_DEC)
    row = {}
    for name in (*wanted, *more, "sourcetype", "objtype", "targettype"):
        values = table.get(name)
        if values is not None and values.ndim == 1 and len(values):
            row[name] = values[0]
    return row


def _object_row(specobj: Mapping[str, Any], header: Hdu) -> dict[str, Any]:
    """The SpecObj row as catalog columns; -1 and similar marks for "not measured" become None."""
    ra = _number(*(specobj.get(name) for name in _RA), header.number("PLUG_RA"))
    dec = _number(*(specobj.get(name) for name in _DEC), header.number("PLUG_DEC"))
    on_sky = ra is not None and dec is not None and 0 <= ra <= 360 and -90 <= dec <= 90
    z_err, vdisp_err = _number(specobj.get("z_err")), _number(specobj.get("vdisp_err"))
    zwarning = _number(specobj.get("zwarning"))
    return {
        "ra": ra if on_sky else None,
        "dec": dec if on_sky else None,
        "z": _number(specobj.get("z")),
        "z_err": z_err if z_err is not None and z_err > 0 else None,
        "zwarning": None if zwarning is None else int(zwarning),
        "class": _text(specobj.get("class")),
        "subclass": _text(specobj.get("subclass")),
        "sn_median": _number(specobj.get("sn_median_all")),
        "vdisp": _number(specobj.get("vdisp")),
        "vdisp_err": vdisp_err if vdisp_err is not None and vdisp_err > 0 else None,
        "run2d": _text(specobj.get("run2d")) or header.text("RUN2D") or None,
        "specobjid": _id_text(specobj.get("specobjid")) or _id_text(header.header.get("SPEC_ID")),
    }


def _identity(specobj: Mapping[str, Any], header: Hdu, path: Path) -> dict[str, int | None]:
    """Plate, MJD and fibre from one source: SpecObj row, SPEC_ID, header, or file name, whichever has all."""
    named = _FILE_NAME.search(path.name)
    decoded = split_specobjid(_id_text(header.header.get("SPEC_ID")))
    # MJD in the header may be that of the first exposure; the plate's is the last of MJDLIST.
    nights = [int(word) for word in header.text("MJDLIST").split() if word.isdigit()]
    mjd = max(nights) if nights else header.number("MJD")
    plate = header.number("PLATEID") or header.number("PLATE")
    sources = (
        tuple(_number(specobj.get(name)) for name in ("plate", "mjd", "fiberid")),
        decoded[:3] if decoded else (None,) * 3,
        (plate, mjd, header.number("FIBERID")),
        tuple(int(part) for part in named.groups()) if named else (None,) * 3,
    )
    for found in sources:
        if all(value is not None and 0 < value < 1e6 for value in found):
            return dict(
                zip(("plate", "mjd", "fiberid"), (int(v) for v in found if v is not None), strict=True)
            )
    return {"plate": None, "mjd": None, "fiberid": None}


def _lines(table: Mapping[str, NDArray]) -> dict[str, float | None]:
    """SPZLINE fits as line columns; a line whose error is not positive was not measured."""
    needed = ("linename", "linearea", "linearea_err")
    if any(name not in table or table[name].ndim != 1 for name in needed):
        return {}
    place = {str(name).strip(): i for i, name in enumerate(table["linename"])}
    row: dict[str, float | None] = {}
    for key, names in SPZLINE_NAMES.items():
        where = [place[name] for name in names if name in place]
        if len(where) != len(names):
            continue
        row |= dict(zip((f"{key}_flux", f"{key}_err"), _summed(table, "linearea", where), strict=True))
        row |= dict(zip((f"{key}_ew", f"{key}_ew_err"), _summed(table, "lineew", where), strict=True))
    return row


def _summed(table: Mapping[str, NDArray], name: str, where: list[int]) -> tuple[float | None, float | None]:
    if name not in table or f"{name}_err" not in table:
        return None, None
    values = np.asarray(table[name], float)[where]
    errors = np.asarray(table[f"{name}_err"], float)[where]
    if not (np.isfinite(values).all() and np.isfinite(errors).all() and (errors > 0).all()):
        return None, None
    return float(values.sum()), float(np.hypot.reduce(errors))


def _flags(row: Mapping[str, Any], specobj: Mapping[str, Any]) -> list[str]:
    kinds = {(_text(specobj.get(name)) or "").upper() for name in ("objtype", "sourcetype", "targettype")}
    return ["sky"] if "SKY" in kinds or (row["class"] or "").upper() == "SKY" else []


def _survey(specobj: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    name = (_text(specobj.get("survey")) or "").lower()
    boss = (row["run2d"] or "").startswith("v") or (row["plate"] or 0) >= 3510  # the first BOSS plate
    return name or ("boss/eboss" if boss else "sdss")


def _number(*values: Any) -> float | None:
    """The first of the values that is a finite number."""
    for value in values:
        if isinstance(value, int | float | np.integer | np.floating) and np.isfinite(value):
            return float(value)
    return None


def _text(value: Any) -> str | None:
    return str(value).strip() or None if isinstance(value, str | np.str_) else None


def _id_text(value: Any) -> str | None:
    """An integer id as text; it never passes through a float. None for 0 and what is not an integer."""
    text = str(value).strip() if isinstance(value, str | int | np.integer) else ""
    return text if text.isdigit() and int(text) > 0 else None
