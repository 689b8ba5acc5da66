"""Writes mock objects as SDSS "lite" spec files, and their catalog.

The bytes are put together here: a file has two fixed table headers and one that changes in a dozen cards, and
astropy needs 25 ms to arrive at the same. A test reads every part back with astropy.
"""

from __future__ import annotations

import csv
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.mock import sdss_layout as layout
from spectrove.galaxies.mock.objects import MockObject
from spectrove.galaxies.mock.rows import MOCK_COLUMNS
from spectrove.lines import SPEED_OF_LIGHT

_BLOCK = 2880

#: Columns of index.csv: those of real catalogs first, in their order, then what only mocks have.
CATALOG_COLUMNS: tuple[str, ...] = (
    "object_id", "path", "group", "survey", "plate", "mjd", "fiberid", "specobjid", "ra", "dec", "class",
    "subclass", "z",
    "z_err", "zwarning", "sn_median", "n_pixels", "wave_min", "wave_max", "flux_unit",
)  # fmt: skip


def write_file(made: MockObject, folder: Path) -> Path:
    """Writes one object; gives the file's path. The file appears whole or not at all."""
    path = folder / f"spec-{made.spectrum.object_id}.fits"
    parts = (
        _primary(made),
        _table(layout.COADD, "COADD", _coadd(made)),
        _table(layout.SPECOBJ, "SPECOBJ", _specobj(made)),
        _table(layout.SPZLINE, "SPZLINE", _line_rows(made)),
    )
    draft = path.with_suffix(".part")
    draft.write_bytes(b"".join(parts))
    os.replace(draft, path)
    return path


def write_catalog(rows: list[dict[str, Any]], path: Path) -> Path:
    """Writes the catalog as CSV, empty where unknown."""
    names = list(CATALOG_COLUMNS) + [name for name in MOCK_COLUMNS if name not in CATALOG_COLUMNS]
    draft = path.with_suffix(".part")
    with open(draft, "w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)
    os.replace(draft, path)
    return path


def _card(key: str, value: Any, comment: str = "") -> bytes:
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = f"'{value:<8}'"
    elif isinstance(value, float):
        text = f"{value:>20.12G}"
    else:
        text = f"{value:>20}"
    card = f"{key:<8}= {text}" + (f" / {comment}" if comment else "")
    return f"{card[:80]:<80}".encode("ascii")


def _header(cards: list[bytes]) -> bytes:
    text = b"".join([*cards, b"END" + b" " * 77])
    return text + b" " * (-len(text) % _BLOCK)


@cache
def _table_header(form: str, name: str, n_rows: int) -> bytes:
    cards = [
        _card("XTENSION", "BINTABLE", "binary table extension"), _card("BITPIX", 8), _card("NAXIS", 2),
        _card("NAXIS1", layout.dtype(form).itemsize), _card("NAXIS2", n_rows), _card("PCOUNT", 0),
        _card("GCOUNT", 1),
        _card("TFIELDS", len(layout.columns(form))),
    ]  # fmt: skip
    for i, (column, kind) in enumerate(layout.columns(form), 1):
        cards += [_card(f"TTYPE{i}", column), _card(f"TFORM{i}", kind)]
    return _header([*cards, _card("EXTNAME", name)])


def _table(form: str, name: str, rows: NDArray) -> bytes:
    data = rows.tobytes()
    return _table_header(form, name, len(rows)) + data + b"\0" * (-len(data) % _BLOCK)


def _primary(made: MockObject) -> bytes:
    row, loglam = made.spectrum.row, made.exposure.loglam
    return _header([
        _card("SIMPLE", True, "conforms to FITS standard"), _card("BITPIX", 8), _card("NAXIS", 0),
        _card("EXTEND", True),
        _card("RA", row["ra"], "Right ascension of telescope boresight"),
        _card("DEC", row["dec"], "Declination of telescope boresight"),
        _card("MJD", row["mjd"], "MJD of observation"), _card("MJDLIST", str(row["mjd"])),
        _card("TELESCOP", "MOCK", "Simulated: nobody observed this"), _card("FLAVOR", "science"),
        _card("QUALITY", "excellent"), _card("PLATEID", row["plate"], "Plate Id"),
        _card("TILEID", row["plate"]), _card("FIBERID", row["fiberid"], "Fiber number (1-640)"),
        _card("VERS2D", "mock"), _card("VERSCOMB", "mock"), _card("VACUUM", True,
        "Wavelengths are in vacuum"),
        _card("NWORDER", 2, "Linear-log10 coefficients"), _card("WFITTYPE", "LOG-LINEAR"),
        _card("COEFF0", float(loglam[0]), "Central wavelength (log10) of first pixel"),
        _card("COEFF1", 1e-4, "Log10 dispersion per pixel"), _card("DC-FLAG", 1, "Log-linear flag"),
        _card("BUNIT", "1E-17 erg/cm^2/s/Ang"), _card("PLUG_RA", row["ra"], "RA of object [deg]"),
        _card("PLUG_DEC", row["dec"], "dec of object [deg]"), _card("SPEC_ID", row["specobjid"],
        "Unique object identifier"),
        _card("NEXP", 3),
    ])  # fmt: skip


def _coadd(made: MockObject) -> NDArray:
    spectrum, exposure = made.spectrum, made.exposure
    rows = np.zeros(len(spectrum.flux), layout.dtype(layout.COADD))
    rows["flux"], rows["ivar"], rows["loglam"] = spectrum.flux, spectrum.ivar, exposure.loglam
    rows["and_mask"], rows["or_mask"] = made.observed.and_mask, made.observed.or_mask
    rows["wdisp"], rows["sky"] = exposure.wdisp, exposure.sky
    rows["model"] = np.nan_to_num(made.fit.continuum) + made.fit.emission
    return rows


def _specobj(made: MockObject) -> NDArray:
    row = made.spectrum.row
    out = np.zeros(1, layout.dtype(layout.SPECOBJ))
    ra, dec = np.radians(row["ra"]), np.radians(row["dec"])
    values = {
        "SURVEY": "mock", "INSTRUMENT": "MOCK", "CHUNK": "mock", "PROGRAMNAME": "mock", "PLATERUN": "mock",
        "PLATEQUALITY": "good", "LAMBDA_EFF": 5000, "BLUEFIBER": -1, "SPECPRIMARY": 1, "SPECLEGACY": 1,
        "SPECOBJID": row["specobjid"], "NSPECOBS": 1, "FIRSTRELEASE": "", "RUN2D": "26", "DESIGNID": -1,
        "CX": np.cos(dec) * np.cos(ra), "CY": np.cos(dec) * np.sin(ra), "CZ": np.sin(dec),
        "SOURCETYPE": "GALAXY",
        "TARGETTYPE": "SCIENCE", "PLATE": row["plate"], "TILE": row["plate"], "MJD": row["mjd"],
        "FIBERID": row["fiberid"], "PLUG_RA": row["ra"], "PLUG_DEC": row["dec"], "CLASS": row["class"],
        "SUBCLASS": row["subclass"] or "", "Z": row["z"], "Z_ERR": row["z_err"], "ZWARNING": row["zwarning"],
        "VDISP": row["vdisp"] or 0.0, "WAVEMIN": made.spectrum.wavelength[0],
        "WAVEMAX": made.spectrum.wavelength[-1],
        "SN_MEDIAN_ALL": row["sn_median"], "SN_MEDIAN": row["sn_median"],
        "ANYANDMASK": np.bitwise_or.reduce(made.observed.and_mask),
        "ANYORMASK": np.bitwise_or.reduce(made.observed.or_mask),
    }  # fmt: skip
    for name, value in values.items():
        out[name] = value.encode("ascii") if isinstance(value, str) else value
    return out


def _line_rows(made: MockObject) -> NDArray:
    row, fit = made.spectrum.row, made.fit
    out = np.zeros(len(layout.SPZLINE_ROWS), layout.dtype(layout.SPZLINE))
    out["PLATE"], out["MJD"], out["FIBERID"] = row["plate"], row["mjd"], row["fiberid"]
    for name in ("LINEZ_ERR", "LINESIGMA_ERR", "LINEAREA_ERR", "LINEEW_ERR", "LINECONTLEVEL_ERR", "LINECHI2"):
        out[name] = -1  # as SDSS marks what was not measured
    for record, (name, wavelength, key) in zip(out, layout.SPZLINE_ROWS, strict=True):
        record["LINENAME"], record["LINEWAVE"] = name.encode("ascii"), wavelength
        if key and np.isfinite(fit.flux[key]) and np.isfinite(fit.ew[key]):
            record["LINEZ"], record["LINEZ_ERR"] = (
                row["z"] + (1 + row["z"]) * fit.velocity / SPEED_OF_LIGHT,
                row["z_err"],
            )
            record["LINESIGMA"], record["LINESIGMA_ERR"] = fit.width, 10.0
            record["LINEAREA"], record["LINEAREA_ERR"] = fit.flux[key], fit.noise[key]
            record["LINEEW"], record["LINEEW_ERR"] = fit.ew[key], fit.ew_noise[key]
            record["LINECONTLEVEL"] = fit.flux[key] / fit.ew[key] / (1 + row["z"]) if fit.ew[key] else 0
            record["LINECONTLEVEL_ERR"] = abs(float(record["LINECONTLEVEL"])) * 0.01
    return out
