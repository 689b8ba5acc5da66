"""Histories of star formation, each of one solar mass formed until it is observed.

A history is given to populations of discrete ages as weights: light between two ages of the table is on the straight
line between theirs, and the integrals of star formation along it are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

Array = NDArray[np.float64]

GYR = 1e9

#: Times over which a rate of star formation is averaged, yr.
RECENT = {"sfr10": 1e7, "sfr100": 1e8}


class Formed(Protocol):
    """Integrals of one mode of star formation over the time since it began."""

    def mass(self, time: Array) -> Array:
        """Mass formed in the first `time`, of one solar mass in all until now."""

    def moment(self, time: Array) -> Array:
        """Integral of the rate times time since the beginning, in the first `time`."""


@dataclass(frozen=True)
class Gamma:
    """A rate t^(k-1) exp(-t/tau): k is 1 for an exponential and 2 for a delayed one.

    Attributes:
        k: The power plus one.
        tau: (n,), yr.
        age: Since it began, (n,), yr.
    """

    k: int
    tau: Array
    age: Array

    def mass(self, time: Array) -> Array:
        return np.asarray(
            gammainc(self.k, time / self.tau[:, None]) / gammainc(self.k, self.age / self.tau)[:, None]
        )

    def moment(self, time: Array) -> Array:
        whole = gammainc(self.k, self.age / self.tau)
        return np.asarray(
            self.k * self.tau[:, None] * gammainc(self.k + 1, time / self.tau[:, None]) / whole[:, None]
        )


@dataclass(frozen=True)
class Constant:
    """A constant rate since `age`, (n,), yr."""

    age: Array

    def mass(self, time: Array) -> Array:
        return np.asarray(time / self.age[:, None])

    def moment(self, time: Array) -> Array:
        return np.asarray(time**2 / 2 / self.age[:, None])


def weights(formed: Formed, age: Array, nodes: Array) -> Array:
    """Mass given to each age of a table of populations, (n, n_ages); rows sum to one.

    Args:
        formed: The mode of star formation.
        age: Since it began, (n,), yr.
        nodes: Ages of the table, yr, growing. Younger stars are as the youngest, older ones as the oldest.
    """
    edges = np.concatenate([[0.0], nodes])
    time = np.maximum(age[:, None] - edges, 0.0)  # since the beginning, when stars of these ages were born
    mass, moment = formed.mass(time), formed.moment(time)
    born = mass[:, :-1] - mass[:, 1:]
    ages_times_mass = age[:, None] * born - (moment[:, :-1] - moment[:, 1:])
    share = ages_times_mass[:, 1:] - nodes[:-1] * born[:, 1:]
    share = np.clip(share / np.diff(nodes), 0.0, born[:, 1:])
    given = np.zeros((age.size, nodes.size))
    given[:, 0] = born[:, 0]
    given[:, 1:] += share
    given[:, :-1] += born[:, 1:] - share
    given[:, -1] += mass[:, -1]  # older than the table
    return given


def mean_rates(formed: Formed, age: Array) -> dict[str, Array]:
    """Rates averaged over recent times, also where it began later, each (n,), Msun/yr."""
    return {
        name: (1 - formed.mass(np.maximum(age - recent, 0.0)[:, None])[:, 0]) / recent
        for name, recent in RECENT.items()
    }


@dataclass(frozen=True)
class HistoryModels:
    """Histories of star formation as an engine takes them; every array has n rows.

    Attributes:
        parameters: Levels of each parameter, (n,).
        weights: Mass given to each age, (n, n_ages).
        rates: `RECENT`, Msun/yr.
        mean_age: Of stars by the mass formed, yr.
        age: Since the first star, yr.
    """

    parameters: dict[str, Array]
    weights: Array
    rates: dict[str, Array]
    mean_age: Array
    age: Array


@dataclass(frozen=True)
class DelayedBurst:
    """A delayed exponential rate t exp(-t/tau), and an exponential burst that formed a share of the mass.

    Attributes:
        tau_main: Levels, Gyr.
        age_main: Levels of the time since it began, Gyr.
        f_burst: Levels of the share of mass formed in the burst; 0 is no burst, and has half of the prior: one flat in
            the share would say that nearly all galaxies had a burst of late.
        tau_burst: Levels, Gyr.
        age_burst: Levels of the time since the burst began, Gyr.
    """

    tau_main: tuple[float, ...] = (0.1, 0.3, 0.6, 1.0, 2.0, 3.5, 6.0, 10.0)
    age_main: tuple[float, ...] = (
        0.1, 0.2, 0.3, 0.45, 0.7, 1.0, 1.4, 1.8, 2.3, 2.9, 3.6, 4.5, 5.5, 7.0, 9.0, 11.0, 13.0,
    )  # fmt: skip
    f_burst: tuple[float, ...] = (0.0, 0.02, 0.06, 0.15)
    tau_burst: tuple[float, ...] = (0.05,)
    age_burst: tuple[float, ...] = (0.02, 0.05, 0.1)

    @property
    def axes(self) -> dict[str, tuple[tuple[float, ...], str]]:
        """Levels of each parameter, and whether its prior is flat in it or in its logarithm."""
        return {
            "tau_main": (self.tau_main, "log"), "age_main": (self.age_main, "linear"),
            "f_burst": (self.f_burst, "half none"),
            "tau_burst": (self.tau_burst, "log"), "age_burst": (self.age_burst, "log"),
        }  # fmt: skip

    def models(self) -> Array:
        """Every combination of levels, (n_models, 5)."""
        return np.array(list(product(*(levels for levels, _ in self.axes.values()))))

    def same(self, models: Array) -> NDArray[np.intp]:
        """For each model the first that is the same, (n_models,): without a burst its age and duration mean nothing."""
        first = np.arange(len(models))
        none = models[:, 2] == 0
        _, start, back = np.unique(models[none][:, :2], axis=0, return_index=True, return_inverse=True)
        first[none] = np.flatnonzero(none)[start][back.ravel()]
        return first

    def made(self, models: Array, nodes: Array) -> HistoryModels:
        """The histories of rows of `models`, for populations of these ages (yr)."""
        tau, age, f_burst, tau_burst, age_burst = models.T
        main = Gamma(2, tau * GYR, age * GYR)
        begun = np.minimum(age_burst, age) * GYR  # a burst is not older than its galaxy
        burst = Gamma(1, tau_burst * GYR, begun)
        given = (1 - f_burst)[:, None] * weights(main, main.age, nodes)
        given += f_burst[:, None] * weights(burst, begun, nodes)
        rates = {
            name: (1 - f_burst) * rate + f_burst * mean_rates(burst, begun)[name]
            for name, rate in mean_rates(main, main.age).items()
        }
        mean_age = (1 - f_burst) * (main.age - main.moment(main.age[:, None])[:, 0])
        mean_age += f_burst * (begun - burst.moment(begun[:, None])[:, 0])
        return HistoryModels(dict(zip(self.axes, models.T, strict=True)), given, rates, mean_age, age * GYR)


@dataclass(frozen=True)
class Bins:
    """Constant rates between ages: a history without a form, `count` draws of which are the grid.

    The logarithms of ratios of neighbouring rates are drawn from Student's t distribution, so that rates change little
    as a rule and much at times. Draws are those of `seed`, and each has the same prior.

    Attributes:
        edges: Ages between bins, Gyr, from 0 to the time since the first star.
        count: How many histories.
        width: Scale of the distribution, dex.
        seed: Of the draws.

    Source:
        The continuity prior of Leja et al. (2019), ApJ 876, 3.
    """

    edges: tuple[float, ...] = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 6.0)
    count: int = 500
    width: float = 0.3
    seed: int = 0
    shares: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        draws = np.random.default_rng(self.seed).standard_t(2, (self.count, len(self.edges) - 2)) * self.width
        rates = 10 ** np.clip(np.concatenate([np.zeros((self.count, 1)), np.cumsum(draws, 1)], 1), -6, 6)
        mass = rates * np.diff(self.edges)
        object.__setattr__(self, "shares", mass / mass.sum(1, keepdims=True))

    @property
    def axes(self) -> dict[str, tuple[tuple[float, ...], str]]:
        """The number of each draw, which has no order."""
        return {"history": (tuple(float(i) for i in range(self.count)), "equal")}

    def models(self) -> Array:
        """The number of each draw, (count, 1)."""
        return np.arange(self.count, dtype=float)[:, None]

    def same(self, models: Array) -> NDArray[np.intp]:
        """Every draw is itself."""
        return np.arange(len(models))

    def made(self, models: Array, nodes: Array) -> HistoryModels:
        """The histories of rows of `models`, for populations of these ages (yr)."""
        edges = np.array(self.edges) * GYR
        since = Constant(edges[1:])
        from_now = weights(since, edges[1:], nodes) * edges[1:, None]  # of one solar mass a year
        one = np.diff(np.concatenate([np.zeros((1, nodes.size)), from_now]), axis=0) / np.diff(edges)[:, None]
        shares = self.shares[models[:, 0].astype(int)]
        overlap = {
            name: np.clip(np.minimum(edges[1:], recent) - edges[:-1], 0, None) / np.diff(edges) / recent
            for name, recent in RECENT.items()
        }
        rates = {name: shares @ part for name, part in overlap.items()}
        parameters = {"history": models[:, 0]}
        age = np.full(len(models), edges[-1])
        return HistoryModels(parameters, shares @ one, rates, shares @ (edges[1:] + edges[:-1]) / 2, age)


Histories = DelayedBurst | Bins

#: Histories by name. "delayed" has no burst.
HISTORIES: dict[str, Callable[[], Histories]] = {
    "burst": DelayedBurst,
    "delayed": lambda: DelayedBurst(f_burst=(0.0,)),
    "bins": Bins,
}
