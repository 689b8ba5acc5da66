"""The planner that asks no model: settle the simplest structure, try each change, keep the one that explains most.

A change is kept where it lowers chi2 by more than the same change does on galaxies that do not need it. chi2 is taken
in units of that for each band of the best structure tried, so that models which are wrong in all do not
make every change look needed. Thresholds and the order of sub-grids were learned on galaxies of their own (`lessons`).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spectrove.sed.catalog import BAD
from spectrove.sed.planner.actions import Accept, DropBand, FreeRedshift, SetModules, Stop
from spectrove.sed.planner.bench import Budget, Observation
from spectrove.sed.planner.lessons import Lessons
from spectrove.sed.planner.run import Plan, Refused
from spectrove.sed.planner.search import Order, covering, exhausted, settle, widened

#: Rounds for the simplest structure, for each change that is tried, and for the structure that is kept.
FIRST, TRIED, KEPT = 4, 3, 4

#: Redshifts that are looked through.
REDSHIFTS = (0.01, 6.5)

#: How far from the best of them, in ln(1 + z), it is looked at more closely.
NEAR = 0.05

#: Changes that are tried, in this order, and the sub-grids that are computed then.
TOGETHER: dict[str, tuple[tuple[str, ...], ...]] = {
    "redshift": (("redshift", "age_main", "ebv"), ("redshift", "metallicity", "log_u", "tau_main")),
    "slope": (("slope", "ebv", "age_main"), ("slope", "metallicity", "log_u", "tau_main")),
    "burst": (("f_burst", "age_burst", "tau_burst", "ebv"), ("f_burst", "age_burst", "age_main", "tau_main")),
    "agn": (("agn_fraction", "ebv", "age_main"), ("agn_fraction", "metallicity", "log_u", "tau_main")),
    "band": (("ebv", "age_main", "tau_main"), ("ebv", "metallicity", "log_u", "age_main")),
}

#: A band is doubted where it is further off than this, in sigma.
DOUBTED = 3.0

#: Sub-grids that are ready for a structure.
MANY = 24

Going = Generator[Any, Observation | Refused, Any]


@dataclass(frozen=True)
class Trial:
    """A change that was tried.

    Attributes:
        name: "slope", "redshift", or "without BAND".
        seen: What came of it.
    """

    name: str
    seen: Observation

    @property
    def kind(self) -> str:
        """What its threshold is called."""
        return "band" if self.name.startswith("without ") else self.name


Tried = Generator[Any, Observation | Refused, tuple[list[Trial], int]]


class Rules:
    """Tries changes one by one and keeps what is needed.

    Args:
        lessons: Thresholds and the order of sub-grids; those of the package by default.
    """

    name = "rules"

    def __init__(self, lessons: Lessons | None = None) -> None:
        self.lessons = lessons or Lessons.shipped()

    def plan(self, first: Observation, budget: Budget) -> Plan:
        """Actions from what the start showed."""
        seen = yield from exhausted(first, FIRST, budget.at_once)
        if seen is None:
            seen = yield from self._settled(first, FIRST, budget)
        kept: list[tuple[Observation, Trial]] = []
        trials: list[Trial] = []
        while seen.rounds > TRIED:
            trials, left = yield from self._tried(seen, budget)
            best = self.needed(seen, trials)
            if best is None:
                seen = replace(seen, rounds=left)
                break
            kept.append((seen, best))
            trials = []
            seen = yield from self._settled(replace(best.seen, rounds=left), KEPT, budget)
        seen = yield from self._settled(seen, seen.rounds, budget)
        reason = told(seen, kept, trials)
        # By its node: the last structure in hand may be one that was tried and is not kept.
        if seen.chi2 > BAD * seen.n_bands:
            yield Stop(reason=f"no structure tried explains the photometry: {reason}", node=seen.node)
        yield Accept(reason=reason, node=seen.node)

    def order(self, seen: Observation, budget: Budget) -> Order:
        """Sub-grids of the structure in hand: those that were learned, or ones that cover it."""
        if {name for subset in self.lessons.order for name in subset} == set(seen.levels):
            return self.lessons.order
        return covering(seen.levels, budget.at_once, MANY)

    def _settled(self, seen: Observation, rounds: int, budget: Budget) -> Going:
        return (yield from settle(seen, rounds, self.order(seen, budget), budget.at_once))

    def _tried(self, seen: Observation, budget: Budget) -> Tried:
        """Each change of a structure, by an action and a sub-grid of what it opens; and how many rounds are left."""
        trials, left = [], seen.rounds
        for change in changes(seen):
            if left < TRIED:
                break
            opened = yield change.action
            if isinstance(opened, Refused):
                continue
            left = opened.rounds
            if change.name == "redshift":
                z = opened.best["redshift"]
                low, high = (float((1 + z) * np.exp(off) - 1) for off in (-NEAR, NEAR))
                opened = yield FreeRedshift(low=max(low, REDSHIFTS[0]), high=high, node=opened.node)
                if isinstance(opened, Refused):
                    continue
            left = opened.rounds
            rounds = TRIED - 2 if change.name == "redshift" else TRIED - 1
            order = [widened(subset, opened.levels, budget.at_once) for subset in change.together]
            tried = yield from settle(opened, rounds, order, budget.at_once)
            left = tried.rounds
            trials.append(Trial(change.name, tried))
        return trials, left

    def needed(self, before: Observation, trials: list[Trial]) -> Trial | None:
        """The change that gains most beyond its threshold; None where none gains as much as that."""
        if not trials:
            return None
        gained = scores(before, trials)
        beyond = {one.name: gained[one.name] - self.lessons.thresholds[one.kind] for one in trials}
        best = max(trials, key=lambda one: beyond[one.name])
        return best if beyond[best.name] > 0 else None


@dataclass(frozen=True)
class Change:
    """What may be changed.

    Attributes:
        name: "slope", "redshift", or "without BAND".
        action: That does it.
        together: Sub-grids that are computed then.
    """

    name: str
    action: Any
    together: tuple[tuple[str, ...], ...]


def changes(seen: Observation) -> list[Change]:
    """What may be changed in a structure."""
    found = []
    for name, together in TOGETHER.items():
        if name == "redshift":
            if seen.redshift is None:
                low, high = REDSHIFTS
                found.append(Change(name, FreeRedshift(low=low, high=high, node=seen.node), together))
        elif name == "band":
            worst, off = max(seen.residuals.items(), key=lambda one: abs(one[1]), default=("", 0.0))
            if abs(off) > DOUBTED:
                reason = f"{worst} is {off:.1f} sigma off the best model"
                dropped = DropBand(band=worst, reason=reason, node=seen.node)
                found.append(Change(f"without {worst}", dropped, together))
        elif name not in seen.modules and not {name, *seen.modules} >= {"slope", "clouds"}:
            action = SetModules(modules=[*seen.modules, name], node=seen.node)
            found.append(Change(name, action, together))
    return found


def scores(before: Observation, trials: list[Trial]) -> dict[str, float]:
    """By how much each change lowers chi2, in units of that for each band of the best structure tried, at least 1."""
    unit = max(1.0, min(one.seen.chi2 / one.seen.n_bands for one in trials))
    return {one.name: (before.chi2 - one.seen.chi2) / unit for one in trials}


def told(seen: Observation, kept: list[tuple[Observation, Trial]], trials: list[Trial]) -> str:
    """Why a structure is accepted, in figures of observations: what was kept, and what was tried in vain or not at all.

    Args:
        seen: The structure.
        kept: Each change that was kept, after what it is one of.
        trials: Changes of the structure that were not.
    """
    said = [f"chi2 is {seen.chi2:.1f} for {seen.n_bands} bands."]
    for before, trial in kept:
        said.append(f"{trial.name}: chi2 fell from {before.chi2:.1f} to {trial.seen.chi2:.1f}.")
    if trials:
        named = ", ".join(one.name for one in trials)
        said.append(f"Not needed: {named}; chi2 falls by no more than for galaxies that do not need it.")
    names = {one.name for one in trials}
    if left := [one.name for one in changes(seen) if one.name not in names]:
        said.append(f"Not tried with this structure: {', '.join(left)}.")
    return " ".join(said)
