"""A spectral line, as a domain lists those of its light, and the names that people give it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

#: In vacuum, km/s.
SPEED_OF_LIGHT = 299792.458

#: Greek letters of names as words; λ only announces a wavelength.
GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "λ": ""}

#: Lines of one ion nearer than this to each other share a name, as those of a doublet have, angstrom.
TOGETHER = 100.0


@dataclass(frozen=True)
class Line:
    """A spectral line: catalog key, printed name, rest vacuum wavelength in angstrom, kind.

    `together` are names of this line with others: "AB", of A and B. `synonyms` are further names of this line alone, or
    of the ion whose strongest line it is.
    """

    key: str
    name: str
    wavelength: float
    kind: str = "emission"
    together: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()


def folded(name: str) -> str:
    """A name without case, spaces, brackets and dashes; Greek letters spelt."""
    for letter, word in GREEK.items():
        name = name.replace(letter, word)
    return re.sub(r"[^a-z0-9]", "", name.lower())


def short(line: Line) -> str:
    """The name without its wavelength, folded: of the ion."""
    return re.sub(r"\d+$", "", folded(line.name))


def lines_named(name: str, lines: Sequence[Line]) -> list[Line]:
    """The lines that a name means: one, or those of a doublet; none where it is unknown."""
    name = folded(name)
    if pair := [line for line in lines if name in map(folded, line.together)]:
        return pair
    if exact := [line for line in lines if folded(line.name) == name]:
        return exact
    named = [line for line in lines if name in (folded(line.key), short(line), *map(folded, line.synonyms))]
    if not named:
        return []
    # The name of an ion means its strongest line, whose key it is.
    first = next((line for line in named if folded(line.key) == name), named[0])
    ion = [line for line in lines if short(line) == short(first)]
    return [line for line in ion if abs(line.wavelength - first.wavelength) < TOGETHER]


def names_of(line: Line, lines: Sequence[Line]) -> tuple[str, ...]:
    """Every name that means this line where it is the first of those that have the name."""
    ion = re.sub(r"\s*\d+$", "", line.name)
    same = [other for other in lines if short(other) == short(line)]
    first = next((other for other in same if other.key == short(line)), same[0] if same else line)
    return (line.name, line.key, *([ion] if first is line else []), *line.synonyms, *line.together)
