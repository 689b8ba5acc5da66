"""The bands of a fit of photometry that was joined to an object, from its row in a base."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spectrove.sed.band_columns import ERROR, FLUX, MODEL
from spectrove.sed.in_base import OF_BANDS
from spectrove.sed.joined_names import KIND

Notes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Band:
    """One band of a fit.

    Attributes:
        label: As in the table of photometry.
        pivot: Wavelength, angstrom; NaN if it is not noted.
        flux, error: mJy, NaN where it is missing; of an upper limit the limit, and one sigma without its sign.
        is_limit: Whether the flux is an upper limit.
        model: The best model, mJy; NaN if it is not known.
        residual: (flux - model) over the error with its floor, sigma.
    """

    label: str
    pivot: float
    flux: float
    error: float
    is_limit: bool
    model: float
    residual: float

    @property
    def measured(self) -> bool:
        """Whether there is a flux or a limit."""
        return math.isfinite(self.flux) and math.isfinite(self.error)

    def times(self, factor: float) -> Band:
        """The same in another unit of flux."""
        return replace(self, flux=factor * self.flux, error=factor * self.error, model=factor * self.model)


def bands_of(row: Mapping[str, Any], notes: Notes) -> tuple[Band, ...]:
    """The bands of the fit of an object, by wavelength."""
    floor = number(row, "sed_error_floor")
    begin = OF_BANDS[FLUX]
    found = []
    for name, about in notes.items():
        if (
            not name.startswith(begin)
            or about.get("kind") != KIND["kind"]
            or str(about["column"]).endswith(ERROR)
        ):
            continue
        flux, sigma = number(row, name), number(row, f"{name}{ERROR}")
        model = number(row, f"{OF_BANDS[MODEL]}{name.removeprefix(begin)}")
        if not (math.isfinite(flux) or math.isfinite(model)):
            continue
        total = math.hypot(sigma, (floor if math.isfinite(floor) else 0) * flux)
        residual = (flux - model) / total if total > 0 else math.nan
        pivot = float(about.get("pivot") or "nan")
        found.append(Band(str(about["band"]), pivot, flux, abs(sigma), sigma < 0, model, residual))
    return tuple(sorted(found, key=lambda one: (math.isnan(one.pivot), one.pivot, one.label)))


def unit_of(bands: Sequence[Band]) -> tuple[float, str]:
    """The unit in which fluxes are shown, and how many of it are a mJy."""
    brightest = max((v for one in bands for v in (one.flux, one.model) if math.isfinite(v)), default=1.0)
    return (1.0, "mJy") if brightest >= 1 else (1e3, "µJy")


def number(row: Mapping[str, Any], name: str) -> float:
    """A number of a row, NaN where there is none."""
    value = row.get(name)
    return math.nan if value is None else float(value)
