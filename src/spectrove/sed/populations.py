"""Simple stellar populations: the light of one solar mass of stars born together, read from a folder of the user.

No population is shipped. `read_populations` has the table of what can be read; a new one is a function and a line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, ParameterError
from spectrove.sed.constants import SOLAR_LUMINOSITY
from spectrove.sed.population_spectra import Populations
from spectrove.sed.tables import numbers

Array = NDArray[np.float64]

#: Beyond this wavelength (angstrom) tables are so sparse that straight lines between their points run above a spectrum
#: that falls as a power: points are added there, on straight lines in the logarithms.
SPARSE = 1e5
ADDED = 60


#: Metallicities of Maraston's tables by their logarithm in solar units; .001 to .04.
MARASTON = {-1.35: 0.001, -0.33: 0.01, 0.0: 0.02, 0.35: 0.04}
MARASTON_FILES = ("0001", "001", "002", "004")
IMFS = {"kroupa": "krz", "salpeter": "ssz"}


def read_maraston(folder: Path, imf: str) -> Populations:
    """Maraston's (2005) populations with red horizontal branches, from `sed.krz0001.rhb` and its fellows.

    Ages are 67 from 10^3 yr to 15 Gyr. Masses of young stars that the table of masses lacks are those of its youngest.

    Raises:
        FormatError: A file is missing or not as its author publishes it.

    Source:
        Maraston (2005), MNRAS 362, 799.
    """
    masses = numbers_of_masses(folder, imf)
    spectra, surviving, metallicities = [], [], []
    ages = wavelength = np.zeros(0)
    for name in MARASTON_FILES:
        table = numbers(folder, f"sed.{IMFS[imf]}{name}.rhb")
        if table.shape[1] != 4:
            raise FormatError(f"{folder}: sed.{IMFS[imf]}{name}.rhb has {table.shape[1]} columns, expected 4: "
                              "age, [Z/H], wavelength, flux. Bring the file again.")  # fmt: skip
        own_ages, own_wavelength = np.unique(table[:, 0]), np.unique(table[:, 2])
        if own_ages.size * own_wavelength.size != len(table) or (
            ages.size and not np.array_equal(own_ages, ages)
        ):
            raise FormatError(f"{folder}: sed.{IMFS[imf]}{name}.rhb has {len(table)} rows, expected the "
                              f"wavelengths of the other files at each of their ages. Bring the file "
                                  f"again.")  # fmt: skip
        ages, wavelength = own_ages, own_wavelength
        order = np.lexsort((table[:, 2], table[:, 0]))
        spectra.append(table[order, 3].reshape(ages.size, wavelength.size) / SOLAR_LUMINOSITY)
        of_it = masses[np.isclose(masses[:, 0], table[0, 1])]
        surviving.append(np.interp(ages, of_it[:, 1], of_it[:, 2]))
        metallicities.append(MARASTON[round(float(table[0, 1]), 2)])
    wavelength, luminosity = _refined(wavelength, np.array(spectra))
    return Populations("Maraston 2005", imf, ages * 1e9, np.array(metallicities), wavelength, luminosity,
                       np.array(surviving))  # fmt: skip


def numbers_of_masses(folder: Path, imf: str) -> Array:
    """Rows of [Z/H], age in Gyr and surviving mass of the table of masses."""
    table = numbers(folder, f"stellarmass.{imf}")
    return table[np.lexsort((table[:, 1], table[:, 0]))][:, :3]


def _refined(wavelength: Array, luminosity: Array) -> tuple[Array, Array]:
    """Points added where the table is sparse, on straight lines in the logarithms."""
    near = wavelength <= SPARSE
    far = np.geomspace(wavelength[near][-1], wavelength[-1], ADDED + 1)[1:]
    tail = wavelength >= wavelength[near][-1]
    known = np.log(np.maximum(luminosity[..., tail], 1e-300)).reshape(-1, int(tail.sum()))
    added = np.exp([np.interp(np.log(far), np.log(wavelength[tail]), row) for row in known])
    shape = (*luminosity.shape[:2], far.size)
    return np.concatenate([wavelength[near], far]), np.concatenate(
        [luminosity[..., near], added.reshape(shape)], 2
    )


def is_maraston(folder: Path) -> bool:
    """Whether a folder has the tables of Maraston."""
    return any((folder / f"stellarmass.kroupa{end}").is_file() for end in ("", ".gz"))


def read_populations(folder: Path | str, imf: str = "kroupa") -> Populations:
    """The stellar populations of a folder.

    Args:
        folder: Of the tables of Maraston (2005), as CIGALE has them, gzipped or not; or of files of E-MILES.
        imf: "kroupa" or "salpeter".

    Raises:
        FormatError: The folder holds no populations that can be read.
        ParameterError: No such initial mass function.
    """
    from spectrove.sed.emiles import is_emiles, read_emiles

    if imf not in IMFS:
        raise ParameterError(f"imf {imf}: no such initial mass function here, expected {' or '.join(IMFS)}.")
    # How a folder is known, and how it is read: a new source is a line.
    sources: tuple[tuple[Callable[[Path], bool], Callable[[Path, str], Populations]], ...] = (
        (is_maraston, read_maraston), (is_emiles, read_emiles),
    )  # fmt: skip
    for known, read in sources:
        if known(Path(folder)):
            return read(Path(folder), imf)
    raise FormatError(
        f"{folder}: no stellar populations there, expected the tables of Maraston (2005), sed.krz0001.rhb to "
        "sed.krz004.rhb and stellarmass.kroupa, gzipped or not, or files of E-MILES, Eku1.30Zp0.06T01.0000_iTp0.00_"
        "baseFe.fits and its fellows. None are shipped; docs/sed.md says where they are."
    )
