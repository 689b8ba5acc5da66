"""Images whose rows are planes of one spectrum, each known by a label or because the user says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.options import Options
from spectrove.readers.planes import ERRORS, kind_of, labels, pick
from spectrove.readers.textfile import split_label
from spectrove.readers.units import parse_unit
from spectrove.readers.wavelengths import grid_of

#: What `--columns` says of an image in which each row is a spectrum of its own.
EACH_ROW = "rows"


def labelled_rows(hdus: Sequence[Hdu], options: Options, path: Path) -> list[Arrays | Refusal] | None:
    """One spectrum from an image whose header names its rows (ARRAYn, BANDIDn, ROWn), and further fluxes by name.

    Raises:
        FormatError: If none of the names is that of a flux.
    """
    hdu = _image(hdus)
    if hdu is None or hdu.image is None or options.columns:
        return None
    names = labels(hdu.header, len(hdu.image))
    if not names:
        return None
    chosen = pick_flux(names, path)
    further = [i for i, name in enumerate(names) if kind_of(name) == "flux" and i != chosen["flux"]]
    return [arrays_of(hdu, hdu.image, chosen, path, names), *(_further(i, names[i], path) for i in further)]


def _further(i: int, name: str, path: Path) -> Refusal:
    return Refusal(
        str(path), f"{path.name}: row {i + 1} {name!r} is named as a flux too, and was left out. "
        f"Take it instead with --columns flux={i + 1}, or every row with flux={EACH_ROW}."
    )  # fmt: skip


def pick_flux(names: Sequence[str], path: Path) -> dict[str, int]:
    """The row of each quantity.

    Raises:
        FormatError: If none of the names is that of a flux.
    """
    chosen = pick(names)
    if "flux" not in chosen:
        said = ", ".join(f"{i} {name!r}" for i, name in enumerate(names, 1))
        raise FormatError(
            f"{path.name}: none of the rows {said} is named as a flux. Say which is what, as --columns flux=1,error=2."
        )
    return chosen


def arrays_of(
    hdu: Hdu, planes: NDArray, chosen: dict[str, int], path: Path, names: Sequence[str] = ()
) -> Arrays:
    """Arrays of one spectrum from the planes of an image, shape (n_planes, n_pixels), and their places by quantity.

    BUNIT is the unit of all, unless the name of a plane has another in brackets ("ERROR [mJy]").
    """
    units = {key: _unit_of(names[place]) for key, place in chosen.items() if names}
    found = {key: planes[place] for key, place in chosen.items()}
    flux, wavelength = found.pop("flux"), found.pop("wavelength", None)
    unit = units.get("wavelength")
    if wavelength is None:
        wavelength, unit = grid_of(hdu)
    if wavelength is None:
        raise FormatError(
            f"{path.name}: no wavelengths (no CRVAL1 with CDELT1 or CD1_1, no row of wavelengths), expected one of "
            "them. Say which row has them: --columns wavelength=3,flux=1."
        )
    return Arrays(
        hdu.header,
        wavelength,
        flux,
        found,
        wavelength_unit=unit,
        flux_unit=units.get("flux") or hdu.text("BUNIT") or None,
        error_unit=next((units.get(kind) for kind in ERRORS if kind in found), None),
        mask_name=names[chosen["mask"]] if names and "mask" in chosen else "mask",
    )


def _unit_of(label: str) -> str | None:
    """The unit in brackets behind the name of a plane; other remarks stand there too."""
    unit = split_label(label)[1]
    return unit if parse_unit(unit) is not None else None


def chosen_rows(hdus: Sequence[Hdu], options: Options, path: Path) -> Arrays | None:
    """Rows of an image that the user names by number, from 1, or `flux=rows` for a spectrum in each.

    Raises:
        FormatError: If there is no such row.
    """
    hdu = _image(hdus)
    if hdu is None or hdu.image is None or "flux" not in options.columns or any(h.table for h in hdus):
        return None
    if options.columns["flux"].lower() == EACH_ROW:
        wavelength, unit = grid_of(hdu)
        if wavelength is None:
            return None
        return Arrays(
            hdu.header, wavelength, hdu.image, wavelength_unit=unit, flux_unit=hdu.text("BUNIT") or None
        )
    chosen = {key: _number(value, len(hdu.image), path) for key, value in options.columns.items()}
    return arrays_of(hdu, hdu.image, chosen, path)


def _number(text: str, n: int, path: Path) -> int:
    if not text.isdigit() or not 1 <= int(text) <= n:
        raise FormatError(
            f"{path.name}: no row {text!r}; the image has rows 1 to {n}. Mend --columns, as flux=1,error=2, or "
            f"flux={EACH_ROW} where each row is a spectrum."
        )
    return int(text) - 1


def _image(hdus: Sequence[Hdu]) -> Hdu | None:
    """The first image, with axes of one element left out, if it then has rows."""
    hdu = next((h for h in hdus if h.image is not None), None)
    if hdu is None or hdu.image is None:
        return None
    image = np.squeeze(hdu.image)
    return Hdu(hdu.header, image=image) if image.ndim == 2 else None
