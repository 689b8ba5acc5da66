"""A spectrum and others in Specviz, the viewer of jdaviz, which is used where it is installed and never needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spectrove.errors import SpectrumError
from spectrove.pixels.foreign import to_specutils
from spectrove.spectra import Spectrum


def open_in_specviz(query: Spectrum, others: Sequence[Spectrum], app: Any = None) -> Any:
    """Specviz with the spectrum and the others, each named by its id, the others by their places too.

    Args:
        query: The spectrum, as it was observed.
        others: Its neighbours, nearest first, which are shown as `beside` gives them.
        app: A Specviz, or an application of jdaviz that loads spectra; a new Specviz if None.

    Raises:
        SpectrumError: There is no application, and jdaviz is not installed.
    """
    shown = _new_specviz() if app is None else app
    load = _loader(shown)
    load(_of(query), data_label=query.object_id)
    for place, other in enumerate(others, 1):
        load(_of(beside(query, other)), data_label=f"{place}: {other.object_id}")
    return shown


def beside(query: Spectrum, other: Spectrum) -> Spectrum:
    """The other spectrum as it would be observed at the redshift of the query and as bright.

    Its flux is multiplied so that both have the same median where both are measured, and is in the unit of the query.
    Where a redshift is not known it stays where it was observed; where a median is not positive it keeps its flux.
    """
    known = np.isfinite(query.z) and np.isfinite(other.z)
    shift = (1 + query.z) / (1 + other.z) if known else 1.0
    wavelength = other.wavelength * shift
    own = np.where(other.good, other.flux, np.nan).astype(float)
    flux = np.where(query.good, query.flux, np.nan).astype(float)
    there = np.interp(query.wavelength, wavelength, own, left=np.nan, right=np.nan)
    both = np.isfinite(there) & np.isfinite(flux)
    medians = (float(np.median(flux[both])), float(np.median(there[both]))) if both.any() else (0.0, 0.0)
    scale = medians[0] / medians[1] if min(medians) > 0 else 1.0
    row = {
        **other.row,
        "flux_unit": query.row.get("flux_unit"),
        "z": query.z if known else other.z,
        "scale": scale,
    }
    return Spectrum.stored(
        other.object_id, wavelength, (other.flux * scale).astype(np.float32),
        (other.ivar / scale**2).astype(np.float32), other.mask, (other.lsf * shift).astype(np.float32), row,
    )  # fmt: skip


def _of(spectrum: Spectrum) -> Any:
    """As a spectrum of specutils."""
    meta = {"object_id": spectrum.object_id, **spectrum.row}
    return to_specutils(spectrum.wavelength, spectrum.flux, spectrum.ivar, good=spectrum.good, meta=meta)


def _loader(app: Any) -> Any:
    """How an application takes one spectrum.

    Raises:
        SpectrumError: It takes none.
    """
    for name in ("load", "load_data"):  # the second until jdaviz 4.2
        if callable(load := getattr(app, name, None)):
            return load
    raise SpectrumError(
        f"specviz: found a {type(app).__name__}, expected a Specviz of jdaviz: an application with load_data or load."
    )


def _new_specviz() -> Any:
    """A new Specviz.

    Raises:
        SpectrumError: jdaviz is not installed.
    """
    try:
        from jdaviz import Specviz
    except ImportError as error:
        raise SpectrumError(
            "specviz: jdaviz is not installed here. Install it (pip install jdaviz), or give the application: "
            "answers.specviz(app=...). answers.plot() draws the same as a figure."
        ) from error
    return Specviz()
