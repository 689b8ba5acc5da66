"""One galaxy on the bench: actions are done on it, what they cost is counted, and what they show is observed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.sed.bound import bounds
from spectrove.sed.catalog import Fit, fitted
from spectrove.sed.likelihood import Photometry, agreement, residuals
from spectrove.sed.photoz import without_redshift
from spectrove.sed.planner.actions import (
    Action,
    AddAgn,
    DropBand,
    FreeRedshift,
    Recall,
    Refine,
    SetModules,
)
from spectrove.sed.planner.knowledge import Knowledge
from spectrove.sed.planner.space import MODULES, Ingredients, Space, Structure
from spectrove.sed.posterior import edges

#: Fewest bands that a galaxy may be left with.
FEWEST = 5

#: Most models that a structure may have: the last fit looks at all of them, and they must fit into memory.
MOST_IN_ALL = 200_000_000

#: How many residuals and steps of a redshift an observation shows.
SHOWN = 5


@dataclass(frozen=True)
class Budget:
    """The most that a galaxy may cost; what would go beyond is not done.

    Attributes:
        rounds: Actions that compute models.
        models: Models computed, each counted once in its structure. A bound of a block counts as a model.
        at_once: Models of one sub-grid.
        seconds: On the clock: nothing begins after.
        refusals: Actions that are refused, as of a planner that does not learn.
    """

    rounds: int = 20
    models: int = 200_000
    at_once: int = 10_000
    seconds: float = 120.0
    refusals: int = 5


@dataclass(frozen=True)
class Observation:
    """What is known after an action.

    Attributes:
        node: Its number; the start has 0.
        parent: The node that it went on from.
        modules: Of the structure.
        redshift: Between which redshifts are looked at; None takes the given one.
        dropped: Bands that are left out.
        chi2: Of the best model of the structure so far.
        n_bands: Measured bands.
        best: Its parameters.
        found: chi2 of the best model that this action computed.
        found_at: Its parameters.
        gain: By how much the least chi2 of the parent is above this one.
        models: Computed by this action.
        total: Computed in all.
        rounds: Left.
        edges: Parameters whose best value is the end of their levels.
        residuals: Bands that are furthest off, with (flux - model) / sigma.
        promising: Parameters of a block of models not looked at whose bound is below the best chi2; empty if none is.
        bound: That bound: no model there has a smaller chi2. NaN if there is none.
        recalled: Parameters of the models that `recall` brought.
        levels: Of the parameters that are open.
    """

    node: int
    parent: int
    modules: tuple[str, ...]
    redshift: tuple[float, float] | None
    dropped: tuple[str, ...]
    chi2: float
    n_bands: int
    best: dict[str, float]
    found: float
    found_at: dict[str, float]
    gain: float
    models: int
    total: int
    rounds: int
    edges: tuple[str, ...]
    residuals: dict[str, float]
    promising: dict[str, float]
    bound: float
    recalled: tuple[dict[str, float], ...]
    levels: dict[str, tuple[float, ...]] = field(repr=False)


#: A structure, and the bands that are left out.
Place = tuple[Structure, tuple[str, ...]]

#: Blocks and histories of a sub-grid.
Part = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass
class Sheet:
    """A structure and a galaxy: which models were looked at, and the best of them.

    Attributes:
        space: Of the models.
        galaxy: As it is fitted, without the bands that are left out.
        floor: Share of each flux that is added to its error.
        bound: Least chi2 that any history has in each block, (n_blocks,).
        seen: Which models were computed, (n_blocks, n_histories).
        chi2: The least.
        place: Block and history of that model; None before one is computed.
    """

    space: Space
    galaxy: Photometry
    floor: float
    bound: NDArray[np.float64]
    seen: NDArray[np.bool_]
    chi2: float = np.inf
    place: tuple[int, int] | None = None

    @staticmethod
    def of(space: Space, galaxy: Photometry, floor: float, *, bounded: bool = True) -> Sheet:
        """A structure of which no model was looked at; with bounds of its blocks, or without any."""
        shape = space.models.shape
        bound = bounds(space.models, galaxy, floor) if bounded else np.full(shape[0], np.inf)
        return Sheet(space, galaxy, floor, bound, np.zeros(shape, bool))

    def fresh(self, part: Part) -> int:
        """How many models of a sub-grid were not computed before."""
        return int((~self.seen[np.ix_(*part)] & self._allowed(part)).sum())

    def _allowed(self, part: Part) -> NDArray[np.bool_]:
        if self.space.allowed is None:
            return np.ones((part[0].size, part[1].size), bool)
        return self.space.allowed[np.ix_(*part)]

    def compute(self, part: Part) -> tuple[float, tuple[int, int]]:
        """The least chi2 of a sub-grid and its model; infinite where none agrees at a scale above 0."""
        found = agreement(self.space.only(*part), self.galaxy, self.floor)
        chi2 = np.where((found.scale > 0) & self._allowed(part), found.chi2, np.inf)
        self.seen[np.ix_(*part)] = True
        block, history = np.unravel_index(int(np.argmin(chi2)), chi2.shape)
        least = float(chi2[block, history])
        place = int(part[0][block]), int(part[1][history])
        if least < self.chi2:
            self.chi2, self.place = least, place
        return least, place

    def promising(self) -> tuple[dict[str, float], float]:
        """The block of least bound among those without a computed model, if its bound is below the best chi2."""
        left = np.where(self.seen.any(1), np.inf, self.bound)
        block = int(np.argmin(left))
        if not left[block] < self.chi2:
            return {}, float("nan")
        known = self.space.models.blocks.parameters
        return {n: float(v[block]) for n, v in known.items() if n in self.space.levels}, float(left[block])


class Bench:
    """Does actions on one galaxy.

    Args:
        ingredients: Of the models.
        bands: Labels of the filters.
        galaxy: Its photometry.
        floor: Share of each flux that is added to its error.
        budget: The most that it may cost.
        knowledge: Of galaxies fitted before, for `recall`.
        structure: That it begins with; the simplest one by default.
    """

    def __init__(
        self,
        ingredients: Ingredients,
        bands: tuple[str, ...],
        galaxy: Photometry,
        floor: float = 0.05,
        budget: Budget | None = None,
        knowledge: Knowledge | None = None,
        structure: Structure | None = None,
    ) -> None:
        self.ingredients, self.bands, self.given, self.floor = ingredients, bands, galaxy, floor
        self.budget, self.knowledge = budget or Budget(), knowledge or Knowledge()
        self.structure = structure or Structure()
        self.dropped: tuple[str, ...] = ()
        self.rounds = self.total = self.node = 0
        self._sheets: dict[Place, Sheet] = {}
        self._nodes: list[Place] = []
        #: What knowledge brought in the last action; None where it was not asked.
        self.recalled: tuple[dict[str, float], ...] | None = None

    @property
    def galaxy(self) -> Photometry:
        """The galaxy without the bands that are left out."""
        out = np.isin(self.bands, self.dropped)
        return replace(self.given, flux=np.where(out, np.nan, self.given.flux))

    @property
    def sheet(self) -> Sheet:
        """Of the structure in hand."""
        return self._sheets[self.structure, self.dropped]

    @property
    def best(self) -> dict[str, float]:
        """Parameters of the best model of the structure in hand that was computed."""
        assert self.sheet.place is not None
        return self.sheet.space.parameters(self.sheet.place)

    def start(self) -> Observation:
        """The simplest structure: bounds of its blocks, and the middle history of the block of least bound."""
        computed, found = self._open(self.structure, self.dropped)
        return self._observed(computed, found, self.sheet.chi2, 0)

    def do(self, action: Action) -> Observation:
        """Do an action that computes models.

        Raises:
            ParameterError: It cannot be done, or not within the budget. Nothing has changed then.
        """
        self.recalled = None
        if self.rounds >= self.budget.rounds:
            raise ParameterError(f"all {self.budget.rounds} rounds are used. Accept what is known, or stop.")
        parent = self._known(getattr(action, "node", None))
        last = self.structure, self.dropped
        self.structure, self.dropped = self._nodes[parent]
        before = self.sheet.chi2
        try:
            if isinstance(action, Refine):
                computed, found = self._refined(action)
            elif isinstance(action, Recall):
                computed, found = self._recalled(action)
            else:
                computed, found = self._open(*self._changed(action))
        except ParameterError:
            self.structure, self.dropped = last
            raise
        self.rounds += 1
        return self._observed(computed, found, before, parent)

    def go_back(self, node: int | None) -> None:
        """Take up the structure of a node again, which costs nothing; the last one if none is named.

        Raises:
            ParameterError: There is no such node.
        """
        self.node = self._known(node)
        self.structure, self.dropped = self._nodes[self.node]

    def _known(self, node: int | None) -> int:
        if node is not None and node >= len(self._nodes):
            raise ParameterError(f"node {node}: there are 0 to {len(self._nodes) - 1}.")
        return self.node if node is None else node

    def _changed(self, action: Action) -> tuple[Structure, tuple[str, ...]]:
        """The structure and the bands left out after an action."""
        now = self.structure
        if isinstance(action, SetModules):
            chosen = tuple(name for name in MODULES if name in action.modules)
            return replace(now, modules=chosen, extra=()), self.dropped
        if isinstance(action, AddAgn):
            if "agn" in now.modules:
                raise ParameterError("add_agn: the models have a nucleus already.")
            chosen = tuple(name for name in MODULES if name in (*now.modules, "agn"))
            return replace(now, modules=chosen, extra=()), self.dropped
        if isinstance(action, FreeRedshift):
            return replace(now, redshift=(action.low, action.high), extra=()), self.dropped
        assert isinstance(action, DropBand)
        if action.band not in self.bands:
            raise ParameterError(f"drop_band {action.band}: no such band. There are {', '.join(self.bands)}.")
        dropped = tuple(sorted({*self.dropped, action.band}))
        if dropped == self.dropped:
            raise ParameterError(f"drop_band {action.band}: it is left out already.")
        measured = self.given.measured & ~np.isin(self.bands, dropped)
        if measured.sum() < FEWEST:
            raise ParameterError(f"drop_band {action.band}: {measured.sum()} bands would be left, "
                f"a fit needs {FEWEST}.")  # fmt: skip
        return now, dropped

    def _open(
        self, structure: Structure, dropped: tuple[str, ...]
    ) -> tuple[int, tuple[float, dict[str, float]]]:
        """Take up a structure: where it was, or at the block of least bound and at the best values known."""
        if (structure, dropped) in self._sheets:
            sheet = self._sheets[structure, dropped]
            self.structure, self.dropped = structure, dropped
            assert sheet.place is not None
            return 0, (sheet.chi2, sheet.space.parameters(sheet.place))
        before = self.structure, self.dropped
        blocks = self._n_blocks(structure)
        self._has_room(structure)
        self._afford(blocks + 2, at_once=False)
        space = Space.of(self.ingredients, structure, self.given.z)
        if structure.redshift is not None:  # one block at each redshift is begun with all of its histories
            self._afford(blocks + 1 + self._n_begun(space), at_once=False)
        self.dropped = dropped
        try:
            sheet = Sheet.of(space, self.galaxy, self.floor)
        finally:
            self.dropped = before[1]
        parts = self._starts(sheet, before)
        total = self.total
        self.total += int(sheet.bound.size)
        found = self._least(sheet, parts)
        self._sheets[structure, dropped] = sheet
        self.structure, self.dropped = structure, dropped
        return self.total - total, (found[0], sheet.space.parameters(found[1]))

    def _least(self, sheet: Sheet, parts: list[Part]) -> tuple[float, tuple[int, int]]:
        """The least chi2 of some sub-grids and its model; those that are new are counted.

        Raises:
            ParameterError: No model of them agrees at a scale above 0.
        """
        found = (np.inf, (0, 0))
        for part in parts:
            self.total += sheet.fresh(part)
            found = min(found, sheet.compute(part))
        if not np.isfinite(found[0]):
            raise ParameterError(
                "none of the models computed agrees with the fluxes at a mass above 0: many of these are negative."
            )
        return found

    @staticmethod
    def _n_begun(space: Space) -> int:
        """How many models are computed where a structure of many redshifts is begun."""
        assert space.allowed is not None
        _, first = np.unique(space.models.blocks.parameters["redshift"], return_index=True)
        return int(space.allowed[first].sum())

    def _has_room(self, structure: Structure) -> None:
        """Refuse a structure of more models than a fit can look at.

        Raises:
            ParameterError: It has.
        """
        levels = self.ingredients.levels(structure)
        count = math.prod(len(values) for values in levels.values())
        if count > MOST_IN_ALL:
            raise ParameterError(
                f"{structure} would have {count:.1e} models with these values, and {MOST_IN_ALL:.0e} are allowed. "
                f"Name fewer values, or values among the levels."
            )

    def _starts(self, sheet: Sheet, before: Place) -> list[Part]:
        """Where a structure is begun: the block of least bound, of each redshift, and the best model before it."""
        known = self._sheets.get(before)
        starts = []
        if known is not None and known.place is not None:
            block, history = self._nearest(sheet, known.space.parameters(known.place))
            starts.append((np.array([block]), np.array([history])))
        z = sheet.space.models.blocks.parameters.get("redshift", np.zeros(sheet.bound.size))
        by_z = np.lexsort((sheet.bound, z))
        for block in by_z[np.concatenate([[True], np.diff(z[by_z]) > 0])]:
            allowed = self._histories(sheet, int(block))
            chosen = allowed if sheet.space.structure.redshift is not None else allowed[[allowed.size // 2]]
            starts.append((np.array([block]), chosen))
        return starts

    @staticmethod
    def _histories(sheet: Sheet, block: int) -> NDArray[np.intp]:
        """Histories that a block may have."""
        allowed = sheet.space.allowed
        return np.arange(sheet.seen.shape[1]) if allowed is None else np.flatnonzero(allowed[block])

    def _nearest(self, sheet: Sheet, values: Mapping[str, float]) -> tuple[int, int]:
        """The model of a sheet that is nearest to these values, level by level."""
        models, place = sheet.space.models, []
        for axes in (models.blocks.parameters, models.histories.parameters):
            apart = np.zeros(len(next(iter(axes.values()))))
            for name, column in axes.items():
                levels = np.unique(column)
                if levels.size > 1:
                    at = np.interp(values.get(name, 0.0), levels, np.arange(levels.size))
                    apart += abs(np.searchsorted(levels, column) - at)
            place.append(apart)
        block = int(np.argmin(place[0]))
        allowed = self._histories(sheet, block)
        return block, int(allowed[np.argmin(place[1][allowed])])

    def _n_blocks(self, structure: Structure) -> int:
        levels = self.ingredients.levels(structure)
        blocks = ("ebv", "slope", "av_ism", "mu", "metallicity", "log_u", "agn_fraction", "redshift")
        return int(np.prod([len(levels.get(name, (0,))) for name in blocks]))

    def _refined(self, action: Refine) -> tuple[int, tuple[float, dict[str, float]]]:
        sheet = self.sheet
        assert sheet.place is not None
        wanted = {name: tuple(values) for name, values in action.parameters.items()}
        unknown = [name for name in wanted if name not in sheet.space.levels]
        if unknown:
            raise ParameterError(
                f"refine: {unknown[0]} is no parameter of {self.structure}, which has "
                f"{', '.join(sheet.space.levels)}."
            )
        size = int(np.prod([len(set(values)) for values in wanted.values()]))
        if size > self.budget.at_once:
            raise ParameterError(
                f"refine: {size} models at once, and {self.budget.at_once} are allowed. Name fewer values."
            )
        computed = 0
        new = {
            name: tuple(
                v for v in values if not np.isclose(v, sheet.space.levels[name], rtol=1e-9, atol=1e-12).any()
            )
            for name, values in wanted.items()
        }
        if any(new.values()):
            computed, sheet = self._extended({name: v for name, v in new.items() if v}, size)
        assert sheet.place is not None
        here = {name: (value,) for name, value in sheet.space.parameters(sheet.place).items()}
        part = sheet.space.part(here | wanted)
        if not part[0].size or not part[1].size:
            raise ParameterError(
                "refine: the universe is younger than every model of this sub-grid. Name lower values of age_main."
            )
        fresh = sheet.fresh(part)
        self._afford(fresh)
        least, place = self._least(sheet, [part])
        return computed + fresh, (least, sheet.space.parameters(place))

    def _extended(self, new: Mapping[str, tuple[float, ...]], size: int) -> tuple[int, Sheet]:
        """The sheet of the structure with levels added; what was computed before counts again if it is asked for."""
        structure, known = self.structure.with_levels(new), self.sheet
        assert known.place is not None
        self._has_room(structure)
        self._afford(size + 1, at_once=False)
        space = Space.of(self.ingredients, structure, self.given.z)
        sheet = Sheet.of(space, self.galaxy, self.floor, bounded=False)
        place = self._nearest(sheet, known.space.parameters(known.place))
        self._least(sheet, [(np.array([place[0]]), np.array([place[1]]))])
        self.structure = structure
        self._sheets[structure, self.dropped] = sheet
        return 1, sheet

    def _recalled(self, action: Recall) -> tuple[int, tuple[float, dict[str, float]]]:
        similar = self.knowledge.similar(self.given, self.bands, action.similar)
        self.recalled = tuple(similar)
        if not similar:
            raise ParameterError("recall: no other galaxy with these bands is known.")
        sheet = self.sheet
        places = dict.fromkeys(self._nearest(sheet, values) for values in similar)
        parts = [(np.array([block]), np.array([history])) for block, history in places]
        fresh = sum(sheet.fresh(part) for part in parts)
        self._afford(fresh)
        found = self._least(sheet, parts)
        return fresh, (found[0], sheet.space.parameters(found[1]))

    def _afford(self, models: int, *, at_once: bool = True) -> None:
        """Refuse what the budget does not allow.

        Raises:
            ParameterError: It does not.
        """
        if at_once and models > self.budget.at_once:
            raise ParameterError(
                f"this would be {models} models at once, and {self.budget.at_once} are allowed."
            )
        if self.total + models > self.budget.models:
            raise ParameterError(
                f"this would be {self.total + models} models in all, and {self.budget.models} are allowed. "
                f"Name fewer values, accept what is known, or stop."
            )

    def _observed(
        self, computed: int, found: tuple[float, dict[str, float]], before: float, parent: int
    ) -> Observation:
        sheet = self.sheet
        self.node = len(self._nodes)
        self._nodes.append((self.structure, self.dropped))
        assert sheet.place is not None
        space = sheet.space
        chi2, _, apart = residuals(space.models, sheet.galaxy, sheet.place, self.floor)
        worst = np.argsort(-np.abs(np.nan_to_num(apart)), kind="stable")[:SHOWN]
        promising, bound = sheet.promising()
        return Observation(
            self.node, parent, self.structure.modules, self.structure.redshift, self.dropped, chi2,
            int(sheet.galaxy.measured.sum()), space.parameters(sheet.place), found[0], found[1],
            float(before - sheet.chi2), computed, self.total, self.budget.rounds - self.rounds,
            tuple(edges(space.engine.grid, space.models, sheet.place)),
            {self.bands[i]: float(apart[i]) for i in worst if np.isfinite(apart[i])},
            promising, bound, self.recalled or (), space.open,
        )  # fmt: skip

    def fit(self) -> Fit:
        """The fit of the structure in hand by all of its models: means of the posterior, not the best model found.

        Where the structure looks for the redshift, the fit has none but that estimate, as for `photoz.Scan.fit`.

        Raises:
            ParameterError: No model agrees with the fluxes at a mass above 0.
        """
        sheet = self.sheet
        found = agreement(sheet.space.models, sheet.galaxy, self.floor)
        if sheet.space.allowed is not None:
            found.scale[~sheet.space.allowed] = 0.0
        free = self.structure.redshift is not None
        galaxy = without_redshift(sheet.galaxy) if free else sheet.galaxy
        return fitted(sheet.space.engine.grid, sheet.space.models, found, galaxy, self.floor)


def plain(observation: Observation) -> dict[str, Any]:
    """An observation as a line of a trace has it."""
    from dataclasses import asdict

    made = asdict(observation)
    del made["levels"]
    if not np.isfinite(made["bound"]):
        made["bound"] = None
    return made
