"""What a sentence says, as data: demands joined by and, or and not; examples; order; and how each word was read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Demand:
    """One thing that is asked of an object.

    Attributes:
        words: As it is printed; read again, these words give the same demand.
        condition: SQL over quantities, with `quantile` and `value_of` of the vocabulary; "" where only labels tell.
        labels: Label columns and the values that mean it, the most trusted first.
        source: Of the definition, or of the part of the base that is meant.
        sort: "class", "adjective", "line" or "number".
        span: A quantity and the ends between which the demand wants it, if it is as simple as that.
        written: The words of the sentence.
    """

    words: str
    condition: str
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    source: str = ""
    sort: str = "number"
    span: tuple[str, float, float] = ("", -math.inf, math.inf)
    written: str = field(default="", compare=False)


@dataclass(frozen=True)
class All:
    """Every one of these is asked."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Any_:
    """One of these is enough."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Not:
    """The contrary is asked."""

    part: Tree


Tree = Demand | All | Any_ | Not


@dataclass(frozen=True)
class Order:
    """What comes first.

    Attributes:
        words: As it is printed, "highest QUANTITY first".
        column: The quantity, and whether the largest comes first.
    """

    words: str
    column: str
    descending: bool
    written: str = field(default="", compare=False)


@dataclass(frozen=True)
class Reading:
    """A sentence as it was read.

    Attributes:
        text: The sentence.
        demands: What is asked; None where nothing is but likeness or order.
        like, unlike: Ids of examples.
        regions: Lines or ranges in which examples are compared.
        order: What comes first; None: the most probable or the most similar.
        limit: How many are wanted; None: all.
        notes: What a reader should know: misspellings, words that hold for several others.
    """

    text: str = field(compare=False)
    demands: Tree | None = None
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    order: Order | None = None
    limit: int | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def sentence(self) -> str:
        """The reading as a sentence, with every parenthesis; it is read as the same."""
        parts = []
        if self.demands is not None:
            parts.append(printed(self.demands))
        if self.like:
            parts.append("like " + ", ".join(map(_quoted, self.like)))
        if self.unlike:
            parts.append("unlike " + ", ".join(map(_quoted, self.unlike)))
        parts += [f"in {name} region" for name in self.regions]
        if self.order:
            parts.append(self.order.words)
        counted = f"top {self.limit}; " if self.limit is not None else ""
        return counted + "; ".join(parts)

    @property
    def compared(self) -> tuple[str, ...]:
        """Ids of objects whose values demands compare with."""
        demands = () if self.demands is None else leaves(self.demands)
        return tuple(
            dict.fromkeys(
                name for d in demands for name in re.findall(r"value_of\(\w+, '([^']*)'\)", d.condition)
            )
        )

    def lines(self) -> list[tuple[str, str]]:
        """What was written, and what it was read as: pairs for two columns."""
        found = [] if self.demands is None else list(_lines(self.demands))
        found += [(name, "example") for name in self.like]
        found += [(name, "counterexample") for name in self.unlike]
        found += [(name, "the region in which examples are compared") for name in self.regions]
        if self.order:
            way = "largest" if self.order.descending else "smallest"
            found.append((self.order.written or self.order.words, f"{self.order.column}, {way} first"))
        if self.limit is not None:
            found.append((str(self.limit), "at most so many"))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "text": self.text,
            "sentence": self.sentence,
            "where": "" if self.demands is None else sql(self.demands),
            "read": [{"words": words, "as": meaning} for words, meaning in self.lines()],
            "like": list(self.like),
            "unlike": list(self.unlike),
            "regions": list(self.regions),
            "order": None if self.order is None else {"by": self.order.column, "descending": self.order.descending},
            "limit": self.limit,
            "notes": list(self.notes),
        }  # fmt: skip


def leaves(tree: Tree) -> Iterator[Demand]:
    """Every demand of a tree, in the order of writing."""
    if isinstance(tree, Demand):
        yield tree
    else:
        for part in (tree.part,) if isinstance(tree, Not) else tree.parts:
            yield from leaves(part)


def printed(tree: Tree) -> str:
    """A tree as words, with a parenthesis around everything that holds several demands."""
    if isinstance(tree, Demand):
        return tree.words
    if isinstance(tree, Not):
        return f"not ({printed(tree.part)})"
    joint = " and " if isinstance(tree, All) else " or "
    return joint.join(
        f"({printed(part)})" if isinstance(part, All | Any_) else printed(part) for part in tree.parts
    )


def sql(tree: Tree) -> str:
    """A tree as one condition; a demand of labels as a comparison with the first column's values."""
    if isinstance(tree, Demand):
        return tree.condition or _labelled(*tree.labels[0])
    if isinstance(tree, Not):
        return f"NOT ({sql(tree.part)})"
    return (" AND " if isinstance(tree, All) else " OR ").join(f"({sql(part)})" for part in tree.parts)


def _labelled(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _quoted(name: str) -> str:
    return f'"{name}"' if "'" in name else f"'{name}'"


def _lines(tree: Tree, before: str = "", after: str = "", *, alone: bool = True) -> Iterator[tuple[str, str]]:
    """Pairs of words and meaning; "or", "not" and parentheses stand around the meanings, "and" is left out."""
    if isinstance(tree, Demand):
        meaning = tree.condition or _labelled(*tree.labels[0])
        labelled = f"labelled {', '.join(tree.labels[0][1])}, or " if tree.labels and tree.condition else ""
        source = f"   ({tree.source})" if tree.source else ""
        joined = " OR " if not before and not after else r" (AND|OR) |^NOT "
        if not (alone and not before) and (labelled or re.search(joined, meaning)):
            before, after = f"{before}(", f"){after}"
        yield tree.written or tree.words, f"{before}{labelled}{meaning}{after}{source}"
    elif isinstance(tree, Not):
        group = isinstance(tree.part, All | Any_)
        yield from _lines(tree.part, f"{before}NOT {'(' * group}", f"{')' * group}{after}", alone=alone)
    else:
        last = len(tree.parts) - 1
        for i, part in enumerate(tree.parts):
            opened, closed = before if not i else "", after if i == last else ""
            joint = "OR " if i and isinstance(tree, Any_) else ""
            group = isinstance(part, All | Any_)
            yield from _lines(part, f"{opened}{joint}{'(' * group}", f"{')' * group}{closed}", alone=False)
