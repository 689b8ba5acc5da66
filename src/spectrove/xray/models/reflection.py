"""A power law and what a cold, thick slab reflects of it, with the iron K alpha line."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectrove.xray.models.absorption import cross_section
from spectrove.xray.models.continuum import power_law
from spectrove.xray.models.lines import by_width

Floats = NDArray[np.float64]

#: Cross-section of scattering by the electrons of a hydrogen atom's share of gas, 1e-22 cm2: Thomson's times 1.2.
SCATTERING = 6.652e-3 * 1.2

#: Fe K alpha of neutral iron, keV: mean of its two lines, and the width at which it is taken as narrow.
IRON, NARROW = 6.40, 0.03


def reflectance(energy: Floats) -> Floats:
    """Share of photons of an energy, keV, that a thick slab of neutral gas of cosmic abundance gives back.

    (1 - g) / (1 + g) with g the square root of the share of encounters that absorb: two streams, scattering that keeps
    the energy. Good below some 12 keV, where recoil and the bump at 30 keV do not matter.

    Source:
        Hapke 1981, JGR 86, 3039, eq. 10 ff. (diffusive reflectance).
    """
    absorbed = cross_section(energy)
    g = np.sqrt(absorbed / (absorbed + SCATTERING))
    return (1 - g) / (1 + g)


def reflected_power_law(
    edges: Floats,
    index: ArrayLike,
    norm: ArrayLike = 1.0,
    reflection: ArrayLike = 0.0,
    iron_width: ArrayLike = 0.0,
    z: ArrayLike = 0.0,
) -> Floats:
    """Photons of a power law, of its reflection, and of Fe K alpha.

    Args:
        edges: Of the bins, keV.
        index, norm: Of the power law, see `continuum.power_law`.
        reflection: Solid angle of the slab as seen from the source, in units of 2 pi; 0 for none.
        iron_width: Equivalent width of Fe K alpha against power law and reflection, rest frame, keV.
        z: Redshift of source and slab.

    Returns:
        Photons / (cm2 s) in each bin.
    """
    direct = power_law(edges, index, norm, z)
    middle = (edges[1:] + edges[:-1]) / 2 * (1 + np.asarray(z, float)[..., None])
    both = direct * (1 + np.asarray(reflection, float)[..., None] * reflectance(middle))
    return both + by_width(edges, both, IRON, NARROW, iron_width, z)
