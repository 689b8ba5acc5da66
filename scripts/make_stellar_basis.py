"""Computes src/spectrove/galaxies/data/ssp_basis.npz from a folder of E-MILES single stellar populations.

    python scripts/make_stellar_basis.py FOLDER_OF_EMILES_FITS [OUTPUT.npz]

What is done to each population: air wavelengths to vacuum, flux-conserving rebinning to a log-wavelength grid
of SDSS sampling, division by the median in 5300-5850 angstrom (kept beside it as `luminosity`), rounding to
1/4096 of that. Nothing is smoothed: E-MILES' own resolution, 2.51 angstrom FWHM, is what SDSS has near 5000.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

from spectrove.galaxies.stellar import SCALE

LOG_MIN, LOG_STEP, N_PIXELS = 3.37, 1e-4, 6400  # 2344 to 10230 angstrom, vacuum
NAME = re.compile(r"Z(?P<sign>[mp])(?P<metal>\d\.\d\d)T(?P<age>\d\d\.\d{4})")
OUTPUT = Path(__file__).resolve().parents[1] / "src" / "spectrove" / "data" / "ssp_basis.npz"


def air_to_vacuum(air: np.ndarray) -> np.ndarray:
    """Vacuum wavelengths, angstrom. Source: Ciddor 1996, Applied Optics 35, 1566, by iteration."""
    vacuum = air.copy()
    for _ in range(3):
        sigma2 = (1e4 / vacuum) ** 2
        vacuum = air * (1 + 8.34254e-5 + 2.406147e-2 / (130 - sigma2) + 1.5998e-4 / (38.9 - sigma2))
    return vacuum


def rebin(wavelength: np.ndarray, flux: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean flux density between the edges: the integral is conserved."""
    steps = np.diff(wavelength)
    integral = np.concatenate([[0.0], np.cumsum(steps * (flux[1:] + flux[:-1]) / 2)])
    return np.diff(np.interp(edges, wavelength, integral)) / np.diff(edges)


def read_population(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vacuum wavelength and flux of one E-MILES file."""
    with fits.open(path) as hdus:
        header, flux = hdus[0].header, hdus[0].data.astype(float)
    pixel = np.arange(len(flux)) + 1 - header["CRPIX1"]
    return air_to_vacuum(header["CRVAL1"] + header["CDELT1"] * pixel), flux


def main(folder: Path, output: Path) -> None:
    """Writes the basis; prints its size."""
    log_edges = LOG_MIN + LOG_STEP * (np.arange(N_PIXELS + 1) - 0.5)
    wavelength = 10 ** (LOG_MIN + LOG_STEP * np.arange(N_PIXELS))
    window = (wavelength > 5300) & (wavelength < 5850)
    names, rows, luminosity = [], [], []
    for path in sorted(folder.glob("*.fits")):
        match = NAME.search(path.name)
        if match is None:
            continue
        flux = rebin(*read_population(path), 10**log_edges)
        level = np.median(flux[window])
        sign = "-" if match["sign"] == "m" else "+"
        names.append(f"Z{sign}{match['metal']}_T{match['age']}")
        rows.append(np.round(np.clip(flux / level, 0, 7.9) * SCALE).astype(np.int32))
        luminosity.append(level)
    if not names:
        sys.exit(f"{folder}: no file is named like an E-MILES population (…Zp0.06T01.0000…fits).")
    # Differences between neighbouring pixels compress to half the size of the values themselves.
    steps = np.diff(np.array(rows), axis=1, prepend=0).astype(np.int16)
    np.savez_compressed(
        output, steps=steps, names=np.array(names), luminosity=np.array(luminosity, np.float32),
        log_min=LOG_MIN, log_step=LOG_STEP,
    )  # fmt: skip
    print(f"{output.name}: {len(names)} populations, {N_PIXELS} pixels, {output.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else OUTPUT)
