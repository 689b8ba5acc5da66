"""What broadens a spectrum after it left the atmosphere: rotation, large motions, the instrument."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.stars.synthesis.constants import LIGHT_KM_S
from spectrove.stars.synthesis.kernels import convolved

Floats = NDArray[np.float64]

#: km/s between values of a profile in velocity, and how many standard deviations of a Gaussian are followed.
_STEP, _REACH = 0.1, 4.5

_FWHM = 2 * math.sqrt(2 * math.log(2))


def broaden(
    wavelength: NDArray,
    flux: NDArray,
    *,
    at: NDArray | None = None,
    resolution: float | None = None,
    gaussian: float = 0.0,
    rotation: float = 0.0,
    limb_darkening: float = 0.6,
) -> Floats:
    """The flux of a spectrum as rotation, large motions and an instrument broaden it.

    Args:
        wavelength: Angstrom, increasing, fine enough for what is asked, (n_pixels,).
        flux: (n_pixels,).
        at: Wavelengths at which it is wanted, (n_wanted,); by default where it is.
        resolution: Wavelength over the full width at half maximum of the instrument's Gaussian profile; None for none.
        gaussian: One sigma of motions in the atmosphere (macroturbulence), km / s.
        rotation: Projected speed at the equator, km / s.
        limb_darkening: Linear coefficient, for rotation.

    Returns:
        (n_wanted,). Within a profile's reach of the ends it is the mean of what there is.

    Raises:
        ParameterError: A width is negative, or the profile is narrower than the pixels of the input.

    Source:
        Rotation: Gray 2005, eq. 18.14.
    """
    wavelength, flux = (np.ascontiguousarray(x, dtype=np.float64) for x in (wavelength, flux))
    wanted = wavelength if at is None else np.ascontiguousarray(at, dtype=np.float64)
    if min(gaussian, rotation) < 0 or (resolution is not None and not resolution > 0):
        raise ParameterError(
            f"broadening: gaussian {gaussian:g} km/s, rotation {rotation:g} km/s, resolution {resolution}; expected "
            "none below 0, and a positive resolution or None."
        )
    instrument = LIGHT_KM_S / resolution / _FWHM if resolution is not None else 0.0
    sigma = math.hypot(instrument, gaussian)
    if sigma == 0 and rotation == 0:
        return np.interp(wanted, wavelength, flux)
    pixel = float(np.median(np.diff(wavelength) / wavelength[1:])) * LIGHT_KM_S
    if math.hypot(sigma, rotation / 2) < 0.7 * pixel:
        raise ParameterError(
            f"broadening by {sigma:.2f} km/s and rotation of {rotation:.2f} km/s is narrower than the pixels of "
            f"{pixel:.2f} km/s. Compute the spectrum in finer steps."
        )
    return convolved(wavelength, flux, wanted, _kernel(sigma, rotation, limb_darkening), _STEP)


def _kernel(sigma: float, rotation: float, limb_darkening: float) -> Floats:
    """The profile from its middle outwards, in steps of _STEP km/s, zero at its end."""
    reach = math.ceil((_REACH * sigma + rotation) / _STEP) + 2
    velocity = np.arange(-reach, reach + 1) * _STEP
    profile = np.zeros(len(velocity))
    if rotation > 2 * _STEP:
        inside = np.maximum(1 - (velocity / rotation) ** 2, 0.0)
        profile = 2 * (1 - limb_darkening) * np.sqrt(inside) + math.pi / 2 * limb_darkening * inside
    else:
        profile[reach] = 1.0
    if sigma > 0:
        gauss = np.exp(-0.5 * (velocity / sigma) ** 2)
        profile = np.convolve(profile, gauss, mode="same")
    kernel = profile[reach:] / profile.sum()
    kernel[-1] = 0.0
    return kernel
