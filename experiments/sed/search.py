"""How near a planner comes to the best model of a whole grid, in twenty rounds and with 1% of the models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parts import Section
from experiments.sed.bench import Bench
from experiments.sed.data import cosmos, searched, split
from spectrove.sed.likelihood import agreement
from spectrove.sed.planner.actions import Accept
from spectrove.sed.planner.bench import Bench as Desk
from spectrove.sed.planner.bench import Budget, Observation
from spectrove.sed.planner.controls import FixedOrder, Random
from spectrove.sed.planner.lessons import Lessons
from spectrove.sed.planner.run import Plan, Planner, planned
from spectrove.sed.planner.search import covering, settle
from spectrove.sed.planner.space import Space, Structure

#: The structure that is searched, the error floor of the archive, and models of one sub-grid.
FULL, FLOOR, AT_ONCE = Structure(("burst", "slope")), 0.1, 300

ROUNDS, SHARE = (3, 5, 10, 20), 0.01

#: Resamples of a paired bootstrap.
RESAMPLES = 2000


@dataclass(frozen=True)
class Searching:
    """Settles the structure that it begins with, in the learned order or in one that only covers it."""

    name: str
    learned: bool

    def plan(self, first: Observation, budget: Budget) -> Plan:
        """Rounds of sub-grids until none is left."""
        order = Lessons.shipped().order if self.learned else covering(first.levels, budget.at_once, 24)
        yield from settle(first, 1000, order, budget.at_once)
        yield Accept(reason="searched")


@dataclass(frozen=True)
class Searched:
    """One galaxy by one planner.

    Attributes:
        best: Least chi2 of the whole grid.
        above: chi2 above it after each round of `ROUNDS`, and at the end.
        share: Models computed, of the whole grid, likewise.
    """

    best: float
    above: tuple[float, ...]
    share: tuple[float, ...]


#: Planners, and the budget of each.
PLANNERS: dict[str, tuple[Callable[[int], Planner], Budget]] = {
    "rules": (lambda seed: Searching("rules", True), Budget(20, at_once=AT_ONCE)),
    "rules, order not learned": (lambda seed: Searching("covering", False), Budget(20, at_once=AT_ONCE)),
    "fixed order": (lambda seed: FixedOrder(opening=False), Budget(20, at_once=AT_ONCE)),
    "random": (lambda seed: Random(seed, changing=False), Budget(20, at_once=AT_ONCE)),
    "rules, 1% of the models": (lambda seed: Searching("rules", True), Budget(1000, at_once=AT_ONCE)),
}  # fmt: skip


def run(bench: Bench) -> Section:
    """The table of planners, with paired bootstraps against the random one."""
    found: dict[str, list[Searched]] = {name: [] for name in PLANNERS}
    for i, sample in enumerate(cosmos()):
        for j, galaxy in enumerate(split(sample, learning=False, count=bench.galaxies // 4)):
            models = Space.of(searched(sample), FULL, galaxy.z).models
            whole = agreement(models, galaxy, FLOOR)
            best = float(np.min(np.where(whole.scale > 0, whole.chi2, np.inf)))
            size = int(whole.chi2.size)
            for name, (make, budget) in PLANNERS.items():
                allowed = replace(budget, models=int(SHARE * size)) if "1%" in name else budget
                desk = Desk(searched(sample), sample.bands, galaxy, FLOOR, allowed, structure=FULL)
                done = planned(make(1000 * i + j), desk)
                found[name].append(_judged(done.observations, best, size))
    rows, lines = [], []
    random = _last(found["random"])
    for name, all_of in found.items():
        row: dict[str, Any] = {"planner": name, "n": len(all_of)} | _scores(all_of)
        row["beats_random"] = _beats(_last(all_of), random) if name != "random" else None
        rows.append(row)
        for k, rounds in enumerate((*ROUNDS, "end")):
            if "1%" in name and rounds != "end":
                continue
            above = np.array([one.above[k] for one in all_of])
            share = 100 * float(np.median([one.share[k] for one in all_of]))
            lines.append(f"| {name} | {rounds} | {share:.2f}% | {_cells(above, all_of)} |")
    text = (
        f"{len(found['rules'])} galaxies of COSMOS (redshifts not vetted) that no lesson was learned on, a quarter "
        "from each bin of redshift; 30 bands or more, floor 10%, limits. Grid: bursts, free slope, 864,000 models if "
        f"the universe is old enough. Sub-grids of at most {AT_ONCE} models; bounds count as models. One seed of the "
        "random planner for each galaxy. Delta is chi2 above the best of the whole grid; +- is the binomial error.\n\n"
        "| planner | rounds | models, median | median delta | 84% | delta <= 1 | 90% of the chi2 ratio |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
    )
    text += "\n".join(
        f"{row['planner']} against random at the end: mean of min(delta, 20) lower by {row['beats_random'][0]:.2f} "
        f"[{row['beats_random'][1]:.2f} {row['beats_random'][2]:.2f}] (95%, {RESAMPLES} paired resamples)."
        for row in rows if row["beats_random"]
    )  # fmt: skip
    return Section("Searches of a grid", tuple(rows), text)


def _judged(seen: list[Observation], best: float, size: int) -> Searched:
    least = np.minimum.accumulate([one.chi2 for one in seen])
    total = [one.total for one in seen]
    places = [min(rounds, len(seen) - 1) for rounds in ROUNDS] + [len(seen) - 1]
    above = tuple(max(0.0, float(least[k]) - best) for k in places)
    return Searched(best, above, tuple(total[k] / size for k in places))


def _last(all_of: list[Searched]) -> NDArray[np.float64]:
    return np.array([one.above[-1] for one in all_of])


def _scores(all_of: list[Searched]) -> dict[str, float]:
    above = _last(all_of)
    ratio = 1 + above / np.array([one.best for one in all_of])
    return {
        "median": float(np.median(above)), "p84": float(np.percentile(above, 84)),
        "within_1": float((above <= 1).mean()), "p90_ratio": float(np.percentile(ratio, 90)),
        "share": float(np.median([one.share[-1] for one in all_of])),
    }  # fmt: skip


def _cells(above: NDArray[np.float64], all_of: list[Searched]) -> str:
    within = float((above <= 1).mean())
    error = np.sqrt(max(within * (1 - within), 0.25 / above.size) / above.size)
    ratio = np.percentile(1 + above / np.array([one.best for one in all_of]), 90)
    return (
        f"{np.median(above):.2f} | {np.percentile(above, 84):.2f} | {within:.2f} +- {error:.2f} | {ratio:.4f}"
    )


def _beats(own: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float, float]:
    """By how much the mean of min(delta, 20) is lower, with 95% of paired resamples."""
    apart = np.minimum(other, 20) - np.minimum(own, 20)
    draw = np.random.default_rng(0).integers(apart.size, size=(RESAMPLES, apart.size))
    low, high = np.percentile(apart[draw].mean(1), [2.5, 97.5])
    return float(apart.mean()), float(low), float(high)
