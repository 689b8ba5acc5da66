"""A galaxy from its photometry to an accepted structure: a planner proposes, the program checks, counts and does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from spectrove.agents.figures import unfounded
from spectrove.errors import ParameterError
from spectrove.plain import plain as as_plain
from spectrove.sed.catalog import Fit
from spectrove.sed.planner.actions import ACTIONS, Accept, Action, Stop, action_of
from spectrove.sed.planner.bench import Bench, Budget, Observation, plain


@dataclass(frozen=True)
class Refused:
    """What a planner is sent in the place of an observation.

    Attributes:
        error: Why its action was not done.
    """

    error: str


#: A planner at work: it gives actions and is sent what each showed.
Plan = Generator[Any, Observation | Refused, None]


class Planner(Protocol):
    """What chooses the next action."""

    @property
    def name(self) -> str:
        """As a trace says it."""

    def plan(self, first: Observation, budget: Budget) -> Plan:
        """Actions, or plain values of actions, from what the start showed."""


@dataclass(frozen=True)
class Step:
    """An action and what came of it.

    Attributes:
        action: As plain values.
        observation: After it; None where no models were computed.
        refused: Why it was not done; "" if it was.
        seconds: How long it took.
        late: Whether it was refused because time was over, which another run cannot repeat.
        recalled: What knowledge brought where the action was refused after; None where it was not asked.
    """

    action: Any
    observation: Observation | None = None
    refused: str = ""
    seconds: float = 0.0
    late: bool = False
    recalled: tuple[dict[str, float], ...] | None = None

    def line(self) -> dict[str, Any]:
        """As plain values, with a sum of all digits of the observation."""
        made: dict[str, Any] = {"action": as_plain(self.action), "seconds": round(self.seconds, 4)}
        if self.refused:
            made["refused"] = self.refused
        if self.late:
            made["late"] = True
        if self.recalled is not None:
            made["recalled"] = as_plain(self.recalled)
        if self.observation is not None:
            known = plain(self.observation)
            made |= {"observation": known, "sum": digest(known)}
        return made


def digest(known: Any) -> str:
    """A sum of plain values to the last digit."""
    text = json.dumps(as_plain(known), sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass
class Planned:
    """A galaxy with all that was done to it.

    Attributes:
        bench: Where it was done.
        planner: Who chose.
        start: What the simplest structure showed.
        steps: In their order.
        reason: Why the structure is accepted; "" if it is not.
        stopped: Why none is; "" if one is.
        fit: Of the structure at the end, by all of its models; None if it cannot be fitted.
    """

    bench: Bench
    planner: str
    start: Observation
    steps: list[Step] = field(default_factory=list)
    reason: str = ""
    stopped: str = ""
    fit: Fit | None = None

    @property
    def observations(self) -> list[Observation]:
        """Of all steps that computed models, the start first."""
        return [self.start, *(step.observation for step in self.steps if step.observation is not None)]

    def changes(self) -> list[str]:
        """How the structure at the end differs from the one at the start, in the order in which that came about."""
        seen = {one.node: one for one in self.observations}
        path, node = [], self.bench.node
        while node:
            path.append(seen[node])
            node = seen[node].parent
        found: dict[str, None] = {}
        for one in reversed(path):
            free = ["redshift"] if one.redshift is not None else []
            now = [*one.modules, *free, *(f"without {band}" for band in one.dropped)]
            known = {*self.start.modules, *(["redshift"] if self.start.redshift is not None else [])}
            found = {name: None for name in found if name in now} | {n: None for n in now if n not in known}
        return list(found)


def planned(planner: Planner, bench: Bench, tell: Callable[[Step], None] | None = None) -> Planned:
    """Let a planner find the structure of a galaxy, and fit it.

    Args:
        planner: Chooses actions. What it gives is checked, whatever it is.
        bench: With the galaxy.
        tell: Is told each step once it is done.

    Raises:
        ParameterError: The galaxy cannot be fitted at all.
    """
    begun = monotonic()
    done = Planned(bench, planner.name, bench.start())
    plan, budget = planner.plan(done.start, bench.budget), bench.budget
    given: Observation | Refused | None = None
    refusals = 0
    while not done.reason and not done.stopped:
        try:
            proposed = next(plan) if given is None else plan.send(given)
        except StopIteration:
            done.stopped = "the planner has ended without accepting a structure"
            break
        step = _done(proposed, done, monotonic() - begun)
        done.steps.append(step)
        if tell is not None:
            tell(step)
        if step.refused:
            refusals += 1
            if refusals > budget.refusals:
                done.stopped = f"{refusals} actions were refused, the last because: {step.refused}"
        given = step.observation or Refused(step.refused)
    plan.close()
    try:
        done.fit = bench.fit()
    except ParameterError as error:
        done.stopped = done.stopped or str(error)
    return done


def _done(proposed: Any, done: Planned, elapsed: float) -> Step:
    """Do what is proposed, or say why not."""
    begun = monotonic()
    try:
        action: Action = action_of(proposed)
    except ParameterError as error:
        return Step(repr(proposed)[:200], refused=str(error)[:500])
    told = action.model_dump()
    if isinstance(action, Stop):
        try:
            done.bench.go_back(action.node)
        except ParameterError as error:
            return Step(told, refused=str(error)[:500])
        done.stopped = action.reason
        return Step(told)
    if isinstance(action, Accept):
        known = [plain(one) for one in done.observations]
        wrong = unfounded(action.reason, known, [*done.bench.bands, *ACTIONS])
        if wrong:
            return Step(told, refused=f"figures that no observation has: {', '.join(wrong[:5])}. Give those of "
                f"observations.")  # fmt: skip
        try:
            done.bench.go_back(action.node)
        except ParameterError as error:
            return Step(told, refused=str(error)[:500])
        done.reason = action.reason
        return Step(told)
    if elapsed > done.bench.budget.seconds:
        over = f"{done.bench.budget.seconds:g} seconds are over. Accept what is known, or stop."
        return Step(told, refused=over, late=True)
    try:
        observation = done.bench.do(action)
    except ParameterError as error:
        return Step(told, refused=str(error)[:500], recalled=done.bench.recalled)
    return Step(told, observation, seconds=monotonic() - begun)
