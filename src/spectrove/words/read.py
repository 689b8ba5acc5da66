"""A sentence read: from its text and a vocabulary to a `Reading`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from spectrove.errors import WordsError
from spectrove.words.english import CONNECTORS
from spectrove.words.logic import Joiner
from spectrove.words.phrases import phrases_of
from spectrove.words.reading import All, Demand, Not, Reading, Tree
from spectrove.words.tokens import Word, folded, tokens_of
from spectrove.words.vocabulary import Vocabulary

#: Words for the emission of a line that stands before them.
_EMISSION = {folded(form) for word in CONNECTORS["EMISSION"] for form in (word, f"{word}s")}
#: Tokens that a property of the line before may follow.
_OF_LINE = ("LINE", "EMISSION", "ABSORPTION", "SEEN", "SLASH")
#: Connectors, which stand together as "and with" or ", or".
_JOINTS = ("AND", "OR", "COMMA", "SEP")


def read(text: str, vocabulary: Vocabulary) -> Reading:
    """What a sentence says.

    Raises:
        WordsError: A word is unknown or misplaced, the sentence has two meanings, or contradicts itself; the message
            names the word.
    """
    words, notes = tokens_of(text, vocabulary)
    words = _completed(_settled(words), vocabulary)
    if not words:
        raise WordsError(f"{text!r}: says nothing to look for. Name classes, lines, numbers or an example.")
    joiner = Joiner(text, vocabulary)
    demands = joiner.joined(phrases_of(text, words, vocabulary))
    asides = joiner.asides
    for what, given in (("orders", asides.orders), ("counts", asides.limits)):
        if len(given) > 1:
            raise WordsError(f"{text!r}: {len(given)} {what}, expected one.")
    if asides.regions and not (asides.like or asides.unlike):
        raise WordsError(
            f"{text!r}: a region, {asides.regions[0]!r}, without an example to compare. Say 'like ID'."
        )
    if demands is None and not asides.like and not asides.unlike and not asides.orders:
        raise WordsError(f"{text!r}: says nothing to look for. Name classes, lines, numbers or an example.")
    if both := set(asides.like) & set(asides.unlike):
        raise WordsError(f"{text!r}: {min(both)} is to be like and unlike. Leave one out.")
    if demands is not None:
        _refuse_contradictions(text, demands)
    return Reading(
        text, demands, tuple(dict.fromkeys(asides.like)), tuple(dict.fromkeys(asides.unlike)),
        tuple(dict.fromkeys(asides.regions)), asides.orders[0] if asides.orders else None,
        asides.limits[0] if asides.limits else None, tuple(dict.fromkeys([*notes, *joiner.notes])),
    )  # fmt: skip


def _settled(words: Sequence[Word]) -> list[Word]:
    """The tokens with one connector in place of several, and without those that join nothing."""
    out: list[Word] = []
    skipped = 0
    for i, word in enumerate(words):
        after = words[i + 1].type if i + 1 < len(words) else ""
        before = out[-1].type if out else ""
        if word.type == "IS" and not (
            after in ("VERY", "DEGREE") and before in ("LINE", "QUANTITY", "PROPERTY", "RPAR")
        ):
            continue
        if word.type == "KIND" and before == "LINE" and folded(word.text) in _EMISSION:
            word = Word("EMISSION", word.start, word.end, word.text)
        if word.type == "IN" and _says_again(words, i):
            skipped = 3
        if word.type == "IN" and after not in ("LINE", "NUMBER", "QUANTITY", "PROPERTY", "LPAR"):
            continue
        if word.type == "QUANTITY" and _says_again(words, i - 1) and not skipped:
            skipped = 2
        if word.type == "QUANTITY" and _says_twice(words, i):
            continue
        if skipped:
            skipped -= 1
            continue
        if word.type == "NOUN" and before in ("LIKE", "UNLIKE") and after == "ID":
            continue
        if word.type == "LIKE" and before == "NOT":
            out[-1] = Word("UNLIKE", out[-1].start, word.end, f"{out[-1].text} {word.text}")
            continue
        if word.type in _JOINTS and before in _JOINTS:
            out[-1] = _stronger(out[-1], word)
            continue
        if word.type in ("AND", "OR", "COMMA") and before in ("ID", "LISTSEP") and after == "ID":
            word = Word("LISTSEP", word.start, word.end, word.text)
        if _is_first_unit(words, i):
            continue
        out.append(word)
    while out and out[0].type == "SEP":
        out.pop(0)
    while out and out[-1].type in ("SEP", "COMMA"):
        out.pop()
    return _lists(out)


def _completed(words: Sequence[Word], vocabulary: Vocabulary) -> list[Word]:
    """The tokens with the lines that a ratio of two, or a property that only one line has, means by itself."""
    out: list[Word] = []
    for i, word in enumerate(words):
        after = words[i + 1].type if i + 1 < len(words) else ""
        before = out[-1].type if out else ""
        if word.type == "BETWEEN" and word.text.lower() == "within" and _is_single(words[i + 1 : i + 7]):
            word = Word("OP", word.start, word.end, word.text, "<=")
        if word.type == "OP" and before in ("EMISSION", "ABSORPTION") and after == "QUANTITY":
            out.append(Word("SEP", word.start, word.start, ""))
        out.append(word)
        end = word.end
        if word.type == "RATIO" and word.value and after != "LINE" and before != "LINE":
            top, bottom = (vocabulary.line(key) for key in word.value)
            out += [
                Word("LINE", end, end, "", top), Word("SLASH", end, end, ""), Word("LINE", end, end, "", bottom),
            ]  # fmt: skip
        if word.type == "PROPERTY" and after in ("OP", "BETWEEN", "ABOUT") and before not in _OF_LINE:
            having = [one for one in vocabulary.lines if word.value.name in one.columns]
            out += [Word("LINE", end, end, "", line) for line in having if len(having) == 1]
    return out


def _is_single(after: Sequence[Word]) -> bool:
    """Whether a quantity and one number follow, and no second number that would make them a range."""
    kinds = [w.type for w in after if w.type != "UNIT" and not (w.type == "OP" and w.value == "=")]
    return kinds[:2] == ["QUANTITY", "NUMBER"] and not (
        kinds[2:3] == ["TO"]
        or (
            kinds[2:3] == ["AND"]
            and (kinds[3:4] == ["NUMBER"] or after[0].value in [w.value for w in after[1:]])
        )
    )


def _lists(words: list[Word]) -> list[Word]:
    """Connectors between two ids as what separates a list, also those made of several."""
    for i in range(1, len(words) - 1):
        if words[i].type in ("AND", "OR", "COMMA") and words[i - 1].type == words[i + 1].type == "ID":
            words[i] = Word("LISTSEP", words[i].start, words[i].end, words[i].text)
    return words


def _says_again(words: Sequence[Word], i: int) -> bool:
    """Whether "in the QUANTITY range" only announces a comparison that names the quantity again."""
    kinds = [w.type for w in words[i : i + 5]]
    return kinds[1:3] == ["QUANTITY", "REGION"] and (
        kinds[3:4] == ["QUANTITY"] or kinds[3:5] == ["NUMBER", "OP"]
    )


def _says_twice(words: Sequence[Word], i: int) -> bool:
    """Whether a quantity stands again behind it, alone or in a comparison: redshifts 1 < z < 2."""
    after = words[i + 1 : i + 4]
    kinds = [w.type for w in after]
    again = (
        after[0] if kinds[:1] == ["QUANTITY"] else after[2] if kinds == ["NUMBER", "OP", "QUANTITY"] else None
    )
    return again is not None and again.value is words[i].value


def _stronger(first: Word, second: Word) -> Word:
    """Two connectors as one: "or" wins, then what begins a new part of the sentence, then "and"."""
    kinds = {first.type, second.type}
    kind = next(k for k in ("OR", "SEP", "AND", "COMMA") if k in kinds)
    return Word(kind, first.start, second.end, f"{first.text} {second.text}")


def _is_first_unit(words: Sequence[Word], i: int) -> bool:
    """Whether this is the first of two equal units of a range: 200 km/s to 300 km/s."""
    around = words[i - 1 : i + 4]
    kinds = [w.type for w in around]
    return (
        i > 0
        and len(around) == 5
        and kinds[0] == kinds[3] == "NUMBER"
        and kinds[1] == kinds[4] == "UNIT"
        and kinds[2] in ("TO", "AND")
        and around[1].value == around[4].value
    )


def _refuse_contradictions(text: str, tree: Tree) -> None:
    """Refuse demands, all of which are asked, that no object can meet together."""
    asked = tree.parts if isinstance(tree, All) else (tree,)
    ends: dict[str, tuple[float, float, str]] = {}
    for demand in asked:
        if not isinstance(demand, Demand) or not demand.span[0]:
            continue
        name, low, high = demand.span
        lowest, highest, said = ends.get(name, (-math.inf, math.inf, ""))
        low, high = max(low, lowest), min(high, highest)
        if low >= high and said:
            raise WordsError(
                f"{text!r}: {said!r} and {demand.written!r} contradict each other; no object meets both."
            )
        ends[name] = (low, high, demand.written)
    plain = {d.words: d for d in asked if isinstance(d, Demand)}
    for part in asked:
        if isinstance(part, Not) and isinstance(part.part, Demand) and part.part.words in plain:
            raise WordsError(f"{text!r}: {part.part.words!r} is asked and excluded. Leave one out.")
    classes = [d for d in asked if isinstance(d, Demand) and d.labels]
    for i, one in enumerate(classes):
        for other in classes[:i]:
            here, there = dict(one.labels), dict(other.labels)
            if (shared := set(here) & set(there)) and not any(set(here[c]) & set(there[c]) for c in shared):
                raise WordsError(f"{text!r}: nothing is both {other.words} and {one.words}. Say 'or'.")
