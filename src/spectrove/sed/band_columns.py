"""Columns of a table of fits that are about one band each: what was measured, and the best model beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spectrove.sed.catalog import Fit
from spectrove.sed.filters import Filter

#: Beginnings of their names, before the label of the band. `FLUX` with the end `ERROR` is its error.
FLUX, MODEL, RESIDUAL, PIVOT = "flux.", "model.", "residual.", "pivot."
ERROR = "_err"


def band_values(fit: Fit, bands: Sequence[str], filters: Sequence[Filter]) -> dict[str, Any]:
    """Flux and error as they were fitted (mJy; an error below 0 marks an upper limit), the best model's flux, and the
    pivot wavelength of each band, angstrom.

    Args:
        fit: Of one galaxy.
        bands: Labels, (n_bands,).
        filters: Their curves, (n_bands,).
    """
    values: dict[str, Any] = {}
    for i, (band, curve) in enumerate(zip(bands, filters, strict=True)):
        values |= {
            f"{FLUX}{band}": float(fit.galaxy.flux[i]), f"{FLUX}{band}{ERROR}": float(fit.galaxy.error[i]),
            f"{MODEL}{band}": float(fit.model[i]), f"{PIVOT}{band}": round(curve.pivot, 1),
        }  # fmt: skip
    return values
