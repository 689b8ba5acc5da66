"""What models can be: which structure they have, and the levels of each parameter that it opens.

A structure is a set of modules. Each opens parameters; those that none opens have one level. `Space` holds all models
of a structure at the redshift of a galaxy, of which sub-grids are computed as they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.sed.attenuation import Calzetti, CharlotFall, Law
from spectrove.sed.dust import DustEmission
from spectrove.sed.engine import Engine, Models
from spectrove.sed.filters import Filter
from spectrove.sed.grid import Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.nebula import Nebula
from spectrove.sed.photoz import Scan, scan
from spectrove.sed.populations import Populations

Array = NDArray[np.float64]
Levels = Mapping[str, tuple[float, ...]]

#: Least and greatest value of each parameter, as nature and the recipes have them.
BOUNDS: dict[str, tuple[float, float]] = {
    "ebv": (0.0, 2.0), "slope": (-1.2, 0.6), "av_ism": (0.0, 6.0), "mu": (0.05, 0.95),
    "metallicity": (1e-5, 0.1), "log_u": (-5.0, 0.0), "agn_fraction": (0.0, 0.95), "redshift": (0.001, 15.0),
    "tau_main": (0.001, 50.0), "age_main": (0.001, 13.8), "f_burst": (0.0, 0.99), "tau_burst": (0.001, 1.0),
    "age_burst": (0.001, 1.0),
}  # fmt: skip

#: Levels of what every structure has. Metallicities and ionisation parameters are those of the tables.
CORE: Levels = {
    "tau_main": (0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.6, 1.0, 2.0, 4.0, 10.0),
    "age_main": (0.03, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.2, 4.5, 6.5, 9.0, 12.0),
    "ebv": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8),
}

#: What each module opens; "clouds" puts the law of Charlot & Fall in the place of Calzetti's.
MODULES: dict[str, Levels] = {
    "burst": {"f_burst": (0.0, 0.05, 0.1, 0.3, 0.5), "tau_burst": (0.005, 0.05), "age_burst": (0.005, 0.02, 0.05)},
    "slope": {"slope": (-0.6, -0.4, -0.2, 0.0, 0.2)},
    "clouds": {"av_ism": (0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0), "mu": (0.3, 0.5)},
    "agn": {"agn_fraction": (0.0, 0.1, 0.2, 0.35, 0.5, 0.7)},
}  # fmt: skip

#: Parameters that mean nothing where another is 0.
MEANINGLESS = {"slope": "ebv", "mu": "av_ism", "tau_burst": "f_burst", "age_burst": "f_burst"}

#: Steps of 1 + z, and levels of other parameters, where redshifts are looked for. Within a factor of 1 + z of e^NARROW
#: steps are half of that and other parameters have all of their levels.
STEP, NARROW = 0.02, 0.12
COARSE: Levels = {
    "ebv": (0.0, 0.1, 0.2, 0.35, 0.5), "av_ism": (0.0, 0.3, 0.75, 1.5), "slope": (-0.4, 0.0),
    "agn_fraction": (0.0, 0.2, 0.5),
}  # fmt: skip

#: How many of the middle levels are taken then.
FEW = {"metallicity": 2, "log_u": 1}


@dataclass(frozen=True)
class Structure:
    """What models are made of.

    Attributes:
        modules: Of `MODULES`, in their order there.
        redshift: Between which it is looked for; None takes it as it is.
        extra: Levels beyond those of the modules, by parameter.
    """

    modules: tuple[str, ...] = ()
    redshift: tuple[float, float] | None = None
    extra: tuple[tuple[str, tuple[float, ...]], ...] = ()

    def __post_init__(self) -> None:
        if {"clouds", "slope"} <= set(self.modules):
            raise ParameterError(
                "modules clouds and slope: a slope is one of Calzetti's law. Choose one of both."
            )

    def with_levels(self, more: Mapping[str, tuple[float, ...]]) -> Structure:
        """The same with levels added."""
        known = dict(self.extra)
        for name, values in more.items():
            known[name] = tuple(sorted({*known.get(name, ()), *values}))
        return replace(self, extra=tuple(sorted(known.items())))

    def __str__(self) -> str:
        free = [] if self.redshift is None else [f"redshift {self.redshift[0]:g} to {self.redshift[1]:g}"]
        return " + ".join(["delayed star formation", *self.modules, *free])


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What the models of all structures are computed from.

    Attributes:
        populations: Of stars.
        filters: Of the bands.
        nebula: None leaves out light of gas.
        dust: None leaves out light of dust.
        core: Levels of what every structure has.
        modules: Levels that each module opens.
    """

    populations: Populations
    filters: tuple[Filter, ...]
    nebula: Nebula | None = None
    dust: DustEmission | None = None
    core: Levels = field(default_factory=lambda: dict(CORE))
    modules: Mapping[str, Levels] = field(default_factory=lambda: dict(MODULES))

    def levels(self, structure: Structure) -> dict[str, tuple[float, ...]]:
        """The levels of every parameter of a structure; one where it is not open."""
        opened: dict[str, tuple[float, ...]] = {
            "f_burst": (0.0,), "tau_burst": (0.05,), "age_burst": (0.02,), "slope": (0.0,), "agn_fraction": (0.0,),
            "metallicity": tuple(self.populations.metallicities.tolist()), **self.core,
        }  # fmt: skip
        if self.nebula is not None:
            opened.setdefault("log_u", tuple(sorted(self.nebula.log_u.tolist())))
        if "clouds" in structure.modules:
            del opened["ebv"], opened["slope"]
        for name in structure.modules:
            opened |= self.modules[name]
        if structure.redshift is not None:
            low, high = structure.redshift
            wide = np.log((1 + high) / (1 + low))
            if wide > NARROW:
                opened |= {name: levels for name, levels in COARSE.items() if len(opened.get(name, ())) > 1}
                opened |= {name: _middle(opened[name], n) for name, n in FEW.items() if name in opened}
            count = max(2, int(np.ceil(wide / (STEP if wide > NARROW else STEP / 2))) + 1)
            opened["redshift"] = tuple((np.geomspace(1 + low, 1 + high, count) - 1).tolist())
        for name, more in structure.extra:
            if name not in opened:
                raise ParameterError(
                    f"refine: {name} is no parameter of {structure}, which has {', '.join(opened)}."
                )
            opened[name] = tuple(sorted({*opened[name], *more}))
        return opened

    def engine(self, structure: Structure) -> Engine:
        """Computes the models of a structure.

        Raises:
            ParameterError: A level is not among what the tables hold.
        """
        return _engine(self, structure)


def _middle(levels: tuple[float, ...], count: int) -> tuple[float, ...]:
    """The middle levels, the higher ones where there is no middle."""
    first = max(0, (len(levels) - count + 1) // 2)
    return levels[first : first + count]


#: Engines, and models at all redshifts, are shared by galaxies with the same structure.
KEPT = 24


@lru_cache(KEPT)
def _engine(of: Ingredients, structure: Structure) -> Engine:
    levels = of.levels(structure)
    history = DelayedBurst(*(levels[one.name] for one in fields(DelayedBurst)))
    law: Law = CharlotFall(levels["av_ism"], levels["mu"]) if "av_ism" in levels else Calzetti(
        levels["ebv"], levels["slope"]
    )  # fmt: skip
    grid = Grid(history, levels["metallicity"], law=law, agn_fraction=levels["agn_fraction"])
    if of.nebula is not None:
        grid = replace(grid, log_u=levels["log_u"])
    return Engine(of.populations, of.filters, grid, of.nebula, of.dust)


@lru_cache(4)
def _scanned(of: Ingredients, structure: Structure) -> Scan:
    return scan(_engine(of, structure), np.array(of.levels(structure)["redshift"]))


@dataclass(frozen=True)
class Space:
    """All models of a structure for one galaxy, none of them computed yet.

    Attributes:
        structure: What they are made of.
        levels: Of every parameter.
        engine: Computes them.
        models: Light of their blocks and weights of their histories.
        allowed: Which histories began after the universe, (n_blocks, n_histories); None where all did.
    """

    structure: Structure
    levels: Mapping[str, tuple[float, ...]]
    engine: Engine
    models: Models
    allowed: NDArray[np.bool_] | None = None

    @staticmethod
    def of(ingredients: Ingredients, structure: Structure, z: float) -> Space:
        """The models of a structure at a redshift, or at those that the structure looks through.

        Raises:
            ParameterError: A level is not among what the tables hold, or no history is young enough.
        """
        engine, levels = ingredients.engine(structure), ingredients.levels(structure)
        if structure.redshift is None:
            return Space(structure, levels, engine, engine.at(z))
        wide = np.log((1 + structure.redshift[1]) / (1 + structure.redshift[0])) > NARROW
        found = (_scanned if wide else _scanned.__wrapped__)(ingredients, structure)
        return Space(structure, levels, engine, found.models, found.allowed)

    @property
    def open(self) -> dict[str, tuple[float, ...]]:
        """Parameters with more than one level."""
        return {name: values for name, values in self.levels.items() if len(values) > 1}

    @cached_property
    def _axes(self) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
        return self.models.blocks.parameters, self.models.histories.parameters

    def parameters(self, place: tuple[int, int]) -> dict[str, float]:
        """The values of a model."""
        blocks, histories = self._axes
        values = {name: float(column[place[0]]) for name, column in blocks.items()}
        values |= {name: float(column[place[1]]) for name, column in histories.items()}
        return {name: value for name, value in values.items() if name in self.levels}

    def part(self, wanted: Mapping[str, tuple[float, ...]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The blocks and histories of a sub-grid: places of models with these values.

        A parameter that means nothing in a model, as the age of a burst of no mass, is not compared.
        """
        found = []
        for axes in self._axes:
            kept = np.ones(len(next(iter(axes.values()))), bool)
            for name, column in axes.items():
                if name not in wanted:
                    continue
                among = np.isclose(column[:, None], np.array(wanted[name]), rtol=1e-9, atol=1e-12).any(1)
                if MEANINGLESS.get(name) in axes:
                    among |= axes[MEANINGLESS[name]] == 0
                kept &= among
            found.append(np.flatnonzero(kept))
        return found[0], found[1]

    def only(self, blocks: NDArray[np.intp], histories: NDArray[np.intp]) -> Models:
        """The models of some blocks and histories."""
        of = self.models.histories
        part = replace(
            of, parameters={name: values[histories] for name, values in of.parameters.items()},
            weights=of.weights[histories], rates={name: rate[histories] for name, rate in of.rates.items()},
            mean_age=of.mean_age[histories], age=of.age[histories],
        )  # fmt: skip
        block = replace(
            self.models.blocks,
            parameters={name: values[blocks] for name, values in self.models.blocks.parameters.items()},
            prior=self.models.blocks.prior[blocks], index=self.models.blocks.index[blocks],
        )  # fmt: skip
        at = np.ix_(blocks, histories)
        return replace(
            self.models, blocks=block, histories=part, places=self.models.places[histories],
            prior=self.models.prior[histories], light=self.models.light[blocks],
            surviving=self.models.surviving[at], absorbed=self.models.absorbed[at],
        )  # fmt: skip
