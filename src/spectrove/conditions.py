"""Conditions over columns of numbers: `age > 4 AND width < 3`, in the syntax of SQL.

A condition is read by `sqlglot` and translated into a small tree of its own, of comparisons, arithmetic and a few
functions; whatever else SQL has is refused by name. The same condition can then be held against the columns of a
table, or against many draws of uncertain values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ConditionError, did_you_mean

Floats = NDArray[np.float64]

#: A node of the tree of `sqlglot`, whose classes have other names in other versions.
Expression = Any

#: A longer text, or one with more operations inside each other, is no condition that somebody wrote.
LONGEST, DEEPEST = 5000, 60

#: How sqlglot begins what it says of a text that it cannot read, in our words.
_PROBLEMS = {
    "Required keyword": "something is missing here",
    "Invalid expression": "it does not belong here",
    "The number of provided arguments": "the function takes fewer arguments",
    "Expecting )": "a parenthesis is not closed",
}


def _either(a: Floats, b: Floats) -> Floats:
    """OR with unknowns: true if one is true, whatever the other."""
    return np.where((a == 1) | (b == 1), 1.0, np.maximum(a, b))


def _both(a: Floats, b: Floats) -> Floats:
    """AND with unknowns: false if one is false, whatever the other."""
    return np.where((a == 0) | (b == 0), 0.0, np.minimum(a, b))


def _told(test: Callable[[Floats, Floats], NDArray[np.bool_]]) -> Callable[[Floats, Floats], Floats]:
    """A comparison that is unknown where one of its sides is."""

    def compare(a: Floats, b: Floats) -> Floats:
        return np.where(np.isnan(a) | np.isnan(b), np.nan, test(a, b))

    return compare


#: What each node of a tree does with the values of its branches. Numbers that are not finite become unknown.
_COMPARE: dict[str, Callable[..., Floats]] = {
    "GT": _told(np.greater), "GTE": _told(np.greater_equal), "LT": _told(np.less), "LTE": _told(np.less_equal),
    "EQ": _told(np.equal), "NEQ": _told(np.not_equal),
}  # fmt: skip
_LOGIC: dict[str, Callable[..., Floats]] = {
    "And": lambda *values: reduce(_both, values),
    "Or": lambda *values: reduce(_either, values),
}
_ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide,
    "Neg": np.negative, "Abs": np.abs, "Sqrt": np.sqrt, "Ln": np.log, "Log10": np.log10,
    "Least": lambda *values: reduce(np.minimum, values), "Greatest": lambda *values: reduce(np.maximum, values),
}  # fmt: skip

#: Functions as they are written, for messages.
FUNCTIONS = ("log10", "ln", "sqrt", "abs", "least", "greatest")

#: The comparisons that read as "greater" or "less", and what each becomes with its sides exchanged.
_MIRRORED = {"GT": "LT", "GTE": "LTE", "LT": "GT", "LTE": "GTE"}


@dataclass(frozen=True)
class _Node:
    """An operation with its branches; "Column" has a name and "Number" a value in place of branches."""

    kind: str
    branches: tuple[_Node, ...] = ()
    name: str = ""
    value: float = math.nan

    @property
    def is_number(self) -> bool:
        """Whether it gives a number, rather than true or false."""
        return self.kind in ("Column", "Number") or self.kind in _ARITHMETIC

    @property
    def depth(self) -> int:
        """How many operations stand inside each other."""
        return 1 + max((branch.depth for branch in self.branches), default=0)

    def walk(self) -> Iterator[_Node]:
        """It and everything below it, in the order of writing."""
        yield self
        for branch in self.branches:
            yield from branch.walk()

    def at(self, columns: Mapping[str, Floats]) -> Floats:
        """Its value for each row: a number, or 1 for true and 0 for false; NaN where it is unknown."""
        if self.kind == "Column":
            return columns[self.name]
        if self.kind == "Number":
            return np.float64(self.value)  # type: ignore[return-value]
        values = [branch.at(columns) for branch in self.branches]
        if self.kind == "IsNull":
            return np.isnan(values[0]).astype(float)
        if self.kind == "Not":
            return 1 - values[0]
        if self.kind in _ARITHMETIC:
            found = np.asarray(_ARITHMETIC[self.kind](*values), dtype=float)
            return np.where(np.isfinite(found), found, np.nan)
        return (_COMPARE | _LOGIC)[self.kind](*values)


@dataclass(frozen=True)
class Condition:
    """A condition over columns of numbers.

    Attributes:
        text: As it was written.
        columns: The columns it reads, each once, in the order of writing.
    """

    text: str
    columns: tuple[str, ...]
    _tree: _Node

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition that a text in the syntax of SQL describes.

        Comparisons (`<`, `<=`, `>`, `>=`, `=`, `!=`, `BETWEEN`, `IN`, `IS NULL`) of numbers, columns, `+ - * /` and
        the `FUNCTIONS`, combined with AND, OR, NOT and parentheses. Names of columns are read as written, also in
        double quotes. A division of whole numbers is one of numbers: 1 / 2 is .5.

        Raises:
            ConditionError: It is none; the message names the word and where it stands, counted from 1.
        """
        tree = _translated(_parsed(text), text)
        if tree.is_number:
            raise ConditionError(
                f"condition {text!r}: it gives a number, expected a comparison such as {_example(tree)}."
            )
        columns = tuple(dict.fromkeys(node.name for node in tree.walk() if node.kind == "Column"))
        if not columns:
            raise ConditionError(f"condition {text!r}: it names no column, expected one or more.")
        return cls(text, columns, tree)

    def holds(self, columns: Mapping[str, NDArray]) -> Floats:
        """Whether each row meets the condition: 1 true, 0 false, NaN unknown.

        A value that is NaN or infinite is unknown, as are a division by zero and a logarithm or root that no number
        has. What does not depend on an unknown value is known: false AND unknown is false.

        Args:
            columns: Values by name; arrays of one shape.

        Returns:
            An array of that shape.

        Raises:
            ConditionError: A column is missing; the message says which names are near.
        """
        if missing := [name for name in self.columns if name not in columns]:
            raise ConditionError(
                f"condition {self.text!r}: there is no column {missing[0]!r}{did_you_mean(missing[0], list(columns))}."
            )
        given = {name: np.asarray(columns[name], dtype=float) for name in self.columns}
        known = {name: np.where(np.isfinite(v), v, np.nan) for name, v in given.items()}
        shape = np.broadcast_shapes(*(v.shape for v in known.values()))
        with np.errstate(all="ignore"):  # what has no value is unknown
            return np.broadcast_to(self._tree.at(known), shape).astype(float)

    @property
    def cuts(self) -> dict[str, tuple[float, ...]]:
        """The numbers that single columns are compared with, ascending, by column: what a figure of one draws."""
        found: dict[str, set[float]] = {}
        for node in self._tree.walk():
            if node.kind in _COMPARE:
                left, right = node.branches
                for one, other in ((left, right), (right, left)):
                    if one.kind == "Column" and (value := _constant(other)) is not None:
                        found.setdefault(one.name, set()).add(value)
        return {name: tuple(sorted(values)) for name, values in found.items()}

    @property
    def operations(self) -> frozenset[str]:
        """What it uses beside columns and numbers: "GT", "And", "EQ", "IsNull", "Log10" and so on."""
        return frozenset(node.kind for node in self._tree.walk()) - {"Column", "Number"}

    def __str__(self) -> str:
        return self.text


def _constant(node: _Node) -> float | None:
    """The value of a part without columns; None if it has one or no value."""
    if any(n.kind == "Column" for n in node.walk()):
        return None
    with np.errstate(all="ignore"):
        value = float(node.at({}))
    return value if math.isfinite(value) else None


def _parsed(text: str) -> Expression:
    """The tree of sqlglot."""
    import sqlglot
    from sqlglot.errors import ParseError, SqlglotError

    if len(text) > LONGEST:
        raise ConditionError(
            f"condition {text[:40]!r}...: {len(text)} characters, expected at most {LONGEST}."
        )
    try:
        tokens = sqlglot.tokenize(text)
        if commented := next((t for t in tokens if t.comments), None):
            raise ConditionError(
                f"condition {text!r}: a comment stands near {commented.text!r}{_place(commented.start)}; two minus "
                "signs begin one. Leave it out, or put a space between the signs."
            )
        statements = [s for s in sqlglot.parse(text) if s is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        word, line, column = first.get("highlight", ""), first.get("line") or 1, first.get("col") or 1
        start = len("".join(text.splitlines(keepends=True)[: line - 1])) + column - len(word)
        said = str(first.get("description", error)).rstrip(".")
        why = next((ours for begin, ours in _PROBLEMS.items() if said.startswith(begin)), said)
        raise _refusal(text, word, start, why) from error
    except (SqlglotError, RecursionError) as error:
        raise ConditionError(
            f"condition {text!r}: it cannot be read ({str(error).splitlines()[0]}). Expected something like "
            "a > 4 AND b < 3."
        ) from error
    if len(statements) != 1:
        raise ConditionError(
            f"condition {text!r}: {len(statements)} statements, expected one condition such as a > 4 AND b < 3."
        )
    return statements[0]


def _translated(found: Expression, text: str) -> _Node:
    """Our tree of a tree of sqlglot; refuses whatever is not in the tables above."""
    try:
        tree = _node(found, text)
        if tree.depth > DEEPEST:
            raise RecursionError
    except RecursionError as error:
        raise ConditionError(
            f"condition {text[:40]!r}...: it is nested too deeply, expected at most {DEEPEST} operations inside each "
            "other. Simplify it."
        ) from error
    return tree


def _node(found: Expression, text: str) -> _Node:
    kind = type(found).__name__
    if kind == "Paren":
        return _node(found.this, text)
    if kind == "Column":
        if found.args.get("table") is not None:
            ours = re.sub(r"\W+", "_", found.sql(identify=False)).strip("_").lower()
            raise _refusal(
                text, found.sql(), _start(found), f"names of columns have no dots; a base calls this one {ours}, if it "
                "has it",
            )  # fmt: skip
        return _Node("Column", name=found.name)
    if kind == "Literal":
        return _number(found, text)
    if kind == "Null":
        raise _refusal(text, "NULL", _start(found), "nothing equals it; write IS NULL or IS NOT NULL")
    if kind == "Between":
        value, low, high = (_node(found.args[a], text) for a in ("this", "low", "high"))
        ends = (("GTE", low), ("LTE", high))
        return _Node("And", tuple(_whole(test, [value, end], found, text) for test, end in ends))
    if kind == "In" and found.expressions:
        value = _node(found.this, text)
        tests = [_whole("EQ", [value, _node(e, text)], found, text) for e in found.expressions]
        return _Node("Or", tuple(tests))
    if kind == "Is" and type(found.expression).__name__ == "Null":
        return _whole("IsNull", [_node(found.this, text)], found, text)
    if kind == "Log":
        return _logarithm(found, text)
    if kind in _ARITHMETIC or kind in _COMPARE or kind in _LOGIC or kind == "Not":
        if kind in _LOGIC:
            parts = list(found.flatten())  # a chain of ANDs is one operation
        else:
            parts = [found.this, found.args.get("expression"), *found.expressions]
        return _whole(kind, [_node(part, text) for part in parts if part is not None], found, text)
    raise _refusal(text, _word(found), _start(found), _unknown(found, kind))


def _logarithm(found: Expression, text: str) -> _Node:
    """log10; a logarithm of another or no base is refused, since SQL dialects differ on what it is."""
    of = found.args.get("expression")
    written = text[_start(found) :].lower() if _start(found) >= 0 else ""
    if of is None or not written.startswith("log10"):
        raise _refusal(text, "log", _start(found), "write log10 or ln, so that the base is plain")
    return _whole("Log10", [_node(of, text)], found, text)


def _whole(kind: str, branches: list[_Node], found: Expression, text: str) -> _Node:
    """A node whose branches are of the right sort: numbers are compared, comparisons are combined."""
    wants_numbers = kind not in _LOGIC and kind != "Not"
    for branch in branches:
        if branch.is_number == wants_numbers:
            continue
        if wants_numbers and kind in _MIRRORED:
            what = "it compares a comparison; write the two with AND, such as a > 0 AND a < 3"
        elif wants_numbers:
            what = "it takes numbers and found a comparison"
        else:
            what = f"it combines comparisons and found a number; expected one such as {_example(branch)}"
        raise _refusal(text, _word(found), _start(found), what)
    return _Node(kind, tuple(branches))


def _number(found: Expression, text: str) -> _Node:
    if found.is_string:
        raise _refusal(
            text, repr(found.name), _start(found), "it is text, and a condition compares numbers; names of columns "
            "stand without quotes, or in double quotes",
        )  # fmt: skip
    value = float(found.name)
    if not math.isfinite(value):
        raise _refusal(text, found.name, _start(found), "it is larger than a number can be")
    return _Node("Number", value=value)


def _example(node: _Node) -> str:
    """A comparison that somebody may have meant who wrote a number."""
    return f"{next((n.name for n in node.walk() if n.name), 'a')} > 0"


def _unknown(found: Expression, kind: str) -> str:
    if kind == "Anonymous":
        name = str(found.this)
        return f"there is no such function{did_you_mean(name, FUNCTIONS)}"
    if kind == "Alias":
        return "it does not belong here"
    return (
        "a condition knows comparisons, AND, OR, NOT, BETWEEN, IN, IS NULL, + - * / and the functions "
        f"{', '.join(FUNCTIONS)}"
    )


def _word(found: Expression) -> str:
    """The word of a part as a reader sees it, not too long."""
    if type(found).__name__ == "Alias":
        return str(found.alias)
    if type(found).__name__ == "Anonymous":
        return str(found.this)
    text = found.sql()
    return text if len(text) <= 40 else f"{text[:37]}..."


def _start(found: Expression) -> int:
    """Where a part begins in the text, from 0; -1 if sqlglot does not say."""
    if type(found).__name__ == "Alias":
        return int(found.args["alias"].meta.get("start", -1))
    if "start" in found.meta:
        return int(found.meta["start"])
    return min((int(n.meta["start"]) for n in found.walk() if "start" in n.meta), default=-1)


def _place(start: int) -> str:
    return f" at character {start + 1}" if start >= 0 else ""


def _refusal(text: str, word: str, start: int, why: str) -> ConditionError:
    """The error about a word of a condition."""
    if start < 0 and word:
        start = text.lower().find(word.lower())
    shown = word if word.startswith(("'", '"')) else repr(word)
    why = why[:1].lower() + why[1:]
    return ConditionError(f"condition {text!r}: {shown if word else 'its end'}{_place(start)}: {why}.")
