"""Every error a user can act on, as one tree.

    SpectroveError
    ├── SpectrumError       one spectrum or file cannot be used
    │   ├── FormatError     the file is not what its reader expects
    │   └── RedshiftError   a redshift is needed and missing, or cannot be right
    ├── DatasetError        a dataset, folder or disk cannot be read or written
    ├── CatalogError        a catalog cannot be read or joined, or lacks a column
    ├── KnowledgeError      a knowledge base cannot do what was asked
    │   └── FingerprintError  vectors, encoder and base do not belong together
    ├── WordsError          a sentence cannot be read, or says what a base cannot answer
    ├── TargetError         a target file is wrong, or names what is not there
    ├── ConditionError      a condition over columns cannot be read
    ├── RecipeError         a recipe is wrong, or weights do not fit it
    ├── ParameterError      a parameter lies outside of what a model covers
    ├── LeakError           an evaluation would score objects that were trained on
    ├── ArchiveError        an archive cannot be reached, refuses, or gives something else
    └── ShapeError          arrays differ in shape

A message names the object, what was found beside what was expected, and what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

#: How DataFusion says that a condition names a column that is not there; what follows it is its own guess.
UNKNOWN_COLUMN = re.compile(r"No field named [`\"']?([^`\"'\s]+?)[`\"']?(?:[.\s].*)?$", re.DOTALL)

#: Names that a message lists where none is like the one that was given.
MOST_NAMES = 30


class SpectroveError(Exception):
    """Anything Spectrove refuses to do, with a sentence a user can act on."""


class SpectrumError(SpectroveError):
    """One spectrum or file cannot be used; the rest of the batch goes on."""


class FormatError(SpectrumError):
    """A file is not what its reader expects: truncated, another instrument, another layout."""


class RedshiftError(SpectrumError):
    """A redshift is needed and missing, or lies where it cannot be right."""


class DatasetError(SpectroveError):
    """A dataset, folder or disk cannot be read or written."""


class CatalogError(SpectroveError):
    """A catalog cannot be read or joined, or lacks a column that was asked for."""


class KnowledgeError(SpectroveError):
    """A knowledge base cannot do what was asked."""


class FingerprintError(KnowledgeError):
    """Vectors of one encoder were brought to a base of another."""


class TargetError(SpectroveError):
    """A target file is wrong, or names a column or value that is not there."""


class ConditionError(SpectroveError):
    """A condition over columns cannot be read, or names a column that is not there."""


class WordsError(SpectroveError):
    """A sentence cannot be read, has two meanings, or asks for what a base does not hold."""


class RecipeError(SpectroveError):
    """A recipe is wrong, or weights do not fit it."""


class ParameterError(SpectroveError):
    """A parameter lies outside of what a model covers, or is not known to it."""


class LeakError(SpectroveError):
    """An evaluation would score objects that the encoder was trained on."""


class ArchiveError(SpectroveError):
    """An archive cannot be reached, refuses, or gives something else than what was asked for.

    Attributes:
        code: Its answer, as 404; None if there was none.
        reached: Whether there is a service at its address at all.
    """

    def __init__(self, said: str, *, code: int | None = None, reached: bool = True) -> None:
        super().__init__(said)
        self.code, self.reached = code, reached


class ShapeError(SpectroveError, ValueError):
    """Arrays that belong together differ in shape."""


@dataclass(frozen=True)
class Refusal:
    """One spectrum or file that was left out of a batch, and the sentence that says why.

    `name` is the path of a file or the id of an object; `error` is the message of the error that was
    raised for it. `partial` is True where the rest of the file was read: a row, plane or extension that is
    no object, or that cannot be used.
    """

    name: str
    error: str
    partial: bool = False


def sql_problem(error: BaseException, columns: Sequence[str]) -> str:
    """What is wrong with an SQL condition, as half a sentence, with the columns it may have meant."""
    text = (str(error).strip() or type(error).__name__).removeprefix("Invalid input, ")
    if unknown := UNKNOWN_COLUMN.search(text):
        return f"No field named {unknown[1]}{did_you_mean(unknown[1], columns)}"
    first = text.splitlines()[0]
    return re.sub(r", \S+\.rs:\d+:\d+", "", first)[:300]  # the place in DataFusion's own source


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """ "; did you mean split?", or what names there are where none is like it."""
    low = name.lower()
    begins = [k for k in known if k.lower().startswith(low)]
    folded = {k.lower(): k for k in known}
    close = [folded[k] for k in get_close_matches(low, list(folded), n=4, cutoff=0.6)]
    holds = [k for k in known if low in k.lower()]
    if near := list(dict.fromkeys([*close, *begins, *holds]))[:4]:
        return f"; did you mean {' or '.join(near)}?"
    if not known:
        return "; there are none"
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return f"; there are {', '.join(known[:MOST_NAMES])}{more}"
