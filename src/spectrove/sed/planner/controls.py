"""Planners that a good one must beat: one that chooses at random, and one that keeps to a fixed order."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from spectrove.sed.planner.actions import Accept, Refine, SetModules
from spectrove.sed.planner.bench import Budget, Observation
from spectrove.sed.planner.rules import changes
from spectrove.sed.planner.run import Plan, Refused
from spectrove.sed.planner.search import covering

#: Share of the rounds of the random planner in which it changes the structure.
CHANGES = 0.2

#: What the fixed order opens before it refines.
ALWAYS = ("burst", "slope")


class Random:
    """Refines sub-grids of two to four parameters at random around the best model, and at times changes the structure.

    Args:
        seed: Of its choices.
        changing: Whether it changes structures.
    """

    def __init__(self, seed: int = 0, *, changing: bool = True) -> None:
        self.name, self.seed, self.changing = f"random {seed}", seed, changing

    def plan(self, first: Observation, budget: Budget) -> Plan:
        """Actions that do not look at what they showed, but for the best model."""
        draw, seen = np.random.default_rng(self.seed), first
        while seen.rounds > 0:
            possible = changes(seen) if self.changing and draw.random() < CHANGES else []
            if possible:
                action = possible[int(draw.integers(len(possible)))].action
            else:
                fitting = [
                    subset for k in (2, 3, 4) for subset in combinations(seen.levels, k)
                    if np.prod([len(seen.levels[name]) for name in subset]) <= budget.at_once
                ]  # fmt: skip
                subset = fitting[int(draw.integers(len(fitting)))]
                action = Refine(parameters={name: list(seen.levels[name]) for name in subset})
            now = yield action
            if isinstance(now, Refused):
                break
            seen = now
        yield Accept(reason=f"chi2 is {seen.chi2:.1f} for {seen.n_bands} bands.")


class FixedOrder:
    """Opens bursts and slope, and then refines sub-grids that cover all pairs of parameters, in the same order always.

    Args:
        opening: Whether it opens modules, or takes the structure that it begins with.
    """

    name = "fixed"

    def __init__(self, *, opening: bool = True) -> None:
        self.opening = opening

    def plan(self, first: Observation, budget: Budget) -> Plan:
        """Actions that do not look at what they showed, but for the best model."""
        seen = first
        if self.opening:
            now = yield SetModules(modules=list(ALWAYS))
            if not isinstance(now, Refused):
                seen = now
        order = covering(seen.levels, budget.at_once, seen.rounds)
        for subset in order:
            now = yield Refine(parameters={name: list(seen.levels[name]) for name in subset})
            if isinstance(now, Refused):
                break
            seen = now
        yield Accept(reason=f"chi2 is {seen.chi2:.1f} for {seen.n_bands} bands.")
