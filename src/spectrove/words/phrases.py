"""The phrases of a sentence: a grammar over tokens, and what each phrase asks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken
from lark.lexer import Lexer

from spectrove.errors import WordsError
from spectrove.words.english import Degree
from spectrove.words.reading import Demand, Order
from spectrove.words.tokens import Word
from spectrove.words.vocabulary import Kind, LineWords, Number, Property, Vocabulary

#: Part of a base that an adjective of degree means ("strong": the upper quarter), and with "very" before it.
SHARE, VERY_SHARE = 0.25, 0.05
#: "About" a number: within this part of it on either side.
ABOUT = 0.1

#: Tokens as messages name them.
_NAMES = {
    "OP": "a comparison", "NUMBER": "a number", "LINE": "a line", "QUANTITY": "a quantity", "PROPERTY": "EW or flux",
    "ID": "an object's id", "UNIT": "a unit", "AND": "and", "TO": "to", "KIND": "a class", "DEGREE": "strong, weak ...",
    "$END": "the end", "THAN": "than", "RPAR": ")", "LPAR": "(", "SLASH": "/", "SIGMA": "sigma",
}  # fmt: skip

#: Rules whose phrases ask the same as those of another rule.
_SAME = {"line_is": "line", "state_line": "line", "degree_is": "degree", "compared": "compare"}

_FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}


@dataclass(frozen=True)
class LineUse:
    """A line with what is said of it; the adjective of another may hold for it too."""

    line: LineWords
    degree: Degree | None
    very: bool
    state: str
    written: str


@dataclass(frozen=True)
class Relative:
    """More or less of something than an example has; `than` is "" where the sentence has only one example."""

    words: str
    column: str
    rising: bool
    than: str
    written: str


@dataclass(frozen=True)
class Aside:
    """What is no demand: "like", "unlike", "region", "order", "limit", "noun", and its content."""

    kind: str
    content: Any
    written: str


@dataclass(frozen=True)
class Measured:
    """A quantity, or the ratio of two: its words, its column, and the column below.

    Attributes:
        number: Its units and limits.
        logarithm: Whether log10 of the ratio is compared.
    """

    words: str
    column: str
    number: Number
    below: str = ""
    logarithm: bool = False


class _Words(Lexer):
    """Hands over the tokens that are there already."""

    def __init__(self, _: Any) -> None:
        pass

    def lex(self, data: Any) -> Iterator[Token]:  # type: ignore[override]
        """The tokens."""
        yield from data


@cache
def _parser() -> Lark:
    grammar = (resources.files("spectrove.words") / "grammar.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer=_Words)  # type: ignore[arg-type]


def phrases_of(text: str, words: Sequence[Word], vocabulary: Vocabulary) -> list[Any]:
    """Phrases (`Demand`, `LineUse`, `Relative`, `Aside`) and, between them, connectors as `Word`.

    Raises:
        WordsError: A word stands where nothing can be made of it; or a phrase asks what is not measured.
    """
    tokens = [Token(w.type, w.text, start_pos=i, line=1, column=i + 1) for i, w in enumerate(words)]
    try:
        tree = _parser().parse(tokens)  # type: ignore[arg-type]
    except UnexpectedToken as error:
        raise WordsError(_misplaced(text, words, error)) from error
    except UnexpectedInput as error:
        raise WordsError(f"{text!r}: {error}") from error
    maker = _Maker(text, words, vocabulary)
    return [maker.item(part) for part in tree.children]


def _misplaced(text: str, words: Sequence[Word], error: UnexpectedToken) -> str:
    wanted = [name for kind, name in _NAMES.items() if kind in error.accepts | error.expected]
    expected = f"; expected {', '.join(wanted[:5])}" if wanted and len(wanted) < 10 else ""
    if error.token.type == "$END":
        last = words[-1].text if words else ""
        return f"{text!r}: nothing follows {last!r}{expected}. Complete the sentence."
    word = words[error.token.start_pos or 0]
    before = f" after {words[(error.token.start_pos or 0) - 1].text!r}" if error.token.start_pos else ""
    return f"{text!r}: {word.text!r} (at {word.start + 1}) makes no sense{before}{expected}."


@dataclass(frozen=True)
class _Maker:
    """Makes phrases from the trees of the parser."""

    text: str
    words: Sequence[Word]
    vocabulary: Vocabulary

    def item(self, part: Any) -> Any:
        """A connector as its word, a phrase as what it asks."""
        if isinstance(part, Token):
            return self.words[part.start_pos or 0]
        return getattr(self, f"_{_SAME.get(part.data, part.data)}")(part)

    # --- pieces ---------------------------------------------------------------------------------------

    def _all(self, tree: Tree) -> list[Word]:
        places = sorted(t.start_pos or 0 for t in tree.scan_values(lambda v: isinstance(v, Token)))
        return [self.words[i] for i in places]

    def _of(self, tree: Tree, kind: str) -> list[Any]:
        return [w.value for w in self._all(tree) if w.type == kind]

    def _first(self, tree: Tree, kind: str) -> Any:
        found = self._of(tree, kind)
        return found[0] if found else None

    def _has(self, tree: Tree, kind: str) -> bool:
        return any(w.type == kind for w in self._all(tree))

    def _written(self, tree: Tree) -> str:
        words = self._all(tree)
        return self.text[words[0].start : words[-1].end]

    def _refusal(self, tree: Tree, why: str) -> WordsError:
        place = self._all(tree)[0].start + 1
        return WordsError(f"{self.text!r}: {self._written(tree)!r} (at {place}): {why}")

    def _measures(self, tree: Tree) -> list[Measured]:
        """Quantities and lines of a phrase, in order."""
        found = []
        for child in tree.children:
            if isinstance(child, Tree) and child.data in ("measure", "property_of", "log_ratio"):
                found.append(self._measure(child))
            elif isinstance(child, Token) and child.type == "LINE":
                line = self.words[child.start_pos or 0].value
                self._refuse_either(tree, line)
                found.append(self._property(tree, line, self._comparable()))
        return found

    def _comparable(self) -> Property:
        return next(p for p in self.vocabulary.properties if p.name == self.vocabulary.comparable)

    def _measure(self, tree: Tree) -> Measured:
        lines = self._of(tree, "LINE")
        if len(lines) == 2:
            top, bottom = (self._property(tree, line, self._comparable()) for line in lines)
            log = tree.data == "log_ratio"
            words = f"{'log ' if log else ''}{lines[0].name} / {lines[1].name}"
            return Measured(words, top.column, Number(words, words), bottom.column, log)
        if lines:
            return self._property_of(tree, lines[0])
        number = self._first(tree, "QUANTITY")
        return Measured(number.title, number.name, number)

    def _property_of(self, tree: Tree, line: LineWords) -> Measured:
        return self._in_state(tree, line, self._first(tree, "PROPERTY"))

    def _in_state(self, tree: Tree, line: LineWords, what: Property) -> Measured:
        """A property of a line in the state that the phrase says, or in the only one that can be meant."""
        if not self._has(tree, "ABSORPTION") or line.state == "absorption":
            if line.twofold and what.name != self.vocabulary.comparable:
                self._refuse_either(tree, line)
                found = self._property(tree, line, what)
                return replace(found, words=f"{found.words} emission")
            return self._property(tree, line, what)
        if not line.absorption or what.name == self.vocabulary.comparable:
            raise self._refusal(tree, f"the {what.title} of {line.name} in absorption is not measured.")
        column = line.absorption
        return Measured(
            f"{what.title} of {line.name} absorption", column, Number(column, column, (), what.unit)
        )

    def _refuse_either(self, tree: Tree, line: LineWords) -> None:
        """Refuse a line that is seen in emission and in absorption, unless the phrase says which."""
        if line.twofold and not self._has(tree, "EMISSION") and not self._has(tree, "ABSORPTION"):
            raise self._refusal(tree, f"{either_words(line)}.")

    def _property(self, tree: Tree, line: LineWords, what: Property) -> Measured:
        column = line.columns.get(what.name)
        if column is None:
            has = (
                " and ".join(p.title for p in self.vocabulary.properties if p.name in line.columns)
                or "nothing"
            )
            raise self._refusal(tree, f"the {what.title} of {line.name} is not measured; {has} is.")
        return Measured(f"{what.title} of {line.name}", column, Number(column, column, (), what.unit))

    def _numbers(self, tree: Tree, measured: Measured) -> list[float]:
        """The numbers of a phrase, in the unit of the column."""
        unit = (self._of(tree, "UNIT") or [""])[-1]
        return [self._number(tree, value, unit, measured) for value in self._of(tree, "NUMBER")]

    def _number(self, tree: Tree, value: float, unit: str, measured: Measured) -> float:
        number = measured.number
        if number.logarithm and (unit == number.of_unit or value > 1000):
            if value <= 0:
                raise self._refusal(tree, f"{value:g} has no logarithm.")
            value = math.log10(value)
        elif unit and unit != number.unit:
            if unit not in number.scales:
                known = ", ".join(u for u in (number.unit, number.of_unit, *number.scales) if u) or "none"
                raise self._refusal(tree, f"{unit} is no unit of {measured.words}; expected {known}.")
            value *= number.scales[unit]
        low, high = number.low, number.high
        if (low is not None and value < low) or (high is not None and value > high):
            ends = f"from {low:g}" if high is None else f"from {low or 0:g} to {high:g}"
            raise self._refusal(tree, f"{measured.words} is never {value:g}, expected a number {ends}.")
        return value

    # --- demands --------------------------------------------------------------------------------------

    def _bound(self, tree: Tree, measured: Measured, low: float, high: float, ends: str) -> Demand:
        """A demand that a quantity lies between two numbers, either may be infinite; `ends` are "<" or "<=" of both."""
        if low > high:
            raise self._refusal(tree, f"{low:.6g} is above {high:.6g}, expected the smaller number first.")
        low, high = float(f"{low:.12g}"), float(f"{high:.12g}")  # as they are printed
        lower, upper = (">=" if "=" in ends else ">"), ("<=" if "=" in ends else "<")
        if math.isinf(low):
            words, parts = f"{measured.words} {upper} {high:.12g}", [(upper, high)]
        elif math.isinf(high):
            words, parts = f"{measured.words} {lower} {low:.12g}", [(lower, low)]
        else:
            words = f"{measured.words} between {low:.12g} and {high:.12g}"
            lower, upper = ">=", "<="
            parts = [(lower, low), (upper, high)]
        condition = " AND ".join(self._compared(measured, op, value) for op, value in parts)
        if measured.below:
            condition += f" AND {measured.below} > 0"
        key = f"{measured.words}" if measured.below else measured.column
        return Demand(words, condition, sort="number", span=(key, low, high), written=self._written(tree))

    def _compared(self, measured: Measured, op: str, value: float) -> str:
        if not measured.below:
            return f"{measured.column} {op} {value:.12g}"
        factor = 10**value if measured.logarithm else value
        return f"{measured.column} {op} {factor:.6g} * {measured.below}"

    def _sided(self, tree: Tree, measured: Measured, op: str, value: float) -> Demand:
        if op in ("=", "!="):
            raise self._refusal(
                tree, f"a measured number never equals {value:g}; give a range, or say 'about {value:g}'."
            )
        if ">" in op:
            return self._bound(tree, measured, value, math.inf, op)
        return self._bound(tree, measured, -math.inf, value, op)

    def _above(self, tree: Tree) -> Demand:
        measured = self._measures(tree)[0]
        return self._sided(tree, measured, self._first(tree, "OP"), self._numbers(tree, measured)[0])

    def _above_first(self, tree: Tree) -> Demand:
        number = self._first(tree, "QUANTITY")
        if (others := self._of(tree, "OP")[1:]) and others != ["="]:
            raise self._refusal(tree, f"{' and '.join(self._of(tree, 'OP'))} together; give one comparison.")
        measured = Measured(number.title, number.name, number)
        return self._sided(tree, measured, self._of(tree, "OP")[0], self._numbers(tree, measured)[0])

    def _turned(self, tree: Tree) -> Demand:
        measured = self._measures(tree)[0]
        op = self._first(tree, "OP")
        return self._sided(tree, measured, _FLIPPED.get(op, op), self._numbers(tree, measured)[0])

    def _inside(self, tree: Tree) -> Demand:
        measured = self._measures(tree)[0]
        first, second = self._of(tree, "OP")
        low, high = self._numbers(tree, measured)
        if ">" in first and ">" in second:
            low, high = high, low
        elif not ("<" in first and "<" in second):
            raise self._refusal(tree, "the two comparisons point apart; expected 1 < quantity < 2.")
        return self._bound(tree, measured, low, high, "<")

    def _between(self, tree: Tree) -> Demand:
        measured = self._measures(tree)[0]
        if (op := self._first(tree, "OP")) not in (None, "="):
            raise self._refusal(tree, f"{op} and a range together; give one of them.")
        low, high = self._numbers(tree, measured)
        return self._bound(tree, measured, low, high, "<=")

    def _between_first(self, tree: Tree) -> Demand:
        numbers = self._of(tree, "QUANTITY")
        if len({n.name for n in numbers}) > 1 or set(self._of(tree, "OP")) - {"="}:
            raise self._refusal(tree, "expected one quantity between two numbers.")
        measured = Measured(numbers[0].title, numbers[0].name, numbers[0])
        low, high = self._numbers(tree, measured)
        return self._bound(tree, measured, low, high, "<=")

    def _around(self, tree: Tree) -> Demand:
        measured = self._measures(tree)[0]
        middle, width = self._numbers(tree, measured)
        return self._bound(tree, measured, middle - abs(width), middle + abs(width), "<=")

    def _about(self, tree: Tree) -> Demand:
        measured = self._measures(tree)[0]
        middle, op = self._numbers(tree, measured)[0], self._first(tree, "OP")
        if op not in (None, "="):
            return self._sided(tree, measured, op, middle)
        if middle == 0:
            raise self._refusal(tree, "about 0 says no range; give one.")
        width = abs(middle) * ABOUT
        return self._bound(tree, measured, middle - width, middle + width, "<=")

    def _above_unit(self, tree: Tree) -> Demand:
        unit = self._first(tree, "UNIT")
        fitting = [n for n in self.vocabulary.numbers if n.of_unit == unit]
        if len(fitting) != 1:
            raise self._refusal(tree, f"of which quantity? {unit} does not say it.")
        measured = Measured(fitting[0].title, fitting[0].name, fitting[0])
        return self._sided(tree, measured, self._first(tree, "OP"), self._numbers(tree, measured)[0])

    def _line_above(self, tree: Tree) -> Demand:
        line, unit = self._first(tree, "LINE"), self._first(tree, "UNIT")
        absorbed = self._has(tree, "ABSORPTION")
        fitting = [
            p
            for p in self.vocabulary.properties
            if p.unit and (p.unit == unit or (absorbed and not unit and p.name in line.columns))
        ]
        if len(fitting) != 1:
            names = " or ".join(p.title for p in self.vocabulary.properties)
            raise self._refusal(
                tree, f"which number of {line.name}: {names}? Say '{names.split()[0]} of ...'."
            )
        measured = self._in_state(tree, line, fitting[0])
        return self._sided(tree, measured, self._first(tree, "OP"), self._numbers(tree, measured)[0])

    def _compare(self, tree: Tree) -> Demand:
        first, second = self._measures(tree)
        op = self._first(tree, "OP")
        if first.below or second.below or op in ("=", "!="):
            raise self._refusal(tree, "only two numbers can be compared so, with more or less.")
        words = f"{first.words} {op} {second.words}"
        return Demand(words, f"{first.column} {op} {second.column}", written=self._written(tree))

    def _than_object(self, tree: Tree) -> Relative:
        measured, op = self._measures(tree)[0], self._first(tree, "OP")
        if op not in (">", "<") or measured.below:
            raise self._refusal(tree, "expected more or less than an object has, of one number.")
        name = self._first(tree, "ID")
        return Relative(
            f"{measured.words} {op} '{name}'", measured.column, op == ">", name, self._written(tree)
        )

    def _seen_at(self, tree: Tree) -> Demand:
        line, level = self._first(tree, "LINE"), self._first(tree, "NUMBER")
        op = self._first(tree, "OP") or ">"
        if op not in (">", ">=", "<", "<="):
            raise self._refusal(tree, "expected more or less than so many sigma.")
        self._refuse_either(tree, line)
        absorbed = self._has(tree, "ABSORPTION") or line.state == "absorption"
        column = line.absorption if absorbed else self._property(tree, line, self._comparable()).column
        if not column:
            raise self._refusal(tree, f"{line.name} in absorption is not measured.")
        told = " absorption" if absorbed else " emission" if line.twofold else ""
        words = f"{line.name}{told} {op} {level:.12g} sigma"
        condition = f"{column} {op} {level:.12g} * {column}_err"
        return Demand(words, condition, sort="line", written=self._written(tree))

    def _degree(self, tree: Tree) -> Demand:
        measured = next(self._measure(c) for c in tree.children if isinstance(c, Tree))
        degree, very = self._first(tree, "DEGREE"), self._has(tree, "VERY")
        if measured.below:
            raise self._refusal(tree, "give the ratio a number: the ratio > 3.")
        words = f"{'very ' if very else ''}{degree.title} {measured.words}"
        return Demand(
            words, part_of(measured.column, degree.rising, very), source=part_words(degree.rising, very),
            written=self._written(tree),
        )  # fmt: skip

    def _kind(self, tree: Tree) -> Demand:
        kind, very = self._first(tree, "KIND"), self._has(tree, "VERY")
        if very and not kind.share:
            raise self._refusal(tree, f"{kind.title} is or is not, there is no very.")
        return self._demanded(kind, very, self._written(tree))

    def _demanded(self, kind: Kind, very: bool, written: str, share: float = 0.0) -> Demand:
        share = share or (VERY_SHARE if very else kind.share)
        condition = quantile(kind.by, kind.rising, share) if share else kind.condition
        source = share_words(kind.rising, share, kind.by) if share else kind.source
        words = f"{'very ' if very else ''}{kind.title}"
        sort = "class" if kind.noun else "adjective"
        return Demand(words, condition, kind.labels, source, sort, written=written)

    def _part_kind(self, tree: Tree) -> Demand:
        kind, percent = self._first(tree, "MOST_KIND"), self._first(tree, "NUMBER")
        if not 0 < percent < 100:
            raise self._refusal(tree, f"{percent:g}% is no part of a base.")
        made = self._demanded(kind, False, self._written(tree), percent / 100)
        return Demand(
            f"{kind.most[0]} {percent:.12g}%", made.condition, (), made.source, "number", written=made.written
        )

    # --- lines, comparatives, asides ------------------------------------------------------------------

    def _line(self, tree: Tree) -> LineUse:
        states = [w.type for w in self._all(tree) if w.type in ("EMISSION", "ABSORPTION")]
        return LineUse(
            self._first(tree, "LINE"), self._first(tree, "DEGREE"), self._has(tree, "VERY"),
            states[0].lower() if states else "", self._written(tree),
        )  # fmt: skip

    def _more(self, tree: Tree) -> Relative:
        degree, than = self._first(tree, "MORE"), self._first(tree, "ID") or ""
        words, column = self._graded(tree, degree)
        return Relative(f"{degree.more[0]} {words}", column, degree.rising, than, self._written(tree))

    def _graded(self, tree: Tree, degree: Degree) -> tuple[str, str]:
        """Words and column by which a comparative or superlative grades."""
        if any(
            isinstance(c, Tree) and c.data in ("measure", "property_of", "log_ratio") for c in tree.children
        ):
            measured = self._measures(tree)[0]
            if measured.below:
                raise self._refusal(tree, "a ratio cannot be compared so; give it a number.")
            return measured.words, measured.column
        line = self._first(tree, "LINE")
        if degree.of == "width":
            raise self._refusal(tree, f"the width of {line.name} alone is not measured.")
        self._refuse_either(tree, line)
        absorbed = self._has(tree, "ABSORPTION")
        column = strength_of(line, "absorption" if absorbed else "")
        if not column:
            raise self._refusal(tree, f"the strength of {line.name} is not measured.")
        told = " absorption" if absorbed else " emission" if line.twofold else ""
        return f"{line.name}{told}", column

    def _more_kind(self, tree: Tree) -> Relative:
        kind, than = self._first(tree, "MORE_KIND"), self._first(tree, "ID") or ""
        return Relative(kind.more[0], kind.by, kind.rising, than, self._written(tree))

    def _more_kind_number(self, tree: Tree) -> Demand:
        kind = self._first(tree, "MORE_KIND")
        number = self.vocabulary.number(kind.by)
        measured = Measured(number.title, number.name, number)
        op = ">" if kind.rising else "<"
        return self._sided(tree, measured, op, self._numbers(tree, measured)[0])

    def _like(self, tree: Tree) -> Aside:
        return Aside("like", tuple(self._of(tree, "ID")), self._written(tree))

    def _unlike(self, tree: Tree) -> Aside:
        return Aside("unlike", tuple(self._of(tree, "ID")), self._written(tree))

    def _region(self, tree: Tree) -> Aside:
        return Aside("region", self._first(tree, "LINE").name, self._written(tree))

    def _region_range(self, tree: Tree) -> Aside:
        low, high = self._of(tree, "NUMBER")
        return Aside("region", f"{low:.12g}-{high:.12g}", self._written(tree))

    def _order(self, tree: Tree) -> Aside:
        degree = self._first(tree, "MOST")
        words, column = self._graded(tree, degree)
        written = self._written(tree)
        order = Order(f"{degree.most[0]} {words} first", column, degree.rising, written)
        return Aside("order", order, written)

    def _order_kind(self, tree: Tree) -> Aside:
        kind, written = self._first(tree, "MOST_KIND"), self._written(tree)
        return Aside("order", Order(f"{kind.most[0]} first", kind.by, kind.rising, written), written)

    def _sort(self, tree: Tree) -> Aside:
        ways = [w.type for w in self._all(tree) if w.type in ("UP", "DOWN")]
        measured, written = self._measures(tree)[0], self._written(tree)
        if measured.below:
            raise self._refusal(tree, "a ratio cannot be sorted by; give it a number.")
        descending = not ways or ways[0] == "DOWN"
        words = f"sorted by {'decreasing' if descending else 'increasing'} {measured.words}"
        return Aside("order", Order(words, measured.column, descending, written), written)

    def _limit(self, tree: Tree) -> Aside:
        value = self._first(tree, "NUMBER")
        if value != int(value) or value < 1:
            raise self._refusal(tree, "the number belongs to nothing; say what is compared with it.")
        named = self._has(tree, "LIMIT") or self._has(tree, "FIRST")
        return Aside("limit" if named else "count", int(value), self._written(tree))

    def _noun(self, tree: Tree) -> Aside:
        return Aside("noun", None, self._written(tree))


def either_words(line: LineWords) -> str:
    """That a line may be meant in emission or in absorption, and how to say either."""
    return (
        f"{line.name} in emission or in absorption? Write '{line.name} emission > 2 A' ({line.strength}) or "
        f"'{line.name} absorption > 4 A' ({line.absorption}); 'strong' may stand before both in place of a number"
    )


def strength_of(line: LineWords, state: str) -> str:
    """The column by which a line is strong in this state, "" for the one that is meant; "" if none is measured."""
    return line.absorption if (state or line.state) == "absorption" else line.strength


def quantile(column: str, rising: bool, share: float) -> str:
    """The condition of being in the upper or lower part of a base."""
    place = 1 - share if rising else share
    return f"{column} {'>' if rising else '<'} quantile({column}, {place:.6g})"


def part_of(column: str, rising: bool, very: bool) -> str:
    """The condition of an adjective of degree."""
    return quantile(column, rising, VERY_SHARE if very else SHARE)


def share_words(rising: bool, share: float, column: str = "") -> str:
    """ "upper 25% of the base"."""
    return f"{'upper' if rising else 'lower'} {share:.0%} of the base{f' by {column}' if column else ''}"


def part_words(rising: bool, very: bool) -> str:
    """The part of the base that an adjective of degree means."""
    return share_words(rising, VERY_SHARE if very else SHARE)
