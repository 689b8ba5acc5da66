"""The readers of `specutils`, for every other format that it identifies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectrove.errors import FormatError
from spectrove.ingest.assemble import assemble, file_id
from spectrove.ingest.fitsfile import Hdu
from spectrove.ingest.options import Options
from spectrove.ingest.units import medium_of, to_flux_density
from spectrove.spectra import Mask, Spectrum


def read(hdus: Sequence[Hdu], path: Path, options: Options) -> list[Spectrum]:
    """The spectra that a specutils reader finds.

    Raises:
        FormatError: If no reader identifies the file, or the one that does fails.
    """
    items = _load(hdus, path)
    header: dict[str, Any] = {}
    for hdu in reversed(hdus):
        header |= dict(hdu.header)
    names = [f"{file_id(path)}#{i}" if len(items) > 1 else file_id(path) for i in range(len(items))]
    return [_convert(item, name, header, path, options) for item, name in zip(items, names, strict=True)]


def _load(hdus: Sequence[Hdu], path: Path) -> list[Any]:
    from specutils import Spectrum as AstropySpectrum
    from specutils import SpectrumList

    for kind in (AstropySpectrum, SpectrumList):
        try:
            found = kind.read(str(path))
        except Exception as error:  # the readers of specutils raise whatever their format makes them
            cause = error
            continue
        items = list(found) if isinstance(found, SpectrumList) else [found]
        flat = [row for item in items for row in (item if item.flux.ndim == 2 else [item])]
        if flat and all(item.flux.ndim == 1 for item in flat):
            return flat
        cause = ValueError(f"flux has {items[0].flux.ndim if items else 0} dimensions")
    what = ", ".join(_describe(hdu) for hdu in hdus[:4]) or "nothing"
    raise FormatError(
        f"{path.name}: no layout of a spectrum was found in it ({what}), expected wavelength and flux. "
        "Name its columns with --columns wavelength=NAME,flux=NAME, or leave it out."
    ) from cause


def _describe(hdu: Hdu) -> str:
    if hdu.image is not None:
        return f"an image of {' x '.join(map(str, hdu.image.shape))}"
    if hdu.table:
        return f"a table of {', '.join(list(hdu.table)[:6])}"
    return "an empty extension"


def _convert(item: Any, name: str, header: dict[str, Any], path: Path, options: Options) -> Spectrum:
    import astropy.units as u
    from astropy.nddata import InverseVariance

    wavelength = item.spectral_axis.to_value(u.AA, equivalencies=u.spectral())
    stated = "" if item.flux.unit == u.dimensionless_unscaled else item.flux.unit.to_string()
    unit = options.flux_unit or stated or None
    flux, factor, unit, calibrated = to_flux_density(wavelength, item.flux.value, unit)
    ivar = None
    if item.uncertainty is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            ivar = np.asarray(item.uncertainty.represent_as(InverseVariance).array, float) / factor**2
    medium, said = medium_of(header, "", wavelength)
    return assemble(
        name,
        wavelength,
        flux,
        ivar,
        path=path,
        survey=str(header.get("INSTRUME") or header.get("TELESCOP") or "unknown").strip().lower(),
        mask=None if item.mask is None else np.where(item.mask, int(Mask.BADPIXEL), 0),
        flux_unit=unit,
        calibrated=calibrated,
        medium=options.medium_or(medium),
        medium_stated=said or options.medium != "auto",
    )
