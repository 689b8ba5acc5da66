"""A spectrum of specutils as the columns that are stored, and the other way round."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import SpectrumError
from spectrove.pixels.masks import BAD, Mask
from spectrove.pixels.scatter import ivar_from_scatter

#: Names under which `meta` may hold a redshift.
REDSHIFTS = ("z", "redshift", "Z", "REDSHIFT")
#: Redshifts that differ by less, relative to 1 + z, are the same: specutils keeps velocities.
SAME = 1e-9


def singles(spectra: Any) -> Iterator[Any]:
    """Every spectrum of a list, of a collection on many grids, or the one that there is."""
    if is_single(spectra):
        return iter([spectra])
    return iter(spectra) if isinstance(spectra, Iterable) else (spectra[i] for i in range(len(spectra)))


def is_single(value: Any) -> bool:
    """Whether it is one spectrum of specutils, of whichever version: "Spectrum" or "Spectrum1D"."""
    return hasattr(value, "spectral_axis") and hasattr(value, "uncertainty") and hasattr(value, "redshift")


def columns_of(item: Any, i: int) -> dict[str, Any]:
    """The columns of `Spectrum` from one spectrum of specutils in vacuum; i is its place in the list.

    Raises:
        SpectrumError: Its flux has more than one dimension.
    """
    import astropy.units as u
    from astropy.nddata import InverseVariance

    wavelength = item.spectral_axis.to_value(u.AA, equivalencies=u.spectral())
    n = len(wavelength)
    if item.flux.ndim != 1:
        raise SpectrumError(
            f"spectrum {i}: flux has shape {item.flux.shape}, expected one dimension; "
            "split it into single spectra first."
        )
    meta = dict(item.meta)
    bits = np.asarray(meta.pop("mask_bits", np.zeros(n, np.int32)), dtype=np.int32)
    lsf = np.asarray(meta.pop("lsf", np.full(n, np.nan)), dtype=np.float32)
    order = np.argsort(wavelength)
    if item.uncertainty is None:
        hidden = bits if item.mask is None else np.where(item.mask, bits | int(Mask.BADPIXEL), bits)
        ivar = np.empty(n)
        ivar[order] = ivar_from_scatter(np.asarray(item.flux.value)[order], hidden[order])
        meta["flags"] = [*(meta.get("flags") or ()), "ivar_estimated"]
    else:
        with np.errstate(divide="ignore"):  # a zero error becomes an infinite ivar, masked below
            ivar = np.asarray(item.uncertainty.represent_as(InverseVariance).array, dtype=float)
    if item.mask is not None:
        unsaid = np.asarray(item.mask, bool) & (bits & int(BAD) == 0) & (ivar > 0)
        bits = np.where(unsaid, bits | int(Mask.BADPIXEL), bits)
    row = {"flux_unit": item.flux.unit.to_string()} | _plain(meta) | _redshift(item, meta)
    return {
        "object_id": str(row.pop("object_id", "")),
        "wavelength": wavelength[order],
        "flux": np.asarray(item.flux.value)[order].astype(np.float32),
        "ivar": ivar[order].astype(np.float32),
        "mask": bits[order].astype(np.int32),
        "lsf": lsf[order],
        "row": row,
    }


def _plain(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `meta` that a table row can hold."""
    values = {str(k): v.item() if isinstance(v, np.generic) else v for k, v in meta.items()}
    return {k: v for k, v in values.items() if isinstance(v, str | int | float | bool | list | type(None))}


def _redshift(item: Any, meta: Mapping[str, Any]) -> dict[str, Any]:
    """`z` of the row, and where it is from: the redshift or radial velocity of the spectrum, else a value of `meta`.

    Where both say the same, the value of `meta` is kept, which has not been turned into a velocity and back.
    """
    own, written = own_redshift(item), None
    for name in REDSHIFTS:
        written = _number(meta.get(name)) if written is None else written
    if own is None or (written is not None and abs(own - written) < SAME * (1 + abs(own))):
        own = written
    if own is None:
        return {"z": None}
    kept = own == _number(meta.get("z"))
    return {"z": own} if kept else {"z": own, "z_err": None, "z_source": "given"}


def own_redshift(item: Any) -> float | None:
    """The redshift of the spectral axis, set by `redshift=`, `radial_velocity=` or a target; None where none was set.

    specutils answers 0 for "not set"; astropy's axis knows the difference.
    """
    axis = item.spectral_axis
    stated = getattr(axis, "_radial_velocity", None) is not None
    stated |= getattr(axis, "observer", None) is not None and getattr(axis, "target", None) is not None
    value = _number(item.redshift)
    return value if value is not None and (stated or value != 0) else None


def _number(value: Any) -> float | None:
    """A finite redshift, None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > -1 else None


def to_specutils(
    wavelength: NDArray, flux: NDArray, ivar: NDArray, *, good: NDArray, meta: dict[str, Any]
) -> Any:
    """A `specutils.Spectrum` of vacuum angstrom; its redshift is `meta["z"]`, where that is known."""
    import astropy.units as u
    from astropy.nddata import InverseVariance
    from specutils import Spectrum

    return Spectrum(
        spectral_axis=wavelength * u.AA,
        flux=flux.astype(float) * unit_of(meta.get("flux_unit")),
        uncertainty=InverseVariance(ivar.astype(float)),
        mask=~good,
        redshift=_number(meta.get("z")),
        meta=meta,
    )


def unit_of(text: str | None) -> Any:
    """The unit that a text names; none where it is empty or not understood."""
    import astropy.units as u

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "erg/s/cm2/A" has more slashes than astropy advises
        try:
            # To astropy a plain A is an ampere; in a flux density it is an angstrom.
            return u.Unit(re.sub(r"\bA\b", "Angstrom", text)) if text else u.dimensionless_unscaled
        except ValueError:
            return u.dimensionless_unscaled
