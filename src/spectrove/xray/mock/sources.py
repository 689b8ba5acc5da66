"""Mock sources: their classes, their physical parameters, and the photons that arrive from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import RecipeError
from spectrove.xray.mock.instruments import BANDS, BROAD, GRID
from spectrove.xray.mock.recipe import (
    CLASSES,
    MODELS,
    PROBABILITIES,
    ClassRecipe,
    MockRecipe,
    Normal,
    Quantiles,
)
from spectrove.xray.models import continuum
from spectrove.xray.models.absorption import cross_section
from spectrove.xray.models.flux import energy_flux
from spectrove.xray.models.lines import by_width
from spectrove.xray.models.plasma import thermal_plasma
from spectrove.xray.models.reflection import reflected_power_law

Floats = NDArray[np.float64]

#: Sources drawn together; they have one stream of random numbers, so that a longer survey begins with a shorter one.
BLOCK = 512

_GOLDEN = (math.sqrt(5) - 1) / 2

#: Parameters that are drawn from normal distributions, in this order.
DRAWN = (
    "log_nh",
    "gamma",
    "log_kt",
    "log_kt_second",
    "log_ratio",
    "abundance",
    "reflection",
    "log_iron",
    "z",
)

#: Least and greatest value of each.
LIMITS: dict[str, tuple[float, float]] = {
    "log_nh": (-3.0, 2.0), "gamma": (0.0, 4.0), "log_kt": (-1.3, 1.5), "log_kt_second": (-1.3, 1.5),
    "log_ratio": (-3.0, 3.0), "abundance": (-1.5, 0.5), "reflection": (0.0, 3.0), "log_iron": (-9.0, 0.5),
    "z": (-9.0, 0.8),
}  # fmt: skip

#: Which truth each model has.
WITH_GAMMA = ("reflected", "power_law", "black_body_power_law", "disc_power_law")
WITH_KT = (
    "plasma",
    "two_plasmas",
    "bremsstrahlung",
    "black_body",
    "black_body_power_law",
    "disc",
    "disc_power_law",
)
WITH_IRON = ("reflected", "power_law", "bremsstrahlung")
TWO = ("two_plasmas", "black_body_power_law", "disc_power_law")

#: Lines of hot gas that falls onto a surface: neutral, helium-like and hydrogen-like iron, keV, as shares of the width.
_FALLING = ((6.40, 0.35), (6.68, 0.42), (6.97, 0.23))

#: Equivalent widths of iron below this are none, log10 keV.
_NO_IRON = -3.0


@dataclass(frozen=True)
class Sources:
    """N mock sources before any telescope.

    Attributes:
        photons: Photons / (cm2 s) in each bin of `instruments.GRID`, absorbed, (n, n_bins).
        sn: Signal-to-noise that the recipe wants of the .5-7 keV counts, (n,); it decides the exposure.
        truth: Columns (n,): class, model and numbers, NaN where they do not apply. nh 1e22 / cm2; gamma;
            kt, keV, of the component that has one, of two plasmas of the one with more energy before absorption
            (.5-7 keV), kt_other of the other; flux .5-7 keV, absorbed, erg / (cm2 s); flux_soft, flux_medium, flux_hard
            the same between `BANDS`; hr_hm, hr_ms, hr_hs (A - B) / (A + B) of these; fe_ew keV, rest frame; z;
            abundance; reflection; leak.
    """

    photons: NDArray[np.float32]
    sn: Floats
    truth: dict[str, NDArray]

    def __len__(self) -> int:
        return len(self.photons)

    def take(self, index: NDArray) -> Sources:
        """Sources at these positions, or where a mask is true."""
        return Sources(self.photons[index], self.sn[index], {k: v[index] for k, v in self.truth.items()})


def draw(n: int, recipe: MockRecipe, seed: int) -> Sources:
    """n sources of a recipe; the same for a seed, and the first of a longer survey with it.

    About 10,000 a second on one core. `observe.observe` makes counts of them.

    Args:
        n: Number of sources, from 0.
        recipe: What they are.
        seed: Non-negative.

    Raises:
        RecipeError: n or seed is negative.
    """
    if n < 0 or seed < 0:
        raise RecipeError(f"A survey of {n} sources with seed {seed}; expected both from 0.")
    blocks = [_block(i, recipe, seed) for i in range(-(-n // BLOCK))]
    if not blocks:
        return _block(0, recipe, seed).take(np.arange(0))
    names = blocks[0].truth
    return Sources(
        np.concatenate([b.photons for b in blocks])[:n],
        np.concatenate([b.sn for b in blocks])[:n],
        {name: np.concatenate([b.truth[name] for b in blocks])[:n] for name in names},
    )


def parameters(n: int, recipe: MockRecipe, seed: int) -> tuple[NDArray, NDArray, dict[str, Floats]]:
    """What `make_sources` makes the sources of `draw` from, with what their truth does not tell (ratios, leaks).

    Returns:
        Positions in `CLASSES` and in `MODELS`, (n,) each, and values by name, (n,) each.
    """
    blocks = [_parameters(i, recipe, seed) for i in range(-(-max(n, 1) // BLOCK))]
    kind, model = (np.concatenate([b[i] for b in blocks])[:n] for i in (0, 1))
    return kind, model, {name: np.concatenate([b[2][name] for b in blocks])[:n] for name in blocks[0][2]}


def _block(block: int, recipe: MockRecipe, seed: int) -> Sources:
    return make_sources(*_parameters(block, recipe, seed))


def _parameters(block: int, recipe: MockRecipe, seed: int) -> tuple[NDArray, NDArray, dict[str, Floats]]:
    kind = _classes(block, recipe, seed)
    model = np.zeros(BLOCK, np.int64)
    values = {name: np.full(BLOCK, np.nan) for name in (*DRAWN, "log_leak", "leak_nh", "log_flux", "sn")}
    # Every class and population draws a block of its own, so that a change of one leaves the others as they were.
    for name in CLASSES:
        chosen = np.flatnonzero(kind == CLASSES.index(name))
        own = np.random.default_rng([recipe.stream, seed, block, CLASSES.index(name) + 1])
        if len(chosen):
            _fill(recipe.classes[name], chosen, model, values, own)
    return kind, model, values


def _classes(block: int, recipe: MockRecipe, seed: int) -> NDArray[np.int64]:
    """Class of each source; shares are met closely even in small surveys (a golden-ratio sequence)."""
    shares = np.array([recipe.shares.get(name, 0.0) for name in CLASSES])
    start = np.random.default_rng([recipe.stream, seed]).random()
    place = (start + (block * BLOCK + np.arange(BLOCK)) * _GOLDEN) % 1.0
    last = int(np.flatnonzero(shares)[-1])
    return np.minimum(np.searchsorted(np.cumsum(shares / shares.sum()), place, side="right"), last)


def _fill(
    recipe: ClassRecipe, chosen: NDArray, model: NDArray, values: dict[str, Floats], rng: np.random.Generator
) -> None:
    """Parameters of the sources of one class."""
    shares = np.cumsum([p.share for p in recipe.populations])
    which = np.searchsorted(shares / shares[-1], rng.random(len(chosen)), side="right").clip(
        0, len(shares) - 1
    )
    for i, population in enumerate(recipe.populations):
        rows = chosen[which == i]
        model[rows] = MODELS.index(population.model)
        for name in DRAWN:
            values[name][rows] = np.clip(_normal(getattr(population, name), len(rows), rng), *LIMITS[name])
        values["log_leak"][rows] = np.minimum(
            _normal(population.log_leak or (-9.0, 0.0), len(rows), rng), -0.1
        )
        values["leak_nh"][rows] = population.leak_nh
        log_flux = _between(recipe.log_flux, len(rows), rng)
        sn = recipe.log_sn[0] + recipe.sn_slope * (log_flux - recipe.log_flux[len(PROBABILITIES) // 2])
        values["log_flux"][rows] = log_flux + population.brighter
        values["sn"][rows] = 10 ** (sn + _normal((0.0, recipe.log_sn[1]), len(rows), rng))


def _normal(distribution: Normal, n: int, rng: np.random.Generator) -> Floats:
    mean, deviation = distribution
    return mean + deviation * np.clip(rng.standard_normal(n), -3, 3)


def _between(quantiles: Quantiles, n: int, rng: np.random.Generator) -> Floats:
    """Values with these quantiles, linear in the normal deviate between them and beyond."""
    from scipy.special import ndtri

    at, values = ndtri(PROBABILITIES), np.array(quantiles)
    deviate = np.clip(rng.standard_normal(n), -3, 3)
    i = np.clip(np.searchsorted(at, deviate) - 1, 0, len(at) - 2)
    return values[i] + (values[i + 1] - values[i]) * (deviate - at[i]) / (at[i + 1] - at[i])


def make_sources(kind: NDArray, model: NDArray, values: dict[str, Floats]) -> Sources:
    """Photons and truth of sources with these parameters.

    Args:
        kind: Positions in `CLASSES`, (n,).
        model: Positions in `MODELS`, (n,).
        values: `DRAWN`, log_leak, leak_nh, log_flux and sn, (n,) each, as the recipe names them.
    """
    z = 10 ** values["z"] * (values["z"] > -8)
    z = np.where(model == MODELS.index("reflected"), z, 0.0)
    first, second = _components(model, values, z)
    ratio = np.where(np.isin(model, [MODELS.index(m) for m in TWO]), 10 ** values["log_ratio"], 0.0)
    shape = _unit(first) + ratio[:, None] * _unit(second)
    leak = np.where(values["log_leak"] > -8, 10 ** values["log_leak"], 0.0)
    photons = shape * _seen(10 ** values["log_nh"], leak, values["leak_nh"])
    photons *= (10 ** values["log_flux"] / energy_flux(GRID, photons, *BROAD))[:, None]
    return Sources(
        photons.astype(np.float32), values["sn"], _truth(kind, model, values, photons, z, ratio, leak)
    )


def _seen(nh: Floats, leak: Floats, leak_nh: Floats) -> Floats:
    """Share of photons of each bin that arrive, (n, n_bins)."""
    depth = -cross_section((GRID[1:] + GRID[:-1]) / 2)
    through = np.exp(nh[:, None] * depth)
    beside = np.flatnonzero(leak > 0)
    through[beside] += leak[beside, None] * (np.exp(leak_nh[beside, None] * depth) - through[beside])
    return through


def _components(model: NDArray, values: dict[str, Floats], z: Floats) -> tuple[Floats, Floats]:
    """The first and the second component of each source, in any unit, (n, n_bins)."""
    first, second = np.zeros((2, len(model), len(GRID) - 1))
    kt, hotter = 10 ** values["log_kt"], 10 ** values["log_kt_second"]
    abundance, gamma = 10 ** values["abundance"], values["gamma"]
    iron = np.where(values["log_iron"] > _NO_IRON, 10 ** values["log_iron"], 0.0)
    for i, name in enumerate(MODELS):
        rows = np.flatnonzero(model == i)
        if not len(rows):
            continue
        if name in ("reflected", "power_law"):
            slab = values["reflection"][rows] if name == "reflected" else np.zeros(len(rows))
            first[rows] = reflected_power_law(GRID, gamma[rows], 1.0, slab, iron[rows], z[rows])
        elif name in ("plasma", "two_plasmas"):
            first[rows] = thermal_plasma(GRID, kt[rows], 1.0, abundance[rows])
        elif name == "bremsstrahlung":
            first[rows] = _with_iron(_tabled(name)(values["log_kt"][rows]), iron[rows])
        else:
            first[rows] = _tabled(name.removesuffix("_power_law"))(values["log_kt"][rows])
        if name == "two_plasmas":
            second[rows] = thermal_plasma(GRID, hotter[rows], 1.0, abundance[rows])
        elif name in ("black_body_power_law", "disc_power_law"):
            second[rows] = continuum.power_law(GRID, gamma[rows])
    return first, second


def _with_iron(light: Floats, width: Floats) -> Floats:
    return light + sum(by_width(GRID, light, energy, 0.03, width * share) for energy, share in _FALLING)


@cache
def _tabled(name: str) -> Callable[[Floats], Floats]:
    """A continuum by log10 of its temperature, from a table: 1e-3 of the exact one, and fifty times as fast."""
    grid = np.linspace(-1.3, 1.5, 281)
    exact = {
        "bremsstrahlung": continuum.bremsstrahlung,
        "black_body": continuum.black_body,
        "disc": continuum.disc,
    }
    table = np.log(np.maximum(exact[name](GRID, 10**grid), 1e-300))

    def read(log_kt: Floats) -> Floats:
        place = np.clip((log_kt - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1.000001)
        low = place.astype(int)
        part = (place - low)[:, None]
        return np.exp(table[low] * (1 - part) + table[low + 1] * part)

    return read


def _unit(photons: Floats) -> Floats:
    """The same with a .5-7 keV flux of one; zero stays zero."""
    flux = energy_flux(GRID, photons, *BROAD)
    return photons / np.where(flux > 0, flux, 1.0)[:, None]


def _truth(
    kind: NDArray,
    model: NDArray,
    values: dict[str, Floats],
    photons: Floats,
    z: Floats,
    ratio: Floats,
    leak: Floats,
) -> dict[str, NDArray]:
    def of(models: tuple[str, ...], value: Floats) -> Floats:
        return np.where(np.isin(model, [MODELS.index(m) for m in models]), value, np.nan)

    kt, hotter = 10 ** values["log_kt"], 10 ** values["log_kt_second"]
    two = model == MODELS.index("two_plasmas")
    swap = two & (ratio > 1)
    plasmas = ("plasma", "two_plasmas")
    iron = np.where(values["log_iron"] > _NO_IRON, 10 ** values["log_iron"], 0.0)
    return {
        "class": np.array(CLASSES)[kind],
        "model": np.array(MODELS)[model],
        "nh": 10 ** values["log_nh"],
        "gamma": of(WITH_GAMMA, values["gamma"]),
        "kt": of(WITH_KT, np.where(swap, hotter, kt)),
        "kt_other": np.where(two, np.where(swap, kt, hotter), np.nan),
        "abundance": of(plasmas, 10 ** values["abundance"]),
        "fe_ew": of(WITH_IRON, iron),
        "reflection": of(("reflected",), values["reflection"]),
        "leak": leak,
        "z": of(("reflected",), z),
        **flux_truth(photons),
    }


def flux_truth(photons: NDArray) -> dict[str, Floats]:
    """Energy fluxes and hardness ratios of photon spectra, as columns of the truth."""
    soft, medium, hard = (energy_flux(GRID, photons, *BANDS[i : i + 2]) for i in range(3))
    return {
        "flux": energy_flux(GRID, photons, *BROAD),
        "flux_soft": soft,
        "flux_medium": medium,
        "flux_hard": hard,
        "hr_hm": (hard - medium) / (hard + medium),
        "hr_ms": (medium - soft) / (medium + soft),
        "hr_hs": (hard - soft) / (hard + soft),
    }
