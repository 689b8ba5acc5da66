"""Chemical elements: atomic weights and the Sun's abundances."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError

#: Atomic number, atomic weight, and log10 of the number of atoms per 1e12 hydrogen atoms in the Sun's photosphere;
#: meteorites where the photosphere tells nothing. Asplund, Grevesse, Sauval & Scott 2009, ARA&A 47, 481.
ELEMENTS: dict[str, tuple[int, float, float]] = {
    "H": (1, 1.008, 12.00), "He": (2, 4.003, 10.93), "Li": (3, 6.94, 1.05), "Be": (4, 9.012, 1.38),
    "B": (5, 10.81, 2.70), "C": (6, 12.011, 8.43), "N": (7, 14.007, 7.83), "O": (8, 15.999, 8.69),
    "F": (9, 18.998, 4.56), "Ne": (10, 20.180, 7.93), "Na": (11, 22.990, 6.24), "Mg": (12, 24.305, 7.60),
    "Al": (13, 26.982, 6.45), "Si": (14, 28.085, 7.51), "P": (15, 30.974, 5.41), "S": (16, 32.06, 7.12),
    "Cl": (17, 35.45, 5.50), "Ar": (18, 39.948, 6.40), "K": (19, 39.098, 5.03), "Ca": (20, 40.078, 6.34),
    "Sc": (21, 44.956, 3.15), "Ti": (22, 47.867, 4.95), "V": (23, 50.942, 3.93), "Cr": (24, 51.996, 5.64),
    "Mn": (25, 54.938, 5.43), "Fe": (26, 55.845, 7.50), "Co": (27, 58.933, 4.99), "Ni": (28, 58.693, 6.22),
    "Cu": (29, 63.546, 4.19), "Zn": (30, 65.38, 4.56), "Ga": (31, 69.723, 3.04), "Ge": (32, 72.630, 3.65),
    "Rb": (37, 85.468, 2.52), "Sr": (38, 87.62, 2.87), "Y": (39, 88.906, 2.21), "Zr": (40, 91.224, 2.58),
    "Nb": (41, 92.906, 1.46), "Mo": (42, 95.95, 1.88), "Ru": (44, 101.07, 1.75), "Rh": (45, 102.91, 0.91),
    "Pd": (46, 106.42, 1.57), "Ba": (56, 137.33, 2.18), "La": (57, 138.91, 1.10), "Ce": (58, 140.12, 1.58),
    "Pr": (59, 140.91, 0.72), "Nd": (60, 144.24, 1.42), "Sm": (62, 150.36, 0.96), "Eu": (63, 151.96, 0.52),
    "Gd": (64, 157.25, 1.07), "Dy": (66, 162.50, 1.10), "Er": (68, 167.26, 0.92), "Hf": (72, 178.49, 0.85),
}  # fmt: skip

#: Elements that rise and fall with [alpha/Fe], unless a star names them.
ALPHA_ELEMENTS = ("O", "Ne", "Mg", "Si", "S", "Ar", "Ca", "Ti")

SYMBOLS = {number: symbol for symbol, (number, _, _) in ELEMENTS.items()}


def abundances(fe_h: float, alpha_fe: float, x_fe: Mapping[str, float]) -> dict[str, float]:
    """Number of atoms of each element per hydrogen atom.

    Args:
        fe_h: [Fe/H], dex.
        alpha_fe: [alpha/Fe] of `ALPHA_ELEMENTS` that `x_fe` does not name, dex.
        x_fe: [X/Fe] by symbol, dex; elements beyond helium other than iron.

    Raises:
        ParameterError: An element that is not known, or whose abundance is no [X/Fe].
    """
    wrong = sorted(set(x_fe) - (set(ELEMENTS) - {"H", "He", "Fe"}))
    if wrong:
        raise ParameterError(
            f"abundances name {', '.join(wrong)}; expected symbols of elements beyond helium and other than Fe, "
            f"whose abundance is fe_h: {', '.join(e for e in ELEMENTS if e not in ('H', 'He', 'Fe'))}."
        )
    found = {}
    for symbol, (_, _, solar) in ELEMENTS.items():
        more = fe_h + (alpha_fe if symbol in ALPHA_ELEMENTS else 0.0)
        if symbol in x_fe:
            more = fe_h + x_fe[symbol]
        found[symbol] = 10 ** (solar - 12 + (0.0 if symbol in ("H", "He") else more))
    return found


def weights() -> NDArray[np.float64]:
    """Atomic weights, in the order of `ELEMENTS`."""
    return np.array([weight for _, weight, _ in ELEMENTS.values()])
