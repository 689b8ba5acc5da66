"""Emission of a thin, hot plasma in collisional equilibrium: continuum and the strongest lines.

What it is: bremsstrahlung of all ions, captures to bare and hydrogen-like ions, and some sixty lines and blends of
C, N, O, Ne, Mg, Si, S, Ar, Ca and Fe, from charge states (`ions.py`) and excitation rates of general formulas. At the
resolution of a CCD spectra look as those of APEC do, with the right lines at the right temperatures.
What it is not: a database of atomic lines. Single blends may be off by a factor 1.5, Fe L as a whole by as much; no
satellites, no resonance scattering, no two-photon emission, no elements beside these. Do not fit gratings with it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectrove.xray.models.continuum import FREE_FREE, gaunt_factor
from spectrove.xray.models.ions import ABUNDANCE, CHARGE, HELIUM, ion_fractions

Floats = NDArray[np.float64]

#: Temperatures of the tables, log10 keV; between them logarithms of photons are interpolated.
LOG_KT = tuple(np.linspace(-1.3, 1.5, 57).round(3).tolist())

#: Lines and blends: electrons of the ion, energy in keV, oscillator strength in absorption (of blends the sum; of
#: levels that are filled from above, what yields as many photons), by element. Energies: NIST. Helium-like
#: resonance lines are written with what their triplet has at its most, 1.7 times.
LINES: dict[str, tuple[tuple[int, float, float], ...]] = {
    "C": ((1, 0.3675, 0.416), (1, 0.4356, 0.079), (2, 0.305, 1.10)),
    "N": ((1, 0.5003, 0.416), (1, 0.593, 0.079), (2, 0.427, 1.12)),
    "O": ((1, 0.6536, 0.416), (1, 0.7746, 0.079), (1, 0.817, 0.029), (2, 0.569, 1.18), (2, 0.6656, 0.15)),
    "Ne": ((1, 1.0218, 0.416), (1, 1.211, 0.079), (1, 1.277, 0.029), (2, 0.915, 1.23), (2, 1.074, 0.15)),
    "Mg": ((1, 1.4724, 0.416), (1, 1.745, 0.079), (2, 1.346, 1.26), (2, 1.579, 0.15)),
    "Si": ((1, 2.0054, 0.416), (1, 2.3766, 0.079), (2, 1.855, 1.28), (2, 2.183, 0.15)),
    "S": ((1, 2.6217, 0.416), (1, 3.1069, 0.079), (2, 2.449, 1.30), (2, 2.884, 0.15)),
    "Ar": ((1, 3.3210, 0.416), (1, 3.935, 0.079), (2, 3.125, 1.31), (2, 3.684, 0.15)),
    "Ca": ((1, 4.1050, 0.416), (1, 4.864, 0.079), (2, 3.889, 1.32), (2, 4.583, 0.15)),
    "Fe": (
        (1, 6.966, 0.416), (1, 8.252, 0.079), (2, 6.675, 1.35), (2, 7.881, 0.15),
        (3, 1.108, 0.8), (3, 1.163, 0.37), (3, 1.47, 0.2),
        (4, 1.056, 0.7), (4, 1.129, 0.65), (4, 1.42, 0.25),
        (5, 1.053, 1.2), (5, 0.97, 0.2), (5, 1.38, 0.25),
        (6, 1.009, 1.3), (6, 0.90, 0.2), (6, 1.31, 0.3),
        (7, 0.965, 1.5), (7, 0.86, 0.3), (7, 1.24, 0.3),
        (8, 0.919, 1.6), (8, 0.82, 0.5), (8, 1.17, 0.3),
        (9, 0.873, 1.6), (9, 0.775, 0.9), (9, 1.10, 0.3),
        (10, 0.826, 1.9), (10, 0.812, 0.7), (10, 0.731, 2.6), (10, 1.02, 0.4),
    ),
}  # fmt: skip

#: Photons of a capture: levels that are summed.
_LEVELS = 4


def thermal_plasma(
    edges: Floats, kt: ArrayLike, norm: ArrayLike = 1.0, abundance: ArrayLike = 1.0, z: float = 0.0
) -> Floats:
    """Photons of a plasma of one temperature.

    Args:
        edges: Of the bins, keV.
        kt: Temperature, keV, from .05 to 31; beyond, that of the end.
        norm: 1e-14 / (4 pi (D (1 + z))^2) times the integral over the volume of n_e n_H, D in cm, as for APEC.
        abundance: Of all elements beyond helium, in units of Anders & Grevesse 1989.
        z: Redshift, one for all.

    Returns:
        Photons / (cm2 s) in each bin.
    """
    continuum, metals = _tables(tuple((np.asarray(edges, float) * (1 + z)).tolist()))
    kt, norm, abundance = (np.asarray(x, float) for x in (kt, norm, abundance))
    place = np.clip((np.log10(kt) - LOG_KT[0]) / (LOG_KT[1] - LOG_KT[0]), 0, len(LOG_KT) - 1.000001)
    first = place.astype(int)
    part = (place - first)[..., None]
    total = [table[first] * (1 - part) + table[first + 1] * part for table in (continuum, metals)]
    return norm[..., None] / (1 + z) * (np.exp(total[0]) + abundance[..., None] * np.exp(total[1]))


@lru_cache(maxsize=16)
def _tables(edges: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Logarithms of photons by temperature and bin: of hydrogen and helium, and of all other elements."""
    at = np.array(edges)
    light, metals = np.zeros((2, len(LOG_KT), len(at) - 1))
    kt = 10 ** np.array(LOG_KT)[:, None]
    free = 1e14 * FREE_FREE * _over_bins(at, kt)
    light += free * (1 + 4 * HELIUM)
    for element, abundance in ABUNDANCE.items():
        shares = ion_fractions(element, LOG_KT)
        charges = CHARGE[element] - np.arange(len(shares))
        metals += abundance * free * (charges[:, None] ** 2 * shares).sum(axis=0)[:, None]
        for electrons in (0, 1):
            metals += abundance * shares[electrons][:, None] * _captures(at, kt, CHARGE[element], electrons)
        for electrons, energy, strength in LINES[element]:
            bin_of = np.searchsorted(at, energy, side="right") - 1
            if 0 <= bin_of < len(at) - 1:
                metals[:, bin_of] += (
                    1e14 * abundance * shares[electrons] * excitation(energy, strength, kt[:, 0])
                )
    return np.log(np.maximum(light, 1e-300)), np.log(np.maximum(metals, 1e-300))


def _over_bins(edges: Floats, kt: Floats) -> Floats:
    """Integral of g E^-1 kT^-1/2 exp(-E / kT) over each bin, (n_temperatures, n_bins)."""
    low, high = edges[:-1], edges[1:]
    middle = (low + high) / 2
    values = [gaunt_factor(e, kt) * np.exp(-e / kt) / e for e in (low, middle, high)]
    return (values[0] + 4 * values[1] + values[2]) / 6 * (high - low) / np.sqrt(kt)


def _captures(edges: Floats, kt: Floats, charge: int, electrons: int) -> Floats:
    """Photons of captures by an ion of one element with no or one electron: hydrogenic, Kramers with Gaunt factor 1."""
    low, high = edges[:-1], edges[1:]
    z = charge - electrons
    total = np.zeros((len(kt), len(low)))
    for level in range(1, _LEVELS + 1):
        bound = 0.013606 * (charge - 0.6 * electrons if level == 1 else z) ** 2 / level**2
        vacant = 1 - electrons / 2 if level == 1 else 1.0
        begin = np.clip(bound, low, high)
        middle = (begin + high) / 2
        weight = 2 * bound / (level * kt) * vacant * z**2
        total += weight * np.exp(-np.maximum(middle - bound, 0) / kt) / middle * (high - begin)
    return 1e14 * FREE_FREE * total / np.sqrt(kt)


def excitation(energy: float, strength: float, kt: Floats) -> Floats:
    """Rate at which electrons excite a transition from the ground level, cm3 / s.

    Args:
        energy: Of the transition, keV.
        strength: Its oscillator strength in absorption.
        kt: Temperature, keV.

    Source:
        van Regemorter 1962, ApJ 136, 906, with a Gaunt factor of the form of Mewe 1972, A&A 20, 215: .28 exp(y) E1(y)
        plus a constant, here .05, with which Fe XXV and Fe XVII get the collision strengths 4e-3 and .12.
    """
    from scipy.special import exp1

    y = energy / kt
    gaunt = 0.05 + 0.28 * np.where(y < 500, np.exp(np.minimum(y, 500)) * exp1(np.minimum(y, 500)), 1 / y)
    return 1.6e-5 * strength * gaunt / (1e3 * energy * np.sqrt(1e3 * kt)) * np.exp(-y)
