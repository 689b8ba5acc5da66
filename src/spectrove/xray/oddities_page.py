"""The gallery of unusual X-ray spectra: each with its counts, what fits them best, the residual, and the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spectrove.explanation.links import NAMES, links
from spectrove.explanation.pages import render
from spectrove.explanation.style import png, save
from spectrove.inference.outlier_score import UNUSUAL, OutlierAnswer, summary
from spectrove.spectra import FLAGS
from spectrove.xray.panels import FOOTER
from spectrove.xray.plots import overlay_figure

#: Most answers that a page lists, and how many that are not unusual.
MOST, OTHERS = 2000, 20

_KEY = "Points: the counts. Purple: the model of largest evidence, and below its residual in sigma."


def write_outlier_page(
    path: Path,
    drawn: Sequence[tuple[OutlierAnswer, Any]],
    answers: Sequence[OutlierAnswer],
    *,
    base: str,
    size: int,
    refused: Sequence[tuple[str, str]] = (),
    progress: Callable[[int], None] | None = None,
    meanings: Mapping[str, str],
) -> Path:
    """Write the gallery as one self-contained file; returns its path.

    Args:
        path: The file.
        drawn: The answers shown with a figure and their spectra, most unusual first.
        answers: Every answer, in any order.
        base: Name of the base, and `size` how many objects it has.
        refused: Names of spectra that could not be used, each with its sentence.
        progress: Called with 1 for each figure.
        meanings: Of reasons, by name.

    Raises:
        DatasetError: If the file cannot be written.
    """
    ranked = sorted(answers, key=lambda a: a.rank)
    odd = [a for a in ranked if a.p_value <= UNUSUAL]
    listed = [*odd[:MOST], *ranked[len(odd) : len(odd) + OTHERS]]
    anchors = {answer.object_id: f"object-{i}" for i, (answer, _) in enumerate(drawn, 1)}
    counts = {answer.object_id: f"{spectrum.counts.sum():.0f}" for answer, spectrum in drawn}
    sections = []
    for i, (answer, spectrum) in enumerate(drawn, 1):
        sections.append(_section(answer, spectrum, i, anchors[answer.object_id], meanings))
        if progress:
            progress(1)
    place = {a.object_id: i for i, a in enumerate(ranked, 1)}
    rows = [
        {
            "rank": place[a.object_id], "id": a.object_id, "anchor": anchors.get(a.object_id, ""),
            "score": f"{a.score:.2f}", "p": f"{a.p_value:.3g}", "reason": a.reason,
            "counts": counts.get(a.object_id, "–"), "odd": a.p_value <= UNUSUAL, "flags": ", ".join(a.flags),
        }
        for a in listed
    ]  # fmt: skip
    more = len(ranked) - len(listed)
    html = render(
        "outliers.html", home="spectrove.xray", title="Spectra unlike the base", footer=FOOTER,
        summary=summary(answers), base=base, size=size, refused=refused, ranked=rows, sections=sections,
        left_out=[f"Not listed here: {more:,} more; -o FILE.csv writes a table of every answer."] if more else [],
    )  # fmt: skip
    return save(html.encode(), Path(path))


def _section(
    answer: OutlierAnswer, spectrum: Any, rank: int, anchor: str, meanings: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "anchor": anchor,
        "rank": rank,
        "id": answer.object_id,
        "answer": f"{answer.reason}, p {answer.p_value:.3g}",
        "why": answer.why,
        "cautions": [FLAGS.get(flag, flag) for flag in answer.flags],
        "facts": [
            ("Reason", f"{answer.reason}: {meanings.get(answer.reason, '')}"),
            ("Score", f"{answer.score:.2f} ({' + '.join(answer.views)})"),
        ],
        "links": [(NAMES[key], url) for key, url in links(spectrum.row).items()],
        "png": png(overlay_figure(spectrum, [], f"{answer.object_id}: {answer.reason}")),
        "key": _KEY,
        "caption": f"{answer.object_id}: counts with the best model, and the residual",
    }
