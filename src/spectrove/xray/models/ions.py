"""Charge states of a thin plasma in which collisions ionise and electrons recombine: coronal equilibrium.

Computed here from general formulas, not from a modern set of rates: fractions of the ions that emit X-ray lines are
good to some tens of percent near their maximum, and the temperature of the maximum to some .1 dex.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Number of atoms per hydrogen atom. Anders & Grevesse 1989, GeCoA 53, 197.
ABUNDANCE = {
    "C": 3.63e-4, "N": 1.12e-4, "O": 8.51e-4, "Ne": 1.23e-4, "Mg": 3.80e-5, "Si": 3.55e-5, "S": 1.62e-5,
    "Ar": 3.63e-6, "Ca": 2.29e-6, "Fe": 4.68e-5,
}  # fmt: skip
CHARGE = {"C": 6, "N": 7, "O": 8, "Ne": 10, "Mg": 12, "Si": 14, "S": 16, "Ar": 18, "Ca": 20, "Fe": 26}
HELIUM = 9.77e-2

#: Energies, eV, that free the outermost electron of ions with 1, 2, 3, ... electrons (NIST, rounded).
POTENTIAL: dict[str, tuple[float, ...]] = {
    "C": (490, 392, 64.5, 47.9),
    "N": (667, 552, 97.9, 77.5),
    "O": (871, 739, 138, 114),
    "Ne": (1362, 1196, 239, 207),
    "Mg": (1963, 1762, 368, 328),
    "Si": (2673, 2438, 523, 476),
    "S": (3494, 3224, 707, 652),
    "Ar": (4426, 4121, 918, 855),
    "Ca": (5470, 5129, 1157, 1087),
    "Fe": (9278, 8828, 2046, 1950, 1798, 1687, 1575, 1460, 1357, 1263, 489, 457),
}

#: Capacity of the shells K, L, M.
_SHELLS = (2, 8, 18)

#: Oscillator strengths of the transitions by which recombination excites an inner electron: 1-2 of one and of two K
#: electrons, and 2-3 for each L electron. Of the latter's captures two thirds are lost again to excited levels: with
#: .12 ions of iron are most frequent at the temperatures of Mazzotta et al. 1998.
_K_STRENGTH, _L_STRENGTH = (0.42, 0.75), 0.12


@cache
def ion_fractions(element: str, log_kt: tuple[float, ...]) -> Floats:
    """Shares of the ions with 0, 1, 2, ... electrons at temperatures log10(kT / keV), (n_electrons, n_temperatures).

    Source:
        Ionisation: Lotz 1967, ZPhy 206, 205. Radiative recombination: hydrogen of Verner & Ferland 1996, ApJS 103, 467,
        scaled with charge. Dielectronic recombination: Burgess 1965, ApJ 141, 1588.
    """
    kt = 1000 * 10 ** np.array(log_kt)
    charge, potentials = CHARGE[element], POTENTIAL[element]
    log_share = [np.zeros_like(kt)]
    for electrons, potential in enumerate(potentials, 1):
        lost = _ionisation(electrons, potentials, kt)
        gained = _radiative(electrons, charge, kt) + _dielectronic(electrons, charge, potential, kt)
        log_share.append(log_share[-1] + np.log(gained) - np.log(np.maximum(lost, 1e-300)))
    stacked = np.array(log_share)
    share = np.exp(stacked - stacked.max(axis=0))
    return share / share.sum(axis=0)


def _ionisation(electrons: int, potentials: tuple[float, ...], kt: Floats) -> Floats:
    """Collisions per second and electron that take an electron from an ion with so many of them, cm3 / s."""
    from scipy.special import exp1

    total, left, place = np.zeros_like(kt), electrons, 0
    for size in _SHELLS:
        inside = min(left, size)
        if not inside:
            break
        outermost = potentials[min(place + inside, electrons) - 1]
        # An inner shell of an ion is bound more tightly than it was as the outer one; K electrons of L ions stay near
        # the potential of the ion of two.
        total += 3.0e-6 * inside / (outermost * np.sqrt(kt)) * exp1(outermost / kt)
        left, place = left - inside, place + inside
    return total


def _radiative(electrons: int, charge: int, kt: Floats) -> Floats:
    """Captures into an ion that then has so many electrons, cm3 / s."""
    z = charge - electrons + 1
    t = kt * 11604.5 / z**2
    a, b, t0, t1 = 7.982e-11, 0.7480, 3.148, 7.036e5
    x0, x1 = np.sqrt(t / t0), np.sqrt(t / t1)
    hydrogen = a / (x0 * (1 + x0) ** (1 - b) * (1 + x1) ** (1 + b))
    # Captures to the ground level of hydrogen are .4 of all at 1e4 K and .6 at 1e6 K; a full K shell takes none.
    ground = np.clip(0.4 + 0.1 * (np.log10(t) - 4), 0.3, 0.7)
    open_share = 1 - ground * np.clip(electrons - 1, 0, 2) / 2
    return z * hydrogen * open_share


def _dielectronic(electrons: int, charge: int, potential: float, kt: Floats) -> Floats:
    """The same by way of two excited electrons; the ion that captures has one electron less."""
    before = electrons - 1
    if before == 0:
        return np.zeros_like(kt)
    z = charge - before
    jumps = []
    if before <= 2:
        jumps.append((_K_STRENGTH[before - 1], 10.2 * (charge - 0.3 * (before - 1)) ** 2))
    else:
        in_l = min(before - 2, 8)
        jumps.append((_L_STRENGTH * in_l, 1.9 * (charge - 2 - 0.7 * in_l) ** 2))
        jumps.append((0.2 if in_l < 8 else 0.0, 5.0 * z))
    size = np.sqrt(z) * (z + 1) ** 2.5 / np.sqrt(z**2 + 13.4)
    total = np.zeros_like(kt)
    for strength, energy in jumps:
        y = energy / 13.6 / (z + 1)
        shape = np.sqrt(y) / (1 + 0.105 * y + 0.015 * y**2)
        softened = energy / (1 + 0.015 * z**3 / (z + 1) ** 2)
        total += 2.4e-9 * kt**-1.5 * size * strength * shape * np.exp(-softened / kt)
    return total
