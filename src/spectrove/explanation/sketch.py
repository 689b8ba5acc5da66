"""Small curves: a spectrum in the size of a word, for tables and lists."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.spectra import Spectrum

Floats = NDArray[np.float64]

#: Points of a small curve, and its size in units of its drawing.
SMALL, WIDE, HIGH = 130, 260, 48


def sketch(spectrum: Any, draw: Callable[[Any], Any] | None) -> str:
    """A spectrum of any kind of light as a small curve; `draw` as `Domain.sketch`, None where it has fluxes."""
    return small(spectrum) if draw is None else points(np.asarray(draw(spectrum), float))


def small(spectrum: Spectrum) -> str:
    """A spectrum as a small curve: the points of a line in a box of `WIDE` times `HIGH`, bad pixels bridged.

    Returns:
        "" where it has no good pixel.
    """
    return points(thinned(spectrum, max(1, math.ceil(len(spectrum.wavelength) / SMALL)))[1])


def points(values: Floats) -> str:
    """Values at equal distances, (n,), as the points of a line in that box; those that are no number are left out."""
    good = np.isfinite(values)
    if not good.any():
        return ""
    low, high = np.percentile(values[good], [1, 99])
    x = np.linspace(0, WIDE, len(values))[good]
    y = HIGH - 3 - np.clip((values[good] - low) / ((high - low) or 1.0), -0.05, 1.05) * (HIGH - 6)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def thinned(spectrum: Spectrum, together: int) -> tuple[Floats, Floats, Floats]:
    """Wavelength, flux and error, of so many pixels together; NaN where none of them is good."""
    wavelength, flux = spectrum.wavelength.astype(float), spectrum.flux.astype(float)
    weight = np.where(spectrum.good, spectrum.ivar.astype(float), 0.0)
    if together > 1:
        n = -(-len(flux) // together)
        pad = (0, n * together - len(flux))
        summed = np.pad(weight, pad).reshape(n, together).sum(1)
        product = np.pad(np.where(weight > 0, weight * flux, 0.0), pad).reshape(n, together).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            flux = product / summed
        starts = np.arange(0, len(wavelength), together)
        wavelength = np.add.reduceat(wavelength, starts) / np.diff(np.append(starts, len(wavelength)))
        weight = summed
    with np.errstate(divide="ignore"):
        error = weight**-0.5
    bad = weight <= 0
    return wavelength, np.where(bad, np.nan, flux), np.where(bad, np.nan, error)
