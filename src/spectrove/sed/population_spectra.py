"""The light of one solar mass of stars born together: what every source of stellar populations gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.sed.constants import HC, LYMAN_LIMIT, SOLAR_LUMINOSITY
from spectrove.sed.tables import trapezoid_weights

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Populations:
    """Spectra of simple stellar populations of one initial mass function.

    Attributes:
        name: What they are, to be cited.
        imf: Their initial mass function.
        ages: (n_ages,), yr, growing.
        metallicities: (n_metallicities,), mass fraction of metals, growing.
        wavelength: Vacuum angstrom, (n_wavelengths,), growing.
        luminosity: Lsun / angstrom of one solar mass at birth, (n_metallicities, n_ages, n_wavelengths).
        surviving: What is left of that mass in stars and remnants, (n_metallicities, n_ages).
    """

    name: str
    imf: str
    ages: Array
    metallicities: Array
    wavelength: Array
    luminosity: Array
    surviving: Array

    @property
    def begins_in_ultraviolet(self) -> bool:
        """Whether there is light below the Lyman limit, so that gas and energy balance can be computed."""
        return bool(self.wavelength[0] < LYMAN_LIMIT)

    def ionising(self) -> Array:
        """Hydrogen-ionising photons of one solar mass at birth, 1/s, (n_metallicities, n_ages)."""
        blue = self.wavelength <= LYMAN_LIMIT
        weights = trapezoid_weights(self.wavelength[blue]) * self.wavelength[blue] / HC * SOLAR_LUMINOSITY
        return np.asarray(self.luminosity[:, :, blue] @ weights)
