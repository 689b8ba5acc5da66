"""A spectrum and others as curves: numbers to draw, and nothing of how they are drawn."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectrove.explanation.sketch import HIGH as HIGH
from spectrove.explanation.sketch import WIDE as WIDE
from spectrove.explanation.sketch import sketch, thinned
from spectrove.lines import Line
from spectrove.spectra import Spectrum

if TYPE_CHECKING:
    from spectrove.serve.service.shelf import Served

#: Points of a curve; a longer spectrum is drawn as means of neighbouring pixels.
MOST = 12_000
#: Usual steps between pixels that are a hole.
HOLE = 20

Floats = NDArray[np.float64]


def curves(query: Spectrum, z: float, others: Sequence[Spectrum], lines: Iterable[Line]) -> dict[str, Any]:
    """A spectrum, and others at its redshift, scaled to its flux.

    Args:
        query: The spectrum.
        z: Its redshift; NaN if none is known, and then the others are drawn as they were observed.
        others: Known spectra, for instance its neighbours.
        lines: Spectral lines of this kind of light.

    Returns:
        "wavelength" (observed, vacuum, angstrom, rising), "flux" and "error" (one sigma) of the spectrum, null where a
        pixel is bad; "bad" (ranges of observed wavelength); for each of the others its "flux" on the same wavelengths,
        null where it has none; "lines" with rest wavelengths in vacuum. "pixels" is how many pixels one point stands
        for.
    """
    together = max(1, math.ceil(len(query.wavelength) / MOST))
    wavelength, flux, error = with_holes(*thinned(query, together))
    known = math.isfinite(z) and z > -1
    rest = wavelength / (1 + z) if known else wavelength
    return {
        "name": query.object_id,
        "z": z if known else None,
        "unit": str(query.row.get("flux_unit") or ""),
        "pixels": together,
        "wavelength": _rounded(wavelength, 7),
        "flux": _rounded(flux),
        "error": _rounded(error),
        "bad": bad_ranges(query),
        "others": [_beside(rest, flux, one, known) for one in others],
        "lines": [
            {"name": line.name, "wavelength": line.wavelength, "kind": line.kind, "element": element(line)}
            for line in lines
        ],
    }


def with_holes(wavelength: Floats, flux: Floats, error: Floats) -> tuple[Floats, Floats, Floats]:
    """The same with a point without flux in each hole between pixels, so that no line is drawn across it.

    A hole is a step of more than `HOLE` usual ones: that between the settings of a spectrograph, for instance.
    """
    steps = np.diff(wavelength)
    if not len(steps):
        return wavelength, flux, error
    after = np.flatnonzero(steps > HOLE * np.median(steps))
    middle = (wavelength[after] + wavelength[after + 1]) / 2
    wavelength = np.insert(wavelength, after + 1, middle)
    return wavelength, np.insert(flux, after + 1, np.nan), np.insert(error, after + 1, np.nan)


def bad_ranges(spectrum: Spectrum) -> list[list[float]]:
    """Ranges of wavelength whose pixels are bad, (first, last) of each run."""
    bad = np.concatenate([[False], ~spectrum.good, [False]])
    edges = np.flatnonzero(np.diff(bad.astype(np.int8)))
    return [
        [round(float(spectrum.wavelength[low]), 3), round(float(spectrum.wavelength[high - 1]), 3)]
        for low, high in edges.reshape(-1, 2)
    ]


def _beside(rest: Floats, flux: Floats, other: Spectrum, known: bool) -> dict[str, Any]:
    """Another spectrum on the wavelengths of the first."""
    flux_there = np.where(other.good, other.flux, np.nan).astype(float)
    wavelength, own, _ = with_holes(other.wavelength.astype(float), flux_there, flux_there)
    z = float(other.z)
    shift = 1 + z if known and math.isfinite(z) else 1.0
    drawn = np.interp(rest, wavelength / shift, own, left=np.nan, right=np.nan)
    scale = _scale(flux, drawn)
    return {
        "name": other.object_id,
        "z": z if math.isfinite(z) else None,
        "scale": scale,
        "aligned": bool(known and math.isfinite(z)),
        "flux": _rounded(drawn * scale),
    }


def _scale(flux: Floats, other: Floats) -> float:
    """By what the other is multiplied to have the same median where both are known; 1 where that has no meaning."""
    both = np.isfinite(flux) & np.isfinite(other)
    if not both.any():
        return 1.0
    first, second = float(np.median(flux[both])), float(np.median(other[both]))
    return first / second if first > 0 and second > 0 else 1.0


def _rounded(values: Floats, digits: int = 5) -> list[float | None]:
    """So many digits of each number; None for what is none."""
    return [float(f"{v:.{digits}g}") if math.isfinite(v) else None for v in values.tolist()]


def element(line: Line) -> str:
    """The element of a line, by which lines are shown and hidden: "O" of "[O III] 5007", "H" of "H alpha"."""
    found = re.match(r"\[?([A-Z][a-z]?)(?=\s|\]|$)", line.name)
    return found.group(1) if found and not line.name.endswith("band") else line.name


def sketches(served: Served, names: Sequence[str]) -> dict[str, str]:
    """Objects of a base as small curves, by id: of their flux, or of what their kind of light has instead."""
    from spectrove.pipeline.domains import domain_of

    if not names:
        return {}
    with served.shown() as base:
        draw = domain_of(base).sketch
    stored: list[Any] = list(served.stored(names))
    return {name: sketch(next(iter(one)), draw) for name, one in zip(names, stored, strict=True)}
