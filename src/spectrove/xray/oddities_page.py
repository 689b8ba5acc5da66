"""The gallery of unusual X-ray spectra: each with its counts, what fits them best, the residual, and the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectrove.explanation.outlier_page import Gallery, Shown
from spectrove.explanation.style import png
from spectrove.inference.outlier_score import OutlierAnswer
from spectrove.xray.panels import FOOTER
from spectrove.xray.plots import overlay_figure


def gallery(drawn: Sequence[tuple[OutlierAnswer, Any]], meanings: Mapping[str, str]) -> Gallery:
    """What the page says of these answers and their spectra.

    Args:
        drawn: The answers shown with a figure and their spectra, most unusual first.
        meanings: Of reasons, by name.
    """
    return Gallery(
        shown=(_shown(answer, spectrum) for answer, spectrum in drawn),
        compared="each with its own observation left out, by the distance to neighbours",
        rules="what fits the counts",
        meanings=meanings,
        column="Counts",
        cells={answer.object_id: f"{spectrum.counts.sum():.0f}" for answer, spectrum in drawn},
        key="Points: the counts. Purple: the model of largest evidence, and below its residual in sigma.",
        footer=FOOTER,
    )


def _shown(answer: OutlierAnswer, spectrum: Any) -> Shown:
    return Shown(
        answer,
        spectrum.row,
        png(overlay_figure(spectrum, [], f"{answer.object_id}: {answer.reason}")),
        f"{answer.object_id}: counts with the best model, and the residual",
        answer.why,
    )
