"""A sentence as tokens: the longest words of the vocabulary first, numbers, ids of objects; unknown words are named."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from spectrove.errors import WordsError
from spectrove.lines import GREEK, names_of
from spectrove.words.english import COMPARISONS, CONNECTORS, DEGREES, NUMERALS, UNITS
from spectrove.words.vocabulary import LineWords, Vocabulary

#: Characters of the longest phrase.
LONGEST = 60
#: Letters of the shortest word whose misspelling is seen.
LEAST_LETTERS = 5
#: Characters of the longest sentence.
LONGEST_SENTENCE = 2000

_NUMBER = re.compile(
    r"10\s*(?:\^|\*\*)\s*\{?(?P<power>[-+]?\d+(?:\.\d+)?)\}?"
    r"|(?P<plain>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)"
    r"(?:\s*[x×]\s*10\s*(?:\^|\*\*)?\s*\{?(?P<times>[-+]?\d+)\}?|[eE](?P<exponent>[-+]?\d+))?"
)
_ID = re.compile(r"\d{1,6}-\d{4,6}-\d{1,5}(?![\w-])|'[^']+'|\"[^\"]+\"")
_NAME = re.compile(r"[A-Za-z0-9][\w.+:#/-]*")
_WORD = re.compile(r"[^\s,;()<>=]+")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_DASHES = "-–—−‐‑"
#: Sorts of words that a misspelt one may be said to be.
_SUGGESTED = ("QUANTITY", "LINE", "PROPERTY", "KIND", "RATIO")
#: Characters that no phrase ends with.
_NO_END = f"{_DASHES}'\".,:({{^"


@dataclass(frozen=True)
class Word:
    """A token: its type, its place in the sentence, what was written, and what it stands for."""

    type: str
    start: int
    end: int
    text: str
    value: Any = None


@dataclass
class Lexicon:
    """Folded phrases to what they may be, and the phrase as it is written; `units` apply after numbers."""

    phrases: dict[str, tuple[str, Any, str]] = field(default_factory=dict)
    units: dict[str, tuple[str, Any, str]] = field(default_factory=dict)

    def add(self, kind: str, value: Any, words: Sequence[str], *, plural: bool = False) -> None:
        """Phrases of one meaning; a phrase that has one already keeps it."""
        for word in words:
            forms = [word, *([f"{word}s"] if plural and len(word) > 2 and not word.endswith("s") else [])]
            for form in forms:
                self.phrases.setdefault(folded(form), (kind, value, word))


def folded(text: str) -> str:
    """The text without case, spaces, dashes, brackets and dots; Greek letters spelt."""
    low = text.lower()
    for letter, word in GREEK.items():
        low = low.replace(letter, word)
    return re.sub(r"[\s\-–—−‐‑_'’.\[\](){}^$\\]", "", low)


@lru_cache(maxsize=8)
def _lexicon_of(key: int, holder: _Holder) -> Lexicon:
    vocabulary, made = holder.vocabulary, Lexicon()
    for number in vocabulary.numbers:
        made.add("QUANTITY", number, (number.title, *number.words), plural=True)
    for known in vocabulary.lines:
        made.add("LINE", known, names_in(known, vocabulary))
    for one in vocabulary.properties:
        made.add("PROPERTY", one, (one.title, *one.words), plural=True)
    for kind in vocabulary.kinds:
        made.add("KIND", kind, (kind.title, *kind.words), plural=kind.noun)
        made.add("MORE_KIND", kind, kind.more)
        made.add("MOST_KIND", kind, kind.most)
    made.add("NOUN", None, vocabulary.nouns, plural=True)
    for word, keys in vocabulary.ratios.items():
        made.add("RATIO", keys, (word,), plural=True)
    for name, words in COMPARISONS.items():
        made.add("OP", name, words)
    for name, words in CONNECTORS.items():
        target = name not in ("PERCENT", "SIGMA")
        if target:
            made.add(name, None, words, plural=name in ("EMISSION", "ABSORPTION", "SEEN", "REGION", "RATIO"))
        else:
            made.units |= {folded(word): (name, None, word) for word in words}
    for degree in DEGREES:
        made.add("DEGREE", degree, (degree.title, *degree.words))
        made.add("MORE", degree, degree.more)
        made.add("MOST", degree, degree.most)
    made.add("REFUSED", None, tuple(vocabulary.refused))
    for spelling, value in NUMERALS.items():
        made.add("NUMBER", value, (spelling,))
    made.units |= {folded(spelling): ("UNIT", value, spelling) for spelling, value in UNITS.items()}
    return made


def names_in(known: LineWords, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Every name that is read as this line."""
    if known.title:
        return (known.title, *known.names)
    return names_of(known.line, [one.line for one in vocabulary.lines])


@dataclass(frozen=True, eq=False)
class _Holder:
    vocabulary: Vocabulary


_HOLDERS: dict[int, _Holder] = {}


def lexicon_of(vocabulary: Vocabulary) -> Lexicon:
    """Every phrase that is understood, made once for a vocabulary."""
    holder = _HOLDERS.setdefault(id(vocabulary), _Holder(vocabulary))
    return _lexicon_of(id(vocabulary), holder)


def tokens_of(text: str, vocabulary: Vocabulary) -> tuple[list[Word], list[str]]:
    """The words of a sentence without those that say nothing, and notes on what was read as another spelling.

    Raises:
        WordsError: A word is unknown, or has no meaning that a base can answer; all such words are named.
    """
    if len(text) > LONGEST_SENTENCE:
        raise WordsError(
            f"a sentence of {len(text)} characters, expected at most {LONGEST_SENTENCE}. Shorten it."
        )
    scanner = _Scanner(_legible(text), lexicon_of(vocabulary), vocabulary.refused)
    words = list(scanner.words())
    if scanner.problems:
        end = "?" if scanner.problems[-1].endswith("?") else "."
        where = " All words that are read stand in docs/words.md." if scanner.strange else ""
        raise WordsError(f"{text!r}: {'; '.join(scanner.problems).removesuffix('?')}{end}{where}")
    return words, scanner.notes


def _legible(text: str) -> str:
    """The text with composed letters and superscripts as powers; as long as what is printed of it."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"(?<=\d)([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "^" + m[1].translate(_SUPERSCRIPTS), text)
    text = text.replace("⁻¹", "-1").replace("★", "*").replace("\u00a0", " ").replace("\u2009", " ")
    return re.sub(r"(?<![\w])−|−(?=\s*[\d.])", "-", text)


@dataclass
class _Scanner:
    """Reads a text from left to right."""

    text: str
    lexicon: Lexicon
    refused: Mapping[str, str]
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    last: str = ""
    strange: bool = False

    def words(self) -> Iterator[Word]:
        """The tokens that mean something."""
        at = 0
        while at < len(self.text):
            mark = self.text[at].isspace() or self.text[at] in ".!?:`$\\"
            if mark and not (self.text[at] == "." and self.text[at + 1 : at + 2].isdigit()):
                at += 1
                continue
            word = self._next(at)
            at = max(word.end, at + 1)
            if word.type == "REFUSED":
                self._refuse(word)
            elif word.type:
                self.last = word.type
                yield word

    def _refuse(self, word: Word) -> None:
        why = next(why for name, why in self.refused.items() if folded(name) == folded(word.text))
        self.problems.append(f"{word.text!r} (at {word.start + 1}): {why}")

    def _next(self, at: int) -> Word:
        if found := _ID.match(self.text, at):
            return Word("ID", at, found.end(), found[0], found[0].strip("'\""))
        if self.last == "NUMBER" and (unit := self._phrase(at, self.lexicon.units)) and unit.text != "a":
            return unit
        number = self._number(at)
        phrase = self._phrase(at, self.lexicon.phrases)
        if number and (phrase is None or number.end >= phrase.end) and not self._is_name(at, number.end):
            return number
        if phrase:
            return self._exact(phrase)
        return self._mark(at) or self._named(at) or self._misspelt(at)

    def _exact(self, word: Word) -> Word:
        """A word, unless it is refused in exactly this spelling: "Z", where "z" is known."""
        shouted = self.text.upper() == self.text
        if word.text in self.refused and not shouted:
            return Word("REFUSED", word.start, word.end, word.text)
        return word

    def _is_name(self, start: int, end: int) -> bool:
        """Whether digits begin a name, which letters go on."""
        return self.text[end : end + 1].isalpha() and not self._phrase(end, self.lexicon.units)

    def _number(self, at: int) -> Word | None:
        sign = 1.0
        start = at
        if self.text[at] in _DASHES + "+" and self.last not in ("NUMBER", "UNIT", "LINE", "QUANTITY"):
            sign, at = (-1.0 if self.text[at] != "+" else 1.0), at + 1
        found = _NUMBER.match(self.text, at)
        if not found:
            return None
        if found["power"]:
            value = 10 ** min(float(found["power"]), 300.0)
        else:
            exponent = found["times"] or found["exponent"] or "0"
            value = float(found["plain"].replace(",", "")) * 10 ** min(float(exponent), 300.0)
        return Word("NUMBER", start, found.end(), self.text[start : found.end()], sign * value)

    def _phrase(self, at: int, phrases: Mapping[str, tuple[str, Any, str]]) -> Word | None:
        """The longest phrase that begins here."""
        text = self.text
        if text[at] in "()" or text[at] in _DASHES:
            return None
        for end in range(min(len(text), at + LONGEST), at, -1):
            if text[end - 1].isspace() or text[end - 1] in _NO_END or _joined(text, end):
                continue
            part = text[at:end]
            if _hyphenated(text, end) and folded(part) != "non":
                continue
            if part.count("(") != part.count(")") or part.count("[") != part.count("]"):
                continue
            if (known := phrases.get(folded(part))) is not None:
                return Word(known[0], at, end, part, known[1])
        return None

    def _mark(self, at: int) -> Word | None:
        kind = {",": "COMMA", ";": "SEP", "(": "LPAR", ")": "RPAR", "/": "SLASH", "[": "LPAR", "]": "RPAR"}
        letter = self.text[at]
        if letter in kind:
            return Word(kind[letter], at, at + 1, letter)
        if letter in _DASHES:  # between numbers a range, else punctuation
            return Word("TO" if self.last in ("NUMBER", "UNIT") else "", at, at + 1, letter)
        return None

    def _named(self, at: int) -> Word | None:
        """A name with a digit after "like", "than" or another name."""
        found = _NAME.match(self.text, at)
        if not found or self.last not in ("LIKE", "UNLIKE", "THAN", "OP", "ID"):
            return None
        name = found[0].rstrip(".:-")
        if self.last in ("OP", "ID") or not any(letter.isdigit() for letter in name):
            return None
        return Word("ID", at, at + len(name), name, name)

    def _misspelt(self, at: int) -> Word:
        """The phrase that a misspelt word can only mean; else the word is a problem."""
        found = _WORD.match(self.text, at)
        text = found[0].rstrip(".,:!?") if found else self.text[at]
        text = text or self.text[at]
        end = at + len(text)
        wanted = folded(text)
        near = [
            k
            for k, (kind, *_) in self.lexicon.phrases.items()
            if len(wanted) >= LEAST_LETTERS and kind != "REFUSED" and _one_slip(wanted, k)
        ]
        meanings = {(self.lexicon.phrases[k][0], id(self.lexicon.phrases[k][1])) for k in near}
        if len(meanings) == 1:
            kind, value, written = self.lexicon.phrases[near[0]]
            self.notes.append(f"{text} (at {at + 1}) is read as {written!r}")
            return Word(kind, at, end, text, value)
        self.problems.append(f"unknown word {text!r} (at {at + 1}){self._hint(wanted, near)}")
        return Word("", at, end, text)

    def _hint(self, wanted: str, near: Sequence[str]) -> str:
        """The words that are really near: one letter of four is another, and they ask something by themselves."""
        known = [k for k, (kind, *_) in self.lexicon.phrases.items() if kind in _SUGGESTED]
        slips = {k: _slips(wanted, k) for k in get_close_matches(wanted, known, n=5, cutoff=0.6)}
        close = sorted(
            (k for k, n in slips.items() if n <= len(wanted) // 4 and len(wanted) >= LEAST_LETTERS),
            key=slips.__getitem__,
        )
        written = list(dict.fromkeys(self.lexicon.phrases[k][2] for k in [*near, *close]))[:3]
        self.strange = self.strange or not written
        return f"; did you mean {' or '.join(written)}?" if written else ""


def _hyphenated(text: str, end: int) -> bool:
    """Whether a word with a hyphen goes on over this place: "low" of "low-mass" is no word."""
    return text[end : end + 1] in tuple(_DASHES) and text[end + 1 : end + 2].isalpha()


def _joined(text: str, end: int) -> bool:
    """Whether a word goes on over this place."""
    before, after = text[end - 1], text[end : end + 1]
    if not after:
        return False
    both_letters = before.isalpha() and after.isalpha()
    both_digits = before.isdigit() and after.isdigit()
    return (
        both_letters
        or both_digits
        or (before.isalpha() and after.isdigit())
        or (before.isdigit() and after.isalpha() and after not in "Åå")
    )


def _slips(a: str, b: str) -> int:
    """Letters that are more, fewer or others in one of two words."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def _one_slip(a: str, b: str) -> bool:
    """Whether two words differ by one letter more, less, another or two exchanged."""
    if abs(len(a) - len(b)) > 1 or a == b or len(b) < LEAST_LETTERS:
        return a == b
    i = 0
    while i < min(len(a), len(b)) and a[i] == b[i]:
        i += 1
    rest_a, rest_b = a[i:], b[i:]
    return (
        rest_a[1:] == rest_b[1:]
        or rest_a == rest_b[1:]
        or rest_a[1:] == rest_b
        or (rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:] and len(rest_a) > 1)
    )
