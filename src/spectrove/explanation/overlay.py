"""A spectrum over others, for a quick look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectrove.explanation.style import NORMAL, SMALL, new_figure
from spectrove.spectra import Spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Pixels of the running mean that is drawn, and the distance between curves in units of the median flux.
SMOOTH, APART = 5, 1.2


def overlay_figure(query: Spectrum, others: Sequence[Spectrum], title: str = "") -> Figure:
    """The query, and below it each other spectrum over a grey copy of the query.

    Flux density over its median; rest wavelength if every spectrum has a redshift, else observed. Masked pixels are
    gaps.

    Args:
        query: The spectrum.
        others: For instance its neighbours, nearest first.
        title: Above the figure.
    """
    rest = all(np.isfinite(one.z) for one in (query, *others))
    figure = new_figure(10.0, 2.2 + 0.9 * (1 + len(others)))
    ax = figure.add_subplot()
    own = _curve(query, rest)
    for i, one in enumerate((query, *others)):
        wavelength, flux = _curve(one, rest)
        if i:
            ax.plot(own[0], own[1] - APART * i, lw=0.5, color="#bbbbbb")
        ax.plot(wavelength, flux - APART * i, lw=0.7, color="black" if i == 0 else None)
        ax.annotate(
            one.object_id, (1.0, 1 - APART * i), xycoords=("axes fraction", "data"), fontsize=SMALL,
            xytext=(4, 0), textcoords="offset points",
        )  # fmt: skip
    ax.set_xlabel(f"{'Rest' if rest else 'Observed'} wavelength (angstrom, vacuum)", fontsize=NORMAL)
    ax.set_ylabel("Flux density / median + offset", fontsize=NORMAL)
    ax.set_title(title, fontsize=NORMAL, loc="left")
    heights = own[1][np.isfinite(own[1])]
    if len(heights):
        ax.set_ylim(
            np.percentile(heights, 1) - APART * (len(others) + 0.5), np.percentile(heights, 99.5) + 0.5
        )
    figure.subplots_adjust(
        right=0.86, bottom=0.6 / figure.get_figheight(), top=1 - 0.4 / figure.get_figheight()
    )
    return figure


def _curve(spectrum: Spectrum, rest: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wavelength and smoothed flux over its median; NaN where masked or missing."""
    filled, _ = spectrum.with_gaps_filled()
    flux = np.where(filled.good, filled.flux, np.nan).astype(float)
    norm = np.nanmedian(flux) if filled.good.any() else 1.0
    weight = np.convolve(filled.good, np.ones(SMOOTH), "same")
    total = np.convolve(np.nan_to_num(flux), np.ones(SMOOTH), "same")
    smooth = np.where(filled.good, total / np.maximum(weight, 1), np.nan)
    return filled.wavelength / (1 + (spectrum.z if rest else 0.0)), smooth / (norm if norm > 0 else 1.0)
