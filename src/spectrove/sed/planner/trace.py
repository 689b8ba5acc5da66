"""What a planner did, written down galaxy by galaxy, and done again without it.

A trace is JSON Lines: a head with what models are made of, and for each galaxy its photometry, its start, a line for
each step and how it ended. Every observation has a sum of all of its digits, which a replay must reach again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spectrove.errors import DatasetError
from spectrove.plain import plain as as_plain
from spectrove.sed.likelihood import Photometry
from spectrove.sed.planner.bench import Budget, Observation, plain
from spectrove.sed.planner.knowledge import Knowledge
from spectrove.sed.planner.run import Plan, Planned, digest
from spectrove.sed.planner.space import Ingredients

#: Of the form of a file.
VERSION = 1


def print_of(ingredients: Ingredients) -> str:
    """A sum of all numbers that models are computed from: populations, filters, gas, dust, levels."""
    found = hashlib.blake2b(digest_size=12)
    of = ingredients
    arrays: list[Any] = [of.populations.luminosity, of.populations.ages, of.populations.surviving]
    for one in of.filters:
        arrays += [one.wavelength, one.transmission]
    if of.nebula is not None:
        arrays += [of.nebula.lines, of.nebula.continuum, of.nebula.log_u]
    if of.dust is not None:
        arrays += [of.dust.luminosity]
    for array in arrays:
        found.update(np.ascontiguousarray(array, float).tobytes())
    levels = {"core": dict(of.core), "modules": {name: dict(one) for name, one in of.modules.items()}}
    found.update(json.dumps(as_plain(levels), sort_keys=True).encode())
    return found.hexdigest()


def lines(done: Planned) -> list[dict[str, Any]]:
    """The lines of one galaxy."""
    given = done.bench.given
    galaxy = {"id": given.object_id, "redshift": given.z, "flux": given.flux, "error": given.error}
    first = plain(done.start)
    end: dict[str, Any] = {"reason": done.reason, "stopped": done.stopped, "changes": done.changes(),
                           "rounds": done.bench.rounds, "models": done.bench.total}  # fmt: skip
    if done.fit is not None:
        row = {
            name: value for name, value in done.fit.row(done.bench.bands).items() if name not in given.carried
        }
        end |= {"fit": row, "sum": digest(row)}
    made = [{"galaxy": galaxy, "planner": done.planner}, {"start": first, "sum": digest(first)}]
    return [as_plain(one) for one in (*made, *(step.line() for step in done.steps), {"end": end})]


@dataclass(frozen=True)
class Told:
    """One galaxy of a trace.

    Attributes:
        galaxy: Its photometry.
        planner: Who chose.
        start: Sum of what the start showed.
        steps: Lines of the steps.
        end: How it ended.
    """

    galaxy: Photometry
    planner: str
    start: str
    steps: tuple[dict[str, Any], ...]
    end: dict[str, Any]

    def of(self, galaxy: Photometry) -> bool:
        """Whether it is this galaxy: the same name, redshift and photometry."""
        ours, theirs = (np.concatenate([[one.z], one.flux, one.error]) for one in (self.galaxy, galaxy))
        return self.galaxy.object_id == galaxy.object_id and np.array_equal(ours, theirs, equal_nan=True)


@dataclass(frozen=True)
class Trace:
    """A trace that was read.

    Attributes:
        head: What models are made of, and the budget.
        galaxies: In their order; one that was not finished is not among them.
        whole: Bytes until the end of the last of them.
    """

    head: dict[str, Any]
    galaxies: tuple[Told, ...]
    whole: int

    @staticmethod
    def read(path: Path) -> Trace:
        """The trace of a file.

        Raises:
            DatasetError: It cannot be read, or is no trace.
        """
        try:
            raw = path.read_bytes()
            head_line, _, rest = raw.partition(b"\n")
            head = json.loads(head_line)
            if len(head_line) == len(raw):
                raise ValueError("its first line was not finished")
            if head["trace"] != VERSION:
                raise ValueError(f"its form is version {head['trace']}, expected {VERSION}")
            galaxies, whole, group = [], len(head_line) + 1, []
            at = whole
            for line in rest.splitlines(keepends=True):
                at += len(line)
                if not line.endswith(b"\n"):
                    break
                group.append(json.loads(line))
                if "end" in group[-1]:
                    galaxies.append(_told(group))
                    group, whole = [], at
            return Trace(head, tuple(galaxies), whole)
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError,
                RecursionError) as error:  # fmt: skip
            raise DatasetError(
                f"{path}: no trace of plans ({error}). Give a file that sed plan --trace wrote."
            ) from error

    @property
    def budget(self) -> Budget:
        """Of each galaxy, without a limit of time: a replay may be slower.

        Raises:
            DatasetError: The head has none.
        """
        try:
            known = Budget(**self.head["budget"])
            counts = (known.rounds, known.models, known.at_once, known.refusals)
            if not all(type(one) is int and one >= 0 for one in counts):
                raise TypeError(f"{counts}, expected whole numbers")
            return replace(known, seconds=float("inf"))
        except (KeyError, TypeError) as error:
            raise DatasetError(f"the trace has no budget ({error}). Make it again with sed plan.") from error

    @property
    def bands(self) -> tuple[str, ...]:
        """Labels of the filters.

        Raises:
            DatasetError: The head has none, one twice, or not as many as a galaxy has fluxes.
        """
        bands = self.head.get("bands")
        if not isinstance(bands, list) or not all(isinstance(one, str) for one in bands):
            raise DatasetError("the trace does not say its bands. Make it again with sed plan.")
        if len(set(bands)) < len(bands):
            raise DatasetError("the trace has a band twice. Make it again with sed plan.")
        for one in self.galaxies:
            if not len(one.galaxy.flux) == len(one.galaxy.error) == len(bands):
                raise DatasetError(
                    f"{one.galaxy.object_id}: {len(one.galaxy.flux)} fluxes and {len(one.galaxy.error)} errors in "
                    f"the trace, expected {len(bands)}, one for each band. Make it again with sed plan."
                )
        return tuple(bands)

    @property
    def floor(self) -> float:
        """Share of each flux that is added to its error.

        Raises:
            DatasetError: The head has none.
        """
        floor = self.head.get("floor")
        if not isinstance(floor, int | float) or not 0 <= floor <= 1:
            raise DatasetError(f"the trace has an error floor of {floor!r:.40}, expected 0 to 1.")
        return float(floor)


def _told(group: Sequence[dict[str, Any]]) -> Told:
    first, start, *steps, last = group
    for step in steps:
        if "action" not in step or not isinstance(step["action"], dict | str):
            raise ValueError("a step has no action")
        _recalled(step)
    known = first["galaxy"]
    galaxy = Photometry(
        str(known["id"]), _number(known["redshift"]), np.array([_number(v) for v in known["flux"]]),
        np.array([_number(v) for v in known["error"]]),
    )  # fmt: skip
    end = dict(last["end"])
    end |= {"changes": [str(one) for one in end["changes"]], **{key: str(end[key]) for key in ("reason", "stopped")},
            **{key: int(end[key]) for key in ("rounds", "models")}}  # fmt: skip
    if not isinstance(end.get("fit", {}), dict):
        raise ValueError("a fit has no names")
    return Told(galaxy, str(first["planner"]), str(start["sum"]), tuple(steps), end)


def _recalled(step: dict[str, Any]) -> list[dict[str, float]] | None:
    """What knowledge brought in a step; None where it was not asked."""
    rows = step.get("recalled", step.get("observation", {}).get("recalled") or None)
    return None if rows is None else [{str(n): float(v) for n, v in row.items()} for row in rows]


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


@dataclass(frozen=True)
class Recorded:
    """The planner of a trace: the same actions again, whoever chose them.

    Attributes:
        told: The galaxy of the trace.
    """

    told: Told

    @property
    def name(self) -> str:
        """Of whoever chose."""
        return self.told.planner

    def plan(self, first: Observation, budget: Budget) -> Plan:
        """The actions of the trace; what they show is not looked at. What came too late then is not done now."""
        del first, budget
        for line in self.told.steps:
            if not line.get("late"):
                yield line["action"]


class Remembered(Knowledge):
    """What `recall` brought when the trace was written.

    Args:
        told: The galaxy of the trace.
    """

    def __init__(self, told: Told) -> None:
        super().__init__()
        brought = [_recalled(line) for line in told.steps if not line.get("late")]
        self._lists: Iterator[list[dict[str, float]]] = iter([one for one in brought if one is not None])

    def similar(self, galaxy: Photometry, bands: tuple[str, ...], count: int) -> list[dict[str, float]]:
        """The same as then."""
        del galaxy, bands, count
        return next(self._lists, [])


def differences(told: Told, again: Planned) -> list[str]:
    """In what doing a galaxy again differs, to the last digit; nothing where it does not."""
    now = lines(again)
    found = [] if now[1]["sum"] == told.start else ["the start"]
    then = [line for line in told.steps if not line.get("late")]
    steps = now[2:-1]
    for number, (old, new) in enumerate(zip(then, steps, strict=False), 1):
        # What was no action at all is kept as text alone, so that its second refusal has other words.
        kept = ["sum", "refused"] if isinstance(old["action"], dict) else ["sum"]
        found += [f"step {number}: {key}" for key in kept if old.get(key) != new.get(key)]
    if len(then) != len(steps):
        found.append(f"{len(steps)} steps, {len(then)} in the trace")
    keys = (
        ("reason", "changes", "sum")
        if len(then) < len(told.steps)
        else ("reason", "stopped", "changes", "sum")
    )
    found += [f"the {key} at the end" for key in keys if now[-1]["end"].get(key) != told.end.get(key)]
    return found
