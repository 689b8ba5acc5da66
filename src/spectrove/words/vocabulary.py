"""The vocabulary of a kind of light: what its words mean, as data. One table, read by the grammar and by the documents.

Conditions are SQL over quantities (columns of a base, or measured). Two further functions say what only a base knows:
`quantile(NAME, 0.75)`, the value that three quarters of the objects of the base lie below, and `value_of(NAME, 'ID')`,
the value of one object. `NAME_err` is the one-sigma error of a quantity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spectrove.lines import Line


@dataclass(frozen=True)
class Number:
    """A quantity that can be compared with numbers.

    Attributes:
        name: Its column.
        title: The words that sentences print, which are read as this quantity.
        words: Others that mean it; case, spaces and dashes do not matter.
        unit: As it is printed; numbers may be given in this one, in one of `scales`, or without a unit.
        scales: Further units, and what a number in them is multiplied by.
        logarithm: Whether the column holds log10 of the number in `of_unit`, so that 10^11 in that unit means 11.
        of_unit: That unit.
        low, high: A number outside them cannot be meant.
    """

    name: str
    title: str
    words: tuple[str, ...] = ()
    unit: str = ""
    scales: Mapping[str, float] = field(default_factory=dict)
    logarithm: bool = False
    of_unit: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Kind:
    """A class of objects or a property that they have or have not: LINER, quiescent, red.

    Attributes:
        title: The words that sentences print, which are read as this.
        words: Others that mean it.
        condition: What defines it, over quantities; "" where only labels tell.
        source: Of the definition.
        labels: Label columns and the values that mean it, the most trusted first. A base that has one of them with one
            of its values is asked for labels, another for the condition.
        noun: Whether it names objects ("spirals") and does not describe them ("red").
        by: The quantity of which it is the upper or lower part of a base, in place of a condition.
        rising: Whether the objects with more of `by` are meant.
        share: The part of the base that is meant.
        more, most: Its comparatives and superlatives: "redder", "reddest".
    """

    title: str
    words: tuple[str, ...] = ()
    condition: str = ""
    source: str = ""
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    noun: bool = False
    by: str = ""
    rising: bool = True
    share: float = 0.0
    more: tuple[str, ...] = ()
    most: tuple[str, ...] = ()


@dataclass(frozen=True)
class LineWords:
    """What is known of one line.

    Attributes:
        line: The line; its name is printed and, as its synonyms, read.
        title: A name in its place, of a doublet measured as one.
        names: Further names of that.
        twofold: Whether it is seen in emission and in absorption, so that a sentence has to say which is meant.
        columns: Column of each property of a line, by the name of the property: "ew", "flux".
        strength: The column by which the line is strong in emission; "" if none is measured.
        absorption: The column by which it is strong in absorption; a line that has only this one is meant so.
        special: Conditions of adjectives that mean another thing for this line, by their titles: "broad".
    """

    line: Line
    columns: Mapping[str, str] = field(default_factory=dict)
    strength: str = ""
    absorption: str = ""
    special: Mapping[str, Kind] = field(default_factory=dict)
    title: str = ""
    names: tuple[str, ...] = ()
    twofold: bool = False

    @property
    def state(self) -> str:
        """The state that is meant where none is said: "emission" or "absorption"."""
        return "emission" if self.strength or not self.absorption else "absorption"

    @property
    def name(self) -> str:
        """As it is printed."""
        return self.title or self.line.name


@dataclass(frozen=True)
class Property:
    """Something that lines have: an equivalent width, a flux.

    Attributes:
        name: Its key in `LineWords.columns`.
        title, words: As of a `Number`.
        unit: "" if any or none.
    """

    name: str
    title: str
    words: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Vocabulary:
    """All words of a kind of light.

    Attributes:
        nouns: Words for any object: "galaxies".
        numbers: Quantities.
        kinds: Classes and properties.
        lines: Lines, with what is measured of them.
        properties: Properties of lines.
        ratios: Words that may stand before a ratio of two lines, and the keys of the lines that they mean alone.
        detection: Errors above zero from which a line counts as seen.
        comparable: Property whose columns are compared where two lines are: "flux".
        hunted: Conditions that ask how something was measured, as what is asked of spectra that are not measured yet:
            the condition of a word, and the one in its place with its source.
        own_errors: Whether a catalog's numbers without errors get those of the same measurement in the spectra; else
            they are taken as exact, and nothing is measured for them.
        refused: Words with several meanings or none that a base can answer, and the sentence that says so.
    """

    nouns: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()
    kinds: tuple[Kind, ...] = ()
    lines: tuple[LineWords, ...] = ()
    properties: tuple[Property, ...] = ()
    ratios: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    detection: float = 3.0
    comparable: str = "flux"
    hunted: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    own_errors: bool = True
    refused: Mapping[str, str] = field(default_factory=dict)

    def number(self, name: str) -> Number:
        """The quantity of this column; one that is only a part of a line's has the column as its title."""
        return next((n for n in self.numbers if n.name == name), Number(name, name))

    def line(self, key: str) -> LineWords:
        """The line of this key."""
        return next(known for known in self.lines if known.line.key == key)
