"""Light of an active nucleus: a disc behind its own dust, and a torus that re-radiates half of the disc's energy.

The form is simple and of this module; no table is read. A nucleus is added to its galaxy in proportion to the light of
stars, so that models stay linear in the history of star formation.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.sed.constants import LYMAN_LIMIT
from spectrove.sed.tables import trapezoid_weights

Array = NDArray[np.float64]

#: Share of the disc's energy that the torus takes and radiates.
COVERING = 0.5

#: The disc: f_lambda as a power of wavelength up to the bend (angstrom), and beyond it. Source: Schartmann et al.
#: (2005), A&A 437, 861, as in Feltre et al. (2012), MNRAS 426, 120.
DISC, BEND, BEYOND = -1.5, 5e4, -4.0

#: Coldest and hottest dust of the torus, K: it sublimes at the higher. Each step of temperature in the logarithm
#: radiates the same energy, which makes nu L_nu nearly flat from 4 to 20 um, as it is in mean spectra of quasars (Elvis
#: et al. 1994, ApJS 95, 1).
COLDEST, HOTTEST = 150.0, 1500.0

#: h c / k, angstrom K.
SECOND = 1.438777e8

#: From the Lyman limit, below which a nucleus has no light here, to 1 mm.
WAVELENGTH = np.geomspace(LYMAN_LIMIT, 1e7, 600)


def models_of(fractions: tuple[float, ...], reddening: tuple[float, ...]) -> tuple[Array, NDArray[np.intp]]:
    """Every pair of levels, (n, 2), and for each the first that is the same: without a nucleus it has no reddening.

    Raises:
        ParameterError: A fraction is not from 0 to below 1, or a reddening below 0.
    """
    if wrong := [f for f in fractions if not 0 <= f < 1]:
        raise ParameterError(f"agn_fraction {wrong[0]:g}: expected a share of all light, from 0 to below 1.")
    if wrong := [e for e in reddening if not 0 <= e < np.inf]:
        raise ParameterError(f"agn_ebv {wrong[0]:g}: expected an E(B-V) in mag, 0 or more.")
    models = np.array(list(product(fractions, reddening)), float)
    same = np.arange(len(models))
    none = models[:, 0] == 0
    if none.any():
        same[none] = np.flatnonzero(none)[0]
    return models, same


def for_stars(fraction: Array) -> Array:
    """Luminosity of a nucleus for each solar luminosity of stars, by its share of the light of both."""
    return np.asarray(fraction / (1 - fraction))


def disc() -> Array:
    """The disc, unit luminosity above the Lyman limit, 1 / angstrom, as `WAVELENGTH`."""
    shape = np.where(WAVELENGTH < BEND, WAVELENGTH**DISC, BEND ** (DISC - BEYOND) * WAVELENGTH**BEYOND)
    return np.asarray(shape / (shape @ trapezoid_weights(WAVELENGTH)))


def torus() -> Array:
    """The torus, unit luminosity, 1 / angstrom, as `WAVELENGTH`: black bodies of many temperatures."""
    temperature = np.geomspace(COLDEST, HOTTEST, 40)[:, None]
    x = np.minimum(SECOND / WAVELENGTH / temperature, 700)
    bodies = WAVELENGTH**-5 / np.expm1(x) / temperature**4  # each of the same energy
    shape = bodies.sum(0)
    return np.asarray(shape / (shape @ trapezoid_weights(WAVELENGTH)))


def reddened(ebv: Array) -> Array:
    """Share of the disc's light that its own dust lets through, (n, n_wavelengths).

    Source:
        The law of the Small Magellanic Cloud, Prevot et al. (1984), A&A 132, 389, as Richards et al. (2003), AJ 126,
        1131, write it for quasars.
    """
    return np.asarray(10 ** (-0.4 * ebv[:, None] * 1.39 * (WAVELENGTH / 1e4) ** -1.2))


def spectra(ebv: Array) -> Array:
    """Nuclei of unit luminosity, 1 / angstrom, (n, n_wavelengths), each with its reddening (mag) on the disc alone.

    Without reddening the energy of disc and torus together is one. What reddening takes is lost: it lies in our line of
    sight, while the torus radiates what is taken in all directions.
    """
    return np.asarray((1 - COVERING) * disc() * reddened(np.asarray(ebv, float)) + COVERING * torus())
