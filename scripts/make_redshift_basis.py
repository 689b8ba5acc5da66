"""Computes src/spectrove/galaxies/data/redshift_basis.npz from a folder of E-MILES single stellar populations.

    python scripts/make_redshift_basis.py FOLDER_OF_EMILES_FITS [OUTPUT.npz]

Mock galaxies, mixtures of populations behind dust, are drawn; a few non-negative spectra of which all of them are
nearly non-negative sums are stored (non-negative matrix factorisation). Only the "even" half of the populations
takes part, the half that mock surveys to learn from are made of, so that redshifts of mock surveys to test with are
a fair measure. What lies blueward of the populations is continued by the slope of the bluest 100 angstrom.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from make_stellar_basis import NAME, read_population, rebin
from sklearn.decomposition import NMF

from spectrove.galaxies.mock.dust import calzetti
from spectrove.galaxies.mock.galaxies import allowed
from spectrove.galaxies.stellar import age_and_metallicity, broaden, stellar_basis

LOG_MIN, LOG_STEP, N_PIXELS = 3.11, 1e-4, 9180  # 1288 to 10661 angstrom, vacuum
FIRST_OBSERVED = 1720.0  # angstrom; the edge of the populations' own range spoils what lies bluer
N_COMPONENTS, N_GALAXIES, SEED, SCALE = 8, 1500, 1000, 30000
#: km/s: the sharpest that is stored, with E-MILES' own resolution on top.
DISPERSION = 60.0
OUTPUT = Path(__file__).resolve().parents[1] / "src" / "spectrove" / "data" / "redshift_basis.npz"


def read_populations(folder: Path, wavelength: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Flux per angstrom of each population, 1 around 4500 angstrom, and their names."""
    edges = 10 ** (np.log10(wavelength[0]) + LOG_STEP * (np.arange(N_PIXELS + 1) - 0.5))
    rows, names = [], []
    for path in sorted(folder.glob("*.fits")):
        match = NAME.search(path.name)
        if match is not None:
            rows.append(continued(wavelength, rebin(*read_population(path), edges)))
            names.append(f"Z{'-' if match['sign'] == 'm' else '+'}{match['metal']}_T{match['age']}")
    if not rows:
        sys.exit(f"{folder}: no file is named like an E-MILES population (…Zp0.06T01.0000…fits).")
    window = (wavelength > 4400) & (wavelength < 4600)
    flux = np.array(rows)
    return flux / np.median(flux[:, window], axis=1, keepdims=True), tuple(names)


def continued(wavelength: np.ndarray, flux: np.ndarray) -> np.ndarray:
    """The spectrum with a power law where it was not computed."""
    near = (wavelength > FIRST_OBSERVED) & (wavelength < FIRST_OBSERVED + 100)
    level = max(float(np.median(flux[near])), 1e-6)
    slope = np.clip(np.polyfit(np.log(wavelength[near]), flux[near] / level, 1)[0], -3, 3)
    blue = wavelength < FIRST_OBSERVED
    return np.where(blue, level * (wavelength / (FIRST_OBSERVED + 50)) ** slope, flux)


def draw_galaxies(wavelength: np.ndarray, populations: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Mixtures of one old, one middle-aged and one young population of near metallicities, behind dust."""
    rng = np.random.default_rng(SEED)
    age, metal = age_and_metallicity(names)
    used = allowed("even")[[stellar_basis()[2].index(name) for name in names]]
    k, galaxies = calzetti(np.maximum(wavelength, 1300)), []
    for _ in range(N_GALAXIES):
        wanted, light = rng.uniform(-1.3, 0.4), np.zeros(len(age))
        near = used * np.exp(-0.5 * ((metal - wanted) / 0.2) ** 2)
        share = rng.dirichlet([0.6, 0.6, 0.8])
        for part, (low, high) in zip(share, ((0, 0.4), (0.4, 2.5), (2.5, 20)), strict=True):
            chance = near * ((age >= low) & (age < high)) + 1e-12 * used
            light[rng.choice(len(age), p=chance / chance.sum())] += part
        dust = 10 ** (-0.4 * rng.exponential(0.15) * (k - 4.5))
        galaxies.append((light @ populations) * dust)
    return np.array(galaxies)


def main(folder: Path, output: Path) -> None:
    """Writes the basis; prints its size and how well it fits."""
    wavelength = 10 ** (LOG_MIN + LOG_STEP * np.arange(N_PIXELS))
    populations, names = read_populations(folder, wavelength)
    populations = np.maximum(broaden(populations, DISPERSION).astype(float), 0)
    galaxies = draw_galaxies(wavelength, populations, names)
    galaxies /= np.mean(galaxies, axis=1, keepdims=True)
    model = NMF(N_COMPONENTS, init="nndsvda", max_iter=400, tol=1e-5, random_state=SEED)
    share = model.fit_transform(galaxies)
    components = model.components_
    error = np.abs(share @ components / galaxies - 1)
    window = (wavelength > 4400) & (wavelength < 4600)
    order = np.argsort(
        [np.median(c[wavelength < 3500]) / np.median(c[wavelength > 6000]) for c in components]
    )
    components = components[order] / np.max(components[order], axis=1, keepdims=True)
    del window
    rounded = np.round(components * SCALE).astype(np.int32)
    steps = np.diff(rounded, axis=1, prepend=0).astype(np.int16)
    np.savez_compressed(output, steps=steps, log_min=LOG_MIN, log_step=LOG_STEP, dispersion=DISPERSION)
    print(f"{output.name}: {N_COMPONENTS} components, {N_PIXELS} pixels, {output.stat().st_size} bytes")
    for low, high in ((1750, 3000), (3000, 5500), (5500, 9500)):
        part = (wavelength > low) & (wavelength < high)
        print(f"{low}-{high} A: median relative error {np.median(error[:, part]):.4f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else OUTPUT)
