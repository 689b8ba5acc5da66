"""One object of a mock survey, as it was recorded."""

from __future__ import annotations

from dataclasses import dataclass

from spectrove.galaxies.line_fit import LineFit
from spectrove.galaxies.mock.noise import Exposure, Observed
from spectrove.spectra import Spectrum


@dataclass(frozen=True)
class MockObject:
    """One object as the survey recorded it, with what only the file format needs beside the spectrum."""

    spectrum: Spectrum
    exposure: Exposure
    observed: Observed
    fit: LineFit
