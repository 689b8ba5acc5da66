"""Spectral lines of atoms and ions, and how the levels of these are populated: the table that a synthesis reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.stars.synthesis.elements import SYMBOLS

Floats = NDArray[np.float64]

TABLE = Path(__file__).parents[1] / "data" / "lines.npz"

#: Stages of ionisation that are counted: neutral, once, twice ionised.
STAGES = 3


@dataclass(frozen=True)
class LineList:
    """Lines, ordered by wavelength; every array is (n_lines,).

    Attributes:
        wavelength: Vacuum, at rest, angstrom.
        number: Atomic number of the element.
        stage: 0 for neutral atoms, 1 for ions.
        log_gf: log10 of statistical weight times oscillator strength.
        lower: Energy of the lower level, eV.
        radiative: Damping by the levels' lives, 1 / s.
        stark: log10 of damping by electrons at 10,000 K, cm3 / s.
        cross_section: Collisions with hydrogen at 10 km/s, in units of the Bohr radius squared; 0 if not known.
        exponent: Minus the power of the speed that this changes with.
        van_der_waals: log10 of damping by hydrogen at 10,000 K, cm3 / s, where there is no cross section.
    """

    wavelength: Floats
    number: NDArray[np.int64]
    stage: NDArray[np.int64]
    log_gf: Floats
    lower: Floats
    radiative: Floats
    stark: Floats
    cross_section: Floats
    exponent: Floats
    van_der_waals: Floats

    def __len__(self) -> int:
        return len(self.wavelength)

    def take(self, which: NDArray) -> LineList:
        """The lines at indices, or where a mask is true."""
        return LineList(*(getattr(self, name)[which] for name in FIELDS))

    def names(self) -> list[str]:
        """Of each line: "Fe I 8688.63", in vacuum."""
        return [
            f"{SYMBOLS[number]} {'I' * (stage + 1)} {at:.2f}"
            for number, stage, at in zip(
                self.number.tolist(), self.stage.tolist(), self.wavelength.tolist(), strict=True
            )
        ]


FIELDS = tuple(LineList.__dataclass_fields__)

#: Columns that are whole numbers.
WHOLE = ("number", "stage")


@dataclass(frozen=True)
class Partition:
    """Partition functions and energies of ionisation of the elements in a table.

    Attributes:
        log_temperature: log10 K of the nodes, (n_nodes,), evenly spaced.
        log_values: Natural logarithms of partition functions, (n_elements, STAGES, n_nodes).
        ionisation: Energies that free an electron from the neutral atom and from the ion, eV, (n_elements, 2).
        symbols: Of the elements.
    """

    log_temperature: Floats
    log_values: Floats
    ionisation: Floats
    symbols: tuple[str, ...]

    def at(self, temperature: Floats) -> Floats:
        """Partition functions at temperatures in K, (n_elements, STAGES, n_temperatures)."""
        nodes = self.log_temperature
        place = (np.log10(temperature) - nodes[0]) / (nodes[1] - nodes[0])
        first = np.clip(place.astype(int), 0, len(nodes) - 2)
        part = np.clip(place - first, 0.0, 1.0)
        return np.exp(self.log_values[..., first] * (1 - part) + self.log_values[..., first + 1] * part)


@cache
def shipped_lines() -> LineList:
    """Lines of 5330-5610 and 8475-8980 A (air) that matter in the spectra of stars of 4,000 to 8,000 K.

    Source:
        The list of the Gaia-ESO survey (Heiter et al. 2021, A&A 645, A106) and VALD (Ryabchikova et al. 2015, Phys.
        Scr. 90, 054005), of which scripts/make_star_lines.py keeps what its own synthesis finds; see data/README.md.
    """
    arrays = _table()
    columns: dict[str, Any] = {
        name: arrays[name].astype(np.int64 if name in WHOLE else np.float64) for name in FIELDS
    }
    return LineList(**columns)


@cache
def shipped_partition() -> Partition:
    """Partition functions of the elements with lines, and of those that give electrons.

    Source:
        Irwin 1981, ApJS 45, 621, with the changes that Turbospectrum's table lists; 1,600 to 40,000 K.
    """
    arrays = _table()
    return Partition(
        arrays["log_temperature"].astype(np.float64),
        arrays["partition"].astype(np.float64),
        arrays["ionisation"].astype(np.float64),
        tuple(SYMBOLS[int(number)] for number in arrays["elements"]),
    )


@cache
def _table() -> dict[str, NDArray]:
    with np.load(TABLE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
