"""What joins phrases: and, or, not, with, commas, parentheses. What could mean two things is refused, not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from spectrove.errors import WordsError
from spectrove.words.phrases import Aside, LineUse, Relative, either_words, part_of, part_words, strength_of
from spectrove.words.reading import All, Any_, Demand, Not, Order, Tree
from spectrove.words.tokens import Word
from spectrove.words.vocabulary import Kind, Vocabulary


@dataclass
class _Asides:
    like: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)


@dataclass
class _Unit:
    """A demand or a group, with what stands before it."""

    tree: Any
    joint: str
    negated: Word | None = None
    shared: bool = False

    @property
    def sort(self) -> str:
        return {LineUse: "line", Demand: getattr(self.tree, "sort", "")}.get(type(self.tree), "group")


class Joiner:
    """Joins the phrases of one sentence."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text, self.vocabulary = text, vocabulary
        self.asides, self.notes = _Asides(), list[str]()

    def joined(self, items: Sequence[Any]) -> Tree | None:
        """The demands of a sentence as one tree; None if there are none. Examples and orders are in `asides`."""
        items = self._set_aside(list(items))
        if not items:
            return None
        tree, rest = self._group(items, 0)
        if rest < len(items):
            raise self._refusal(items[rest], "closes a parenthesis that was never opened")
        return tree

    def _refusal(self, word: Any, why: str) -> WordsError:
        place = f" (at {word.start + 1})" if isinstance(word, Word) else ""
        written = word.text if isinstance(word, Word) else word.written
        return WordsError(f"{self.text!r}: {written!r}{place} {why}.")

    # --- what is no demand ----------------------------------------------------------------------------

    def _set_aside(self, items: list[Any]) -> list[Any]:
        """The items without examples, regions, orders, counts and nouns, which are kept in `asides`."""
        kept: list[Any] = []
        for i, item in enumerate(items):
            if not isinstance(item, Aside):
                kept.append(item)
                continue
            if item.kind != "noun":
                around = [
                    x for x in (*items[max(i - 1, 0) : i], *items[i + 1 : i + 2]) if isinstance(x, Word)
                ]
                wrong = [w for w in around if w.type in ("OR", "NOR")] + [
                    w
                    for w in around[:1]
                    if w.type in ("NOT", "WITHOUT", "NEITHER", "EITHER") and items[i - 1] is w
                ]
                if wrong:
                    raise self._refusal(wrong[0], f"cannot join {item.written!r}, which is no condition")
                ordered = (
                    i + 1 < len(items) and isinstance(items[i + 1], Aside) and items[i + 1].kind == "order"
                )
                if item.kind == "count" and not ordered and any(not _is_quiet(x) for x in items[:i]):
                    raise self._refusal(item, "belongs to nothing; say what is compared with it")
            self._keep(item)
            kept.append(Word("SEP", 0, 0, "") if item.kind != "noun" else Word("NOUN", 0, 0, item.written))
        return _tidy(kept)

    def _keep(self, item: Aside) -> None:
        if item.kind == "like":
            self.asides.like += item.content
        elif item.kind == "unlike":
            self.asides.unlike += item.content
        elif item.kind == "region":
            self.asides.regions.append(item.content)
        elif item.kind == "order":
            self.asides.orders.append(item.content)
        elif item.kind in ("limit", "count"):
            self.asides.limits.append(item.content)

    # --- groups ---------------------------------------------------------------------------------------

    def _group(self, items: list[Any], at: int) -> tuple[Tree, int]:
        """A group up to its closing parenthesis or the end, and where it ends: clauses, all of which are asked."""
        clauses: list[list[_Unit]] = [[]]
        joint: Word | None = None
        while at < len(items) and not _is(items[at], "RPAR"):
            item = items[at]
            if _is(item, "SEP"):
                clauses.append([])
                joint, at = None, at + 1
            elif _is(item, "NOUN"):
                if clauses[-1]:
                    clauses[-1][-1].shared = True
                at += 1
            elif _is(item, "AND", "OR", "COMMA", "NOR"):
                if not clauses[-1] or joint is not None:
                    raise self._refusal(item, "joins nothing before it")
                joint, at = item, at + 1
            else:
                unit, at = self._unit(items, at, joint)
                clauses[-1].append(unit)
                joint = None
        if joint is not None:
            raise self._refusal(joint, "joins nothing after it")
        trees = [self._clause(clause) for clause in clauses if clause]
        if not trees:
            raise self._refusal(items[min(at, len(items) - 1)], "has nothing to hold")
        return _all(trees), at

    def _unit(self, items: list[Any], at: int, joint: Word | None) -> tuple[_Unit, int]:
        """One phrase or parenthesis with the negation before it."""
        negated = None
        before = joint.type if joint else ""
        if joint and joint.type == "OR" and joint.text.strip().startswith(","):
            before = "OR"
        while at < len(items) and _is(items[at], "NOT", "WITHOUT", "NEITHER", "EITHER"):
            if negated is not None:
                raise self._refusal(items[at], f"after {negated.text!r}: say it once")
            negated, at = items[at], at + 1
        if at >= len(items) or (isinstance(items[at], Word) and items[at].type not in ("LPAR", "NOUN")):
            raise self._refusal(
                negated or items[min(at, len(items) - 1)], "stands before nothing that can be asked"
            )
        if _is(items[at], "LPAR"):
            tree, end = self._group(items, at + 1)
            if end >= len(items):
                raise self._refusal(items[at], "opens a parenthesis that is never closed")
            return _Unit(tree, before, negated), end + 1
        if _is(items[at], "NOUN"):
            raise self._refusal(negated or items[at], "says nothing of the objects")
        return _Unit(items[at], before, negated), at + 1

    def _clause(self, units: list[_Unit]) -> Tree:
        """Units that stand beside each other, after and, or, or a comma."""
        self._share_words(units)
        for unit in units:
            unit.tree = self._demand(unit.tree)
        if units[0].negated and units[0].negated.type == "NEITHER":
            return self._neither(units)
        if units[0].negated and units[0].negated.type == "EITHER":
            units[0].negated = None
            if not any(u.joint == "OR" for u in units):
                raise WordsError(f"{self.text!r}: 'either' without an 'or'.")
        if any(u.negated for u in units):
            return self._negated(units)
        if not any(u.joint == "OR" for u in units):
            return _all([u.tree for u in units])
        return self._either(units)

    def _negated(self, units: list[_Unit]) -> Tree:
        """A clause with a negation: it holds for what follows it, and for further lines that are joined to it."""
        trees: list[Tree] = []
        word: Word | None = None
        for i, unit in enumerate(units):
            if unit.negated and unit.negated.type in ("NEITHER", "EITHER"):
                raise self._refusal(
                    unit.negated, "has to begin its part of the sentence; put a comma before it"
                )
            alike = unit.sort == units[i - 1].sort == "line"
            if unit.negated:
                if unit.joint == "OR":
                    raise self._refusal(
                        unit.negated, "after 'or' has two meanings; use parentheses: A or (not B)"
                    )
                word = unit.negated
                trees.append(Not(unit.tree))
            elif word is not None and word.type == "WITHOUT" and alike:
                if unit.joint in ("AND", "COMMA"):
                    self.notes.append(f"{word.text!r} holds for each of the lines after it")
                trees.append(Not(unit.tree))
            elif word is not None and (unit.joint == "OR" or unit.joint == ""):
                why = "could hold for what follows too; use parentheses: not (A or B), (not A) or B"
                raise self._refusal(word, why)
            elif word is not None and unit.joint == "AND" and unit.sort == units[i - 1].sort != "number":
                raise self._refusal(
                    word, "could hold for what follows 'and' too; say 'neither ... nor', or use a comma"
                )
            else:
                if unit.joint == "OR":
                    raise self._refusal(
                        word or unit.tree, "is joined by both 'or' and a negation; use parentheses"
                    )
                word = None
                trees.append(unit.tree)
        return _all(trees)

    def _neither(self, units: list[_Unit]) -> Tree:
        if len(units) < 2 or any(u.joint not in ("NOR", "OR", "COMMA") for u in units[1:]):
            raise self._refusal(units[0].negated, "expects 'nor' between what follows it")
        return All(tuple(Not(u.tree) for u in units))

    def _either(self, units: list[_Unit]) -> Tree:
        """A clause with "or"."""
        if wrong := next((u for u in units if u.joint == "AND"), None):
            raise WordsError(
                f"{self.text!r}: 'and' and 'or' stand side by side ({_said(wrong.tree)!r}); which binds first? "
                "Use parentheses: A and (B or C)."
            )
        if any(u.joint == "NOR" for u in units):
            raise WordsError(f"{self.text!r}: 'nor' without 'neither'.")
        if any(u.joint == "COMMA" for u in units):
            return self._listed(units)
        runs: list[list[_Unit]] = []
        for unit in units:
            if unit.joint == "OR" or not runs:
                runs.append([])
            runs[-1].append(unit)
        if any(len(run) > 1 for run in runs):
            return self._runs(runs)
        return Any_(tuple(run[0].tree for run in runs))

    def _listed(self, units: list[_Unit]) -> Tree:
        """ "A, B or C": a list if all are of one sort, else a comma that ends a part of the sentence."""
        last = max(i for i, u in enumerate(units) if u.joint == "COMMA")
        head, tail = units[:last], units[last:]
        tail[0].joint = ""
        sorts = {u.sort for u in units}
        if (
            len(sorts) == 1
            and all(u.joint in ("COMMA", "OR", "") for u in units)
            and sorts <= {"class", "line", "adjective"}
        ):
            self.notes.append(f"the commas before {_said(units[-1].tree)!r} are read as 'or'")
            return Any_(tuple(u.tree for u in units))
        if head[-1].sort == tail[0].sort:
            raise WordsError(
                f"{self.text!r}: is the comma before {_said(tail[0].tree)!r} 'and' or 'or'? Say it, or use parentheses."
            )
        return _all([self._clause_again(head), self._clause_again(tail)])

    def _clause_again(self, units: list[_Unit]) -> Tree:
        if not any(u.joint == "OR" for u in units):
            return _all([u.tree for u in units])
        return self._either(units)

    def _runs(self, runs: list[list[_Unit]]) -> Tree:
        """ "red SPIRALS or blue ELLIPTICALS": each of its own; "red or blue SPIRALS": both are spirals."""
        ends = [run[-1].sort == "class" or run[-1].shared for run in runs]
        singles = all(len(run) == 1 and not run[0].shared for run in runs[:-1])
        if singles and ends[-1] and all(u.sort == "adjective" for run in runs[:-1] for u in run):
            *adjectives, noun = runs[-1]
            if len(adjectives) == 1 and adjectives[0].sort == "adjective":
                choice = Any_((*(run[0].tree for run in runs[:-1]), adjectives[0].tree))
                self.notes.append(f"{_said(noun.tree)!r} holds for both sides of 'or'")
                return All((choice, noun.tree))
        alike = len({tuple(u.sort for u in run) for run in runs}) == 1
        if all(ends) and alike:
            return Any_(tuple(_all([u.tree for u in run]) for run in runs))
        first = runs[0][0].tree
        raise WordsError(
            f"{self.text!r}: does {_said(first)!r} hold for both sides of 'or'? Use parentheses: A and (B or C), or "
            "(A and B) or C."
        )

    # --- lines and comparatives -----------------------------------------------------------------------

    def _share_words(self, units: list[_Unit]) -> None:
        """Adjectives and "absorption" that stand once for several lines: "strong A and B absorption"."""
        for before, unit in pairwise(units):
            first, second = before.tree, unit.tree
            both = isinstance(first, LineUse) and isinstance(second, LineUse) and unit.joint
            if both and first.degree and not second.degree and not unit.negated:
                unit.tree = replace(second, degree=first.degree, very=first.very)
                self.notes.append(f"{first.degree.title!r} holds for {second.written!r} too")
        for unit, after in zip(units[-2::-1], units[:0:-1], strict=False):
            first, second = unit.tree, after.tree
            if isinstance(first, LineUse) and isinstance(second, LineUse) and after.joint and not first.state:
                unit.tree = replace(first, state=second.state)

    def _demand(self, phrase: Any) -> Tree:
        """The demand of a phrase."""
        if isinstance(phrase, LineUse):
            return self._of_line(phrase)
        if isinstance(phrase, Relative):
            return self._relative(phrase)
        return phrase

    def _of_line(self, use: LineUse) -> Demand:
        line = use.line
        if line.twofold and not use.state:
            raise WordsError(f"{self.text!r}: {use.written!r}: {either_words(line)}.")
        state = use.state or line.state
        very = "very " if use.very else ""
        words = f"{very}{use.degree.title + ' ' if use.degree else ''}{line.name} {state}"
        if use.degree and (special := line.special.get(use.degree.title)):
            if use.very:
                raise WordsError(
                    f"{self.text!r}: {use.written!r}: {special.title} is or is not, there is no very."
                )
            return self._special(words, special, use)
        if use.degree and use.degree.of == "width":
            raise WordsError(
                f"{self.text!r}: {use.written!r}: the width of {line.name} alone is not measured, so nothing says "
                f"whether it is {use.degree.title}."
            )
        if use.degree:
            column = strength_of(line, state)
            if not column:
                raise WordsError(
                    f"{self.text!r}: {use.written!r}: the strength of {line.name} in {state} is not measured."
                )
            rising = use.degree.rising
            return Demand(
                words, part_of(column, rising, use.very), source=part_words(rising, use.very), sort="line",
                written=use.written,
            )  # fmt: skip
        return self._seen(words, state, use)

    def _special(self, words: str, special: Kind, use: LineUse) -> Demand:
        return Demand(words, special.condition, special.labels, special.source, "line", written=use.written)

    def _seen(self, words: str, state: str, use: LineUse) -> Demand:
        """A line that is there, in emission or in absorption."""
        line, level = use.line, self.vocabulary.detection
        column = strength_of(line, state)
        if state == "emission":
            column = line.columns.get(self.vocabulary.comparable, column)
        if not column:
            raise WordsError(f"{self.text!r}: {use.written!r}: {line.name} in {state} is not measured.")
        condition = f"{column} > {level:g} * {column}_err"
        return Demand(words, condition, source=f"seen at {level:g} sigma", sort="line", written=use.written)

    def _relative(self, phrase: Relative) -> Demand:
        than = phrase.than
        if not than:
            if len(self.asides.like) != 1:
                given = f"{len(self.asides.like)} examples are" if self.asides.like else "no example is"
                raise WordsError(
                    f"{self.text!r}: {phrase.written!r} than which object? {given} given. Say 'than ID'."
                )
            than = self.asides.like[0]
        op = ">" if phrase.rising else "<"
        plain = (
            phrase.words
            if " than " in phrase.words or phrase.words.endswith("'")
            else f"{phrase.words} than '{than}'"
        )
        return Demand(
            plain, f"{phrase.column} {op} value_of({phrase.column}, '{than}')", source=f"than {than} has", sort="line",
            written=phrase.written,
        )  # fmt: skip


def _is(item: Any, *kinds: str) -> bool:
    return isinstance(item, Word) and item.type in kinds


def _is_quiet(item: Any) -> bool:
    """A connector or a noun, before which a number can count objects."""
    return isinstance(item, Word) or (isinstance(item, Aside) and item.kind == "noun")


def _said(tree: Any) -> str:
    return getattr(tree, "written", "") or getattr(tree, "words", "") or "that"


def _all(trees: Sequence[Tree]) -> Tree:
    flat: list[Tree] = []
    for tree in trees:
        flat += tree.parts if isinstance(tree, All) else (tree,)
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def _tidy(items: list[Any]) -> list[Any]:
    """The items with one connector between two of them, and none at the ends."""
    out: list[Any] = []
    for item in items:
        if _is(item, "SEP") and out and _is(out[-1], "SEP", "LPAR"):
            continue
        if _is(item, "SEP", "RPAR") and out and _is(out[-1], "AND", "COMMA", "SEP"):
            out.pop()
        if _is(item, "AND", "COMMA") and out and _is(out[-1], "SEP"):
            continue
        out.append(item)
    while out and _is(out[-1], "SEP"):
        out.pop()
    while out and _is(out[0], "SEP"):
        out.pop(0)
    return [] if all(_is(item, "SEP", "NOUN", "COMMA", "AND") for item in out) else out
