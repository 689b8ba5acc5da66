"""A vocabulary as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spectrove.words.phrases import share_words
from spectrove.words.tokens import names_in
from spectrove.words.vocabulary import Kind, LineWords, Vocabulary


def vocabulary_tables(vocabulary: Vocabulary) -> str:
    """Every word of a vocabulary with what it means, as Markdown."""
    parts: list[tuple[str, tuple[str, ...], Sequence[Sequence[str]]]] = [
        ("Classes and properties", ("words", "means", "source"), [_kind(kind) for kind in vocabulary.kinds]),
        ("Lines", ("words", "measured", "strong, weak by"), [_line(one, vocabulary) for one in vocabulary.lines]),
        (
            "Quantities", ("words", "column", "unit"),
            [(_words((n.title, *n.words)), f"`{n.name}`", n.unit or "") for n in vocabulary.numbers],
        ),
        (
            "Properties of lines", ("words", "column", "unit"),
            [(_words((p.title, *p.words)), f"`LINE_{p.name}`", p.unit) for p in vocabulary.properties],
        ),
        ("Refused", ("word", "why"), [(word, why) for word, why in vocabulary.refused.items()]),
    ]  # fmt: skip
    return "\n\n".join(f"### {title}\n\n{_table(head, rows)}" for title, head, rows in parts if rows) + "\n"


def _kind(kind: Kind) -> tuple[str, str, str]:
    labels = [f"`{column}`: {', '.join(values)}" for column, values in kind.labels]
    if kind.share:
        condition = share_words(kind.rising, kind.share, kind.by)
    else:
        condition = f"`{kind.condition}`" if kind.condition else ""
    return _words((kind.title, *kind.words, *kind.more, *kind.most)), "; else ".join(
        [*labels, *([condition] if condition else [])]
    ), kind.source  # fmt: skip


def _line(known: LineWords, vocabulary: Vocabulary) -> tuple[str, str, str]:
    special = "; ".join(f"{title}: `{kind.condition}`" for title, kind in known.special.items())
    states = (("emission", known.strength), ("absorption", known.absorption))
    graded = "; ".join(f"in {state} `{column}`" for state, column in states if column) or "not measured"
    columns = ", ".join(f"`{column}`" for column in dict.fromkeys(known.columns.values())) or "not measured"
    words = _words(dict.fromkeys((known.name, *names_in(known, vocabulary))))
    return words, columns, graded + (f"; {special}" if special else "")


def _words(words: Iterable[str]) -> str:
    first, *others = words
    return f"**{first}**" + (f", {', '.join(others)}" if others else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)
