"""Papers that speak of objects, as answers list them: data that whoever knows papers hands over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from spectrove.explanation.tables import Table

#: Papers that an answer lists.
FEW = 3

#: What such a list is worth, for people.
CAUTION = (
    "papers are found by names and positions in their abstracts: weak evidence, and no part of the answer"
)


@dataclass(frozen=True)
class Mention:
    """A paper that speaks of an object.

    Attributes:
        object_id: The object, a neighbour of the query.
        paper_id, title, year, url: The paper; None and "" where unknown.
        name: What the abstract calls the object.
        sentence: The sentence that names it.
        how: "name", "position" or "list": how they were linked.
        confidence: 0 to 1, a rule of thumb and no probability.
    """

    object_id: str
    paper_id: str
    title: str
    year: int | None
    url: str
    name: str
    sentence: str
    how: str
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @property
    def short(self) -> str:
        """ "Title (2021)"."""
        return self.title + (f" ({self.year})" if self.year else "")

    @property
    def line(self) -> str:
        """One line of text: the object, its name in the paper, the paper and the sentence."""
        return f"{self.object_id} as {self.name}: {self.short}: “{self.sentence}”"


def mention_table(papers: Sequence[Mention] | None) -> Table | None:
    """The table of a page; None where the base has no papers."""
    if papers is None:
        return None
    rows = [(p.object_id, p.name, p.short, p.sentence, p.how, f"{p.confidence:.2f}") for p in papers]
    note = (
        f"{CAUTION[0].upper()}{CAUTION[1:]}."
        if rows
        else "No abstract of the base speaks of these neighbours."
    )
    header = ("Neighbour", "Named", "Paper", "Sentence", "Linked by", "Confidence")
    return Table("Papers that speak of the neighbours", header, rows, note, numeric=(5,))
