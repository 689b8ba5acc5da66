"""Mean spectra of kinds of stars, for radial velocities: python scripts/make_star_templates.py

Reads the spectra and parameters of MILES (Sanchez-Blazquez et al. 2006, MNRAS 371, 703; Cenarro et al. 2007, MNRAS 374,
664) in $SPECTROVE_DATA/stars and writes src/spectrove/stars/data/templates.npz: the mean lines over the continuum of
stars that are alike in temperature, gravity and metallicity. No spectrum of a single star is in it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from sklearn.cluster import KMeans

from experiments.stars.data import miles
from spectrove.stars.continuum import WIDTH, lines
from spectrove.stars.velocity import STEP

#: Kinds, the fewest stars of one, and what a difference of one means in theta = 5040 K / Teff, log g and [Fe/H].
KINDS, FEWEST, SCALE = 28, 6, (0.12, 1.5, 0.7)

#: Reach, vacuum angstrom: what MILES covers.
LOW, HIGH = 3544.0, 7408.0


def smooth(wavelength: np.ndarray, flux: np.ndarray, good: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Means between edges of the smooth spectrum whose means are the pixels.

    Pixels that are cut in parts, each of the height of the whole, would leave steps, which velocities follow.
    """
    whole = np.interp(wavelength, wavelength[good], flux[good])
    middle = (wavelength[1:] + wavelength[:-1]) / 2
    own = np.concatenate([[2 * wavelength[0] - middle[0]], middle, [2 * wavelength[-1] - middle[-1]]])
    light = np.concatenate([[0.0], np.cumsum(whole * np.diff(own))])
    return np.diff(CubicSpline(own, light)(edges)) / np.diff(edges)


def main() -> None:
    """Make them."""
    stars = miles().take_labelled()
    n = int((np.log10(HIGH) - np.log10(LOW)) / STEP) + 1
    edges = LOW * 10 ** (STEP * (np.arange(n + 1) - 0.5))
    flux = np.array([smooth(one.wavelength, one.flux, one.ivar > 0, edges) for one in stars.spectra])
    shown = lines(flux, np.ones(flux.shape, bool), 2 * WIDTH - 1)
    teff, logg, fe_h = stars.labels.T
    place = np.stack([5040 / teff, logg, fe_h], axis=1) / SCALE
    kind = KMeans(KINDS, n_init=20, random_state=0).fit_predict(place)
    kept = [k for k in range(KINDS) if (kind == k).sum() >= FEWEST]
    made = np.array([shown[kind == k].mean(axis=0) for k in kept])
    warm = np.array([teff[kind == k].mean() for k in kept])
    order = np.argsort(warm)
    path = Path(__file__).parents[1] / "src/spectrove/stars/data/templates.npz"
    np.savez_compressed(
        path,
        log_first=np.log10(LOW),
        lines=made[order].astype(np.float16),
        teff=warm[order].astype(np.float32),
    )
    size = path.stat().st_size / 1e3
    print(f"{len(kept)} kinds of {len(teff)} stars, {warm.min():.0f} to {warm.max():.0f} K: {size:.0f} kB")


if __name__ == "__main__":
    main()
