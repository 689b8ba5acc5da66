"""One-dimensional spectra of ESO's archive: a table of one row, whose columns are known by what the VO calls them.

HARPS, FEROS, UVES, GIRAFFE, X-shooter, ESPRESSO, and surveys such as Gaia-ESO and 4MOST. Their columns have different
names (FLUX, FLUX_REDUCED, FLUX_NORM); TUTYPn says what each is and TUCDn whether wavelengths are in air. Where there
are several fluxes the one marked `meta.main` is taken, else a calibrated one, else the first, with the errors of its
kind. 4MOST has the names WAVE, FLUX, ERR_FLUX and QUAL.

Source: ESO Science Data Products Standard (ESO-044286, issue 6) and its guide to 1D spectra; the joint spectra (LJ1)
that simulators of 4MOST write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays, spectra_of
from spectrove.readers.fitsfile import Hdu, joint_header
from spectrove.readers.options import Options
from spectrove.readers.units import is_wavelength, parse_unit
from spectrove.spectra import Spectrum

#: What the data model calls the columns, behind "Data."; some pipelines misspell the third.
_AXIS, _FLUX = "SPECTRALAXIS.VALUE", "FLUXAXIS.VALUE"
_ERROR = ("FLUXAXIS.ACCURACY.STATERROR", "FLUXAXIS.ACCURANCY.STATERROR")
_QUALITY = ("FLUXAXIS.ACCURACY.QUALITYSTATUS", "FLUXAXIS.ACCURANCY.QUALITYSTATUS")
#: Names of columns in files that do not say what they are.
_NAMES = {_AXIS: ("wave", "freq", "ener"), _FLUX: ("flux", "flux_reduced"), _QUALITY[0]: ("qual",),
          _ERROR[0]: ("err", "err_flux", "err_reduced")}  # fmt: skip
#: Between what wavelengths telescopes on the ground see, angstrom.
_GROUND = (2900.0, 300_000.0)
#: Frames of SPECSYS in which the telescope moves with the Earth.
_MOVING = ("TOPOCENT", "GEOCENTR")


@dataclass(frozen=True)
class _Column:
    """A column with what its cards say: the data model's name behind "Data.", the namespace, content and unit."""

    name: str
    role: str
    space: str
    content: str
    unit: str | None


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether a table of the file is a spectrum by ESO's standard: by PRODCATG, VOCLASS or 4MOST's EXTNAME."""
    return bool(_tables(hdus))


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """The spectrum of a file.

    Raises:
        FormatError: If it has no table of one row with wavelengths and a flux.
    """
    found = _tables(hdus)
    if not found:
        raise FormatError(
            f"{path.name}: no table of one row with VOCLASS = 'SPECTRUM ...', nor PRODCATG = 'SCIENCE.SPECTRUM', "
            "expected a spectrum of ESO's archive. Leave --survey at auto, or name the survey it comes from."
        )
    hdu, *others = found
    columns = _columns(hdu)
    axis, flux = _axis(columns, path), _main_flux(columns, path)
    errors, quality = _error_of(flux, columns), _quality_of(columns)
    header = joint_header(hdus[0], hdu)
    wavelength, values = _row(hdu, axis, path), _row(hdu, flux, path)
    planes: dict[str, NDArray] = {}
    if errors is not None:
        planes["error"] = _row(hdu, errors, path)
    good, flags = _good(None if quality is None else _row(hdu, quality, path), values, planes.get("error"))
    planes["mask"] = good
    power = Hdu(header).number("SPEC_RES")
    if power is not None and power > 1:
        planes["resolution"] = np.full(len(wavelength), power)
    normalised = header.get("CONTNORM") in (True, "T")
    frame = str(header.get("SPECSYS") or "").strip().upper()
    arrays = Arrays(
        header,
        wavelength,
        values,
        planes,
        wavelength_unit=axis.unit,
        flux_unit="normalised" if normalised else flux.unit,
        error_unit=None if errors is None or normalised else errors.unit,
        mask_name="good",
        within=_GROUND,
        medium=_medium(axis),
        rows=[{"targetid": str(header.get("OBJECT") or "").strip() or None}],
        flags=[[*flags, *(["topocentric"] if frame.startswith(_MOVING) else [])]],
    )
    return [*spectra_of(arrays, path, options), *_left_out(flux, columns, others, path)]


def _tables(hdus: Sequence[Hdu]) -> list[Hdu]:
    """Tables of one row of vectors that the file calls a spectrum."""
    product = hdus[0].text("PRODCATG").upper() == "SCIENCE.SPECTRUM"
    found = []
    for hdu in hdus[1:]:
        said = hdu.text("VOCLASS").upper().startswith("SPECTRUM") or hdu.name == "PHASE3SPECTRUM"
        if (product or said) and hdu.number("NAXIS2") == 1 and _has_vectors(hdu):
            found.append(hdu)
    return found


def _has_vectors(hdu: Hdu) -> bool:
    columns = _columns(hdu)
    return any(one.role == _AXIS for one in columns) and any(one.role == _FLUX for one in columns)


def _columns(hdu: Hdu) -> list[_Column]:
    """The columns with their roles; by their names if no column has a role."""
    made = []
    for i in range(1, int(hdu.number("TFIELDS") or 0) + 1):
        space, _, role = hdu.text(f"TUTYP{i}").upper().partition("DATA.")
        made.append(
            _Column(
                hdu.text(f"TTYPE{i}").lower(),
                role,
                space,
                hdu.text(f"TUCD{i}").lower(),
                hdu.text(f"TUNIT{i}") or None,
            )
        )
    if any(one.role for one in made):
        return made
    roles = {name: role for role, names in _NAMES.items() for name in names}
    return [_Column(one.name, roles.get(one.name, ""), one.space, one.content, one.unit) for one in made]


def _axis(columns: Sequence[_Column], path: Path) -> _Column:
    """The spectral axis; refused if its content is no wavelength and its unit is one."""
    axis = next(one for one in columns if one.role == _AXIS)
    unit = parse_unit(axis.unit)
    if axis.content and not axis.content.startswith("em.wl") and (unit is None or is_wavelength(unit)):
        raise FormatError(
            f"{path.name}: column {axis.name.upper()} is {axis.content!r} in {axis.unit or 'no unit'}, expected "
            "wavelengths (em.wl), or frequencies or energies in their units. Say it with --wavelength-unit."
        )
    return axis


def _medium(axis: _Column) -> str | None:
    """What the content of the axis says; None where it says nothing."""
    if not axis.content.startswith("em.wl"):
        return None
    return "air" if "obs.atmos" in axis.content else "vacuum"


def _main_flux(columns: Sequence[_Column], path: Path) -> _Column:
    """The flux that the file calls the main one, else a calibrated one, else the first."""
    fluxes = [one for one in columns if one.role == _FLUX]
    marked = [one for one in fluxes if "meta.main" in one.content]
    if len(marked) > 1:
        raise FormatError(
            f"{path.name}: {len(marked)} columns are the main flux ({', '.join(c.name.upper() for c in marked)}), "
            "expected one. Choose with --columns wavelength=WAVE,flux=NAME,error=NAME."
        )
    calibrated = [one for one in fluxes if "stat.uncalib" not in one.content]
    return (marked or calibrated or fluxes)[0]


def _error_of(flux: _Column, columns: Sequence[_Column]) -> _Column | None:
    """The errors of a flux: those of its name, else the only ones of its namespace and unit; None if there are none."""
    errors = [one for one in columns if one.role in _ERROR]
    tail = re.sub(r"^flux_?", "", flux.name)
    named = [
        one
        for one in errors
        if one.name in ({f"err_{tail}", f"{tail}_err"} if tail else {"err", "err_flux", "flux_err"})
    ]
    alike = [one for one in errors if one.space == flux.space and one.unit == flux.unit]
    return next(iter(named), alike[0] if len(alike) == 1 else None)


def _quality_of(columns: Sequence[_Column]) -> _Column | None:
    return next((one for one in columns if one.role in _QUALITY or one.name == "qual"), None)


def _row(hdu: Hdu, column: _Column, path: Path) -> NDArray:
    values = np.asarray(hdu.table[column.name])
    if (values.ndim == 2 and len(values) == 1) or (values.dtype == object and values.shape == (1,)):
        return np.asarray(values[0])
    raise FormatError(
        f"{path.name}: column {column.name.upper()} has shape {values.shape}, expected one row of pixels. "
        "Leave --survey at auto, or name columns with --columns."
    )


def _good(
    quality: NDArray | None, flux: NDArray, error: NDArray | None
) -> tuple[NDArray[np.bool_], list[str]]:
    """Pixels that were measured, (n_pixels,), and the flag `quality_unread` where 0 is never their quality.

    0 is good by the standard; a column that never has it follows another convention. UVES fills the ends of merged
    spectra with a flux of exactly 0.
    """
    good = np.isfinite(flux.astype(float))
    measured = np.flatnonzero(flux != 0)
    if len(measured):
        good[: measured[0] if measured[0] > 1 else 0] = False
        good[measured[-1] + 1 if measured[-1] < len(flux) - 2 else len(flux) :] = False
    if quality is None or quality.shape != flux.shape or quality.dtype.kind not in "iufb":
        return good, []
    seen = good if error is None or not (error > 0).any() else good & (error > 0)
    if seen.any() and not (quality[seen] == 0).any():
        return good, ["quality_unread"]
    return good & (quality == 0), []


def _left_out(flux: _Column, columns: Sequence[_Column], others: Sequence[Hdu], path: Path) -> list[Refusal]:
    more = [one.name.upper() for one in columns if one.role == _FLUX and one is not flux]
    said = []
    if more:
        said.append(f"{', '.join(more)}: further fluxes of the same object; {flux.name.upper()} was taken.")
    said += [
        f"table {hdu.name or '(without a name)'}: a further spectrum; the first was taken." for hdu in others
    ]
    return [Refusal(str(path), f"{path.name}: {text}") for text in said]
