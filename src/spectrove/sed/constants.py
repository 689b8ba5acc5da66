"""Constants and the cosmology, from astropy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.cosmology import Planck18

#: Nominal solar luminosity, erg/s.
SOLAR_LUMINOSITY = float(constants.L_sun.to_value("erg/s"))

#: Speed of light, angstrom/s.
LIGHT = float(constants.c.to_value("AA/s"))

#: Planck constant times speed of light, erg angstrom.
HC = float((constants.h * constants.c).to_value("erg AA"))

#: Where hydrogen is ionised, angstrom.
LYMAN_LIMIT = 911.75

#: mJy in one erg/s/cm2/Hz.
MILLIJANSKY = float((1 * u.Unit("erg/(s cm2 Hz)")).to_value("mJy"))

COSMOLOGY_NAME = "Planck18"


@dataclass(frozen=True)
class Epoch:
    """What a redshift means.

    Attributes:
        z: The redshift.
        age: Of the universe, yr.
        sphere: 4 pi d_L^2, cm2.
    """

    z: float
    age: float
    sphere: float


@lru_cache(maxsize=65536)
def epoch(z: float) -> Epoch:
    """Age of the universe and area of the sphere of the luminosity distance at a redshift > 0."""
    distance = float(Planck18.luminosity_distance(z).to_value("cm"))
    return Epoch(z, float(Planck18.age(z).to_value("yr")), 4 * np.pi * distance**2)
