"""Papers as text: those that speak of neighbours, and those that are like a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spectrove.serve.text import columns, count

if TYPE_CHECKING:
    from spectrove.explanation.mentions import Mention
    from spectrove.pipeline.paper_search import PaperMatch

#: Spectra whose papers are printed under a table.
PRINTED = 5


def paper_lines(papers: Sequence[Mention] | None) -> list[str]:
    """Lines on the papers that speak of the neighbours of one spectrum; none where the base has no papers."""
    if papers is None:
        return []
    if not papers:
        return ["papers: no abstract of the base speaks of these neighbours"]
    from spectrove.explanation.mentions import CAUTION

    return [*(f"paper on {one.line}" for one in papers), f"({CAUTION})"]


def paper_summary(papers: Mapping[str, Sequence[Mention]], shown: Sequence[str]) -> list[str]:
    """Lines under a table of answers: the papers of the first few spectra that have some; [] without papers.

    Args:
        papers: By id of the spectrum.
        shown: The order of the spectra; all of `papers` in their order if it is empty.
    """
    if not papers:
        return []
    order = [name for name in shown or papers if name in papers]
    told = [name for name in order if papers[name]]
    if not told:
        return [f" papers: no abstract of the base speaks of the neighbours of these {len(order)}"]
    lines = [f" papers that speak of neighbours ({len(told)} of {len(order)} spectra have some):"]
    for name in told[:PRINTED]:
        lines += [f"   {name}: {one.line}" for one in papers[name]]
    if len(told) > PRINTED:
        lines.append(f"   and of {len(told) - PRINTED} more, see --json")
    from spectrove.explanation.mentions import CAUTION

    return [*lines, f"   ({CAUTION})"]


def abstract_lines(about: Mapping[str, Any]) -> list[str]:
    """The abstracts that are most alike a sentence, with the objects that they speak of."""
    lines = [f" {about['how']}", ""]
    for one in about["abstracts"]:
        year = f" ({one['year']})" if one["year"] else ""
        lines.append(f" {one['likeness']:.2f}  {one['title']}{year}{'  ' + one['url'] if one['url'] else ''}")
        named = one["objects"]
        lines += [f"       {o['object_id']} as {o['name']}: “{o['sentence']}”" for o in named]
    return lines


def found_lines(found: Sequence[PaperMatch]) -> list[str]:
    """A line for each object found through papers."""
    rows = [("object", "likeness", "found through")]
    rows += [
        (
            one.object_id,
            f"{one.likeness:.2f}",
            one.papers[0].short if one.papers else "its spectrum, in the shared space",
        )
        for one in found
    ]
    return ["", *columns(rows), ""]


def found_summary(about: Mapping[str, Any], found: Sequence[PaperMatch]) -> str:
    """How many objects were found, and how."""
    named = sum(one.through == "papers" for one in found)
    aligned = len(found) - named
    objects = count(about["objects"], "object", "objects")
    more = f", {aligned} by their spectra in the shared space" if aligned else ""
    return f"{named} of {objects} are named in the abstracts most alike{more}; no probability"
