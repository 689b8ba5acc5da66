"""The gallery of outliers as one file. A kind of light says what is its own, as data; all pages are laid out alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spectrove.explanation.links import NAMES, links
from spectrove.explanation.pages import MOST_FOUND, render
from spectrove.explanation.style import save
from spectrove.inference.outlier_score import UNUSUAL, OutlierAnswer, summary
from spectrove.spectra import FLAGS

#: Further answers that the table lists after those within `UNUSUAL`.
OTHERS = 20


@dataclass(frozen=True)
class Shown:
    """One answer with its figure.

    Attributes:
        answer: Of the outlier score.
        row: Of its spectrum, by which other viewers find the object.
        png: The figure.
        caption: What it shows.
        why: The reason in sentences.
        facts: Names and values beside the reason and the score.
    """

    answer: OutlierAnswer
    row: Mapping[str, Any]
    png: bytes = field(repr=False)
    caption: str
    why: str
    facts: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Gallery:
    """What a kind of light says on its page of outliers.

    Attributes:
        shown: The answers that have a figure, most unusual first; each is drawn when it is asked for.
        compared: How an object was compared with the base: "by the distance to neighbours".
        rules: What the rules of reasons read: "the residual".
        meanings: Of reasons, by name.
        column: Heading of the column that other kinds of light do not have.
        cells: Its values by object id.
        key: What is what in each figure.
        footer: Where measurements come from.
    """

    shown: Iterable[Shown]
    compared: str
    rules: str
    meanings: Mapping[str, str]
    column: str
    cells: Mapping[str, str]
    key: str
    footer: str


def write_outlier_page(
    path: Path | str,
    gallery: Gallery,
    answers: Sequence[OutlierAnswer],
    *,
    base: str,
    size: int,
    refused: Sequence[tuple[str, str]] = (),
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Write the gallery as one self-contained file; returns its path.

    Args:
        path: The file.
        gallery: What the kind of light says.
        answers: Every answer, in any order.
        base: Name of the base, and `size` how many objects it has.
        refused: Names of spectra that could not be used, each with its sentence.
        progress: Called with 1 for each figure.

    Raises:
        DatasetError: If the file cannot be written.
    """
    ranked = sorted(answers, key=lambda a: a.rank)
    odd = sum(a.p_value <= UNUSUAL for a in ranked)
    place = {a.object_id: i for i, a in enumerate(ranked, 1)}
    sections: list[dict[str, Any]] = []
    for one in gallery.shown:
        sections.append(_section(one, len(sections) + 1, gallery.meanings))
        if progress:
            progress(1)
    anchors = {section["id"]: section["anchor"] for section in sections}
    listed = [*ranked[: min(odd, MOST_FOUND)], *ranked[odd : odd + OTHERS]]
    more = len(ranked) - len(listed)
    html = render(
        "outliers.html", title="Spectra unlike the base", footer=gallery.footer, summary=summary(answers), base=base,
        size=size, compared=gallery.compared, rules=gallery.rules, column=gallery.column, key=gallery.key,
        ranked=[_row(a, place[a.object_id], anchors, gallery.cells) for a in listed],
        left_out=[f"Not listed here: {more:,} more; -o FILE.csv writes a table of every answer."] if more else [],
        refused=refused, sections=sections,
    )  # fmt: skip
    return save(html.encode(), Path(path))


def _section(one: Shown, rank: int, meanings: Mapping[str, str]) -> dict[str, Any]:
    a = one.answer
    return {
        "anchor": f"object-{rank}", "rank": rank, "id": a.object_id, "answer": f"{a.reason}, p {p_text(a.p_value)}",
        "why": one.why, "cautions": [FLAGS.get(flag, flag) for flag in a.flags],
        "facts": [
            ("Reason", f"{a.reason}: {meanings.get(a.reason, '')}"),
            ("Score", f"{a.score:.2f} ({' + '.join(a.views)})"),
            *one.facts,
        ],
        "links": [(NAMES[key], url) for key, url in links(one.row).items()], "png": one.png, "caption": one.caption,
    }  # fmt: skip


def _row(a: OutlierAnswer, rank: int, anchors: Mapping[str, str], cells: Mapping[str, str]) -> dict[str, Any]:
    return {
        "rank": rank, "id": a.object_id, "anchor": anchors.get(a.object_id, ""), "score": f"{a.score:.2f}",
        "p": p_text(a.p_value), "reason": a.reason, "own": cells.get(a.object_id, "–"), "odd": a.p_value <= UNUSUAL,
        "flags": ", ".join(a.flags),
    }  # fmt: skip


def p_text(p: float) -> str:
    """A p-value as printed."""
    return f"{p:.3f}" if p >= 0.01 else f"{p:.4f}"
