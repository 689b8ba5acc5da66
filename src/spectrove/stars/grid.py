"""The pixels that stars are compared on: 69 km/s each, as SDSS and LAMOST have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.spectra import SpectrumSet
from spectrove.stars.continuum import lines, means

#: log10 of the first wavelength (vacuum angstrom, 3560), the step, and the number of pixels, to 7390 angstrom: what the
#: spectra of MILES cover.
LOG_FIRST, LOG_STEP, N_PIXELS = 3.5515, 1e-4, 3171

#: No pixel of lines is trusted better than this: templates and continua are not.
SYSTEMATIC = 0.02


#: Share of the pixels that a spectrum needs: HR10 of GIRAFFE has .07.
LEAST_COVERED = 0.05


@dataclass(frozen=True)
class OnGrid:
    """Spectra on the common pixels.

    Attributes:
        object_id: (n_spectra,).
        flux: 0 where not used; (n_spectra, n_pixels).
        ivar: Its inverse variance.
        used: Pixels that were observed.
    """

    object_id: NDArray[np.str_]
    flux: NDArray[np.float64]
    ivar: NDArray[np.float64]
    used: NDArray[np.bool_]

    def one(self, i: int) -> OnGrid:
        """The spectrum of row i."""
        rows = slice(i, i + 1)
        return OnGrid(self.object_id[rows], self.flux[rows], self.ivar[rows], self.used[rows])

    def lines(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lines over the continuum and their inverse variance, with `SYSTEMATIC`; both (n_spectra, n_pixels)."""
        continuum = means(self.flux, self.used)
        fine = self.used & (continuum > 0)
        level = np.where(fine, continuum, 1.0)
        variance = 1 / np.where(fine, self.ivar * level**2, 1.0) + SYSTEMATIC**2
        return np.asarray(lines(self.flux, self.used), float), np.where(fine, 1 / variance, 0.0)


def log_wavelength() -> NDArray[np.float64]:
    """log10 of the wavelength of each pixel, vacuum angstrom."""
    return np.asarray(LOG_FIRST + LOG_STEP * np.arange(N_PIXELS))


def on_grid(spectra: SpectrumSet, frame: str) -> tuple[OnGrid, list[Refusal]]:
    """Spectra on the common pixels, and a sentence for each that is not.

    Args:
        spectra: Flux on wavelengths; only pixels are read, and z in the rest frame.
        frame: "observed" or "rest".
    """
    ends = 10 ** log_wavelength()[[0, -1]]
    recipe = PreprocessRecipe(
        frame=frame, wave_min=float(ends[0]), wave_max=float(ends[1]), n_pixels=N_PIXELS, scale="none",  # type: ignore[arg-type]
        systematic=0.0, min_coverage=LEAST_COVERED,
    )  # fmt: skip
    prepared, refusals = prepare(spectra, recipe)
    return OnGrid(
        prepared.object_id, prepared.flux.astype(float), prepared.ivar.astype(float), prepared.valid
    ), refusals
