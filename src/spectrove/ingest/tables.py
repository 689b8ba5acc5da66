"""Tables with named columns, text or FITS; vector columns hold a spectrum per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.ingest import sixdf
from spectrove.ingest.arrays import Arrays
from spectrove.ingest.fitsfile import Hdu
from spectrove.ingest.options import Options

#: Names under which columns and extensions hold each quantity, in order of preference, lower case.
NAMES: dict[str, tuple[str, ...]] = {
    "wavelength": ("wavelength", "wave", "lambda", "wl", "lam", "wave_vac", "wave_air", "loglam", "log_wave",
                   "lambda_vac", "lambda_air", "awav", "wavelengths", "vacuum_wavelength", "x", "1"),
    "flux": ("flux", "flam", "fluxes", "f_lambda", "fnu", "flux_lambda", "data", "spec", "spectrum", "counts",
             "sci", "y", "2"),
    "ivar": ("ivar", "invvar", "inverse_variance", "inv_var", "flux_ivar", "ivar_flux"),
    "error": ("error", "err", "flux_err", "flam_err", "fluxerr", "flux_error", "sigma", "unc", "uncertainty",
              "noise", "errs", "e_flux", "std", "stddev", "3"),
    "variance": ("variance", "var", "stat", "flux_var"),
    "mask": ("mask", "badpix", "bpm", "flag", "flags", "quality", "qual", "dq", "and_mask"),
    "resolution": ("sres", "resolution_power"),
}  # fmt: skip


def table(hdus: Sequence[Hdu], options: Options, path: Path) -> Arrays | None:
    """A table with a wavelength and a flux column; vector columns hold a spectrum per row."""
    for hdu in hdus:
        if not hdu.table:
            continue
        columns = _columns(hdu.table, options, path)
        if "wavelength" not in columns or "flux" not in columns:
            continue
        names = {key: columns.pop(key) for key in ("wavelength", "flux")}
        others = {key: np.asarray(hdu.table[name]) for key, name in columns.items()}
        if names["flux"] == "2" and "error" in others and set(np.unique(others["error"])) <= {0.0, 1.0}:
            others["mask"] = others.pop("error")  # an unnamed third column of 0 and 1 marks bad pixels
        wavelength, flux = hdu.table[names["wavelength"]], hdu.table[names["flux"]]
        units = {key: column_unit(hdu, name) for key, name in names.items()}
        six_df = "OBSRA" in hdus[0].header and "Z_HELIO" in hdus[0].header
        redshift = hdu.table.get("redshift")
        return Arrays(
            {**hdus[0].header, **hdu.header},
            np.asarray(wavelength),
            np.asarray(flux),
            others,
            wavelength_name=names["wavelength"],
            wavelength_unit=units["wavelength"],
            flux_unit=units["flux"] or _unit_of_name(names["flux"]),
            redshift=redshift if redshift is not None and redshift.dtype.kind == "f" else None,
            survey="6dfgs" if six_df else None,
            rows=[{"zwarning": sixdf.warning(hdus[0])}] if six_df else (),
        )
    return None


def _columns(table: Mapping[str, NDArray], options: Options, path: Path) -> dict[str, str]:
    """Column names by quantity: those the user named, then the first known name of numbers."""
    chosen = {}
    for key, names in NAMES.items():
        wanted = options.columns.get(key)
        if wanted is not None:
            if wanted.lower() not in table:
                raise FormatError(
                    f"{path.name}: no column {wanted!r} for {key}; it has {', '.join(table)}. Mend --columns."
                )
            chosen[key] = wanted.lower()
            continue
        found = next((name for name in names if name in table), None)
        if found is not None and np.asarray(table[found]).dtype.kind in "iufb":
            chosen[key] = found
    return chosen


def column_unit(hdu: Hdu, name: str) -> str | None:
    for i in range(1, int(hdu.number("TFIELDS") or 0) + 1):
        if hdu.text(f"TTYPE{i}").lower() == name:
            return hdu.text(f"TUNIT{i}") or None
    return None


def _unit_of_name(name: str) -> str | None:
    """ "flam" is the usual name of a flux density per wavelength in cgs units."""
    return "erg / (s cm2 Angstrom)" if name in ("flam", "f_lambda", "flux_lambda") else None
