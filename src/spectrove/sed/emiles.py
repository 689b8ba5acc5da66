"""Stellar populations of E-MILES from a folder of their files, for galaxies without young stars."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, ParameterError
from spectrove.pixels.air import air_to_vacuum
from spectrove.sed.constants import SOLAR_LUMINOSITY
from spectrove.sed.population_spectra import Populations

Array = NDArray[np.float64]

#: "Eku1.30Zm0.25T00.0300_iTp0.00_baseFe.fits": initial mass function, [M/H], age in Gyr, isochrones.
NAME = re.compile(r"E(ku|un)1\.30Z([mp])(\d\.\d\d)T(\d\d\.\d{4})_i([TP])p0\.00_baseFe\.fits")

#: Their initial mass functions: "un" of slope 1.3 is Salpeter's.
IMFS = {"kroupa": "ku", "salpeter": "un"}

#: Mass fraction of metals of [M/H] in the isochrones: BaSTI (T) and Padova (P). Source: Vazdekis et al. (2015), MNRAS
#: 449, 1177, and (2010), MNRAS 404, 1639.
METALS = {
    "T": {-2.27: 1e-4, -1.79: 3e-4, -1.49: 6e-4, -1.26: 1e-3, -0.96: 2e-3, -0.66: 4e-3, -0.35: 8e-3, -0.25: 0.01,
          0.06: 0.0198, 0.15: 0.024, 0.26: 0.03, 0.40: 0.04},
    "P": {-2.32: 1e-4, -1.71: 4e-4, -1.31: 1e-3, -0.71: 4e-3, -0.40: 8e-3, 0.0: 0.019, 0.22: 0.03},
}  # fmt: skip

#: Solar luminosity of the files, erg/s.
OWN_LUMINOSITY = 3.826e33

#: Pixels of .9 A that become one: broad bands need no more, and what is computed grows with them.
TOGETHER = 12

#: Mass that stars lose: a share LOST ln(age / SINCE + 1). Source: Leitner & Kravtsov (2011), ApJ 734, 48, equation 1,
#: for the function of Chabrier, which ages as that of Kroupa; the files have no masses. Salpeter's has .527 of its mass
#: in stars above .5 Msun where Kroupa's has .733, with slopes nearly the same there, and loses less by as much.
LOST, SINCE = {"kroupa": 0.046, "salpeter": 0.046 * 0.527 / 0.733}, 2.76e5


def is_emiles(folder: Path) -> bool:
    """Whether a folder has files of E-MILES."""
    return folder.is_dir() and any(NAME.fullmatch(path.name) for path in folder.iterdir())


def read_emiles(folder: Path, imf: str) -> Populations:
    """The populations of a folder, with ages that all of its metallicities have.

    Wavelengths begin at 1680 A and end at 5 um, and ages at 30 or 63 Myr, so that an engine takes histories without
    young stars alone. Surviving masses are those of a formula, .02 to .06 dex below those of Maraston's
    tables beyond 1 Gyr.

    Raises:
        FormatError: A file is not as published, or metallicities and ages are no full table.
        ParameterError: There are none of this initial mass function.

    Source:
        Vazdekis et al. (2016), MNRAS 463, 3409.
    """
    files: dict[str, dict[tuple[float, float], Path]] = {"T": {}, "P": {}}
    for path in sorted(folder.iterdir()):
        if (name := NAME.fullmatch(path.name)) is not None and name[1] == IMFS[imf]:
            metals = METALS[name[5]].get(float(name[3]) * (-1 if name[2] == "m" else 1))
            if metals is None:
                raise FormatError(
                    f"{path}: [M/H] {name[2]}{name[3]} is none of its isochrones. Remove the file."
                )
            files[name[5]][metals, float(name[4])] = path
    if files["T"] and files["P"]:
        raise FormatError(f"{folder}: files of two sets of isochrones (iTp and iPp). Keep one in the folder.")
    found = files["T"] or files["P"]
    if not found:
        raise ParameterError(f"imf {imf}: {folder} has no files E{IMFS[imf]}1.30*.fits of E-MILES. Bring them, or name "
                             "another function.")  # fmt: skip
    metallicities, ages = (np.unique([key[i] for key in found]) for i in (0, 1))
    if missing := [(z, t) for z in metallicities for t in ages if (z, t) not in found]:
        raise FormatError(
            f"{folder}: no file of metallicity {missing[0][0]:g} and age {missing[0][1]:g} Gyr, expected each of "
            f"{metallicities.size} metallicities at each of {ages.size} ages. Bring it."
        )
    if ages.size < 2:
        raise FormatError(f"{folder}: one age of E-MILES, expected at least two. Bring more of its files.")
    wavelength = np.zeros(0)
    luminosity = []
    for z in metallicities:
        for age in ages:
            own, flux = _spectrum(found[z, age])
            if wavelength.size and not np.array_equal(own, wavelength):
                raise FormatError(
                    f"{found[z, age]}: other wavelengths than those of the files before. Bring it again."
                )
            wavelength = own
            luminosity.append(flux)
    years = ages * 1e9
    surviving = np.broadcast_to(
        1 - LOST[imf] * np.log(years / SINCE + 1), (metallicities.size, ages.size)
    ).copy()
    shape = (metallicities.size, ages.size, wavelength.size)
    return Populations("E-MILES, surviving masses by Leitner & Kravtsov 2011", imf, years, metallicities, wavelength,
                       np.array(luminosity).reshape(shape), surviving)  # fmt: skip


def _spectrum(path: Path) -> tuple[Array, Array]:
    """Vacuum angstrom and Lsun / angstrom of one solar mass, `TOGETHER` pixels in one."""
    from astropy.io import fits

    try:
        with fits.open(path) as opened:
            header, flux = opened[0].header, np.asarray(opened[0].data, float)
            wave = header["CRVAL1"] + header["CDELT1"] * (np.arange(flux.size) + 1 - header["CRPIX1"])
    except (OSError, KeyError, TypeError, IndexError) as error:
        raise FormatError(f"{path}: no spectrum of E-MILES ({error}). Bring the file again.") from error
    if flux.ndim != 1 or not np.isfinite(flux).all():
        raise FormatError(f"{path}: its fluxes are no row of numbers. Bring the file again.")
    count = flux.size // TOGETHER
    whole = slice(0, count * TOGETHER)
    middle = air_to_vacuum(wave[whole].reshape(count, TOGETHER).mean(1))
    return middle, flux[whole].reshape(count, TOGETHER).mean(1) * OWN_LUMINOSITY / SOLAR_LUMINOSITY
