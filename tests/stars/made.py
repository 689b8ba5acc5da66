"""Stars with known velocities, made of the package's own templates: kind, velocity and noise are what one asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from typer.testing import CliRunner

from spectrove.lines import SPEED_OF_LIGHT
from spectrove.serve.cli import app
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.velocity import STEP, templates


def star(
    template: int = 12,
    velocity: float = 0.0,
    noise: float = 0.02,
    *,
    seed: int = 0,
    name: str = "star",
    slope: float = 0.0,
    step: float = 1.2,
    **row: object,
) -> Spectrum:
    """A star on a linear grid of its own, in vacuum.

    Args:
        template: Which of the templates it is.
        velocity: km/s.
        noise: Of a pixel, relative to the continuum.
        slope: Of the logarithm of the continuum.
        step: Angstrom from pixel to pixel.
    """
    rng = np.random.default_rng(seed)
    wavelength = np.arange(3650.0, 7350.0, step)
    known = templates()
    place = (np.log10(wavelength / (1 + velocity / SPEED_OF_LIGHT)) - known.log_first) / STEP
    lines = np.interp(place, np.arange(known.lines.shape[1]), known.lines[template])
    continuum = 100 * (wavelength / 5500) ** slope
    flux = continuum * (1 + lines + rng.normal(0, noise, len(wavelength)))
    return Spectrum(
        wavelength,
        flux,
        error=np.full(len(wavelength), noise) * continuum,
        object_id=name,
        flux_unit="relative",
        **row,
    )


def stars(n: int, seed: int = 0, **more: object) -> SpectrumSet:
    """N stars of all kinds at velocities up to 200 km/s, each with its label and a name."""
    rng = np.random.default_rng(seed)
    kinds = len(templates().teff)
    return SpectrumSet.from_spectra(
        [
            star(
                i % kinds, rng.uniform(-200, 200), seed=seed * 1000 + i, name=f"star-{i:03d}", star=f"S{i}",
                spectral_class="hot" if templates().teff[i % kinds] > 6000 else "cool",
                teff=float(templates().teff[i % kinds]), logg=1.0 + i % kinds / 10, fe_h=-0.1 * (i % 7),
                **more,
            )
            for i in range(n)
        ]
    )  # fmt: skip


def run(*arguments: object) -> Any:
    """The result of a command."""
    return CliRunner().invoke(app, [str(one) for one in arguments])
