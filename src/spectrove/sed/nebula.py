"""Light of the gas that stars ionise: lines and continuum for one ionising photon per second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.sed.constants import LIGHT, LYMAN_LIMIT, SOLAR_LUMINOSITY
from spectrove.sed.tables import numbers

Array = NDArray[np.float64]

#: Ionisation parameters of the tables, by their column.
LOG_U = {-3.0: 3, -2.0: 7, -1.0: 11}

#: The metallicities of the tables, by the words in the names of their files, with the ionising photons (1/s) for which
#: their continuum was computed.
CONTINUUM_PHOTONS = {
    "0.0001": 2.68786e53, "0.0004": 2.00964e53, "0.004": 1.79593e53, "0.008": 1.58843e53, "0.02": 1.24713e53,
    "0.05": 8.46718e52,
}  # fmt: skip

#: H beta of one ionising photon: erg, case B at 10^4 K. Source: Inoue (2011), MNRAS 415, 2920, equation 2.
H_BETA = 4.78e-13
H_BETA_WAVELENGTH = 4861.0


@dataclass(frozen=True)
class Nebula:
    """Luminosities of gas for one ionising photon per second that it absorbs.

    Attributes:
        metallicities: Of the gas, (n_metallicities,).
        log_u: Ionisation parameters, (n_u,).
        line_wavelength: Vacuum angstrom as in the tables, (n_lines,).
        lines: Lsun, (n_metallicities, n_u, n_lines).
        wavelength: Of the continuum, angstrom, (n_wavelengths,).
        continuum: Lsun / angstrom, (n_metallicities, n_u, n_wavelengths).
    """

    metallicities: Array
    log_u: Array
    line_wavelength: Array
    lines: Array
    wavelength: Array
    continuum: Array

    def at(self, metallicities: Array, log_u: Array, wavelength: Array) -> tuple[Array, Array]:
        """Lines and continuum at other metallicities, (n_metallicities, n_u, n_lines) and (..., n_wavelengths).

        Between two metallicities, straight lines over their logarithm; beyond the tables, that of their end. `log_u` is
        taken from the tables.
        """
        chosen = [int(np.argmin(abs(self.log_u - value))) for value in log_u]
        place = np.interp(
            np.log(metallicities), np.log(self.metallicities), np.arange(self.metallicities.size)
        )
        low = np.minimum(place.astype(int), self.metallicities.size - 2)
        share = (place - low)[:, None, None]

        def mixed(table: Array) -> Array:
            return (1 - share) * table[low][:, chosen] + share * table[low + 1][:, chosen]

        continuum = mixed(self.continuum)
        onto = [[np.interp(wavelength, self.wavelength, row, 0, 0) for row in rows] for rows in continuum]
        return mixed(self.lines), np.array(onto)


def read_nebula(folder: Path | str) -> Nebula:
    """The nebular emission of CIGALE's folder `nebular`: `lines_0.02.dat`, `continuum_0.02.dat` and their fellows.

    Lines are stored relative to H beta, whose luminosity is that of case B.

    Raises:
        FormatError: A file is missing or is not as published.
    """
    lines, continua = [], []
    line_wavelength = wavelength = np.zeros(0)
    columns = list(LOG_U.values())
    for metallicity, photons in CONTINUUM_PHOTONS.items():
        table = numbers(folder, f"lines_{metallicity}.dat")
        rest = numbers(folder, f"continuum_{metallicity}.dat")
        if table.shape[1] != 13 or rest.shape[1] != 13:
            raise FormatError(
                f"{folder}: lines_{metallicity}.dat has {table.shape[1]} columns and continuum_{metallicity}.dat "
                f"{rest.shape[1]}, expected 13: a wavelength and 12 models. Use the tables of this form."
            )
        line_wavelength, wavelength = table[:, 0], rest[:, 0]
        beta = np.flatnonzero(np.isclose(line_wavelength, H_BETA_WAVELENGTH, atol=1.0))
        if beta.size != 1:
            raise FormatError(f"{folder}: lines_{metallicity}.dat has {beta.size} lines at "
                f"{H_BETA_WAVELENGTH:.0f} A, expected H beta "
                              "alone. Bring the file again.")  # fmt: skip
        relative = 10 ** (table[:, columns] - table[beta[0], columns])
        lines.append((relative * H_BETA / SOLAR_LUMINOSITY * (line_wavelength[:, None] > LYMAN_LIMIT)).T)
        per_angstrom = LIGHT / wavelength**2 / photons / SOLAR_LUMINOSITY
        above = (wavelength > LYMAN_LIMIT)[:, None]
        continua.append((rest[:, columns] * per_angstrom[:, None] * above).T)
    return Nebula(np.array([float(name) for name in CONTINUUM_PHOTONS]), np.array(list(LOG_U)), line_wavelength,
                  np.array(lines), wavelength, np.array(continua))  # fmt: skip
