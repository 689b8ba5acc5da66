"""Mock stars as spectra at velocities one asks for, in HR10, HR21 or both."""

from __future__ import annotations

import numpy as np

from spectrove.lines import SPEED_OF_LIGHT
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.flow.shown import parts
from spectrove.stars.labels import PIXEL, pixels
from spectrove.stars.mock import MockSpectra, draw, load_recipe
from spectrove.stars.settings import SETTINGS

FWHM = 2.3548200450309493


def widths():
    """One sigma of the settings' profiles at each pixel, angstrom."""
    return np.concatenate([s.pixels(PIXEL) / s.resolution / FWHM for s in SETTINGS.values()])


def mocks(n: int, ratio: float = 50.0, recipe: str = "test", seed: int = 5) -> MockSpectra:
    """Emulated stars of one signal-to-noise ratio."""
    return draw(n, load_recipe(recipe), seed, signal_to_noise=ratio)


def as_spectra(
    drawn: MockSpectra, velocity=0.0, setting: int | None = None, unit: float = 1.0
) -> SpectrumSet:
    """Mock stars moved by velocities in km/s, in both settings or in one."""
    here = slice(None) if setting is None else parts()[setting]
    at, width = pixels()[here], widths()[here]
    velocity = np.broadcast_to(velocity, len(drawn.labels))
    return SpectrumSet.from_spectra(
        [
            Spectrum(
                at * (1 + v / SPEED_OF_LIGHT),
                unit * drawn.flux[i].numpy()[here].astype(float),
                error=np.full(len(at), unit * float(drawn.error[i, 0])),
                lsf=width,
                object_id=f"mock-{i}",
                flux_unit="relative",
            )
            for i, v in enumerate(velocity)
        ]
    )
