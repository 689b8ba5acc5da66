"""Spectra over their own continuum on one grid of the rest frame, as differences are looked for in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal, SpectrumError
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.spectra import SpectrumSet

#: Spacing of the pixels, dex: two SDSS pixels, as in a search by regions.
STEP = 2e-4
#: Width of the running median that is the continuum, dex: 450 A at 6500 A, four times a broad line.
CONTINUUM = 0.03
#: Wavelengths of the rest frame that are looked at at most, angstrom.
WIDEST = (900.0, 30_000.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Levelled:
    """Spectra divided by their continuum, minus one.

    Attributes:
        object_id: Shape (n_spectra,).
        wavelength: Rest frame, vacuum angstrom, (n_pixels,).
        flux: In units of the continuum, 0 where not good, (n_spectra, n_pixels).
        variance: Photon noise as the survey gives it, 0 where not good, same shape.
        good: Same shape.
        refusals: A sentence for each spectrum that is left out.
    """

    object_id: NDArray[np.str_]
    wavelength: Floats
    flux: Floats
    variance: Floats
    good: NDArray[np.bool_]
    refusals: tuple[Refusal, ...] = ()

    def __len__(self) -> int:
        return len(self.object_id)

    def take(self, index: NDArray) -> Levelled:
        """The chosen spectra."""
        return Levelled(
            self.object_id[index], self.wavelength, self.flux[index], self.variance[index], self.good[index]
        )


def levelled(spectra: SpectrumSet, span: tuple[float, float]) -> Levelled:
    """The spectra on a grid over the span (rest angstrom), and a sentence for each that cannot be placed there."""
    n_pixels = max(8, round(np.log10(span[1] / span[0]) / STEP) + 1)
    made, refusals = prepare(
        spectra,
        PreprocessRecipe(
            wave_min=span[0], wave_max=span[1], n_pixels=n_pixels, scale="continuum", continuum_width=CONTINUUM,
            clip=(-20.0, 1000.0), systematic=0.0, min_coverage=0.01,
        ),
    )  # fmt: skip
    variance = np.where(made.valid, 1 / np.where(made.valid, made.ivar, 1), 0)
    return Levelled(
        made.object_id,
        made.wavelength,
        made.flux.astype(float),
        variance.astype(float),
        made.valid,
        tuple(refusals),
    )


def rest_span(sets: Sequence[SpectrumSet]) -> tuple[float, float]:
    """The wavelengths of the rest frame that some spectrum of every set reaches, angstrom.

    Raises:
        SpectrumError: The sets have no wavelength in common.
    """
    reached = [_reached(spectra) for spectra in sets]
    low, high = max(one[0] for one in reached), min(one[1] for one in reached)
    if not low * 1.01 < high:
        spans = " and ".join(f"{a:.0f}-{b:.0f} A" for a, b in reached)
        raise SpectrumError(
            f"the two sets reach {spans} of the rest frame, expected wavelengths in common. Choose examples that were "
            "observed in the same range, or check their redshifts."
        )
    return max(low, WIDEST[0]), min(high, WIDEST[1])


def _reached(spectra: SpectrumSet) -> tuple[float, float]:
    """Lowest and highest wavelength of the rest frame of spectra that have a redshift and a pixel."""
    first, last = spectra.offsets[:-1], spectra.offsets[1:]
    known = np.isfinite(spectra.z) & (last > first)
    if not known.any():
        raise SpectrumError(
            f"{', '.join(spectra.object_id.tolist()) or 'no spectrum'}: no redshift, and wavelengths are compared in "
            "the rest frame. Give it as column z of a catalog, or have it estimated."
        )
    stretch = 1 + spectra.z[known]
    low, high = spectra.wavelength[first[known]] / stretch, spectra.wavelength[last[known] - 1] / stretch
    return float(low.min()), float(high.max())
