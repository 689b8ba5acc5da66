"""Labels of mock stars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.stars.labels import ELEMENTS, LABELS
from spectrove.stars.mock.recipe import Kiel, MockRecipe
from spectrove.stars.synthesis.atmosphere import LIMITS
from spectrove.stars.synthesis.star import ATMOSPHERE_ALPHA

Floats = NDArray[np.float64]

#: [alpha/Fe] of the model atmospheres, a little within their ends.
ALPHA_LIMITS = (LIMITS["alpha_fe"][0] + 1e-6, LIMITS["alpha_fe"][1] - 1e-6)


def draw_labels(n: int, recipe: MockRecipe, rng: np.random.Generator) -> Floats:
    """Labels of stars in the order of `labels.LABELS`, (n, n_labels).

    Args:
        n: Number of stars.
        recipe: What they are like.
        rng: Random numbers.
    """
    metals, nuisances = recipe.metals, recipe.nuisances
    poor = rng.random(n) >= metals.disc_share
    fe_h = np.where(poor, rng.uniform(*metals.poor, n), rng.normal(*metals.disc, n))
    fe_h = np.clip(fe_h, *metals.fe_h)
    trend = np.clip(-metals.alpha_slope * fe_h, 0, metals.alpha_limit)
    x_fe = [
        np.clip(metals.follows[x] * trend + metals.scatter[x] * rng.normal(size=n), *metals.x_fe)
        for x in ELEMENTS
    ]
    x_fe = _within_models(x_fe)
    shares = np.array([group.share for group in recipe.groups.values()])
    which = rng.choice(len(shares), n, p=shares / shares.sum())
    drawn = np.array([_kiel(group, fe_h, rng) for group in recipe.groups.values()])
    teff, logg = drawn[which, :, np.arange(n)].T
    middle, per_kelvin, per_gravity = nuisances.microturbulence
    xi = middle + per_kelvin * (teff - 5500) / 1000 - per_gravity * (logg - 4)
    xi = np.clip(
        xi + nuisances.microturbulence_spread * rng.normal(size=n), *nuisances.microturbulence_limits
    )
    columns = dict(zip(ELEMENTS, x_fe, strict=True)) | {
        "teff": teff,
        "logg": logg,
        "fe_h": fe_h,
        "microturbulence": xi,
        "broadening": rng.uniform(*nuisances.broadening, n),
    }
    return np.stack([columns[name] for name in LABELS], axis=1)


def _within_models(x_fe: list[Floats]) -> list[Floats]:
    """[X/Fe] with the elements of `ATMOSPHERE_ALPHA` moved together until their mean has a model atmosphere."""
    which = [ELEMENTS.index(x.lower()) for x in ATMOSPHERE_ALPHA]
    mean = np.mean([x_fe[i] for i in which], axis=0)
    move = np.clip(mean, *ALPHA_LIMITS) - mean
    return [values + move if i in which else values for i, values in enumerate(x_fe)]


def _kiel(group: Kiel, fe_h: Floats, rng: np.random.Generator) -> Floats:
    """Temperature and gravity of stars of a group, (2, n)."""
    n = len(fe_h)
    teff = rng.uniform(*group.teff, n)
    logg = np.interp(teff, group.teff, group.logg) + group.metal_shift * fe_h.clip(max=0)
    logg = logg - group.evolved * rng.exponential(size=n) + group.spread * rng.normal(size=n)
    return np.array([teff, np.clip(logg, group.least_logg, 4.9)])
