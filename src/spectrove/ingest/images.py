"""Images whose grid stands in the header or in an extension beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.ingest.arrays import Arrays
from spectrove.ingest.fitsfile import Hdu
from spectrove.ingest.options import Options
from spectrove.ingest.tables import NAMES

_UNIT_IN_TEXT = re.compile(r"\[([^\]]+)\]")


def named_images(hdus: Sequence[Hdu], options: Options, path: Path) -> Arrays | None:
    """Image extensions named for what they hold, with a WAVE extension or the grid in the header."""
    images = {hdu.name.lower(): hdu for hdu in hdus if hdu.image is not None and hdu.image.ndim in (1, 2)}
    found = {key: next((images[n] for n in names if n in images), None) for key, names in NAMES.items()}
    flux = found.pop("flux")
    wave = found.pop("wavelength")
    if flux is None or flux.image is None:
        return None
    wavelength, unit = (wave.image, wave.text("BUNIT") or None) if wave is not None else grid_of(flux)
    if wavelength is None or wavelength.shape[-1] != flux.image.shape[-1]:
        return None
    others = {key: hdu.image for key, hdu in found.items() if hdu is not None and hdu.image is not None}
    shape = flux.image.shape
    others = {key: image for key, image in others.items() if image.shape in (shape, shape[-1:])}
    stated = _UNIT_IN_TEXT.search(flux.text("CONTENT"))
    z = images.get("z")
    return Arrays(
        {**hdus[0].header, **flux.header},
        wavelength,
        flux.image,
        others,
        wavelength_unit=unit,
        flux_unit=flux.text("BUNIT") or (stated[1] if stated else None),
        redshift=z.image if z is not None and z.image is not None and z.image.shape == shape[:1] else None,
        survey="muse"
        if "MUSE" in path.name.upper() or "DATACUBE_UDF" in Hdu(hdus[0].header).text("CUBE")
        else None,
    )


def single_image(hdus: Sequence[Hdu], options: Options, path: Path) -> Arrays | None:
    """One image of one or two dimensions, its grid in the header: flux only, one spectrum per row."""
    hdu = next((h for h in hdus if h.image is not None), None)
    if hdu is None or hdu.image is None or hdu.image.ndim > 2 or hdu.image.shape[-1] < 2:
        return None
    wavelength, unit = grid_of(hdu)
    if wavelength is None or (hdu.image.ndim == 2 and hdu.image.shape[0] > 1000):
        return None
    flux = hdu.image[0] if hdu.image.ndim == 2 and hdu.image.shape[0] == 1 else hdu.image
    return Arrays(hdu.header, wavelength, flux, wavelength_unit=unit, flux_unit=hdu.text("BUNIT") or None)


def grid_of(hdu: Hdu) -> tuple[NDArray | None, str | None]:
    """Wavelengths of an image's last axis from CRVAL1, CRPIX1 and CDELT1 or CD1_1, and their unit."""
    if hdu.image is None:
        return None, None
    start, pixel = hdu.number("CRVAL1"), hdu.number("CRPIX1")
    step = hdu.number("CD1_1") or hdu.number("CDELT1")
    kind = hdu.text("CTYPE1").upper()
    if start is None or not step or kind.startswith(("RA", "DEC", "GLON", "FREQ", "VELO", "PIXEL")):
        return None, None
    grid = start + step * (np.arange(hdu.image.shape[-1]) + 1 - (1.0 if pixel is None else pixel))
    if (
        hdu.number("DC-FLAG") == 1
        or "LOG" in kind
        or (start < 6 and step < 0.01 and hdu.text("CUNIT1") == "")
    ):
        with np.errstate(over="ignore"):
            grid = 10.0**grid
    return grid, hdu.text("CUNIT1") or None
