"""Oddities put into real spectra of stars: what is added, drawn with a seed, and the reason that names it.

Shapes are not those that the reasons look for: bands of carbon have the heads of their sequences (Pearse & Gaydon 1976,
The Identification of Molecular Spectra), emission has other widths and decrements, second stars are other real stars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectrove.lines import SPEED_OF_LIGHT
from spectrove.pixels.air import air_to_vacuum
from spectrove.spectra import Spectrum
from spectrove.stars.lines import LINES

Floats = NDArray[np.float64]

#: Angstrom of the running mean that stands for the continuum.
_CONTINUUM = 120.0

#: Heads of bands in air, angstrom: C2 (Swan) in three sequences, CN (violet).
_HEADS = (
    (4737.1, 4715.2, 4697.6, 4684.8), (5165.2, 5129.3, 5097.7), (5635.5, 5585.5, 5540.7, 5501.9),
    (4216.0, 4197.2, 4181.0, 4167.8),
)  # fmt: skip


class Oddity(NamedTuple):
    """What is put into a spectrum, and the reason that names it."""

    put: Callable[[Spectrum, Spectrum, np.random.Generator], Spectrum]
    reason: str


def changed(star: Spectrum, flux: Floats, ivar: Floats | None = None) -> Spectrum:
    """The star with other fluxes, and inverse variances where these are given."""
    return Spectrum(
        star.wavelength,
        flux,
        ivar=star.ivar if ivar is None else ivar,
        object_id=star.object_id,
        flux_unit="relative",
    )


def continuum(star: Spectrum) -> Floats:
    """The mean flux around each pixel, (n_pixels,)."""
    good = star.ivar > 0
    width = max(int(_CONTINUUM / float(np.median(np.diff(star.wavelength)))) | 1, 3)
    total, count = (
        np.convolve(part, np.ones(width), "same")
        for part in (np.where(good, star.flux, 0.0), good.astype(float))
    )
    return np.asarray(total / np.maximum(count, 1))


def moved(star: Spectrum, velocity: float) -> Floats:
    """Its flux at another velocity, km/s, on its own pixels."""
    return np.interp(star.wavelength, star.wavelength * (1 + velocity / SPEED_OF_LIGHT), star.flux)


def _emission(star: Spectrum, other: Spectrum, rng: np.random.Generator) -> Spectrum:
    sigma, height, level = rng.uniform(80, 250), rng.uniform(0.15, 1.5), continuum(star)
    added = np.zeros(len(star.flux))
    strength = {
        "ha": 1.0,
        "hb": rng.uniform(0.2, 0.6),
        "hg": rng.uniform(0.05, 0.4),
        "hd": rng.uniform(0, 0.3),
    }
    for line in LINES:
        far = (star.wavelength / line.wavelength - 1) * SPEED_OF_LIGHT / sigma
        added += height * strength.get(line.key, 0.0) * np.exp(-0.5 * far**2)
    return changed(star, star.flux + level * added)


def _carbon(star: Spectrum, other: Spectrum, rng: np.random.Generator) -> Spectrum:
    depth = np.zeros(len(star.flux))
    strength, falls = rng.uniform(0.25, 1.2), rng.uniform(15, 40)
    for sequence in _HEADS:
        for i, head in enumerate(air_to_vacuum(np.array(sequence))):
            behind = (head - star.wavelength) / falls
            depth += np.where(behind >= 0, 0.7**i * np.exp(-np.clip(behind, 0, 50)), 0.0) * rng.uniform(
                0.7, 1.3
            )
    return changed(star, star.flux.astype(float) * np.exp(-strength * depth))


def _second(star: Spectrum, other: Spectrum, rng: np.random.Generator) -> Spectrum:
    velocity, share = rng.choice([-1, 1]) * rng.uniform(150, 450), rng.uniform(0.3, 1.0)
    light = np.interp(star.wavelength, other.wavelength * (1 + velocity / SPEED_OF_LIGHT), other.flux)
    middle = abs(star.wavelength - 5500) < 100
    scale = share * float(np.median(star.flux[middle]) / np.median(light[middle]))
    flux = star.flux + scale * light
    factor = flux / np.maximum(star.flux, 1e-9)
    return changed(star, flux, np.where(star.flux > 0, star.ivar / np.maximum(factor, 1e-3) ** 2, 0.0))


def _velocity(star: Spectrum, other: Spectrum, rng: np.random.Generator) -> Spectrum:
    return changed(star, moved(star, rng.choice([-1, 1]) * rng.uniform(420, 650)))


def _arm(star: Spectrum, other: Spectrum, rng: np.random.Generator) -> Spectrum:
    red = star.wavelength > rng.uniform(5200, 5900)
    return changed(star, np.where(red, moved(star, rng.choice([-1, 1]) * rng.uniform(100, 300)), star.flux))


def _sky(star: Spectrum, other: Spectrum, rng: np.random.Generator) -> Spectrum:
    flux, level = star.flux.astype(float).copy(), continuum(star)
    for line, strength in ((5578.9, 1.0), (6302.0, rng.uniform(0.2, 0.7)), (6365.5, rng.uniform(0.1, 0.3))):
        shape = np.exp(-0.5 * ((star.wavelength - line) / rng.uniform(1.0, 1.6)) ** 2)
        flux += level * shape * strength * rng.choice([-1, 1]) * rng.uniform(0.1, 0.6)
    return changed(star, flux)


def _jump(star: Spectrum, other: Spectrum, rng: np.random.Generator) -> Spectrum:
    factor = 1 + rng.choice([-1, 1]) * rng.uniform(0.05, 0.3)
    red = star.wavelength > rng.uniform(4200, 6800)
    return changed(
        star, np.where(red, star.flux * factor, star.flux), np.where(red, star.ivar / factor**2, star.ivar)
    )


def _cosmics(star: Spectrum, other: Spectrum, rng: np.random.Generator) -> Spectrum:
    flux, level = star.flux.astype(float).copy(), continuum(star)
    inside = np.flatnonzero((star.wavelength > 3700) & (star.wavelength < 7300) & (star.ivar > 0))
    for i in rng.choice(inside, rng.integers(3, 9), replace=False):
        flux[i] += level[i] * rng.uniform(0.5, 3.0)
    return changed(star, flux)


def _gaps(star: Spectrum, other: Spectrum, rng: np.random.Generator) -> Spectrum:
    ivar = star.ivar.astype(float).copy()
    for _ in range(rng.integers(2, 5)):
        start = rng.uniform(3800, 6800)
        ivar[(star.wavelength > start) & (star.wavelength < start + rng.uniform(200, 450))] = 0.0
    return changed(star, star.flux.astype(float), ivar)


#: By name.
ODDITIES: Mapping[str, Oddity] = {
    "emission lines": Oddity(_emission, "emission lines"),
    "carbon star": Oddity(_carbon, "carbon star"),
    "two stars": Oddity(_second, "two sets of lines"),
    "moved as a whole": Oddity(_velocity, "wrong velocity"),
    "one arm moved": Oddity(_arm, "wrong velocity"),
    "sky residuals": Oddity(_sky, "artefact: sky residual"),
    "jump of the continuum": Oddity(_jump, "artefact: jump"),
    "cosmic rays": Oddity(_cosmics, "artefact: cosmic ray"),
    "gaps": Oddity(_gaps, "artefact: gaps"),
}
