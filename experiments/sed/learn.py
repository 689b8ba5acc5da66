"""Learn what the rules know: the order of sub-grids, from real galaxies, and thresholds of changes, from mocks.

    python -m experiments.sed.learn [--mocks 40] [-o experiments/out/sed]

None of the galaxies and seeds is among those that `python -m experiments sed` judges on. Scores of mocks are kept, so
that a run that was stopped goes on. It writes `src/spectrove/sed/planner/lessons.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np

from experiments.sed.data import cosmos, ingredients, searched, split, zcosmos
from experiments.sed.mocks import FLOOR, KINDS, mock
from experiments.sed.search import AT_ONCE, FULL
from experiments.sed.search import FLOOR as SEARCHED_FLOOR
from spectrove.sed.bound import bounds
from spectrove.sed.likelihood import Photometry, agreement
from spectrove.sed.planner.bench import Bench, Budget, Observation
from spectrove.sed.planner.lessons import Lessons
from spectrove.sed.planner.rules import Rules, Trial, scores
from spectrove.sed.planner.run import planned
from spectrove.sed.planner.space import Space

#: Galaxies of each table of COSMOS, and sub-grids of the order.
GALAXIES, LONG = 15, 40

#: Thresholds that are tried, and the share of plain mocks that may be changed.
TRIED: dict[str, tuple[float, ...]] = {
    "redshift": (10, 15, 20, 30), "slope": (5, 6, 8, 10, 14), "burst": (5, 6, 8, 10), "agn": (5, 6, 8, 10),
    "band": (10, 12, 14, 17, 20),
}  # fmt: skip
FALSE = 0.04


class Lattice:
    """chi2 of every model of the grid for one galaxy, looked up by the levels of its parameters."""

    def __init__(self, space: Space, galaxy: Photometry) -> None:
        found = agreement(space.models, galaxy, SEARCHED_FLOOR)
        chi2 = np.where(found.scale > 0, found.chi2, np.float32(1e30))
        self.space, self.chi2, self.least = space, chi2, float(chi2.min())
        # A search begins at the block of least bound, which is not that of the best model.
        block = int(np.argmin(bounds(space.models, galaxy, SEARCHED_FLOOR)))
        middle = chi2.shape[1] // 2
        self.here, self.now = space.parameters((block, middle)), float(chi2[block, middle])
        self._known: dict[Any, tuple[float, dict[str, float]]] = {}

    def refined(self, subset: tuple[str, ...]) -> tuple[float, dict[str, float]]:
        """The least chi2 of a sub-grid around the model in hand, and its parameters."""
        key = (subset, tuple(self.here.items()))
        if key not in self._known:
            wanted: dict[str, tuple[float, ...]] = {name: (value,) for name, value in self.here.items()}
            wanted |= {name: self.space.levels[name] for name in subset}
            blocks, histories = self.space.part(wanted)
            part = self.chi2[np.ix_(blocks, histories)]
            i, j = np.unravel_index(int(np.argmin(part)), part.shape)
            self._known[key] = float(part[i, j]), self.space.parameters((int(blocks[i]), int(histories[j])))
        return self._known[key]


def learned_order() -> list[tuple[str, ...]]:
    """Sub-grids one after the other, each the one after which the galaxies are nearest to their best models."""
    lattices = []
    for sample in cosmos():
        for galaxy in split(sample, learning=True, count=GALAXIES):
            lattices.append(Lattice(Space.of(searched(sample), FULL, galaxy.z), galaxy))
    levels = lattices[0].space.open
    fitting = [
        subset for k in range(2, 6) for subset in combinations(levels, k)
        if np.prod([len(levels[name]) for name in subset]) <= AT_ONCE
    ]  # fmt: skip
    widest = [one for one in fitting if not any(set(one) < set(other) for other in fitting)]
    order: list[tuple[str, ...]] = []
    for _ in range(LONG):
        best = min(
            widest,
            key=lambda one: np.mean([np.log1p(min(g.refined(one)[0], g.now) - g.least) for g in lattices]),
        )
        order.append(best)
        for lattice in lattices:
            chi2, place = lattice.refined(best)
            if chi2 < lattice.now:
                lattice.now, lattice.here = chi2, place
    return order


class Tries(Rules):
    """Tries each change once and keeps none."""

    name = "tries"

    def needed(self, before: Observation, trials: list[Trial]) -> Trial | None:
        """None; what was tried is remembered."""
        if trials:
            gained = scores(before, trials)
            self.gained = {one.kind: gained[one.name] for one in trials}
            self.band = next((one.name.removeprefix("without ") for one in trials if one.kind == "band"), "")
        return None


def scored(count: int, folder: Path) -> list[dict[str, Any]]:
    """Scores of every change for mocks of each kind, kept one by one."""
    path = folder / "learned.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {(row["sample"], row["kind"], row["seed"]) for row in rows}
    for name, sample in (("cosmos", cosmos()[0]), ("zcosmos", zcosmos())):
        for kind, seed in product(KINDS, range(count)):
            if (name, kind, seed) in known:
                continue
            made, rules = mock(sample, kind, seed), Tries()
            planned(rules, Bench(ingredients(sample), sample.bands, made.galaxy, FLOOR, Budget(20)))
            right = kind != "band" or rules.band == made.detail
            rows.append({"sample": name, "kind": kind, "seed": seed, "gained": rules.gained, "right": right})
            with path.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    return rows


def learned_thresholds(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, float], dict[str, float]]:
    """Thresholds with the most right first changes, where few plain mocks are changed; and the shares of both."""
    names = list(TRIED)
    gained = np.array([[row["gained"].get(name, -1e9) for name in names] for row in rows])
    want = np.array(
        [names.index(row["kind"]) if row["kind"] in names and row["right"] else -1 for row in rows]
    )
    plain = np.array([row["kind"] == "plain" for row in rows])
    best: tuple[float, dict[str, float], dict[str, float]] = (-1.0, {}, {})
    for values in product(*TRIED.values()):
        beyond = gained - np.array(values)
        first = np.where(beyond.max(1) > 0, beyond.argmax(1), -1)
        false, right = float((first[plain] >= 0).mean()), float((first == want)[~plain].mean())
        if false <= FALSE and right > best[0]:
            best = right, dict(zip(names, map(float, values), strict=True)), {"right": right, "false": false}
    return best[1], best[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Learn, and write the lessons."""
    parser = argparse.ArgumentParser(prog="python -m experiments.sed.learn", description=__doc__)
    parser.add_argument("--mocks", type=int, default=40, metavar="N", help="of each kind and set of bands")
    parser.add_argument("-o", "--output", type=Path, default=Path("experiments/out/sed"), metavar="DIR")
    given = parser.parse_args(arguments)
    given.output.mkdir(parents=True, exist_ok=True)
    order = learned_order()
    thresholds, shares = learned_thresholds(scored(given.mocks, given.output))
    thresholds["clouds"] = thresholds["slope"]  # another law of attenuation, likewise
    lessons = {
        "version": Lessons.shipped().version + 1,
        "recipe": f"python -m experiments.sed.learn --mocks {given.mocks}: {GALAXIES} galaxies of each table of "
        f"COSMOS, and mocks of seeds below {given.mocks}",
        "order": order, "thresholds": thresholds,
    }  # fmt: skip
    import spectrove.sed.planner

    place = Path(spectrove.sed.planner.__file__).with_name("lessons.json")
    place.write_text(json.dumps(lessons, indent=1) + "\n", "utf-8")
    print(f"{len(order)} sub-grids; thresholds {thresholds}, on the mocks learned from {shares}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
