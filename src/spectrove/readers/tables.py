"""Tables with named columns, text or FITS; vector columns hold a spectrum per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.catalog.tables import REDSHIFTS, is_z_band
from spectrove.errors import FormatError, Refusal
from spectrove.readers.arms import join_arms
from spectrove.readers.arrays import Arrays, reliability_warning, unique_names
from spectrove.readers.assemble import FLUX_UNIT
from spectrove.readers.fitsfile import Hdu, joint_header
from spectrove.readers.frame import is_rest_name
from spectrove.readers.options import Options
from spectrove.readers.planes import TYPES, saw

#: Names under which columns and extensions hold each quantity, in order of preference, lower case.
NAMES: dict[str, tuple[str, ...]] = {
    "wavelength": ("wavelength", "wave", "lambda", "wl", "lam", "waves", "opt_wave",
                   "wave_vac", "wave_air", "loglam", "log_wave",
                   "lambda_vac", "lambda_air", "awav", "wavelengths", "vacuum_wavelength", "x", "1"),
    "flux": ("flux", "flam", "fluxes", "f_lambda", "fnu", "flux_lambda", "data", "spec", "spectrum", "counts",
             "sci", "flux_reduced", "flux_density", "signal", "opt_flam", "opt_counts", "y", "2"),
    "ivar": ("ivar", "invvar", "inverse_variance", "inv_var", "flux_ivar", "ivar_flux"),
    "error": ("error", "err", "flux_err", "flam_err", "fluxerr", "flux_error", "sigma", "unc", "uncertainty",
              "noise", "errs", "e_flux", "std", "stddev", "3"),
    "variance": ("variance", "var", "stat", "flux_var"),
    "mask": ("mask", "badpix", "bpm", "flag", "flags", "quality", "qual", "dq", "and_mask"),
    "resolution": ("sres", "resolution_power"),
}  # fmt: skip

#: Names of the errors of one flux column among several, with the name of that column in the braces.
OWN_ERRORS = {
    "ivar": ("{}_ivar", "ivar_{}"),
    "error": ("{}_err", "{}_error", "err_{}", "error_{}", "e_{}", "sigma_{}", "{}_sigma", "{}_unc"),
    "variance": ("{}_var", "var_{}", "{}_variance"),
}
#: Cards, and columns, that tell several spectra of one file apart.
TABLE_NAMES = ("SRCNAME", "SOURCEID", "SPORDER", "EXTNAME", "EXTVER")
ROW_NAMES = ("source_id", "srcname", "targetid", "sdss_id", "catalogid", "name", "object", "objid", "id", "segment",
             "sporder", "spec_num")  # fmt: skip
#: Stands in the header of a table for the unit of wavelengths that another extension holds.
GRID_UNIT = "GRIDUNIT"
#: Columns that say how many pixels of a row are filled.
LENGTHS = ("n_alongdisp", "nelem")
#: What columns of vector rows say of each row's object.
ROW_VALUES = {
    "ra": ("ra", "source_ra", "srcra", "targ_ra", "target_ra"),
    "dec": ("dec", "source_dec", "srcdec", "targ_dec", "target_dec"),
    "z": (*REDSHIFTS, "z"),
    "targetid": ("targetid", "sdss_id", "catalogid", "source_id"),
}


def tables(hdus: Sequence[Hdu], options: Options, path: Path) -> list[Arrays | Refusal] | None:
    """A spectrum for each table with a wavelength and a flux column, or for each row where these are vectors.

    Further tables are spectra if they have the columns of the first; of others a sentence says that they were left out.

    Raises:
        FormatError: If no table has a column that the user named, or none has rows.
    """
    found = _with_columns(hdus, options, path)
    filled = [(hdu, columns) for hdu, columns in found if len(hdu.table[columns["flux"]])]
    if found and not filled:
        raise FormatError(
            f"{path.name}: a table of spectra with no rows, expected at least one. Leave it out."
        )
    if not filled:
        return None
    siblings = [(hdu, columns) for hdu, columns in filled if columns == filled[0][1]]
    names = unique_names([[hdu.text(key) for hdu, _ in siblings] for key in TABLE_NAMES], len(siblings))
    parts: list[Arrays] = []
    for (hdu, columns), name in zip(siblings, names, strict=True):
        parts += _parts(hdus[0], hdu, columns, name if len(siblings) > 1 else "")
    others = (_left_out(hdu, columns, path) for hdu, columns in filled if columns != filled[0][1])
    return [*join_arms(parts, path), *others]


def _left_out(hdu: Hdu, columns: Mapping[str, str], path: Path) -> Refusal:
    said = ", ".join(columns.values())
    return Refusal(
        str(path), f"{path.name}: table {hdu.name or '(without a name)'} has other columns ({said}) than the first "
        "spectrum of the file, and was left out. Name its columns with --columns to read it alone."
    )  # fmt: skip


def _with_columns(hdus: Sequence[Hdu], options: Options, path: Path) -> list[tuple[Hdu, dict[str, str]]]:
    """The tables that have wavelength and flux, with the column of each quantity."""
    wanted = {name.lower() for name in options.columns.values()}
    tables = [_with_grid(hdu, hdus) for hdu in hdus if hdu.table]
    complete = [hdu for hdu in tables if wanted <= set(hdu.table)]
    if tables and not complete:
        _columns(tables[0].table, options, path)  # says which is missing
    found = [(hdu, _columns(hdu.table, options, path)) for hdu in complete]
    return [(hdu, columns) for hdu, columns in found if {"wavelength", "flux"} <= set(columns)]


def _with_grid(hdu: Hdu, hdus: Sequence[Hdu]) -> Hdu:
    """The table; where its rows are fluxes without wavelengths, with those of an image beside it for every row."""
    flux = next((hdu.table[n] for n in NAMES["flux"] if n in hdu.table and np.ndim(hdu.table[n]) == 2), None)
    if flux is None or any(name in hdu.table for name in NAMES["wavelength"]):
        return hdu
    for other in hdus:
        grid = other.image if other.name.lower() in NAMES["wavelength"] else None
        if grid is not None and grid.shape in (flux.shape, flux.shape[1:]):
            header = {**hdu.header, GRID_UNIT: other.text("BUNIT")}
            return Hdu(header, table={**hdu.table, other.name.lower(): np.broadcast_to(grid, flux.shape)})
    return hdu


def _parts(primary: Hdu, hdu: Hdu, columns: Mapping[str, str], name: str) -> list[Arrays]:
    """The spectrum of a table, or those of its rows; `name` is that of the table among several, else ""."""
    values = {key: np.asarray(hdu.table[column]) for key, column in columns.items()}
    if columns["flux"] == "2" and "error" in values and set(np.unique(values["error"])) <= {0.0, 1.0}:
        values["mask"] = values.pop("error")  # an unnamed third column of 0 and 1 marks bad pixels
    header = joint_header(primary, hdu)
    if not _is_vector(values["flux"]):
        z = np.asarray(hdu.table.get("redshift", ["unknown"]))
        return [
            _arrays(header, values, columns, hdu, name, {"z": float(z[0])} if z.dtype.kind == "f" else {})
        ]
    n = len(values["flux"])
    if not _is_vector(values["wavelength"]):
        raise FormatError(
            f"{hdu.name or 'a table'}: flux has shape {values['flux'].shape}, wavelength {values['wavelength'].shape}, "
            "expected the same. Name the columns with --columns."
        )
    names = unique_names([np.asarray(hdu.table[c]).tolist() for c in ROW_NAMES if c in hdu.table], n)
    parts, about = [], _about(hdu.table)
    for i in range(n):
        filled = _cut({key: np.asarray(value[i]) for key, value in values.items()}, _length(hdu.table, i))
        row = _trimmed(filled)
        said = "-".join(filter(None, [name, names[i] if n > 1 else ""]))
        padded = len(row["wavelength"]) < len(filled["wavelength"])
        parts.append(
            _arrays(header, row, columns, hdu, said, _object(hdu.table, about, i) | {"padded": padded})
        )
    return parts


def _arrays(
    header: Mapping[str, Any], values: dict[str, NDArray], columns: Mapping[str, str], hdu: Hdu, name: str,
    row: dict[str, Any],
) -> Arrays:  # fmt: skip
    values = dict(values)
    wavelength, flux = values.pop("wavelength"), values.pop("flux")
    six_df = "OBSRA" in header and "Z_HELIO" in header
    astra = "V_ASTRA" in header  # SDSS-V's mwmStar and mwmVisit, which state no units
    sky, padded = row.pop("sky", False), row.pop("padded", False)
    spread = next((columns[key] for key in ("ivar", "error", "variance") if key in values), None)
    return Arrays(
        header,
        wavelength,
        flux,
        values,
        wavelength_name=columns["wavelength"],
        wavelength_unit=column_unit(hdu, columns["wavelength"]) or header.get(GRID_UNIT) or None,
        flux_unit=column_unit(hdu, columns["flux"])
        or (FLUX_UNIT if astra else _unit_of_name(columns["flux"])),
        error_unit=None if spread is None else column_unit(hdu, spread),
        mask_name=columns.get("mask", "mask"),
        survey="6dfgs" if six_df else "sdss-v" if astra else None,
        medium="vacuum" if astra else None,
        names=[name],
        rows=[
            row
            | ({"zwarning": reliability_warning(Hdu(header))} if six_df else {})
            | ({"class": "SKY"} if sky else {})
        ],
        flags=[["sky"] * sky + ["pixels_dropped"] * padded],
    )


def _is_vector(column: NDArray) -> bool:
    return column.ndim == 2 or column.dtype == object


def _length(table: Mapping[str, NDArray], i: int) -> int | None:
    """How many pixels of row i are filled, where a column says so."""
    name = next((name for name in LENGTHS if name in table), None)
    return None if name is None else int(np.atleast_1d(table[name][i])[0])


def _cut(row: Mapping[str, NDArray], length: int | None) -> dict[str, NDArray]:
    """One spectrum up to the pixel at which its row says that it ends."""
    n = len(row["wavelength"])
    return {key: value[: length or n] if value.shape == (n,) else value for key, value in row.items()}


def _trimmed(row: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """One spectrum without the padding with which rows of a table are filled up: no wavelength, or zero."""
    wavelength = np.asarray(row["wavelength"], float)
    n = len(wavelength)
    real = np.flatnonzero(np.isfinite(wavelength) & (wavelength != 0))
    span = slice(int(real[0]), int(real[-1]) + 1) if len(real) else slice(0, n)
    return {key: value[span] if value.shape == (n,) else value for key, value in row.items()}


def _about(table: Mapping[str, NDArray]) -> dict[str, str]:
    """The column of each of `ROW_VALUES` that the table has; the magnitude of the z band is no redshift."""
    found = {
        key: name
        for key, names in ROW_VALUES.items()
        if (name := next((n for n in names if n in table and np.ndim(table[n]) == 1), None)) is not None
    }
    z = np.asarray(table[found["z"]]) if found.get("z") == "z" else np.zeros(0)
    if z.dtype.kind in "iuf" and is_z_band(table, z.tolist()):
        del found["z"]
    return found


def _object(table: Mapping[str, NDArray], about: Mapping[str, str], i: int) -> dict[str, Any]:
    """Position, redshift, id and kind of one row's object, where columns (`_about`) have them."""
    row: dict[str, Any] = {}
    for key, name in about.items():
        value = table[name][i]
        if key == "targetid":
            row[key] = str(value).strip() or None
        elif np.asarray(value).dtype.kind in "iuf" and np.isfinite(value):
            row[key] = float(value)
    kinds = (str(table[name][i]) for name in TYPES if name in table and np.ndim(table[name]) == 1)
    return row | ({"sky": True} if any(saw(kind) == "sky" for kind in kinds) else {})


def _columns(table: Mapping[str, NDArray], options: Options, path: Path) -> dict[str, str]:
    """Columns by quantity: those the user named, those that belong to the flux column, then the first known ones."""
    chosen: dict[str, str] = {}
    for key, names in NAMES.items():
        wanted = options.columns.get(key)
        if wanted is not None:
            if wanted.lower() not in table:
                raise FormatError(
                    f"{path.name}: no column {wanted!r} for {key}; it has {', '.join(table)}. Mend --columns."
                )
            chosen[key] = wanted.lower()
            continue
        own = [text.format(chosen["flux"]) for text in OWN_ERRORS.get(key, ())] if "flux" in chosen else []
        own += [chosen["flux"].replace("flux", key[:3], 1)] if key == "error" and "flux" in chosen else []
        found = next((n for n in (*own, *names) if n in table and n not in chosen.values()), None)
        if found is None and key == "wavelength":
            found = next((n for n in table if is_rest_name(n)), None)
        if found is not None and np.asarray(table[found]).dtype.kind in (
            "iufbOUS" if key == "mask" else "iufbO"
        ):
            chosen[key] = found
    return chosen


def column_unit(hdu: Hdu, name: str) -> str | None:
    """The unit that the header gives a column, None where it gives none."""
    for i in range(1, int(hdu.number("TFIELDS") or 0) + 1):
        if hdu.text(f"TTYPE{i}").lower() == name:
            return hdu.text(f"TUNIT{i}") or None
    return None


def _unit_of_name(name: str) -> str | None:
    """Usual names of flux densities in cgs units; PypeIt's "opt_flam" is 1e-17 of that."""
    if name == "opt_flam":
        return FLUX_UNIT
    if name == "fnu":
        return "erg / (s cm2 Hz)"
    return "erg / (s cm2 Angstrom)" if name in ("flam", "f_lambda", "flux_lambda") else None
