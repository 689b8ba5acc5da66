"""Stars, as the general rooms see them. What is heavy is imported where it is first used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.domain import Domain, OwnEstimator
from spectrove.stars.estimators import NetworkEstimator
from spectrove.stars.flow.estimator import FlowEstimator
from spectrove.stars.lines import LINES
from spectrove.stars.measuring import StarMeasurer
from spectrove.stars.oddities.reasons import StarReasons
from spectrove.stars.panels import KIEL, StarPanels
from spectrove.stars.quantities import QUANTITIES
from spectrove.stars.tokens.estimator import TokensEstimator

if TYPE_CHECKING:
    from spectrove.encoders import Encoder, EncoderRecipe
    from spectrove.redshift_estimate import RedshiftEstimate
    from spectrove.spectra import SpectrumSet
    from spectrove.stars.mock import MockRecipe


def _lines() -> type[Encoder]:
    from spectrove.stars.encoder import StarLinesEncoder

    return StarLinesEncoder


def _train_lines(
    recipe: EncoderRecipe, datasets: Sequence[SpectrumSet], /, **options: Any
) -> tuple[Encoder, dict[str, Any]]:
    from spectrove.stars.encoder import train_star_lines

    return train_star_lines(recipe, datasets, **options)


def _tokens() -> type[Encoder]:
    from spectrove.stars.tokens.encoder import StarTokensEncoder

    return StarTokensEncoder


def _train_tokens(
    recipe: EncoderRecipe, datasets: Sequence[SpectrumSet], /, **options: Any
) -> tuple[Encoder, dict[str, Any]]:
    from spectrove.stars.tokens.encoder import train_star_tokens

    return train_star_tokens(recipe, datasets, **options)


def estimate_velocities(spectra: SpectrumSet, n: int, level: float) -> list[RedshiftEstimate]:
    """The radial velocity of each star as a redshift, v / c."""
    from spectrove.stars.redshifts import estimate_redshifts

    return estimate_redshifts(spectra, n, level)


class MockStars:
    """FGK stars in two settings of GIRAFFE."""

    takes: frozenset[str] = frozenset()

    def recipe(self, name: Path | str | None) -> MockRecipe:
        """A recipe of the package by name, or from a file; the default if None."""
        from spectrove.stars.mock import load_recipe

        return load_recipe(name)

    def make(self, n: int, recipe: MockRecipe, seed: int, workers: int) -> SpectrumSet:
        """n spectra; the same for a seed. One process is enough."""
        from spectrove.stars.mock import make_survey

        del workers
        return make_survey(n, recipe=recipe, seed=seed)

    def write(self, n: int, folder: Path, **options: Any) -> Path:
        """n spectra as FITS tables; the path of their catalog."""
        from spectrove.stars.mock import write_survey

        return write_survey(n, folder, **options)


#: What reads labels off spectra, by the name that `estimate --by` takes.
ESTIMATORS: dict[str, OwnEstimator] = {
    "network": NetworkEstimator(),
    "flow": FlowEstimator("flow", "a flow trained on mock stars with the depths of the real Sun"),
    "flow_lte": FlowEstimator("flow_lte", "a flow trained on mock stars as they are computed", depth=0.0),
    "tokens": TokensEstimator(),
}

STARS = Domain(
    name="stars",
    title="Optical spectra of stars.",
    home="spectrove.stars",
    encoder="lines",
    label="spectral_class",
    group="star",
    groups="stars",
    lines=LINES,
    quantities=QUANTITIES,
    kinds={"star_lines": _lines, "star_tokens": _tokens},
    trainers={"star_lines": _train_lines, "star_tokens": _train_tokens},
    measurer=StarMeasurer(),
    estimators=ESTIMATORS,
    diagram=KIEL,
    redshift=estimate_velocities,
    reasons=StarReasons(),
    panels=StarPanels(ESTIMATORS),
    mock=MockStars(),
)
