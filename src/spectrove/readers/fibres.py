"""Frames of fibre spectrographs: an image with a row per fibre, and a table that says what each fibre saw.

2dF and AAOmega as `2dfdr` reduces them (VARIANCE, FIBRES), SDSS spPlate (IVAR, PLUGMAP), WEAVE and their like.

WEAVE's single and stacked frames have for each arm BLUE_DATA, BLUE_IVAR, both again without sky subtraction (_NOSS),
BLUE_SENSFUNC, and FIBTABLE. Wavelengths are in air; counts times the sensitivity are erg/s/cm2/A.

Source: WEAVE's L1 files as PyAPS, the analysis software of the survey, describes them (reference of its reader, APSOB).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays, spectra_of, unique_names
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.images import ROLES, quantity_of
from spectrove.readers.medium import says_vacuum
from spectrove.readers.options import Options
from spectrove.readers.planes import ERRORS, TYPES, saw, unit_of_errors
from spectrove.readers.sdss import FATAL_BITS, bits_of
from spectrove.readers.tables import column_unit
from spectrove.readers.units import is_flux_density
from spectrove.readers.wavelengths import grid_of
from spectrove.spectra import Spectrum

#: Columns that may name an object, in order of preference.
NAMES = (
    "name",
    "cname",
    "targname",
    "objid",
    "object",
    "targetid",
    "catalogid",
    "fiberid",
    "fibreid",
    "fiber",
)

#: The column of WEAVE that says whether a fibre was on its target, and the word for it; others are parked or broken.
STATUS, ALLOCATED = "fib_status", "A"
#: Between what wavelengths WEAVE sees, angstrom.
WEAVE = (3500.0, 10000.0)
#: What counts times WEAVE's sensitivity function are.
SENSITIVE = "erg / (s cm2 Angstrom)"


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the file has an image of several rows, and a table with a type for each."""
    return _frame(hdus) is not None


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """A spectrum for each fibre on an object or on sky, and a sentence for the fibres that saw neither.

    Raises:
        FormatError: If there is no such frame, or it has no wavelengths.
    """
    found = _frame(hdus)
    if found is None:
        raise FormatError(
            f"{path.name}: no image with a row for each row of a table of fibres, expected a frame of fibre spectra. "
            "Leave --survey at auto, or name the survey it comes from."
        )
    types = found.types
    wavelength, unit = _wavelength(hdus, found)
    if wavelength is None:
        raise FormatError(
            f"{path.name}: {len(types)} fibres without wavelengths (no CRVAL1 with CDELT1 or CD1_1), expected a "
            "dispersion. Calibrate the frame first."
        )
    kinds = np.array([saw(word) for word in types])
    empty = (kinds == "nothing") | _idle(found.fibres.table)
    sky = (kinds == "sky") & ~empty
    taken = np.flatnonzero(~empty).tolist()
    planes, error_unit = _planes(hdus, found)
    flux, flux_unit = found.image, Hdu(found.header).text("BUNIT") or None
    if (sensitivity := _sensitivity(hdus, found)) is not None:
        flux, planes = _calibrated(flux, planes, sensitivity, path)
        flux_unit, error_unit = SENSITIVE, None
    header = {**hdus[0].header, **found.header}
    medium, assumed = _medium(header)
    arrays = Arrays(
        header,
        wavelength if wavelength.ndim == 1 else wavelength[taken],
        flux[taken],
        {key: plane[taken] for key, plane in planes.items()},
        wavelength_unit=unit,
        flux_unit=flux_unit,
        error_unit=error_unit,
        medium=medium,
        within=WEAVE if _is_weave(header) else None,
        names=_names(found.fibres.table, taken),
        rows=[_row(found.fibres, i, bool(sky[i])) for i in taken],
        flags=[[*(["sky"] if sky[i] else []), *(["air_assumed"] if assumed else [])] for i in taken],
    )
    return [
        *(spectra_of(arrays, path, options) if taken else ()), *_left_out(types, empty, path),
        *_other_frames(hdus, found, path),
    ]  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """The image of fluxes with its header, the table of its fibres, and the type of each in upper case."""

    header: Mapping[str, Any]
    image: NDArray
    fibres: Hdu
    types: list[str]


def _frame(hdus: Sequence[Hdu]) -> Frame | None:
    frames = [h for h in hdus if h.image is not None and h.image.ndim == 2 and len(h.image) > 1]
    frames = [h for h in frames if quantity_of(h) in (None, "flux")]
    for hdu in hdus:
        column = next((name for name in TYPES if name in hdu.table), None)
        if column is None or not frames:
            continue
        values = np.asarray(hdu.table[column])
        for frame in frames:
            if (
                frame.image is not None
                and values.shape == frame.image.shape[:1]
                and values.dtype.kind in "SU"
            ):
                return Frame(frame.header, frame.image, hdu, [str(value).strip().upper() for value in values])
    return None


def _planes(hdus: Sequence[Hdu], frame: Frame) -> tuple[dict[str, NDArray], str | None]:
    """Images of the frame's shape by what they hold, and the unit that the errors among them state."""
    planes: dict[str, NDArray] = {}
    units: dict[str, str] = {}
    arm = _arm(frame.header)
    for hdu in hdus:
        if hdu.image is None or hdu.image.shape != frame.image.shape or hdu.name == "ORMASK":
            continue
        if arm and not hdu.name.startswith(f"{arm}_"):  # errors of the other arm have the same shape
            continue
        if (kind := quantity_of(hdu)) in ROLES:
            # SDSS sets bits for whole fibres whose data are as good as any.
            planes.setdefault(
                str(kind), bits_of(hdu.image) & FATAL_BITS if hdu.name == "ANDMASK" else hdu.image
            )
            units.setdefault(str(kind), unit_of_errors(hdu))
    return planes, next((units[kind] or None for kind in ERRORS if kind in units), None)


def _arm(header: Mapping[str, Any]) -> str:
    """The arm of a frame ARM_DATA of WEAVE; "" of others."""
    arm, _, what = Hdu(header).name.rpartition("_")
    return arm if what == "DATA" else ""


def _idle(table: Mapping[str, NDArray]) -> NDArray[np.bool_]:
    """Fibres of WEAVE that were on no target, (n_fibres,); none where the table does not say."""
    words = np.asarray(table[STATUS]) if STATUS in table else np.zeros(0, str)
    if words.dtype.kind not in "SU" or not len(words):
        return np.zeros(len(next(iter(table.values()))), bool)
    return np.array([str(word).strip().upper() not in ("", ALLOCATED) for word in words])


def _sensitivity(hdus: Sequence[Hdu], frame: Frame) -> NDArray | None:
    """The image ARM_SENSFUNC of a frame ARM_DATA of WEAVE, (n_pixels,) or (n_fibres, n_pixels).

    None for a frame that is calibrated already.
    """
    arm = _arm(frame.header)
    if not arm or is_flux_density(Hdu(frame.header).text("BUNIT")):
        return None
    found = next((hdu.image for hdu in hdus if hdu.name == f"{arm}_SENSFUNC"), None)
    return None if found is None or found.shape not in (frame.image.shape, frame.image.shape[1:]) else found


def _calibrated(
    flux: NDArray, planes: Mapping[str, NDArray], sensitivity: NDArray, path: Path
) -> tuple[NDArray, dict[str, NDArray]]:
    """Flux and errors times the sensitivity; a pixel without one weighs nothing."""
    known = np.isfinite(sensitivity) & (sensitivity > 0)
    if not known.any():
        raise FormatError(
            f"{path.name}: the sensitivity function has no positive value, expected what turns counts into a flux. "
            "Fetch it again."
        )
    factor = np.where(known, sensitivity, 1.0).astype(float)
    powers = {"ivar": -2, "error": 1, "variance": 2}
    made = {key: plane * factor ** powers[key] if key in powers else plane for key, plane in planes.items()}
    if "ivar" in made:
        made["ivar"] = made["ivar"] * known
    return np.where(known, flux * factor, np.nan), made


def _medium(header: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Air for WEAVE, whose axis may be called WAVE without being in vacuum, and whether that is assumed."""
    stated = says_vacuum(header) is not None or Hdu(header).text("CTYPE1").upper().startswith("AWAV")
    return ("air", True) if _is_weave(header) and not stated else (None, False)


def _is_weave(header: Mapping[str, Any]) -> bool:
    return any("WEAVE" in Hdu(header).text(key).upper() for key in ("INSTRUME", "ORIGIN", "SURVEY"))


def _wavelength(hdus: Sequence[Hdu], frame: Frame) -> tuple[NDArray | None, str | None]:
    grid, unit = grid_of(Hdu(frame.header, image=frame.image))
    if grid is not None:
        return grid, unit
    n_pixels = frame.image.shape[1]
    for hdu in hdus:
        if hdu.image is not None and hdu.image.shape[-1] == n_pixels and quantity_of(hdu) == "wavelength":
            return hdu.image, hdu.text("BUNIT") or None
    return None, None


def _names(table: Mapping[str, NDArray], taken: list[int]) -> list[str]:
    candidates = [np.asarray(table[name])[taken].tolist() for name in NAMES if name in table]
    numbers = [str(i) for i in taken]
    names = unique_names(candidates, len(taken))
    return numbers if names == [str(i) for i in range(len(taken))] else names


def _row(fibres: Hdu, i: int, sky: bool) -> dict[str, Any]:
    ra, dec = (_degrees(fibres, name)[i] for name in ("ra", "dec"))
    known = np.isfinite(ra) and np.isfinite(dec) and 0 <= ra <= 360 and abs(dec) <= 90
    return {"ra": float(ra) if known else None, "dec": float(dec) if known else None} | (
        {"class": "SKY"} if sky else {}
    )


def _degrees(fibres: Hdu, name: str) -> NDArray[np.float64]:
    """Positions in degrees; `2dfdr` gives radians, and does not say so: those of right ascensions and declinations."""
    column = next(
        (n for n in (name, f"target{name}", f"targ{name}", f"fiber_{name}") if n in fibres.table), None
    )
    if column is None:
        return np.full(len(next(iter(fibres.table.values()))), np.nan)
    values = np.asarray(fibres.table[column], float)
    unit = (column_unit(fibres, column) or "").lower()
    small = bool((abs(values[np.isfinite(values)]) <= 2 * np.pi).all())
    radians = unit.startswith("rad") or (not unit and fibres.name.startswith("FIBRES") and small)
    return np.rad2deg(values) if radians else values


def _other_frames(hdus: Sequence[Hdu], frame: Frame, path: Path) -> list[Refusal]:
    """A sentence for each frame of another arm."""
    arm = _arm(frame.header)
    others = [hdu.name for hdu in hdus if hdu.image is not None and _arm(hdu.header) not in ("", arm)]
    return [
        Refusal(str(path), f"{path.name}: {name}: a further arm, left out; {arm}_DATA was taken. Write it into a file "
        "of its own, with its errors and the table of fibres.") for name in others if arm
    ]  # fmt: skip


def _left_out(types: Sequence[str], empty: NDArray, path: Path) -> list[Refusal]:
    rows = np.flatnonzero(empty).tolist()
    if not rows:
        return []
    shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
    kinds = ", ".join(sorted({types[i] for i in rows}))
    return [
        Refusal(
            str(path),
            f"{path.name}: {len(rows)} of {len(types)} fibres saw no object and were left out: type {kinds}, "
            f"counted from 0: {shown}.",
        )
    ]
