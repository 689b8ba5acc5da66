"""The page of a contrast: both stacks, the regions that differ, and the ranked spectra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.explanation.difference_plot import difference_figure
from spectrove.explanation.pages import render
from spectrove.explanation.style import png, save
from spectrove.explanation.tables import Table
from spectrove.lines import Line

if TYPE_CHECKING:
    from spectrove.inference.differences.sets import SetDifference

#: What the probabilities of regions rest on, in a sentence each.
NULLS = {
    "shuffles": "Probabilities come from shuffling the members of both sets.",
    "Student": "There are too few members to shuffle: probabilities come from Student's distribution, with the scatter "
    "of similar objects of the base as a prior, and are corrected for the number of tests.",
    "photon noise": "With one spectrum in each set the error is photon noise alone: the regions say that these two "
    "spectra differ, which need not hold for their kinds.",
}


def write_contrast_page(
    path: Path,
    sets: SetDifference,
    answers: Sequence[Any],
    *,
    lines: Sequence[Line] = (),
    title: str,
    summary: str,
    refused: Sequence[tuple[str, str]] = (),
) -> Path:
    """The page as one file; returns its path.

    Args:
        answers: Ranked, best first: of `pipeline.contrast`.
        title, summary: Above all else.
        refused: Names of spectra that could not be used, each with its sentence.
    """
    page = render(
        "contrast.html", title=title, summary=summary, footer="", png=png(difference_figure(sets, lines)),
        how="Each spectrum is divided by its own continuum; the error is the scatter within the sets. "
        + NULLS[sets.null],
        caption="Shaded: regions that differ, orange where the like have more, blue where the unlike have.",
        regions=_regions(sets), ranked=_ranked(answers), refused=refused,
    )  # fmt: skip
    return save(page.encode(), path)


def _regions(sets: SetDifference) -> Table:
    return Table(
        "Regions that differ",
        ("Rest wavelength (Å)", "Lines", "More in", "Percent of the continuum", "Width (Å)", "Sigma", "p"),
        tuple(
            (
                f"{r.low:,.0f}–{r.high:,.0f}", ", ".join(r.lines), r.more,
                f"{r.percent:+.3g} ± {r.percent_error:.2g}", f"{r.width:+.3g}", f"{r.sigma:.1f}", f"{r.p_value:.2g}",
            )
            for r in sets.regions
        ),
        note=f"p: probability that sets of the same kind show a region as significant; listed up to {sets.chance:g}.",
    )  # fmt: skip


def _ranked(answers: Sequence[Any]) -> Table:
    return Table(
        "Spectra, the most like first",
        ("Object", "Along (0 unlike, 1 like)", "Off the line", "Regions on the side of the like", "Cautions"),
        tuple(
            (
                a.object_id, f"{a.along:.2f}", f"{a.off_line:.2f}",
                f"{a.agrees} of {len(a.regions)}" if a.regions else "", ", ".join(a.flags),
            )
            for a in answers
        ),
        note="Off the line: distance from the line between both means, 1 for a typical object of the base.",
    )  # fmt: skip
