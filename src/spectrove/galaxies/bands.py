"""Rest-frame regions with names, that together cover a spectrum: around lines, and the continuum between."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

#: Regions around lines, rest angstrom (vacuum), in order, none upon another: name, both ends.
LINE_BANDS: tuple[tuple[str, float, float], ...] = (
    ("Mg II", 2785.0, 2815.0),
    ("[O II]", 3712.0, 3745.0),
    ("[Ne III]", 3858.0, 3882.0),
    ("Ca K + H", 3915.0, 3990.0),
    ("Hδ", 4085.0, 4122.0),
    ("G band", 4285.0, 4322.0),
    ("Hγ", 4325.0, 4358.0),
    ("Hβ", 4840.0, 4886.0),
    ("[O III]", 4938.0, 5032.0),
    ("Mg b", 5150.0, 5203.0),
    ("He I", 5863.0, 5882.0),
    ("Na D", 5882.0, 5908.0),
    ("[O I]", 6282.0, 6386.0),
    ("Hα + [N II]", 6522.0, 6612.0),
    ("[S II]", 6698.0, 6754.0),
)
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


def bands(low: float, high: float, *, lines: bool = True) -> tuple[Band, ...]:
    """Regions that together cover low to high, each wavelength once, in order.

    Args:
        low, high: Angstrom; the upper end is inside the last region.
        lines: False where wavelengths are not in the rest frame, so that no line has a place.
    """
    end = float(np.nextafter(high, np.inf))
    found: list[Band] = []
    at = low
    for name, left, right in LINE_BANDS if lines else ():
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
