"""IRAF spectra: apertures as rows, and bands (spectrum, raw, background, sigma) as planes of an image.

The first band named a spectrum is taken, its errors from the band named sigma. Wavelengths are those of multispec
coordinates, or the linear ones of the header.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers import multispec
from spectrove.readers.arrays import Arrays, spectra_of, unique_names
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.multispec import Dispersion
from spectrove.readers.options import Options
from spectrove.readers.planes import ERRORS, labels
from spectrove.readers.rows import pick_flux
from spectrove.readers.wavelengths import grid_of
from spectrove.spectra import Spectrum


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the first image has multispec coordinates, bands, or a number for each of its apertures."""
    hdu = _first(hdus)
    if hdu is None or hdu.image is None:
        return False
    if multispec.is_multispec(hdu.header) or hdu.text("BANDID1"):
        return True
    return hdu.image.ndim == 2 and len(hdu.image) > 1 and bool(hdu.text(f"APNUM{len(hdu.image)}"))


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """A spectrum for each aperture.

    Raises:
        FormatError: If bands or coordinates are not understood.
    """
    hdu = _first(hdus)
    if hdu is None or hdu.image is None:
        raise FormatError(f"{path.name}: no image, expected spectra of IRAF. Leave --survey at auto.")
    bands = _bands(hdu, path)
    n_rows, n_pixels = bands["flux"].shape
    if multispec.is_multispec(hdu.header):
        apertures = multispec.dispersions(hdu.header, n_rows, n_pixels, path.name)
        unit = multispec.wavelength_unit(hdu.header)
    else:
        grid, unit = grid_of(Hdu(hdu.header, image=bands["flux"]))
        if grid is None:
            raise FormatError(
                f"{path.name}: apertures without wavelengths (CTYPE1 {hdu.text('CTYPE1')!r}, CRVAL1 "
                f"{hdu.text('CRVAL1')!r}), expected a dispersion. Calibrate it with IRAF's dispcor first."
            )
        numbers = (_aperture(hdu, i) for i in range(n_rows))
        apertures = [Dispersion(number, beam, grid, None) for number, beam in numbers]
    return spectra_of(_parts(hdu, bands, apertures, unit), path, options)


def _parts(
    hdu: Hdu, bands: dict[str, NDArray], apertures: Sequence[Dispersion], unit: str | None
) -> list[Arrays]:
    numbers = [aperture.aperture for aperture in apertures]
    names = unique_names([numbers], len(numbers)) if len(numbers) > 1 else [""]
    parts = []
    for i, (aperture, name, sky) in enumerate(zip(apertures, names, _skies(hdu, apertures), strict=True)):
        rows = {key: band[i][: len(aperture.wavelength)] for key, band in bands.items()}
        redshift: dict[str, Any] = {} if aperture.redshift is None else {"z": aperture.redshift}
        parts.append(
            Arrays(
                hdu.header,
                aperture.wavelength,
                rows.pop("flux"),
                rows,
                wavelength_unit=unit,
                flux_unit=hdu.text("BUNIT") or None,
                names=[name],
                rows=[redshift | ({"class": "SKY"} if sky else {})],
                flags=[["sky"] if sky else []],
            )
        )
    return parts


def _skies(hdu: Hdu, apertures: Sequence[Dispersion]) -> list[bool]:
    """Which apertures are sky: by title, or by beam 0 beside objects of beam 1 (so fibre reductions number them)."""
    fibres = len(apertures) > 2 and {a.beam for a in apertures} <= {-1, 0, 1}
    fibres = fibres and any(a.beam == 1 for a in apertures)
    titles = [hdu.text(f"APID{i + 1}").lower() for i in range(len(apertures))]
    return [
        title.startswith("sky") or (fibres and aperture.beam == 0)
        for title, aperture in zip(titles, apertures, strict=True)
    ]


def _bands(hdu: Hdu, path: Path) -> dict[str, NDArray]:
    """Flux and, where a band has it, error: each of shape (n_apertures, n_pixels)."""
    image = np.asarray(hdu.image)
    while image.ndim > 3 and image.shape[0] == 1:
        image = image[0]
    if image.ndim > 3:
        raise FormatError(
            f"{path.name}: an image of {image.ndim} axes, expected bands, apertures and pixels."
        )
    if image.ndim == 3:
        planes = image
    elif image.ndim == 2 and _rows_are_bands(hdu, len(image)):
        planes = image[:, None, :]
    else:
        planes = np.atleast_2d(image)[None]
    if len(planes) == 1:
        return {"flux": planes[0]}
    names = labels(hdu.header, len(planes))
    if not names:
        raise FormatError(
            f"{path.name}: {len(planes)} bands of {planes.shape[1]} apertures and no BANDIDn that says what each is, "
            "expected names of a spectrum and its sigma. Write one band with IRAF's scopy, or name its rows: "
            "--columns flux=1,error=4."
        )
    chosen = pick_flux(names, path)
    return {key: planes[place] for key, place in chosen.items() if key in ("flux", *ERRORS, "mask")}


def _rows_are_bands(hdu: Hdu, n_rows: int) -> bool:
    """Whether the rows of a two-dimensional image are bands of one aperture: there are names for bands only."""
    return n_rows > 1 and bool(hdu.text("BANDID2")) and not hdu.text("APNUM2")


def _aperture(hdu: Hdu, i: int) -> tuple[int, int]:
    """Number and beam of a row's aperture from APNUMn, else its place and beam 1."""
    words = hdu.text(f"APNUM{i + 1}").split()
    try:
        return int(words[0]), int(words[1])
    except (IndexError, ValueError):
        return i, 1


def _first(hdus: Sequence[Hdu]) -> Hdu | None:
    return next((hdu for hdu in hdus if hdu.image is not None), None)
