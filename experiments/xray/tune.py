"""Fit the classes of the mock survey to the fluxes, colours and signal-to-noise of MUWCLASS.

SPECTROVE_DATA=... python -m experiments.xray.tune [-o FILE.toml] [CLASS ...]

Prints the tables of the classes for `src/spectrove/xray/mock/default.toml`. What is fitted is the distance between
two clouds of five numbers, mock and real: the mean over random directions of the squared distance of sorted projections
(a sliced Wasserstein distance), with the same random numbers for every trial, by an evolution strategy. A weak prior
holds parameters near those that the recipe has already, so that colours which do not decide leave physics as it was.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from experiments.xray.colours import LEAST, NAMES, energy_per_count, features, of_muwclass
from spectrove.xray.mock import Sources, draw, instruments, load_recipe
from spectrove.xray.mock.observe import assigned, exposure_of
from spectrove.xray.mock.recipe import CLASSES, PROBABILITIES, MockRecipe, Population

Floats = NDArray[np.float64]

#: Mock sources of a trial, directions of projection, trials, and seed.
N, DIRECTIONS, TRIALS, SEED = 1000, 40, 350, 11

#: Weight of the prior, per parameter and squared deviation in units of its step.
PRIOR = 4e-4

#: Parameters that are fitted, by model: name, whether its width is too, and the size of a step.
FITTED: dict[str, tuple[tuple[str, bool, float], ...]] = {
    "reflected": (("gamma", True, 0.2),),
    "power_law": (("gamma", True, 0.25),),
    "two_plasmas": (("log_kt", False, 0.12), ("log_kt_second", True, 0.15), ("log_ratio", True, 0.3)),
    "bremsstrahlung": (("log_kt", True, 0.2),),
    "black_body_power_law": (("log_kt", True, 0.15), ("gamma", False, 0.25), ("log_ratio", True, 0.4)),
    "disc_power_law": (("log_kt", True, 0.15), ("log_ratio", True, 0.3)),
}

#: Least and greatest value of means; widths are from .1 to .9.
BOUNDS = {"gamma": (0.6, 3.2), "log_kt": (-1.2, 1.3), "log_kt_second": (-0.2, 1.2), "log_ratio": (-1.5, 1.5),
          "log_nh": (-2.5, 1.6)}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit classes and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m experiments.xray.tune", description=__doc__)
    parser.add_argument("classes", nargs="*", default=list(CLASSES))
    parser.add_argument("-o", "--output", type=Path, help="file that tables are added to")
    parser.add_argument("--trials", type=int, default=TRIALS)
    given = parser.parse_args(arguments)
    kinds, real = of_muwclass(Path(os.environ["SPECTROVE_DATA"]) / "xray")
    for name in given.classes:
        made = fitted(name, real[kinds == name], given.trials)
        text = "\n".join(toml(name, made)) + "\n"
        print(text, flush=True)
        if given.output:
            with open(given.output, "a") as file:
                file.write(text + "\n")
    return 0


def fitted(name: str, real: Floats, trials: int) -> dict[str, Any]:
    """The table of one class, as plain values."""
    start = with_moments(load_recipe().classes[name].model_dump(), real)
    places = parameters(start)
    first = np.array([value for _, value, _, _ in places])
    steps = np.array([step for *_, step in places])
    compare = distance_to(real)

    def cost(x: Floats) -> float:
        trial = put(start, places, first + x * steps)
        return compare(measured(name, trial)) + PRIOR * float((x**2).sum())

    best, value = evolved(cost, len(first), trials)
    print(
        f"# {name}: {len(real)} sources, distance {cost(np.zeros(len(first))):.4f} to {value:.4f}", flush=True
    )
    return put(start, places, first + best * steps)


def with_moments(table: dict[str, Any], real: Floats) -> dict[str, Any]:
    """The class with the quantiles of real fluxes, and the real dependence of signal-to-noise on flux."""
    flux, sn = real[:, 3], real[:, 4]
    slope = float(np.cov(flux, sn)[0, 1] / np.var(flux, ddof=1))
    level = float(np.median(sn - slope * (flux - np.median(flux))))
    width = float(np.std(sn - slope * (flux - flux.mean()), ddof=1))
    # The extremes of few sources say little: quantiles are shrunk towards a normal distribution of the same width.
    normal = flux.mean() + flux.std(ddof=1) * ndtri(PROBABILITIES)
    weight = len(flux) / (len(flux) + 30)
    quantiles = weight * np.quantile(flux, PROBABILITIES) + (1 - weight) * normal
    return table | {"log_flux": quantiles.tolist(), "log_sn": [level, width], "sn_slope": slope}


Place = tuple[tuple[Any, ...], float, tuple[float, float], float]


def parameters(table: dict[str, Any]) -> list[Place]:
    """Where the fitted parameters of a class are, their values, limits and steps; shares as logarithms."""
    found: list[Place] = []
    for i, population in enumerate(table["populations"]):
        if i:
            found.append(((i, "share"), float(np.log(population["share"])), (-4, 2), 0.4))
            found.append(((i, "brighter"), population["brighter"], (-0.8, 0.8), 0.2))
        found.append(((i, "log_nh", 0), population["log_nh"][0], BOUNDS["log_nh"], 0.25))
        found.append(((i, "log_nh", 1), population["log_nh"][1], (0.1, 0.9), 0.12))
        for name, both, step in FITTED[population["model"]]:
            found.append(((i, name, 0), population[name][0], BOUNDS[name], step))
            if both:
                found.append(((i, name, 1), population[name][1], (0.1, 0.9), step / 2))
        if population["log_leak"] is not None:
            found.append(((i, "log_leak", 0), population["log_leak"][0], (-3.0, -0.3), 0.3))
    return found


def put(table: dict[str, Any], places: Sequence[Place], values: Floats) -> dict[str, Any]:
    """The class with other values at these places."""
    populations = [
        {k: list(v) if isinstance(v, tuple) else v for k, v in p.items()} for p in table["populations"]
    ]
    for (where, _, limits, _), value in zip(places, values, strict=True):
        bounded = float(np.clip(value, *limits))
        if where[1] == "share":
            populations[where[0]]["share"] = float(np.exp(bounded))
        elif len(where) == 2:
            populations[where[0]][where[1]] = bounded
        else:
            populations[where[0]][where[1]][where[2]] = bounded
    return table | {"populations": populations}


def measured(name: str, table: dict[str, Any]) -> Floats:
    """What a survey of this class alone looks like to MUWCLASS."""
    recipe = MockRecipe.model_validate(
        load_recipe().model_dump() | {"shares": {name: 1.0}, "oddities": {}, "classes": {name: table}}
    )
    return in_bands_alone(draw(N, recipe, SEED), recipe)


def in_bands_alone(sources: Sources, recipe: MockRecipe) -> Floats:
    """What `colours.of_mock` gives, from counts drawn in three bands and not in every channel: ten times as fast."""
    rng = np.random.default_rng(SEED)
    at = assigned(len(sources), len(instruments("own")), recipe, SEED)
    out = np.zeros((len(sources), len(NAMES)))
    plan = recipe.observation
    for i in range(len(instruments("own"))):
        index = np.flatnonzero(at == i)
        counts, energy, behind, per_count = _bands_of(i)
        rate = sources.photons[index] @ counts
        level = 10 ** (plan.log_background[0] + plan.log_background[1] * _normal(rng, len(index)))
        scale = 10 ** -(plan.log_region[0] + plan.log_region[1] * _normal(rng, len(index)))
        time = exposure_of(rate.sum(axis=1), sources.sn[index], level, scale, plan)[:, None]
        sky = level[:, None] * behind * time
        found, outside = rng.poisson(rate * time + sky), rng.poisson(sky / scale[:, None])
        net = found - scale[:, None] * outside
        mean = sources.photons[index] @ energy / np.maximum(rate, 1e-30)
        fluxes = np.maximum(net * mean, LEAST * per_count) / time
        error = np.sqrt(np.maximum(found.sum(axis=1) + scale**2 * outside.sum(axis=1), 1))
        out[index] = features(
            fluxes[:, 0],
            fluxes[:, 1],
            fluxes[:, 2],
            fluxes.sum(axis=1),
            np.maximum(net.sum(axis=1), 0.5) / error,
        )
    return out


def _normal(rng: np.random.Generator, n: int) -> Floats:
    return np.clip(rng.standard_normal(n), -3, 3)


@cache
def _bands_of(i: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Of an instrument by band: counts and energy flux of a photon, share of the background, energy flux of a count."""
    instrument = instruments("own")[i]
    per_count, inside = energy_per_count(instrument)
    weights = np.array([per_count * band for band in inside]).T
    whole = instrument.fold @ inside.T.astype(float)
    median = np.array([np.median(per_count[band]) for band in inside])
    return whole, instrument.fold @ weights, inside.astype(float) @ instrument.background, median


def distance_to(real: Floats) -> Callable[[Floats], float]:
    """The sliced distance of a cloud from the real one, in units of the real scatter."""
    scale = np.maximum(real.std(axis=0), 0.1)
    rng = np.random.default_rng(SEED)
    directions = np.vstack([np.eye(len(NAMES)), rng.standard_normal((DIRECTIONS, len(NAMES)))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    at = (np.arange(400) + 0.5) / 400
    centre = real.mean(axis=0)
    wanted = np.quantile((real - centre) / scale @ directions.T, at, axis=0)

    def distance(cloud: Floats) -> float:
        found = np.quantile((cloud - centre) / scale @ directions.T, at, axis=0)
        return float(np.mean((found - wanted) ** 2))

    return distance


def evolved(cost: Callable[[Floats], float], n: int, trials: int) -> tuple[Floats, float]:
    """The best of an evolution strategy with a full covariance, started at zero with steps of .7.

    Source:
        Hansen 2016, arXiv 1604.00772 (CMA-ES), without its path for single directions.
    """
    rng = np.random.default_rng(SEED)
    size = 6 + int(3 * np.log(n))
    weights = np.log(size / 2 + 0.5) - np.log(np.arange(1, size // 2 + 1))
    weights /= weights.sum()
    strength = 1 / (weights**2).sum()
    mean, sigma, shape, path = np.zeros(n), 0.7, np.eye(n), np.zeros(n)
    learning = min(1.0, 0.7 * strength / ((n + 2) ** 2 + strength) * 4)
    fading, damping = (strength + 2) / (n + strength + 5), 1 + (strength + 2) / (n + strength + 5)
    expected = np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
    best, value = mean, cost(mean)
    for _ in range(max(1, trials // size)):
        values, vectors = np.linalg.eigh(shape)
        root = vectors * np.sqrt(np.maximum(values, 1e-10))
        steps = rng.standard_normal((size, n)) @ root.T
        costs = np.array([cost(mean + sigma * step) for step in steps])
        order = costs.argsort()[: len(weights)]
        if costs.min() < value:
            best, value = mean + sigma * steps[costs.argmin()], float(costs.min())
        step = weights @ steps[order]
        mean = mean + sigma * step
        white = vectors @ ((vectors.T @ step) / np.sqrt(np.maximum(values, 1e-10)))
        path = (1 - fading) * path + np.sqrt(fading * (2 - fading) * strength) * white
        sigma *= float(np.exp(fading / damping * (np.linalg.norm(path) / expected - 1)))
        shape = (1 - learning) * shape + learning * (weights * steps[order].T) @ steps[order]
    return best, value


def toml(name: str, table: dict[str, Any]) -> list[str]:
    """The table of a class as lines of a recipe, values that are the default left out."""
    lines = [f"[classes.{name}]"]
    lines += [f"{key} = {_value(table[key])}" for key in ("log_flux", "log_sn", "sn_slope")]
    whole = sum(population["share"] for population in table["populations"])
    for population in table["populations"]:
        lines += ["", f"[[classes.{name}.populations]]", f"share = {population['share'] / whole:.3g}"]
        for key, field in Population.model_fields.items():
            value = population[key]
            usual = field.default
            same = (list(value) if isinstance(value, list | tuple) else value) == (
                list(usual) if isinstance(usual, tuple) else usual
            )
            if key != "share" and not same:
                lines.append(f"{key} = {_value(value)}")
    return lines


def _value(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(float(v)) for v in value) + "]"
    text = f"{round(float(value), 3):g}"
    return text if "." in text or "e" in text else f"{text}.0"


if __name__ == "__main__":
    raise SystemExit(main())
