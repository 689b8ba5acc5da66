"""How the best model of a structure is looked for in rounds: sub-grids of a few parameters, then a promising block.

A sub-grid holds every combination of the levels of some parameters. Where all sub-grids of the order have nothing new
around the best model, the search goes on from the block of models whose bound is least and that was not looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from spectrove.sed.planner.actions import Refine
from spectrove.sed.planner.bench import Observation
from spectrove.sed.planner.run import Refused

Order = Sequence[tuple[str, ...]]

#: Gain of chi2 that counts as one.
GAIN = 1e-3

#: Sub-grids of a new start that is not as good as the best model, before the next one.
SHORT = 8


def settle(
    first: Observation, rounds: int, order: Order, at_once: int
) -> Generator[Any, Observation | Refused, Observation]:
    """Rounds of sub-grids in the structure in hand; gives back the last observation.

    Args:
        first: Of the structure.
        rounds: Most of them.
        order: Parameters of each sub-grid, again from the first when all were done.
        at_once: Most models of one.
    """
    seen, here, least = first, dict(first.best), first.chi2
    done: list[dict[str, set[float]]] = []
    place = idle = 0
    most = len(order)
    while rounds > 0 and seen.rounds > 0:
        if idle >= most:
            if not seen.promising:
                break
            here = dict(seen.best) | seen.promising
            least, idle, place, most = np.inf, 0, 0, min(SHORT, len(order))
        names = [name for name in order[place % len(order)] if name in seen.levels]
        place += 1
        part = thinned({name: seen.levels[name] for name in names}, here, at_once)
        wanted = {name: {value} for name, value in here.items()} | {n: set(v) for n, v in part.items()}
        if not names or any(all(v <= known[n] for n, v in wanted.items()) for known in done):
            idle += 1
            continue
        done.append(wanted)
        now = yield Refine(parameters={n: sorted(v) for n, v in wanted.items()}, node=seen.node)
        if isinstance(now, Refused):
            break
        rounds -= 1
        seen = now
        if now.found < least - GAIN:
            here, least, idle = dict(now.found_at), now.found, 0
        else:
            idle += 1
    return seen


def exhausted(
    first: Observation, rounds: int, at_once: int
) -> Generator[Any, Observation | Refused, Observation | None]:
    """All models of a structure, in rounds of as many as may be computed at once; None where these are too many."""
    parts: list[dict[str, tuple[float, ...]]] = [dict(first.levels)]
    while (largest := max(parts, key=_size)) and _size(largest) > at_once:
        name = max(largest, key=lambda one: len(largest[one]))
        half = len(largest[name]) // 2
        parts.remove(largest)
        parts += [largest | {name: largest[name][:half]}, largest | {name: largest[name][half:]}]
        if len(parts) > rounds:
            return None
    seen = first
    for part in parts:
        now = yield Refine(parameters={n: list(v) for n, v in part.items()}, node=seen.node)
        if isinstance(now, Refused):
            break
        seen = now
    return seen


def _size(part: Mapping[str, tuple[float, ...]]) -> int:
    return int(np.prod([len(values) for values in part.values()]))


def thinned(
    levels: Mapping[str, tuple[float, ...]], here: Mapping[str, float], most: int
) -> dict[str, tuple[float, ...]]:
    """Levels of which there are at most so many combinations: the longest are cut to those near the values here."""
    kept = {name: list(values) for name, values in levels.items()}
    while np.prod([len(values) for values in kept.values()]) > most:
        name = max(kept, key=lambda one: len(kept[one]))
        values = kept[name]
        at = float(np.argmin([abs(value - here.get(name, values[0])) for value in values]))
        del values[0 if at > (len(values) - 1) / 2 else -1]
    return {name: tuple(values) for name, values in kept.items()}


def widened(subset: tuple[str, ...], levels: Mapping[str, tuple[float, ...]], most: int) -> tuple[str, ...]:
    """A sub-grid with further parameters, those of few levels first, as long as it stays within so many models."""
    kept = [name for name in subset if name in levels]
    for name in sorted(levels, key=lambda one: len(levels[one])):
        if name not in kept and np.prod([len(levels[one]) for one in (*kept, name)]) <= most:
            kept.append(name)
    return tuple(kept)


def covering(levels: Mapping[str, tuple[float, ...]], most: int, count: int) -> list[tuple[str, ...]]:
    """Sub-grids that bring every two and three parameters together soon, for structures that no order was learned for.

    Args:
        levels: Of the open parameters.
        most: Combinations of levels in one.
        count: How many sub-grids.
    """
    size = {name: len(values) for name, values in levels.items()}
    fitting = [
        subset for k in range(1, min(5, len(size)) + 1) for subset in combinations(size, k)
        if np.prod([size[name] for name in subset]) <= most
    ]  # fmt: skip
    widest = [one for one in fitting if not any(set(one) < set(other) for other in fitting)]
    met: Counter[tuple[str, ...]] = Counter()
    order: list[tuple[str, ...]] = []
    for _ in range(count if widest else 0):
        best = max(widest, key=lambda one: sum(0.5 ** met[pair] for pair in _together(one)))
        order.append(best)
        met.update(_together(best))
    return order


def _together(subset: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [pair for k in (1, 2, 3) for pair in combinations(subset, k)]
