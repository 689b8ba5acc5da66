"""Fits src/spectrove/galaxies/data/line_ratios.json: the joint distribution of emission-line ratios, class by class.

    python scripts/fit_line_ratios.py CATALOG.csv INDEX.csv [OUTPUT.json]

CATALOG has ra, dec (degrees) and `ha_flux`, `ha_err`... of many galaxies; INDEX lists the spectra that
figures are measured on, and no galaxy within 3 arcsec of one of them is used. Each class gets a Gaussian
mixture in five ratios, with each galaxy's own measurement errors deconvolved: what is stored is the
distribution of true ratios, and only that.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

from spectrove.galaxies.lines import BPT_CLASSES, bpt_class

RATIOS = ("log_nii_ha", "log_oiii_hb", "log_sii_ha", "log_oi_ha", "log_ha_hb")
PAIRS = (("nii", "ha"), ("oiii", "hb"), ("sii", "ha"), ("oi", "ha"), ("ha", "hb"))
COMPONENTS = {"SF": 4, "Composite": 2, "Seyfert": 1, "LINER": 2}
MIN_SN, WEAK_SN, EXCLUDE_ARCSEC, SEED = 4.0, 2.0, 3.0, 20
#: Smallest eigenvalue of a component, dex^2: a class with few galaxies must not collapse onto them.
FLOOR = 0.03**2
OUTPUT = Path(__file__).resolve().parents[1] / "src" / "spectrove" / "data" / "line_ratios.json"


def read_columns(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Columns of a CSV file as floats, NaN where empty."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}


def near_any(ra: np.ndarray, dec: np.ndarray, other_ra: np.ndarray, other_dec: np.ndarray) -> np.ndarray:
    """True where a position lies within EXCLUDE_ARCSEC of any of the others, (n,)."""

    def unit(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        a, d = np.radians(ra), np.radians(dec)
        return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)

    known = np.isfinite(other_ra) & np.isfinite(other_dec)
    others = unit(other_ra[known], other_dec[known])
    limit = 2 * np.sin(np.radians(EXCLUDE_ARCSEC / 3600) / 2)
    return np.array([np.min(np.linalg.norm(others - p, axis=1)) < limit for p in unit(ra, dec)])


def ratios_and_errors(columns: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Log ratios (n, 5) and their error covariances (n, 5, 5).

    [S II] or [O I] below WEAK_SN counts as barely known (0.5 dex), not as absent: leaving those galaxies out
    would keep only the strong lines of faint galaxies.
    """
    n, log10e = len(columns["ha_flux"]), np.log10(np.e)
    flux = {k: columns[f"{k}_flux"] for k in ("ha", "hb", "oiii", "nii", "sii", "oi")}
    relative = {k: log10e * columns[f"{k}_err"] / np.where(flux[k] > 0, flux[k], np.nan) for k in flux}
    for k in ("sii", "oi"):
        weak = ~(flux[k] > WEAK_SN * columns[f"{k}_err"])
        flux[k] = np.where(weak, np.maximum(flux[k], columns[f"{k}_err"]), flux[k])
        relative[k] = np.where(weak, 0.5, relative[k])
    order = list(flux)
    jacobian = np.zeros((5, len(order)))
    for i, (top, bottom) in enumerate(PAIRS):
        jacobian[i, order.index(top)], jacobian[i, order.index(bottom)] = 1, -1
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.stack([np.log10(flux[a] / flux[b]) for a, b in PAIRS], axis=1)
    variance = np.stack([relative[k] ** 2 for k in order], axis=1)
    return values.reshape(n, 5), np.einsum("ij,nj,kj->nik", jacobian, variance, jacobian)


def deconvolve(values: np.ndarray, noise: np.ndarray, n_components: int, seed: int) -> tuple[np.ndarray, ...]:
    """Weights, means and covariances of the mixture behind noisy values.

    Source: extreme deconvolution, Bovy, Hogg & Roweis 2011, Ann. Appl. Stat. 5, 1657, eqs. 16-18.
    """
    rng = np.random.default_rng(seed)
    means = values[rng.choice(len(values), n_components, replace=False)]
    covariances = np.repeat(np.cov(values.T)[None], n_components, axis=0)
    weights = np.full(n_components, 1 / n_components)
    for _ in range(300):
        total = covariances[None] + noise[:, None]
        inverse = np.linalg.inv(total)
        offset = values[:, None] - means
        chi2 = np.einsum("nci,ncij,ncj->nc", offset, inverse, offset)
        log_like = np.log(weights) - 0.5 * (chi2 + np.linalg.slogdet(total)[1])
        share = np.exp(log_like - logsumexp(log_like, axis=1, keepdims=True))
        gain = np.einsum("cij,ncjk->ncik", covariances, inverse)
        expected = means + np.einsum("ncij,ncj->nci", gain, offset)
        left = covariances - np.einsum("ncij,cjk->ncik", gain, covariances)
        count = share.sum(axis=0)
        means = np.einsum("nc,nci->ci", share, expected) / count[:, None]
        off = expected - means
        spread = np.einsum("nci,ncj->ncij", off, off) + left
        covariances = np.einsum("nc,ncij->cij", share, spread) / count[:, None, None]
        covariances = np.array([_floored(c) for c in covariances])
        weights = count / count.sum()
    return weights, means, covariances


def _floored(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, FLOOR)) @ vectors.T


def main(catalog: Path, index: Path, output: Path) -> None:
    """Writes the fitted distribution; prints how many galaxies stand behind each class."""
    names = [f"{k}_{part}" for k in ("ha", "hb", "oiii", "nii", "sii", "oi") for part in ("flux", "err")]
    columns = read_columns(catalog, ["ra", "dec", *names])
    known = read_columns(index, ["ra", "dec"])
    near = near_any(columns["ra"], columns["dec"], known["ra"], known["dec"])
    strong = np.all(
        [columns[f"{k}_flux"] > MIN_SN * columns[f"{k}_err"] for k in ("ha", "hb", "oiii", "nii")], axis=0
    )
    values, noise = ratios_and_errors(columns)
    usable = strong & ~near & np.isfinite(values).all(axis=1) & np.isfinite(noise).all(axis=(1, 2))
    classes = bpt_class(values[:, 0], values[:, 1])
    fitted = {}
    for name in BPT_CLASSES:
        chosen = usable & (classes == name)
        weights, means, covariances = deconvolve(values[chosen], noise[chosen], COMPONENTS[name], SEED)
        fitted[name] = {
            "n_galaxies": int(chosen.sum()),
            "weights": np.round(weights, 4).tolist(),
            "means": np.round(means, 4).tolist(),
            "covariances": np.round(covariances, 6).tolist(),
        }
        print(f"{name}: {chosen.sum()} galaxies, mean {np.round(weights @ means, 3)}")
    content = {"ratios": RATIOS, "min_sn": MIN_SN, "exclude_arcsec": EXCLUDE_ARCSEC, "classes": fitted}
    output.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{near.sum()} galaxies left out for lying within {EXCLUDE_ARCSEC} arcsec of a listed spectrum")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else OUTPUT)
