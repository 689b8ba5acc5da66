"""Computes type_basis.npz in src/spectrove/galaxies/data, stars and quasars of the redshift scan, from redrock.

    python scripts/make_type_basis.py FOLDER_OF_RRTEMPLATES [OUTPUT.npz]

Reads `rrtemplate-STAR-{A,F,G,K,M}-v*.fits` and `rrtemplate-QSO-{LOZ,HIZ}-v*.fits` of redrock (DESI collaboration; the
package is BSD 3-clause; Guy et al. 2023, AJ 165, 144; quasars Brodzeller et al. 2023, AJ 166, 66). Stars are drawn anew
from the archetypes' coefficients, so that their mean and its variations are ours: each is rebinned, broadened and
scaled to a mean of 1, and the singular vectors of all stars of a class are kept. Quasar vectors are rebinned and made
orthogonal.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

from spectrove.galaxies.stellar import broaden

STARS, QUASARS = "AFGKM", ("LOZ", "HIZ")
STAR_LOG, STAR_STEP = (3.540, 4.028), 1e-4
QUASAR_STEP = 4e-4
#: Components that are kept of each class, and the largest integer that a component is stored with.
N_STARS, N_QUASARS, SCALE = 5, 4, 12000
#: km/s: the width that stars are stored with, one sigma.
DISPERSION = 60.0
OUTPUT = Path(__file__).resolve().parents[1] / "src" / "spectrove" / "data" / "type_basis.npz"


def read(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Wavelength (vacuum angstrom), vectors (n, n_pixels) and the archetypes' coefficients of one template file."""
    path = next((p for p in sorted(folder.glob(f"rrtemplate-{name}-v*.fits*"))), None)
    if path is None:
        sys.exit(
            f"{folder}: no rrtemplate-{name}-v*.fits, expected redrock's templates (desihub/redrock-templates)."
        )
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file, fits.open(file) as hdus:
        header, vectors = hdus[0].header, np.asarray(hdus[0].data, float)
        wavelength = header["CRVAL1"] + header["CDELT1"] * np.arange(vectors.shape[1])
        coefficients = np.asarray(hdus[1].data, float) if name.startswith("STAR") else None
    return 10**wavelength if header.get("LOGLAM") else wavelength, vectors, coefficients


def rebin(wavelength: np.ndarray, vectors: np.ndarray, centres: np.ndarray, step: float) -> np.ndarray:
    """Means of the vectors over pixels of a width in log10 wavelength."""
    edges = 10 ** (centres[0] + step * (np.arange(len(centres) + 1) - 0.5))
    total = np.cumsum(vectors * np.gradient(wavelength), axis=1)
    at = np.array([np.interp(edges, wavelength, row) for row in total])
    return np.diff(at, axis=1) / np.diff(edges)


def stars(folder: Path, kind: str) -> np.ndarray:
    """The mean and the strongest variations of a class of stars, (N_STARS, n_pixels)."""
    wavelength, vectors, coefficients = read(folder, f"STAR-{kind}")
    centres = np.arange(STAR_LOG[0], STAR_LOG[1], STAR_STEP)
    drawn = coefficients @ broaden(rebin(wavelength, vectors, centres, STAR_STEP), DISPERSION).astype(float)
    drawn = drawn[np.all(np.isfinite(drawn), axis=1) & (drawn.mean(axis=1) > 0)]
    drawn /= drawn.mean(axis=1, keepdims=True)
    return np.linalg.svd(drawn, full_matrices=False)[2][:N_STARS]


def quasars(folder: Path, kind: str) -> tuple[float, np.ndarray]:
    """log10 of the first wavelength and the vectors of quasars, made orthogonal, (N_QUASARS, n_pixels)."""
    wavelength, vectors, _ = read(folder, f"QSO-{kind}")
    low, high = np.log10(wavelength[[0, -1]])
    low = np.ceil((low + QUASAR_STEP) / QUASAR_STEP) * QUASAR_STEP
    centres = np.arange(low, high - QUASAR_STEP, QUASAR_STEP)
    return float(low), np.linalg.qr(rebin(wavelength, vectors, centres, QUASAR_STEP)[:N_QUASARS].T)[0].T


def packed(vectors: np.ndarray) -> np.ndarray:
    """Integer differences between neighbouring pixels."""
    whole = np.round(vectors / np.abs(vectors).max(axis=1, keepdims=True) * SCALE).astype(np.int32)
    return np.diff(whole, axis=1, prepend=0).astype(np.int16)


def main(folder: Path, output: Path) -> None:
    """Writes the basis and prints its size."""
    arrays: dict[str, object] = {f"star_{kind}": packed(stars(folder, kind)) for kind in STARS} | {
        "star_log_min": STAR_LOG[0],
        "star_step": STAR_STEP,
        "quasar_step": QUASAR_STEP,
        "dispersion": DISPERSION,
    }
    for kind in QUASARS:
        arrays[f"quasar_{kind}_log_min"], vectors = quasars(folder, kind)
        arrays[f"quasar_{kind}"] = packed(vectors)
    np.savez_compressed(output, **arrays)
    print(f"{output.name}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else OUTPUT)
