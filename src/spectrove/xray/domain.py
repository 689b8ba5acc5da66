"""X-ray spectra, as the general rooms see them. What is heavy is imported where it is first used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spectrove.domain import Domain
from spectrove.xray.files import PhaFiles
from spectrove.xray.measuring import XrayMeasurer
from spectrove.xray.panels import XrayPanels
from spectrove.xray.quantities import QUANTITIES
from spectrove.xray.words import WORDS

if TYPE_CHECKING:
    from spectrove.encoders import Encoder


def _hardness() -> type[Encoder]:
    from spectrove.xray.encoder import HardnessEncoder

    return HardnessEncoder


def _overlay(query: Any, others: Sequence[Any], title: str) -> Any:
    from spectrove.xray.plots import overlay_figure

    return overlay_figure(query, others, title)


XRAY = Domain(
    name="xray",
    title="X-ray spectra: counts in the channels of a CCD.",
    home="spectrove.xray",
    encoder="hardness",
    label="class",
    group="obsid",
    groups="observations",
    kinds={"hardness_pca": _hardness},
    quantities=QUANTITIES,
    measurer=XrayMeasurer(),
    words=WORDS,
    panels=XrayPanels(),
    overlay=_overlay,
    files=PhaFiles(),
)
