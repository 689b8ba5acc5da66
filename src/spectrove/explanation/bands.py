"""Regions with names that together cover a spectrum: those of a domain, around lines, and the continuum between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

#: Continuum between lines is cut into parts no longer than this, angstrom.
LONGEST = 500.0


@dataclass(frozen=True)
class Band:
    """One region: its name and its ends, in rest angstrom, or observed angstrom if the redshift is unknown."""

    name: str
    low: float
    high: float

    def holds(self, wavelength: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which wavelengths lie in it, bool (n_pixels,)."""
        return (wavelength >= self.low) & (wavelength < self.high)


def bands(low: float, high: float, named: Sequence[tuple[str, float, float]] = ()) -> tuple[Band, ...]:
    """Regions that together cover low to high, each wavelength once, in order.

    Args:
        low, high: Angstrom; the upper end is inside the last region.
        named: Regions around lines, in order, none upon another: name and both ends. None where wavelengths are not
            in the rest frame, so that no line has a place.
    """
    end = float(np.nextafter(high, np.inf))
    found: list[Band] = []
    at = low
    for name, left, right in named:
        if right <= low or left >= high:
            continue
        found += _continuum(at, max(left, low))
        found.append(Band(name, max(left, low), min(right, end)))
        at = min(right, end)
    return (*found, *_continuum(at, end))


def _continuum(low: float, high: float) -> list[Band]:
    if high <= low:
        return []
    edges = np.linspace(low, high, int(np.ceil((high - low) / LONGEST)) + 1)
    return [Band(f"{a:.0f}–{b:.0f} Å", float(a), float(b)) for a, b in pairwise(edges)]
