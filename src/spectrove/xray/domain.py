"""X-ray spectra, as the general rooms see them. What is heavy is imported where it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectrove.domain import Domain
from spectrove.xray.files import PhaFiles
from spectrove.xray.words import WORDS

if TYPE_CHECKING:
    from spectrove.encoders import Encoder


def _hardness() -> type[Encoder]:
    from spectrove.xray.encoder import HardnessEncoder

    return HardnessEncoder


XRAY = Domain(
    name="xray",
    title="X-ray spectra: counts in the channels of a CCD.",
    home="spectrove.xray",
    encoder="hardness",
    label="class",
    group="obsid",
    groups="observations",
    kinds={"hardness_pca": _hardness},
    words=WORDS,
    files=PhaFiles(),
)
