"""Frames of fibre spectrographs: an image with a row per fibre, and a table that says what each fibre saw.

2dF and AAOmega as `2dfdr` reduces them (VARIANCE, FIBRES), SDSS spPlate (IVAR, PLUGMAP), WEAVE (IVAR,
FIBTABLE) and their like.
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
from spectrove.readers.options import Options
from spectrove.readers.planes import ERRORS, TYPES, saw
from spectrove.readers.sdss import FATAL_BITS, bits_of
from spectrove.readers.tables import column_unit
from spectrove.readers.wavelengths import grid_of
from spectrove.spectra import Spectrum

#: Columns that may name an object, in order of preference.
NAMES = ("name", "targname", "objid", "object", "targetid", "catalogid", "fiberid", "fibreid", "fiber")


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
    sky, empty = kinds == "sky", kinds == "nothing"
    taken = np.flatnonzero(~empty).tolist()
    planes, error_unit = _planes(hdus, found)
    arrays = Arrays(
        {**hdus[0].header, **found.header},
        wavelength if wavelength.ndim == 1 else wavelength[taken],
        found.image[taken],
        {key: plane[taken] for key, plane in planes.items()},
        wavelength_unit=unit,
        flux_unit=Hdu(found.header).text("BUNIT") or None,
        error_unit=error_unit,
        names=_names(found.fibres.table, taken),
        rows=[_row(found.fibres, i, bool(sky[i])) for i in taken],
        flags=[["sky"] if sky[i] else [] for i in taken],
    )
    return [*(spectra_of(arrays, path, options) if taken else ()), *_left_out(types, empty, path)]


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
    for hdu in hdus:
        if hdu.image is None or hdu.image.shape != frame.image.shape or hdu.name == "ORMASK":
            continue
        if (kind := quantity_of(hdu)) in ROLES:
            # SDSS sets bits for whole fibres whose data are as good as any.
            planes.setdefault(
                str(kind), bits_of(hdu.image) & FATAL_BITS if hdu.name == "ANDMASK" else hdu.image
            )
            units.setdefault(str(kind), hdu.text("BUNIT"))
    return planes, next((units[kind] or None for kind in ERRORS if kind in units), None)


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
    """Positions in degrees; `2dfdr` gives radians, and does not say so."""
    column = next(
        (n for n in (name, f"target{name}", f"targ{name}", f"fiber_{name}") if n in fibres.table), None
    )
    if column is None:
        return np.full(len(next(iter(fibres.table.values()))), np.nan)
    values = np.asarray(fibres.table[column], float)
    unit = (column_unit(fibres, column) or "").lower()
    radians = unit.startswith("rad") or (not unit and fibres.name.startswith("FIBRES"))
    return np.rad2deg(values) if radians else values


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
