"""DESI spectra: official coadd files (many objects, three arms), and single-object tables on its grid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays, spectra_of, survey_flux, unique_names
from spectrove.readers.assemble import FLUX_UNIT, RawSpectrum, assemble, file_id
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.options import Options
from spectrove.readers.tables import tables
from spectrove.readers.wavelengths import to_angstrom
from spectrove.spectra import Mask, Spectrum

#: Extensions that say what each fibre saw; newer pipelines write the second.
MAPS = ("FIBERMAP", "COADD_FIBERMAP")
ARMS = ("B", "R", "Z", "BR", "RZ", "BRZ")
#: The joint grid of DESI's arms: first and last wavelength and step, vacuum angstrom.
GRID = (3600.0, 9824.0, 0.8)

_TARGETID = re.compile(r"^(\d{14,19})(?!\d)")


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the file has DESI's arms, or tables on DESI's grid."""
    return bool(_arms(hdus)) or bool(_singles(hdus))


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """The spectra of a DESI file's extensions: one per row of a coadd, else one."""
    arms = _arms(hdus)
    if arms:
        return _coadd(arms, hdus, path, options)
    found = _singles(hdus)
    if not found:
        raise FormatError(
            f"{path.name}: neither extensions B_WAVELENGTH, B_FLUX, ... nor a table on DESI's grid "
            f"{GRID[0]:g}-{GRID[1]:g} A. Leave --survey at auto, or name the survey it comes from."
        )
    return _tables(found, hdus[0], path, options)


def _tables(found: Sequence[Hdu], primary: Hdu, path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """The spectra of single-object tables: errors, masks and units as of any table, habits DESI's."""
    many = len(found) > 1
    names = unique_names([[hdu.name for hdu in found]], len(found)) if many else [""]
    target = None if many else _TARGETID.match(path.name)
    parts: list[Arrays | Refusal] = []
    for hdu, name in zip(found, names, strict=True):
        row: dict[str, Any] = {"targetid": target[1] if target else None, **_judged(hdu)}
        redshift = hdu.table.get("redshift", hdu.table.get("z"))
        if redshift is not None and len(redshift) and np.isfinite(redshift[0]):
            row["z"] = float(redshift[0])
        read = tables([primary, hdu] if hdu is not primary else [hdu], options, path) or []
        parts += [_with_habits(part, name, row) if isinstance(part, Arrays) else part for part in read]
    return spectra_of(parts, path, options)


def _judged(hdu: Hdu) -> dict[str, Any]:
    """What the header of a fetched spectrum says about its redshift: warning, error and type."""
    warning, error, kind = hdu.number("ZWARN"), hdu.number("Z_ERR"), hdu.text("SPECTYPE")
    said = {"zwarning": None if warning is None else int(warning), "z_err": error, "class": kind or None}
    return {key: value for key, value in said.items() if value is not None}


def _with_habits(part: Arrays, name: str, row: Mapping[str, Any]) -> Arrays:
    """The arrays with what DESI's files do not say."""
    return replace(
        part,
        survey="desi",
        medium="vacuum",
        wavelength_unit=part.wavelength_unit or "Angstrom",
        flux_unit=part.flux_unit or FLUX_UNIT,
        names=[name],
        rows=[row],
    )


def join_arms(
    wavelengths: Sequence[NDArray], fluxes: Sequence[NDArray], ivars: Sequence[NDArray],
    bads: Sequence[NDArray], sigmas: Sequence[NDArray],
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:  # fmt: skip
    """Spectrum of several arms as one: the ivar-weighted mean where they overlap.

    Args:
        wavelengths: One grid per arm, angstrom, all of one step and phase.
        fluxes: One array per arm.
        ivars: The same, inverse variance.
        bads: The same, True where the survey's mask forbids the pixel; it then weighs nothing.
        sigmas: The same, one sigma of the line-spread function, angstrom.

    Returns:
        Wavelength, flux, ivar, bad and sigma on the joint grid. A pixel is bad if all that went into it were.
    """
    step = float(np.median(np.diff(wavelengths[0])))
    start = min(w[0] for w in wavelengths)
    places = [(w - start) / step for w in wavelengths]
    if any(np.abs(p - np.rint(p)).max() > 0.05 for p in places):
        raise FormatError(f"arms are not on one grid of {step:g} A, expected DESI's common grid")
    index = [np.rint(p).astype(int) for p in places]
    n = max(i.max() for i in index) + 1
    weight, total, spread, used, good, plain = (np.zeros(n) for _ in range(6))
    for i, flux, ivar, bad, sigma in zip(index, fluxes, ivars, bads, sigmas, strict=True):
        w = np.where(bad | ~np.isfinite(ivar) | ~np.isfinite(flux) | (ivar < 0), 0.0, ivar)
        total[i] += w * np.where(w > 0, flux, 0.0)
        weight[i] += w
        plain[i] += np.nan_to_num(flux)
        used[i] += 1
        good[i] += ~bad
        spread[i] += np.where(w > 0, w * sigma, 0.0)
    inside = used > 0
    safe = np.where(weight > 0, weight, 1.0)
    flux = np.where(weight > 0, total / safe, plain / np.maximum(used, 1))
    sigma = np.where(weight > 0, spread / safe, np.nan)
    wavelength = start + step * np.arange(n)
    return tuple(a[inside] for a in (wavelength, flux, weight, good == 0, sigma))  # type: ignore[return-value]


def resolution_sigma(resolution: NDArray, step: float) -> NDArray[np.float64]:
    """One sigma in angstrom from the diagonals of a resolution matrix, shape (n_diagonals, n_pixels).

    Diagonals run from the upper to the lower as in `desispec.resolution`; the width is the second moment of
    each column, which does not depend on their order.
    """
    offsets = np.arange(len(resolution))[:, None] - (len(resolution) - 1) / 2
    total = resolution.sum(axis=0)
    norm = np.where(np.abs(total) > 1e-6, total, np.nan)
    mean = (resolution * offsets).sum(axis=0) / norm
    variance = (resolution * offsets**2).sum(axis=0) / norm - mean**2
    return np.sqrt(np.where(variance > 0, variance, np.nan)) * step


def _coadd(arms: Sequence[str], hdus: Sequence[Hdu], path: Path, options: Options) -> list[Spectrum]:
    images = {hdu.name: hdu.image for hdu in hdus if hdu.image is not None}
    fibermap: Mapping[str, NDArray] = next((h.table for h in hdus if h.name in MAPS), {})
    n_rows = {len(np.atleast_2d(images[f"{arm}_{kind}"])) for arm in arms for kind in ("FLUX", "IVAR")}
    if fibermap and "targetid" in fibermap:
        n_rows.add(len(fibermap["targetid"]))
    if len(n_rows) != 1:
        raise FormatError(
            f"{path.name}: arms and FIBERMAP have {sorted(n_rows)} rows, expected one number. Fetch it again."
        )
    n = n_rows.pop()
    units = [_one_unit(hdus, arms, kind, path) for kind in ("FLUX", "IVAR")]
    images |= _in_angstrom(hdus, arms, options, path.name)
    spectra = []
    for i in range(n):
        wavelength, flux, ivar, bad, sigma = _joined(arms, images, i, path)
        said = Arrays({}, wavelength, flux, {"ivar": ivar}, flux_unit=units[0], error_unit=units[1])
        found = survey_flux(said, FLUX_UNIT, options, path.name)
        row = _fibermap_row(fibermap, i)
        flags = ["sky"] if row.pop("sky") else []
        spectra.append(
            assemble(
                RawSpectrum(
                    f"{file_id(path)}#{i}" if n > 1 else file_id(path),
                    wavelength,
                    found.flux,
                    found.ivar,
                    path=path,
                    survey="desi",
                    flux_unit=found.unit,
                    calibrated=found.calibrated,
                    row=row | ({"class": "SKY"} if flags else {}),
                    mask=np.where(bad, np.int32(Mask.BADPIXEL), np.int32(0)),
                    lsf=sigma,
                    medium=options.medium_or("vacuum"),
                    flags=[*flags, *found.flags],
                )
            )
        )
    return spectra


def _one_unit(hdus: Sequence[Hdu], arms: Sequence[str], kind: str, path: Path) -> str | None:
    """The unit that the arms state for their flux or inverse variance.

    Raises:
        FormatError: If they state different ones.
    """
    said = {hdu.text("BUNIT") or None for hdu in hdus if hdu.name in {f"{arm}_{kind}" for arm in arms}}
    if len(said) > 1:
        found = ", ".join(sorted(str(unit) for unit in said))
        raise FormatError(
            f"{path.name}: the arms' {kind} is in different units ({found}), expected one. Fetch it again."
        )
    return said.pop() if said else None


def _in_angstrom(hdus: Sequence[Hdu], arms: Sequence[str], options: Options, name: str) -> dict[str, NDArray]:
    """The arms' wavelengths by extension: angstrom, unless file or user says another unit."""
    waves = [h for h in hdus if h.image is not None and h.name in {f"{arm}_WAVELENGTH" for arm in arms}]
    return {
        hdu.name: to_angstrom(hdu.image, options.wavelength_unit or hdu.text("BUNIT") or "Angstrom", name)[0]
        for hdu in waves if hdu.image is not None
    }  # fmt: skip


def _joined(arms: Sequence[str], images: Mapping[str, NDArray], i: int, path: Path) -> tuple[NDArray, ...]:
    columns: tuple[list[NDArray], ...] = ([], [], [], [], [])
    for arm in arms:
        wave = images[f"{arm}_WAVELENGTH"]
        flux, ivar = np.atleast_2d(images[f"{arm}_FLUX"])[i], np.atleast_2d(images[f"{arm}_IVAR"])[i]
        mask, resolution = images.get(f"{arm}_MASK"), images.get(f"{arm}_RESOLUTION")
        bad = np.zeros(len(flux), bool) if mask is None else np.atleast_2d(mask)[i] != 0
        step = float(np.median(np.diff(wave)))
        sigma = np.full(len(flux), np.nan) if resolution is None else resolution_sigma(resolution[i], step)
        if len({len(a) for a in (wave, flux, ivar, bad, sigma)}) != 1:
            raise FormatError(
                f"{path.name}: arrays of arm {arm} differ in length, expected one. Fetch it again."
            )
        for into, value in zip(columns, (wave, flux, ivar, bad, sigma), strict=True):
            into.append(np.asarray(value))
    try:
        return join_arms(*columns)
    except FormatError as error:
        raise FormatError(f"{path.name}: {error}. Fetch it again.") from error


def _fibermap_row(fibermap: Mapping[str, NDArray], i: int) -> dict[str, Any]:
    def value(name: str) -> Any:
        return fibermap[name][i] if name in fibermap else None

    ra, dec = (
        (value("target_ra"), value("target_dec")) if "target_ra" in fibermap else (value("ra"), value("dec"))
    )
    target, fibre = value("targetid"), value("fiber")
    return {
        "targetid": None if target is None else str(int(target)),
        "fiberid": None if fibre is None else int(fibre),
        "ra": None if ra is None else float(ra),
        "dec": None if dec is None else float(dec),
        "sky": str(value("objtype") or "").strip().upper() == "SKY",
    }


def _arms(hdus: Sequence[Hdu]) -> list[str]:
    names = {hdu.name for hdu in hdus if hdu.image is not None}
    return [a for a in ARMS if {f"{a}_WAVELENGTH", f"{a}_FLUX", f"{a}_IVAR"} <= names]


def _singles(hdus: Sequence[Hdu]) -> list[Hdu]:
    """The tables on DESI's grid, one for each object."""
    return [hdu for hdu in hdus if _on_grid(hdu)]


def _on_grid(hdu: Hdu) -> bool:
    name = next((n for n in ("wavelength", "wave", "lambda") if n in hdu.table), None)
    if name is None or "flux" not in hdu.table:
        return False
    wave = hdu.table[name]
    if wave.ndim != 1 or wave.dtype.kind != "f" or len(wave) < 100:
        return False
    start, stop, step = GRID
    ends = abs(wave[0] - start) < 0.01 and abs(wave[-1] - stop) < 0.01
    return bool(ends and np.allclose(np.diff(wave), step, atol=1e-3))
