"""Search by words through papers: abstracts like a text, the objects that they name, and aligned spectra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectrove.errors import KnowledgeError
from spectrove.explanation.mentions import FEW, Mention
from spectrove.knowledge import KnowledgeBase
from spectrove.literature.library import Library, current
from spectrove.pipeline.answers import Answers

#: Abstracts that are listed, those whose objects are gathered, and objects that are given where nothing says how many.
LISTED, GATHERED, SHOWN = 10, 200, 20

#: Why nothing found so has a probability.
NO_PROBABILITY = "found through papers: how alike texts are is no probability, and no spectrum was looked at"
NO_PROBABILITY_ALIGNED = (
    "found in a space that spectra share with texts: how alike they are is no probability"
)


@dataclass(frozen=True)
class PaperMatch:
    """An object of the base that was found through papers.

    Attributes:
        object_id: The object.
        rank: The place, from 1.
        likeness: Cosine of the text and the abstract that speaks of the object; in the shared space that of the text
            and the spectrum.
        through: "papers" or "alignment".
        papers: Those that speak of the object, the most alike first, a few.
    """

    object_id: str
    rank: int
    likeness: float
    through: str
    papers: tuple[Mention, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `search --text --papers --json` prints them."""
        return {
            "object_id": self.object_id,
            "rank": self.rank,
            "probability": None,
            "reason_no_probability": NO_PROBABILITY if self.through == "papers" else NO_PROBABILITY_ALIGNED,
            "distance": None,
            "values": {},
            "through": self.through,
            "likeness": self.likeness,
            "papers": [paper.to_dict() for paper in self.papers],
        }


def search_papers(
    base: KnowledgeBase, text: str, top: int | None = None, where: str | None = None, because: str = ""
) -> Answers:
    """The abstracts most alike a text, the objects that they name, and with an alignment the spectra nearest to it.

    Objects are the predictions; the abstracts, also those that speak of none, are in `provenance["abstracts"]`,
    and what was done is in `provenance["how"]`.

    Args:
        base: The base.
        text: Any text in English.
        top: Objects at most that abstracts name, and as many by their spectra in the shared space; `SHOWN` if None.
        where: SQL condition on the objects.
        because: Why the sentence was not answered by the grammar; "" if papers were asked for.

    Raises:
        KnowledgeError: The base has no papers, or none of the words is in them.
    """
    library = current(base)
    if library is None:
        raise KnowledgeError(
            f"{base.path}: no papers are attached, so there is nothing to search for {text!r}. Attach abstracts with "
            "kb papers, or search without --papers."
        )
    nearest = library.nearest(text, max(GATHERED, LISTED))
    there = set(base.rows(where, []).column("object_id").to_pylist())
    limit = top or SHOWN
    matches = _objects(library, nearest, there, limit)
    aligned = _aligned(base, library, text, there - {one.object_id for one in matches}, limit)
    found = (
        *matches,
        *(PaperMatch(n, len(matches) + i, s, "alignment") for i, (n, s) in enumerate(aligned, 1)),
    )
    return Answers(
        "search_text", base, base.spectra([one.object_id for one in found]), found,
        provenance={
            "base": base.path.name, "version": base.version, "text": text,
            "how": _how(library, because, bool(aligned)),
            "abstracts": [_abstract(library, paper, likeness, there) for paper, likeness in nearest[:LISTED]],
            "objects": len(there),
            **({"alignment": dict(library.alignment.about)} if library.alignment and aligned else {}),
            **({"where": where} if where else {}),
        },
    )  # fmt: skip


def _objects(
    library: Library, nearest: list[tuple[str, float]], there: set[str], limit: int
) -> list[PaperMatch]:
    """The objects of these abstracts, that of the most alike first."""
    papers: dict[str, list[Mention]] = {}
    likeness: dict[str, float] = {}
    for paper, alike in nearest:
        for link in library.objects_of(paper):
            if link.object_id in there:
                likeness.setdefault(link.object_id, alike)
                papers.setdefault(link.object_id, []).append(library.mention(link))
    names = list(likeness)[:limit]
    return [
        PaperMatch(name, i, likeness[name], "papers", tuple(papers[name][:FEW]))
        for i, name in enumerate(names, 1)
    ]


def _aligned(
    base: KnowledgeBase, library: Library, text: str, among: set[str], limit: int
) -> list[tuple[str, float]]:
    """Objects whose spectra are nearest to the text in the shared space; none without an alignment to these vectors."""
    alignment = library.alignment
    if alignment is None or base.fingerprints.get(alignment.about["view"]) != alignment.about["fingerprint"]:
        return []
    vectors = base.embeddings(alignment.about["view"])
    query = alignment.texts(library.encoder.encode([text]))[0]
    alike = alignment.spectra(vectors.vectors) @ query
    order = np.lexsort((vectors.object_id, -alike))
    return [
        (str(vectors.object_id[i]), float(alike[i])) for i in order if str(vectors.object_id[i]) in among
    ][:limit]


def _abstract(library: Library, paper: str, likeness: float, there: set[str]) -> dict[str, Any]:
    known = library.paper(paper)
    links = [one for one in library.objects_of(paper) if one.object_id in there]
    objects = [{"object_id": o.object_id, "name": o.name, "sentence": o.sentence, "how": o.how,
                "confidence": o.confidence} for o in links]  # fmt: skip
    return {k: known[k] for k in ("paper_id", "title", "year", "url")} | {
        "likeness": likeness,
        "objects": objects,
    }


def _how(library: Library, because: str, aligned: bool) -> str:
    """What was done with the text, in sentences."""
    why = (
        f"the sentence was not read as a condition ({because.rstrip('.')}), so it" if because else "the text"
    )
    said = (
        f"{why} was compared with {len(library):,} abstracts: below are those most alike, with the objects that they "
        "name. No spectrum was looked at."
    )
    if not aligned:
        return said
    return (
        f"{said} Further objects have spectra near the text in a shared space: {_figures(library.alignment)}"
    )


def _figures(alignment: Any) -> str:
    about: Mapping[str, Any] = alignment.about
    return str(about.get("sentence", "how well that works was not measured."))
