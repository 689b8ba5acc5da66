"""What dust radiates of the energy that it has absorbed: templates of one solar luminosity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, ParameterError
from spectrove.sed.tables import numbers, trapezoid_weights

Array = NDArray[np.float64]

#: The templates hold stars too, which outshine dust below this wavelength, angstrom.
STARS_END = 2e4

#: The point of the templates' grid, in the near infrared, where all light is from stars.
ANCHOR = 7


@dataclass(frozen=True)
class DustEmission:
    """Spectra of dust, each of unit luminosity.

    Attributes:
        alphas: Slopes of the distribution of dust mass over the strength of starlight, (n_alphas,).
        wavelength: Angstrom, (n_wavelengths,).
        luminosity: 1 / angstrom, (n_alphas, n_wavelengths); its integral by the trapezoidal rule is 1.
    """

    alphas: Array
    wavelength: Array
    luminosity: Array

    def at(self, alphas: Array) -> Array:
        """The templates of these slopes, (n_alphas, n_wavelengths).

        Raises:
            ParameterError: There is no template of a slope.
        """
        nearest = np.argmin(abs(self.alphas[None] - np.asarray(alphas)[:, None]), 1)
        if not np.allclose(self.alphas[nearest], alphas, atol=1e-3):
            raise ParameterError(
                f"alpha {np.round(alphas, 4).tolist()}: the dust templates have {self.alphas[0]:g} to "
                f"{self.alphas[-1]:g} in steps "
                f"of {self.alphas[1] - self.alphas[0]:g}. Choose among these."
            )
        return self.luminosity[nearest]


def read_dust(folder: Path | str) -> DustEmission:
    """The star-forming templates of Dale et al. (2014), from CIGALE's folder `dale2014`.

    They are published with the light of an old galaxy in them, which is taken off: it is scaled to the bluest point at
    which dust does not shine, and nothing below 2 um is dust.

    Raises:
        FormatError: A file is missing, or is not as published.

    Source:
        Dale et al. (2014), ApJ 784, 83.
    """
    alphas = numbers(folder, "dhcal.dat")[:, 1]
    table = numbers(folder, "spectra.0.00AGN.dat")
    if table.shape[1] != alphas.size + 1:
        raise FormatError(f"{folder}: spectra.0.00AGN.dat has {table.shape[1]} columns, expected a "
            f"wavelength and {alphas.size} slopes. Bring the "
                          "file again.")  # fmt: skip
    stars = numbers(folder, "stellar_SED_age13Gyr_tau10Gyr.spec")
    wavelength = table[:, 0] * 1e4
    light = 10 ** table[:, 1:].T / wavelength  # the tables give nu f_nu
    old = np.interp(wavelength, stars[:, 0], stars[:, 1])
    dust = np.maximum(light - old * (light[:, ANCHOR] / old[ANCHOR])[:, None], 0) * (wavelength >= STARS_END)
    return DustEmission(alphas, wavelength, dust / (dust @ trapezoid_weights(wavelength))[:, None])
