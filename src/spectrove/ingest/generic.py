"""Spectra of any other origin: tables with named columns, images with a grid in the header, 6dFGS arrays.

What none of these fit goes to the readers of `specutils`. Where a file holds many spectra, ids are
`name#row`, counted from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.ingest.assemble import assemble, file_id
from spectrove.ingest.fitsfile import Hdu
from spectrove.ingest.options import Options
from spectrove.ingest.units import medium_of, to_angstrom, to_flux_density
from spectrove.spectra import Mask, Spectrum

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

_REDSHIFT_KEYS = ("Z_HELIO", "REDSHIFT", "ZHELIO", "ZSPEC", "Z_SPEC", "Z")
_RA_KEYS, _DEC_KEYS = (
    ("OBSRA", "SRCRA", "PLUG_RA", "TARG_RA", "RA"),
    ("OBSDEC", "SRCDEC", "PLUG_DEC", "TARG_DEC", "DEC"),
)
_UNIT_IN_TEXT = re.compile(r"\[([^\]]+)\]")


@dataclass
class Arrays:
    """Arrays of one or more spectra as a layout found them; shapes (n_pixels,) or (n_spectra, n_pixels)."""

    header: Mapping[str, Any]
    wavelength: NDArray
    flux: NDArray
    others: dict[str, NDArray] = field(default_factory=dict)
    wavelength_name: str = "wavelength"
    wavelength_unit: str | None = None
    flux_unit: str | None = None
    redshift: NDArray | None = None
    survey: str | None = None


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Always: the last reader to be asked."""
    return True


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> list[Spectrum]:
    """The spectra of a file in the first layout that fits.

    Raises:
        FormatError: If none fits.
    """
    for layout in (_six_df, _table, _named_images, _single_image):
        arrays = layout(hdus, options, path)
        if arrays is not None:
            return list(_spectra(arrays, path, options))
    return _by_specutils(hdus, path, options)


def _spectra(arrays: Arrays, path: Path, options: Options) -> Iterator[Spectrum]:
    many = arrays.flux.ndim == 2
    for i in range(len(arrays.flux) if many else 1):
        yield _one(arrays, i, f"{file_id(path)}#{i}" if many else file_id(path), path, options)


def _one(arrays: Arrays, i: int, name: str, path: Path, options: Options) -> Spectrum:
    def of_row(values: NDArray) -> NDArray:
        return np.asarray(values[i] if values.ndim == 2 else values, float)

    wavelength = of_row(arrays.wavelength)
    if "log" in arrays.wavelength_name and np.nanmax(wavelength) < 6:
        wavelength = 10.0**wavelength
    wavelength = to_angstrom(wavelength, options.wavelength_unit or arrays.wavelength_unit, path.name)
    flux = of_row(arrays.flux)
    if flux.shape != wavelength.shape:
        raise FormatError(
            f"{path.name}: flux has shape {flux.shape}, wavelength {wavelength.shape}, expected the same. "
            "Name the columns with --columns."
        )
    unit = options.flux_unit or arrays.flux_unit
    flux, factor, unit, calibrated = to_flux_density(wavelength, flux, unit)
    others = {key: of_row(value) for key, value in arrays.others.items()}
    resolution = others.get("resolution")
    medium, stated = medium_of(arrays.header, arrays.wavelength_name, wavelength)
    return assemble(
        name,
        wavelength,
        flux,
        _ivar(others, factor),
        path=path,
        survey=arrays.survey or _survey(arrays.header),
        row=_row(arrays, i),
        mask=None if "mask" not in others else np.where(others["mask"] != 0, int(Mask.BADPIXEL), 0),
        # a resolving power is wavelength / FWHM
        lsf=None
        if resolution is None
        else wavelength / np.where(resolution > 0, resolution, np.nan) / 2.3548,
        flux_unit=unit,
        calibrated=calibrated,
        medium=options.medium_or(medium),
        medium_stated=stated or options.medium != "auto",
    )


def _ivar(others: Mapping[str, NDArray], factor: NDArray) -> NDArray | None:
    """Inverse variance in the unit of the scaled flux; errors and variances that are not positive give 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if "ivar" in others:
            return others["ivar"] / factor**2
        if "error" in others:
            spread = (others["error"] * factor) ** 2
        elif "variance" in others:
            spread = others["variance"] * factor**2
        else:
            return None
        return np.where(spread > 0, 1.0 / spread, 0.0)


def _row(arrays: Arrays, i: int) -> dict[str, Any]:
    header = Hdu(arrays.header)
    z = float(arrays.redshift[i]) if arrays.redshift is not None else _first(header, _REDSHIFT_KEYS)
    ra, dec = _first(header, _RA_KEYS), _first(header, _DEC_KEYS)
    on_sky = ra is not None and dec is not None and 0 <= ra <= 360 and -90 <= dec <= 90
    return {
        "z": z if z is not None and -1 < z < 30 else None,
        "ra": ra if on_sky else None,
        "dec": dec if on_sky else None,
        "zwarning": _six_df_warning(header) if arrays.survey == "6dfgs" else None,
    }


def _first(header: Hdu, keys: Sequence[str]) -> float | None:
    return next((value for key in keys if (value := header.number(key)) is not None), None)


def _survey(header: Mapping[str, Any]) -> str:
    texts = (str(header.get(key) or "").strip() for key in ("SURVEY", "INSTRUME", "TELESCOP"))
    return next((text.lower() for text in texts if text), "unknown")


def _six_df_warning(header: Hdu) -> int | None:
    """1 unless 6dFGS calls the redshift reliable (QUALITY 3 or 4)."""
    quality = header.number("QUALITY")
    return None if quality is None else int(quality not in (3, 4))


def _six_df(hdus: Sequence[Hdu], options: Options, path: Path) -> Arrays | None:
    """6dFGS arrays: rows flux, variance, sky, observed wavelength; the header's grid may be de-redshifted."""
    header, image = hdus[0], hdus[0].image
    if image is None or image.ndim != 2 or image.shape[0] != 4 or "OBSRA" not in header.header:
        return None
    return Arrays(
        header.header, image[3], image[0], {"variance": image[1]}, flux_unit="count", survey="6dfgs"
    )


def _table(hdus: Sequence[Hdu], options: Options, path: Path) -> Arrays | None:
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
        units = {key: _column_unit(hdu, name) for key, name in names.items()}
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


def _column_unit(hdu: Hdu, name: str) -> str | None:
    for i in range(1, int(hdu.number("TFIELDS") or 0) + 1):
        if hdu.text(f"TTYPE{i}").lower() == name:
            return hdu.text(f"TUNIT{i}") or None
    return None


def _unit_of_name(name: str) -> str | None:
    """ "flam" is the usual name of a flux density per wavelength in cgs units."""
    return "erg / (s cm2 Angstrom)" if name in ("flam", "f_lambda", "flux_lambda") else None


def _named_images(hdus: Sequence[Hdu], options: Options, path: Path) -> Arrays | None:
    """Image extensions named for what they hold, with a WAVE extension or the grid in the header."""
    images = {hdu.name.lower(): hdu for hdu in hdus if hdu.image is not None and hdu.image.ndim in (1, 2)}
    found = {key: next((images[n] for n in names if n in images), None) for key, names in NAMES.items()}
    flux = found.pop("flux")
    wave = found.pop("wavelength")
    if flux is None or flux.image is None:
        return None
    wavelength, unit = (wave.image, wave.text("BUNIT") or None) if wave is not None else _grid(flux)
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


def _single_image(hdus: Sequence[Hdu], options: Options, path: Path) -> Arrays | None:
    """One image of one or two dimensions, its grid in the header: flux only, one spectrum per row."""
    hdu = next((h for h in hdus if h.image is not None), None)
    if hdu is None or hdu.image is None or hdu.image.ndim > 2 or hdu.image.shape[-1] < 2:
        return None
    wavelength, unit = _grid(hdu)
    if wavelength is None or (hdu.image.ndim == 2 and hdu.image.shape[0] > 1000):
        return None
    flux = hdu.image[0] if hdu.image.ndim == 2 and hdu.image.shape[0] == 1 else hdu.image
    return Arrays(hdu.header, wavelength, flux, wavelength_unit=unit, flux_unit=hdu.text("BUNIT") or None)


def _grid(hdu: Hdu) -> tuple[NDArray | None, str | None]:
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


def _by_specutils(hdus: Sequence[Hdu], path: Path, options: Options) -> list[Spectrum]:
    from spectrove.ingest import foreign  # imports specutils, which takes seconds

    return foreign.read(hdus, path, options)
