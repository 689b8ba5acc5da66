"""Stars whose spectra are a formula of labels, as a library of real ones would be read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.stars.tokens.mock import WAVELENGTH, MockStars, Parents, fit_model
from spectrove.stars.tokens.recipe import MockRecipe

RECIPE = MockRecipe()


def labels(n: int = 300, seed: int = 0) -> NDArray[np.float64]:
    """Teff, log g, [Fe/H] of dwarfs and giants."""
    rng = np.random.default_rng(seed)
    teff = rng.uniform(3900, 7200, n)
    giant = (teff < 5300) & (rng.uniform(size=n) < 0.5)
    logg = np.where(giant, 2.5 + (teff - 4700) / 500, 4.7 - (teff - 4000) / 6000) + rng.normal(0, 0.1, n)
    return np.stack([teff, logg, rng.uniform(-2, 0.4, n)], axis=1)


def spectra(of: NDArray, seed: int = 0, scatter: float = 0.02) -> NDArray[np.float64]:
    """Planck's law, lines that follow gravity and iron, and a wave of its own for each star."""
    rng = np.random.default_rng(seed)
    teff, logg, fe_h = of[:, 0:1], of[:, 1:2], of[:, 2:3]
    planck = WAVELENGTH**-5 / np.expm1(1.43878e8 / (WAVELENGTH * teff))
    iron = 0.15 * np.exp(0.4 * fe_h) * (6500 / teff) ** 2 * np.exp(-0.5 * ((WAVELENGTH - 4300) / 150) ** 2)
    magnesium = (
        0.05 * logg * (6000 / teff) ** 3 * np.exp(0.2 * fe_h) * np.exp(-0.5 * ((WAVELENGTH - 5175) / 40) ** 2)
    )
    own = scatter * rng.normal(size=(len(of), 1)) * np.sin(WAVELENGTH / 300)
    return planck / planck.max(axis=1, keepdims=True) * np.exp(-iron - magnesium + own)


def source(recipe: MockRecipe = RECIPE) -> MockStars:
    """Mock stars after these."""
    of = labels()
    flux = spectra(of)
    model, _ = fit_model(flux, of, recipe)
    return MockStars(model, Parents(of, model.scores(flux, of)), recipe)


def tokens(n: int, seed: int = 1) -> NDArray[np.float64]:
    """True values of all tokens of n mock stars."""
    made, rng = source(), np.random.default_rng(seed)
    return made.tokens(made.labels(n, rng), made.scores(n, rng))
