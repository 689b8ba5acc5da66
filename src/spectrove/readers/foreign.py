"""The readers of `specutils`, for every other format that it identifies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays, spectra_of
from spectrove.readers.fitsfile import Hdu, check_headers
from spectrove.readers.options import Options
from spectrove.spectra import Spectrum


def read(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """The spectra that a specutils reader finds.

    Raises:
        FormatError: If no reader identifies the file, or the one that does fails.
    """
    items = _load(hdus, path)
    header: dict[str, Any] = {}
    for hdu in reversed(hdus):
        header |= dict(hdu.header)
    names = [str(i) if len(items) > 1 else "" for i in range(len(items))]
    return spectra_of(
        [_arrays(item, name, header) for item, name in zip(items, names, strict=True)], path, options
    )


def _load(hdus: Sequence[Hdu], path: Path) -> list[Any]:
    from specutils import Spectrum as AstropySpectrum
    from specutils import SpectrumList

    check_headers(path)
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


def _arrays(item: Any, name: str, header: dict[str, Any]) -> Arrays:
    """A spectrum of specutils as arrays with the units that it says."""
    import astropy.units as u
    from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty

    kinds = {StdDevUncertainty: "error", VarianceUncertainty: "variance", InverseVariance: "ivar"}
    others: dict[str, NDArray] = {}
    uncertainty = item.uncertainty
    kind = next((key for of, key in kinds.items() if isinstance(uncertainty, of)), None)
    if kind is not None:
        others[kind] = np.asarray(uncertainty.array, float)
    if item.mask is not None:
        others["mask"] = np.asarray(item.mask)

    def written(unit: Any) -> str | None:
        return None if unit in (None, u.dimensionless_unscaled) else unit.to_string()

    return Arrays(
        header,
        np.asarray(item.spectral_axis.value),
        np.asarray(item.flux.value),
        others,
        wavelength_unit=item.spectral_axis.unit.to_string(),
        flux_unit=written(item.flux.unit),
        error_unit=None if kind is None else written(uncertainty.unit),
        names=[name],
    )
