"""Things that share a fibre with a galaxy: stars, quasars, supernovae; simple shapes of our own.

Each function gives flux relative to its own median over the wavelengths asked for. They need to be unlike
galaxies in the right places, not to be textbook spectra.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.lines import SPEED_OF_LIGHT

#: Hydrogen lines, vacuum angstrom.
_BALMER: tuple[float, ...] = (6564.6, 4862.7, 4341.7, 4102.9, 3971.2, 3890.2, 3836.5)

#: Heads of TiO bands and how deep they are in the latest M dwarfs.
_TIO = ((4763, 0.3), (4956, 0.35), (5169, 0.4), (5450, 0.3), (5863, 0.3), (6160, 0.5), (6653, 0.5), (7055,
0.75),
        (7590, 0.6), (8195, 0.2), (8435, 0.5))  # fmt: skip

#: Broad lines of quasars: rest angstrom, equivalent width, sigma in km/s.
_QUASAR = ((1549, 25, 2200), (1909, 20, 2600), (2800, 32, 1900), (4342, 12, 1800), (4862, 45, 1900), (6565,
180, 1900),
           (3728, 2, 300), (4960, 5, 320), (5008, 15, 320), (2500, 25, 9000), (4570, 25, 6000))  # fmt: skip

#: Troughs of a type Ia near maximum: rest angstrom (blueshift included), depth, sigma in angstrom.
_TYPE_IA = ((3780, 0.6, 60), (4330, 0.45, 60), (4850, 0.5, 90), (5300, 0.2, 40), (5460, 0.35, 40), (5720,
0.2, 45),
            (6130, 0.6, 60), (7550, 0.3, 90), (8200, 0.5, 120))  # fmt: skip


def star(wavelength: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """A star of type A to M at zero redshift: black body, Balmer or metal lines, molecular bands."""
    temperature = 10 ** rng.uniform(np.log10(3000), np.log10(11000))
    flux = _black_body(wavelength, temperature)
    hot = float(np.exp(-0.5 * ((temperature - 9200) / 2200) ** 2))
    for i, centre in enumerate(_BALMER):
        width = 18 if i == 0 else 14
        flux *= 1 - (0.12 + 0.55 * hot) * np.exp(-np.abs(wavelength - centre) / width)
    cool = float(np.clip((7000 - temperature) / 3000, 0, 1))
    metals = (
        (3934.8, 0.7, 7),
        (3969.6, 0.6, 7),
        (4227.9, 0.4, 3),
        (4305, 0.35, 14),
        (5176, 0.4, 12),
        (5893, 0.4, 4),
    )
    for centre, depth, width in metals:
        flux *= 1 - cool * depth * np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
    molecules = float(np.clip((4000 - temperature) / 900, 0, 1))
    for head, depth in _TIO:
        red = wavelength > head
        flux *= 1 - molecules * depth * np.where(red, np.exp(-(wavelength - head) / 90), 0)
    return flux / np.median(flux)


def quasar(wavelength: NDArray, z: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A quasar at redshift z: power law, broad lines, blended iron."""
    slope = rng.normal(-1.4, 0.4)
    continuum = (wavelength / 6000) ** slope
    lines = np.zeros(len(wavelength))
    strength = 10 ** rng.normal(0, 0.15)
    for centre, ew, sigma in _QUASAR:
        observed = centre * (1 + z)
        width = observed * sigma * rng.uniform(0.8, 1.3) / SPEED_OF_LIGHT
        peak = strength * ew * (1 + z) / (np.sqrt(2 * np.pi) * width)
        lines += peak * np.exp(-0.5 * ((wavelength - observed) / width) ** 2)
    flux = continuum * (1 + lines)
    return flux / np.median(flux)


def supernova(rest: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """A supernova near maximum, on rest wavelengths: type Ia troughs, or broad lines of a type II."""
    temperature = rng.uniform(8000, 13000)
    flux = _black_body(rest, temperature)
    if rng.random() < 0.7:
        stretch = 1 + rng.normal(0, 0.008)
        for centre, depth, sigma in _TYPE_IA:
            flux *= 1 - depth * rng.uniform(0.7, 1.1) * np.exp(
                -0.5 * ((rest - centre * stretch) / sigma) ** 2
            )
    else:
        for line, height in ((6564.6, 1.2), (4862.7, 0.5), (5877.0, 0.3)):
            u = (rest - line) / (rng.uniform(55, 90) * line / 6564.6)
            flux *= 1 + height * np.exp(-0.5 * u * u) - 0.45 * height * np.exp(-0.5 * (u + 2.2) ** 2)
    return flux / np.median(flux)


def _black_body(wavelength: NDArray, temperature: float) -> NDArray[np.float64]:
    x = 1.4388e8 / (np.asarray(wavelength, float) * temperature)
    flux = (wavelength / 5500) ** -5 / np.expm1(x)
    return flux / np.median(flux)
