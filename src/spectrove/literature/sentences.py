"""A text in sentences."""

from __future__ import annotations

import re

_END = re.compile(r"[.!?][)\]'\"”]*\s+(?=[A-Z0-9(\[$“\"'])")
_SHORT = re.compile(
    r"(?:\b(?:et al|e\.g|i\.e|fig|figs|cf|ca|vs|no|sect|sec|eq|eqs|ref|refs|approx|resp|dr|st|mag|cm|sp)|\b[A-Z])$",
    re.IGNORECASE,
)

#: Longest sentence that is given back, in letters.
LONGEST = 400


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, blanks collapsed; a dot after an abbreviation or an initial ends none."""
    text = " ".join(text.split())
    cuts = [0]
    cuts += [found.end() for found in _END.finditer(text) if not _is_short(text[: found.start()])]
    parts = [text[a:b].strip() for a, b in zip(cuts, [*cuts[1:], len(text)], strict=True)]
    return [part for part in parts if part]


def shortened(sentence: str, around: str) -> str:
    """A sentence of at most `LONGEST` letters: of a longer one the part around some words of it."""
    if len(sentence) <= LONGEST:
        return sentence
    at = max(sentence.find(around), 0)
    start = max(0, min(at - LONGEST // 3, len(sentence) - LONGEST))
    cut = sentence[start : start + LONGEST].strip()
    return f"{'... ' if start else ''}{cut}{' ...' if start + LONGEST < len(sentence) else ''}"


def _is_short(before: str) -> bool:
    last = before[-12:]
    return _SHORT.search(last) is not None and not re.search(r"\b[A-Z]{2,}[A-Z]$", last)
