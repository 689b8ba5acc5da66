"""What coefficients of a spectrum of BP or RP mean: flux on wavelengths, and the way back from flux to coefficients.

A spectrum on the detector is a sum of functions of the position along it; these are rotations of Hermite functions. To
each belongs an inverse function, which the optics blur into it (De Angeli et al. 2023, A&A 674, A2; Montegriffo et al.
2023, A&A 674, A3). Both are sums of the same Hermite functions, so that blurring is one matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectrove.readers.gaia.files import bases, curve

Floats = NDArray[np.float64]

#: Coefficients of a band.
N_COEFFICIENTS = 55

#: Where each band has light, nm; where they overlap, BP and RP pass into each other.
RANGES = {"bp": (330.0, 643.0), "rp": (635.0, 1020.0)}

#: Area of the telescope, m2, and Planck's constant times the speed of light, J nm.
AREA, HC = 0.7278, 6.62607004e-34 * 2.99792458e8 * 1e9

#: Responses below this are those of no light.
DARK = 1e-4


@dataclass(frozen=True)
class Band:
    """BP or RP.

    Attributes:
        name: "bp" or "rp".
        scale, offset: From positions along the detector to the argument of the Hermite functions.
        inverse: Hermite functions in each inverse function before the rotation, (n, n).
        rotation: Of the functions, orthogonal, (n, n).
        dispersion, response: Splines of the wavelength in nm.
    """

    name: str
    scale: float
    offset: float
    inverse: Floats
    rotation: Floats
    dispersion: CubicSpline
    response: CubicSpline

    def _argument(self, wavelength: Floats) -> Floats:
        return np.asarray(self.dispersion(wavelength)) * self.scale + self.offset

    def detector(self, position: Floats) -> Floats:
        """Each function on the detector, where positions are those of the archive, 0 to 60; (n, n_positions)."""
        return self.rotation @ hermite(position * self.scale + self.offset)

    def position(self, wavelength: Floats) -> Floats:
        """Where light of a wavelength (nm) falls."""
        return np.asarray(self.dispersion(wavelength))

    def flux(self, wavelength: Floats) -> Floats:
        """The flux that each coefficient stands for, W / m2 / nm, on wavelengths in nm; (n, n_wavelengths).

        Zero where the photometer sees nothing.
        """
        response = np.asarray(self.response(wavelength))
        photon = np.where(response > DARK, HC / (AREA * np.maximum(response, DARK) * wavelength), 0.0)
        return self.rotation @ self.inverse @ hermite(self._argument(wavelength)) * photon

    def project(self, wavelength: Floats) -> Floats:
        """The coefficients that a star of flux 1 W / m2 / nm at one wavelength alone would have, (n_wavelengths, n).

        `flux @ project(wavelength)` are the coefficients of a spectrum. Wavelengths in nm ascend, and reach over the
        band: flux beyond them is taken to be none.
        """
        response = np.where(np.asarray(self.response(wavelength)) > DARK, self.response(wavelength), 0.0)
        argument = self._argument(wavelength)
        width = abs(np.gradient(argument))
        seen = hermite(argument) * (AREA * response * wavelength / HC * width)
        # photons = a @ hermite, and a = coefficients @ rotation @ inverse
        return np.linalg.solve((self.rotation @ self.inverse).T, seen).T

    @property
    def total(self) -> Floats:
        """The flux of the whole band, electrons per second, that each coefficient adds; (n,)."""
        position = np.linspace(-5.0, 65.0, 3501)
        return np.asarray(np.trapezoid(self.detector(position), position, axis=1))


@cache
def band(name: str) -> Band:
    """BP or RP of Gaia DR3.

    Args:
        name: "bp" or "rp".

    Raises:
        ParameterError: GaiaXPy's files are not there.
    """
    said = bases(name)
    low, high = (float(said[f"normRange{end}"][0]) for end in ("Min", "Max"))
    first, last = (float(said[f"pwlRange{end}"][0]) for end in ("Min", "Max"))
    scale = (high - low) / (last - first)
    n = int(said["nBases"][0])
    return Band(
        name, scale, low - first * scale, said["inverseBasesCoefficients"].reshape(n, -1),
        said["transformationMatrix"].reshape(n, -1), CubicSpline(*curve(name, "dispersion")),
        CubicSpline(*curve(name, "response")),
    )  # fmt: skip


def hermite(x: Floats, n: int = N_COEFFICIENTS) -> Floats:
    """The first n Hermite functions, orthonormal on the line; (n, *x.shape)."""
    out = np.zeros((n, *np.shape(x)))
    out[0] = np.pi**-0.25 * np.exp(-(x**2) / 2)
    out[1] = np.sqrt(2.0) * x * out[0]
    for k in range(2, n):
        out[k] = np.sqrt(2.0 / k) * x * out[k - 1] - np.sqrt((k - 1) / k) * out[k - 2]
    return out
