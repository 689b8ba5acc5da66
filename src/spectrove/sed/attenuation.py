"""Attenuation by dust: the share of the light of old stars, young stars and gas that leaves a galaxy.

Every law is a dataclass of levels whose `models` lists its combinations; `transmissions` gives their curves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Wavelengths of B and V, by which a colour excess is defined, angstrom.
B, V = 4400.0, 5500.0

#: Below this wavelength (angstrom) a curve goes on as a straight line from the range of Leitherer et al. (2002), which
#: ends there.
BLUEST = 970.0


def starburst(wavelength: Array) -> Array:
    """k = A / E(B-V) of starburst galaxies, as `wavelength` (angstrom); none beyond 2.2 um where it would be negative.

    Source:
        Calzetti et al. (2000), ApJ 533, 682, equation 4, above 1500 A; Leitherer et al. (2002), ApJS 140, 303, equation
        14, below.
    """
    um = np.maximum(wavelength, BLUEST) / 1e4
    red = 2.659 * (-1.857 + 1.040 / um) + 4.05
    blue = 2.659 * (-2.156 + 1.509 / um - 0.198 / um**2 + 0.011 / um**3) + 4.05
    far = 5.472 + 0.671 / um - 9.218e-3 / um**2 + 2.620e-3 / um**3
    return np.maximum(np.where(um < 0.15, far, np.where(um < 0.63, blue, red)), 0.0)


@dataclass(frozen=True)
class Calzetti:
    """The law of starbursts with a free slope; stars and gas are behind the same dust.

    A(lambda) = E(B-V) k(lambda) (lambda / 5500 A)^slope c, where c keeps A(B) - A(V) = E(B-V).

    Attributes:
        ebv: Levels of E(B-V), mag.
        slope: Levels of the slope added to the law; 0 is the law itself, negative ones are steeper.
    """

    ebv: tuple[float, ...] = (0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.36, 0.43, 0.5, 0.6, 0.7, 0.8)
    slope: tuple[float, ...] = (-0.4, -0.3, -0.2, -0.1, 0.0)

    @property
    def axes(self) -> dict[str, tuple[tuple[float, ...], str]]:
        """Levels of each parameter, and whether its prior is flat in it or in its logarithm."""
        return {"ebv": (self.ebv, "linear"), "slope": (self.slope, "linear")}

    def models(self) -> Array:
        """Every combination of levels, (n_models, 2); without dust a slope means nothing, so these are one model."""
        return np.array(list(product(self.ebv, self.slope)))

    def same(self, models: Array) -> NDArray[np.intp]:
        """For each model the first that is the same, (n_models,)."""
        return _first_alike(models, models[:, 0] == 0)

    def magnitudes(self, wavelength: Array, models: Array) -> tuple[Array, Array, Array]:
        """Attenuation in mag of old stars, young stars and gas, each (n_models, n_wavelengths)."""
        ebv, slope = models.T[:, :, None]
        kept = starburst(np.array([B])) * (B / V) ** slope - starburst(np.array([V]))
        shape = starburst(wavelength) * (np.maximum(wavelength, BLUEST) / V) ** slope / kept
        attenuation = ebv * shape
        return attenuation, attenuation, attenuation


@dataclass(frozen=True)
class CharlotFall:
    """Clouds of birth around stars younger than 10 Myr and gas, and the interstellar medium before all.

    Attributes:
        av_ism: Levels of A(V) of the interstellar medium, mag.
        mu: Levels of A(V, interstellar) / (A(V, interstellar) + A(V, clouds)).
        slope_ism: Exponent of the interstellar medium.
        slope_cloud: Exponent of the clouds.

    Source:
        Charlot & Fall (2000), ApJ 539, 718; a second exponent as in da Cunha et al. (2008), MNRAS 388, 1595.
    """

    av_ism: tuple[float, ...] = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)
    mu: tuple[float, ...] = (0.3, 0.5)
    slope_ism: float = -0.7
    slope_cloud: float = -1.3

    @property
    def axes(self) -> dict[str, tuple[tuple[float, ...], str]]:
        """Levels of each parameter, and whether its prior is flat in it or in its logarithm."""
        return {"av_ism": (self.av_ism, "linear"), "mu": (self.mu, "linear")}

    def models(self) -> Array:
        """Every combination of levels, (n_models, 2); without dust mu means nothing, so these are one model."""
        return np.array(list(product(self.av_ism, self.mu)))

    def same(self, models: Array) -> NDArray[np.intp]:
        """For each model the first that is the same, (n_models,)."""
        return _first_alike(models, models[:, 0] == 0)

    def magnitudes(self, wavelength: Array, models: Array) -> tuple[Array, Array, Array]:
        """Attenuation in mag of old stars, young stars and gas, each (n_models, n_wavelengths)."""
        ism, mu = models.T[:, :, None]
        relative = np.maximum(wavelength, BLUEST) / V
        old = ism * relative**self.slope_ism
        young = old + ism * (1 - mu) / mu * relative**self.slope_cloud
        return old, young, young


Law = Calzetti | CharlotFall

#: Laws by name.
LAWS: dict[str, type[Calzetti] | type[CharlotFall]] = {"calzetti": Calzetti, "charlot-fall": CharlotFall}


def transmission(magnitudes: Array) -> Array:
    """The share of light that is left."""
    return np.asarray(10 ** (-0.4 * magnitudes))


def _first_alike(models: Array, alike: NDArray[np.bool_]) -> NDArray[np.intp]:
    first = np.arange(len(models))
    if alike.any():
        first[alike] = np.flatnonzero(alike)[0]
    return first
