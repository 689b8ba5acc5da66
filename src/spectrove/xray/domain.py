"""X-ray spectra, as the general rooms see them. What is heavy is imported where it is first used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.domain import Domain
from spectrove.xray.files import PhaFiles
from spectrove.xray.measuring import XrayMeasurer
from spectrove.xray.oddities import XrayReasons
from spectrove.xray.panels import XrayPanels
from spectrove.xray.quantities import OWN, QUANTITIES
from spectrove.xray.vectors.kinds import KINDS, TRAINERS
from spectrove.xray.words import WORDS

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.xray.counts import CountSet
    from spectrove.xray.mock import MockRecipe


def _hardness() -> type[Encoder]:
    from spectrove.xray.encoder import HardnessEncoder

    return HardnessEncoder


def _overlay(query: Any, others: Sequence[Any], title: str) -> Any:
    from spectrove.xray.plots import overlay_figure

    return overlay_figure(query, others, title)


def _sketch(counts: Any) -> Any:
    from spectrove.xray.plots import sketch

    return sketch(counts)


class MockSurvey:
    """X-ray sources of eight classes as ACIS would have seen them."""

    takes: frozenset[str] = frozenset({"responses"})

    def recipe(self, name: Path | str | None) -> MockRecipe:
        """A recipe of the package by name, or from a file; the default if None."""
        from spectrove.xray.mock import load_recipe

        return load_recipe(name)

    def make(self, n: int, recipe: MockRecipe, seed: int, workers: int) -> CountSet:
        """n spectra; the same for a seed. One process is enough."""
        from spectrove.xray.mock import make_survey

        del workers
        return make_survey(n, recipe=recipe, seed=seed)

    def write(self, n: int, folder: Path, **options: Any) -> Path:
        """n spectra as OGIP files; the path of their catalog."""
        from spectrove.xray.mock import write_survey

        return write_survey(n, folder, **options)


XRAY = Domain(
    name="xray",
    title="X-ray spectra: counts in the channels of a CCD.",
    home="spectrove.xray",
    encoder="sources8",
    label="class",
    group="obsid",
    groups="observations",
    kinds={"hardness_pca": _hardness, **KINDS},
    trainers=TRAINERS,
    quantities=QUANTITIES,
    own=OWN,
    measurer=XrayMeasurer(),
    words=WORDS,
    reasons=XrayReasons(),
    panels=XrayPanels(),
    overlay=_overlay,
    sketch=_sketch,
    mock=MockSurvey(),
    files=PhaFiles(),
)
