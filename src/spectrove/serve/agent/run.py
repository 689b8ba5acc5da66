"""A question from its words to its answer: a planner proposes, the program checks, counts and does."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from pydantic import ValidationError

from spectrove.agents.figures import unfounded, without
from spectrove.errors import DatasetError
from spectrove.plain import plain
from spectrove.serve.agent.actions import Action, Call, Reply, Stop, action_of
from spectrove.serve.agent.tools import Result, Tools
from spectrove.serve.service.problems import Problem

#: Longest action that is kept as it is where it is none of those that are understood, characters of JSON.
KEPT = 20_000

#: Arguments of tools that name spectra.
NAMING = ("objects", "spectra", "like", "unlike")

#: A planner at work: it gives actions and is sent the result of each.
Plan = Generator[Any, Result, None]


class Planner(Protocol):
    """What chooses the next action."""

    @property
    def name(self) -> str:
        """As a trace says it."""

    def plan(self, question: str, tools: Tools) -> Plan:
        """Actions, or plain values of actions; each call is answered by its result, a refused action by why."""


@dataclass(frozen=True)
class Budget:
    """The most that one question may cost. What would go beyond is not done.

    Attributes:
        calls: Tools that are called.
        spectra: Spectra that calls name, together.
        seconds: Of all calls together: none begins after.
        refusals: Actions that are refused, as of a planner that does not learn.
    """

    calls: int = 12
    spectra: int = 5000
    seconds: float = 600.0
    refusals: int = 5


@dataclass
class Step:
    """An action and what came of it.

    Attributes:
        action: As plain values.
        result: Of a call that was made; None otherwise.
        refused: Why it was not done; "" if it was.
        seconds: How long it took.
    """

    action: Any
    result: Result | None = None
    refused: str = ""
    seconds: float = 0.0

    def line(self) -> dict[str, Any]:
        """The line of a trace."""
        made: dict[str, Any] = {"action": plain(self.action), "seconds": round(self.seconds, 3)}
        if self.refused:
            made["refused"] = self.refused
        if self.result is not None:
            made |= {"sum": self.result.sum, "counts": dict(self.result.counts)}
            made |= {"error": self.result.error} if self.result.error else {}
        return made


@dataclass
class Conversation:
    """A question with all that was done to answer it.

    Attributes:
        question: Its words.
        planner: Who chose.
        base: The base that was asked, as name and version.
        steps: In their order.
        answer: The reply; "" if there is none.
        stopped: Why there is no answer; "" if there is one.
        results: Of the calls that were made.
        spectra: That these calls named, together.
        refused: Actions that were not done.
    """

    question: str
    planner: str
    base: dict[str, Any]
    steps: list[Step] = field(default_factory=list)
    answer: str = ""
    stopped: str = ""
    results: list[Result] = field(default_factory=list)
    spectra: int = 0
    refused: int = 0

    def add(self, step: Step) -> None:
        """Note a step, and count it."""
        self.steps.append(step)
        self.refused += bool(step.refused)
        if step.result is not None:
            self.results.append(step.result)
            self.spectra += _n_spectra(step.action.get("arguments", {}))

    def cited(self) -> list[str]:
        """The objects that the answer names and a result holds."""
        known = dict.fromkeys(name for result in self.results for name in _object_ids(result.to_dict()))
        return [name for name in known if without(self.answer, [name]) != self.answer]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `ask --json` prints them."""
        return {
            "question": self.question, "answer": self.answer or None, "stopped": self.stopped or None,
            "cited": self.cited(), "planner": self.planner, "base": self.base,
            "steps": [step.line() for step in self.steps],
        }  # fmt: skip


def converse(
    planner: Planner,
    question: str,
    tools: Tools,
    budget: Budget | None = None,
    tell: Callable[[Step], None] | None = None,
) -> Conversation:
    """Let a planner answer a question.

    Args:
        planner: Chooses actions. What it gives is checked, whatever it is.
        question: In words.
        tools: Of the base.
        budget: The most that it may cost.
        tell: Is told each step once it is done.
    """
    budget = budget or Budget()
    with tools.base.shown() as base:
        about = {"name": tools.base.name, "version": base.version}
    done = Conversation(question, planner.name, about)
    plan, given = planner.plan(question, tools), None
    begun = monotonic()
    while not done.answer and not done.stopped:
        try:
            proposed = next(plan) if given is None else plan.send(given)
        except StopIteration:
            done.stopped = "the planner has ended without an answer"
            break
        step = _done(proposed, done, tools, budget, monotonic() - begun)
        done.add(step)
        if tell is not None:
            tell(step)
        given = step.result or Result(error=step.refused)
        if done.refused > budget.refusals and not done.answer:
            done.stopped = f"{budget.refusals + 1} actions were refused, the last because: {step.refused}"
    plan.close()
    return done


def _done(proposed: Any, done: Conversation, tools: Tools, budget: Budget, elapsed: float) -> Step:
    """Do what is proposed, or say why not."""
    begun = monotonic()
    proposed = proposed if isinstance(proposed, Call | Reply | Stop) else _plainly(proposed)
    try:
        action: Action = proposed if isinstance(proposed, Call | Reply | Stop) else action_of(proposed)
    except ValidationError as error:
        return Step(proposed, refused=f"no action: {error.errors()[0]['msg']}. Call a tool, reply, or stop.")
    if isinstance(action, Stop):
        done.stopped = action.reason
        return Step(action.model_dump())
    if isinstance(action, Reply):
        step = Step(action.model_dump(), refused=_unfounded(action, done, tools))
        done.answer = "" if step.refused else action.text
        return step
    try:
        asked = tools.checked(action.tool, action.arguments)
        _afford(asked, done, budget, elapsed)
    except Problem as error:
        return Step(action.model_dump(), refused=error.detail)
    result = tools.call(action.tool, asked)
    return Step(action.model_dump(), result, seconds=monotonic() - begun)


def _afford(asked: Any, done: Conversation, budget: Budget, elapsed: float) -> None:
    """Refuse a call that the budget does not allow.

    Raises:
        Problem: It does not.
    """
    wanted = _n_spectra(asked.model_dump())
    for name, would_be, most in (
        ("calls", len(done.results) + 1, budget.calls),
        ("spectra", done.spectra + wanted, budget.spectra),
    ):
        if would_be > most:
            raise Problem(
                422,
                f"this would be {would_be} {name}, and {most} are allowed. Reply with what is known, or stop.",
            )
    if elapsed > budget.seconds:
        raise Problem(422, f"{budget.seconds:g} seconds are over. Reply with what is known, or stop.")


def _n_spectra(arguments: Any) -> int:
    return sum(len(arguments.get(name) or ()) for name in NAMING)


def _unfounded(reply: Reply, done: Conversation, tools: Tools) -> str:
    """Why a reply is not given; "" if every figure in it is one of a result."""
    results = [result.to_dict() for result in done.results]
    names = {done.question, *(name for result in results for name in _names(result)), *tools}
    wrong = unfounded(reply.text, [*results, done.question], names)
    return f"figures that no result has: {', '.join(wrong[:5])}. Give those of results." if wrong else ""


def _names(value: Any) -> Iterable[str]:
    """Names of objects in plain values, and of their columns."""
    if isinstance(value, dict):
        yield from map(str, value)
        yield from (one for one in (value.get("object_id"),) if isinstance(one, str))
    for one in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    ):
        yield from _names(one)


def _object_ids(value: Any) -> Iterable[str]:
    """Names of objects in plain values."""
    if isinstance(value, dict) and isinstance(value.get("object_id"), str):
        yield value["object_id"]
    for one in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    ):
        yield from _object_ids(one)


def _plainly(value: Any) -> Any:
    """What is proposed as a trace keeps it, which is judged: done again from the trace it is judged alike."""
    try:
        text = json.dumps(value)
        return json.loads(text) if len(text) <= KEPT else repr(value)[:200]
    except (TypeError, ValueError, RecursionError):
        return repr(value)[:200]


def write_trace(done: Conversation, path: Path) -> None:
    """A line of JSON for the question, one for each step, and one for how it ended."""
    head = {"question": done.question, "planner": done.planner, "base": done.base}
    end = {"answer": done.answer, "stopped": done.stopped}
    lines = [head, *(step.line() for step in done.steps), end]
    path.write_text("".join(_json(line) + "\n" for line in lines), "utf-8")


def _json(line: dict[str, Any]) -> str:
    text = json.dumps(line, ensure_ascii=False)
    return (
        text if text.isprintable() else json.dumps(line)
    )  # halves of characters cannot be written otherwise


@dataclass(frozen=True)
class Recorded:
    """The planner of a trace: the same actions again, whoever chose them.

    Attributes:
        question: The question of the trace.
        lines: Its steps.
        answer, stopped: How it ended.
    """

    question: str
    lines: tuple[dict[str, Any], ...]
    answer: str
    stopped: str
    name: str = "trace"

    @staticmethod
    def read(path: Path) -> Recorded:
        """A trace that `write_trace` wrote.

        Raises:
            DatasetError: It cannot be read, or is no trace.
        """
        try:
            head, *steps, end = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
            return Recorded(head["question"], tuple(steps), end["answer"], end["stopped"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DatasetError(
                f"{path}: no trace of a question ({error}). Give a file that ask --trace wrote."
            ) from error

    def plan(self, question: str, tools: Tools) -> Plan:
        """The actions of the trace; results are not looked at."""
        del question, tools
        for line in self.lines:
            yield line["action"]

    def differences(self, again: Conversation) -> list[str]:
        """In what another run of it differs, step by step; nothing where it is the same to the last digit shown."""
        found = []
        for number, (line, step) in enumerate(zip(self.lines, again.steps, strict=False), 1):
            now = step.line()
            for key in ("sum", "error", "refused"):
                if line.get(key) != now.get(key):
                    found.append(f"step {number}: {key} was {line.get(key)}, is {now.get(key)}")
        if len(self.lines) != len(again.steps):
            found.append(f"{len(again.steps)} steps, {len(self.lines)} in the trace")
        if (self.answer, self.stopped) != (again.answer, again.stopped):
            found.append("it ended otherwise")
        return found
