"""Galaxies, as the general rooms see them. What is heavy is imported where it is first used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.domain import Domain
from spectrove.galaxies.lines import LINES
from spectrove.galaxies.measurements import MEASUREMENTS, measured
from spectrove.galaxies.measuring.measurer import GalaxyMeasurer
from spectrove.galaxies.oddities.residual_reasons import ResidualReasons
from spectrove.galaxies.panels import GalaxyPanels
from spectrove.galaxies.quantities import ADMINISTRATION, QUANTITIES
from spectrove.galaxies.review import LineReviewer
from spectrove.galaxies.variability import VARIABILITY
from spectrove.galaxies.words import WORDS
from spectrove.sed.joined_panel import PhotometryPanel

if TYPE_CHECKING:
    from spectrove.domain import ClassWitness, Floats, Residuals
    from spectrove.encoders import Encoder, EncoderRecipe
    from spectrove.galaxies.mock import MockRecipe
    from spectrove.knowledge import KnowledgeBase
    from spectrove.redshift_estimate import RedshiftEstimate
    from spectrove.spectra import SpectrumSet
    from spectrove.targets import Target

#: Ordinary bases contain a few galaxies of rare but real types far from the others in shape; with equal weights these
#: set the threshold of 1% false alarms. Measured on 400 + 399 mocks of recipe `train` with the six kinds of
#: `oddities.reasons.DESIGNED_ON`: with weight .3 recall at 1% false alarms is .74 and the AUC .990, with .5 .71 and
#: .991, with .7 .60 and .992; with the second view alone .74 and .989.
OUTLIER_VIEWS = {"shape": 0.4, "surprise": 1.0}


def estimate_redshifts(spectra: SpectrumSet, n: int, level: float) -> list[RedshiftEstimate]:
    """The redshift of each spectrum with its n best candidates, by a scan over templates."""
    from spectrove.galaxies.redshift import estimate

    return estimate.estimate_redshifts(spectra, n=n, level=level)


class OwnLines:
    """The object's own emission lines in the [N II] diagram, as a witness that targets and labels may name."""

    version = 1
    term, title = "lines", "own lines"
    states: tuple[str, ...] = ("star-forming", "composite", "Seyfert", "LINER", "no lines")

    def of_classes(self, kinds: Mapping[str, str]) -> ClassWitness | None:
        """The regions of the diagram for these classes; None where lines tell none of them apart."""
        from spectrove.galaxies.line_witness import line_witness

        return line_witness("bpt_nii", kinds)

    def measure(self, spectra: SpectrumSet) -> Floats:
        """The share of the line errors in each region of the diagram, (n_spectra, n_regions)."""
        from spectrove.galaxies.line_witness import line_shares

        return line_shares(spectra)

    def of_base(self, base: KnowledgeBase, object_id: Sequence[str]) -> Floats:
        """The same for objects of a base, kept in KB/lines/."""
        from spectrove.galaxies.line_witness import line_shares_of_base

        return line_shares_of_base(base, object_id)

    def class_alone(self, queries: SpectrumSet, target: Target) -> dict[str, str]:
        """The class that the lines alone make most probable."""
        from spectrove.galaxies.line_witness import class_alone

        return class_alone(queries, target)


class SecondRedshifts:
    """The lines of a second galaxy behind a galaxy, as a sign that a target may name."""

    title = "second redshift"

    def key(self, base: KnowledgeBase, target: Target | None, where: str | None) -> str:
        """Everything that the residuals common to the galaxies depend on, as text."""
        from spectrove.galaxies.lenses.signs import residuals_key

        return residuals_key(base, target, where)

    def learn(self, base: KnowledgeBase, target: Target | None, where: str | None) -> Residuals:
        """The residuals common to the galaxies searched."""
        from spectrove.galaxies.lenses.signs import common_residuals_for

        return common_residuals_for(base, target=target, where=where)


def foreign_types(base: KnowledgeBase, spectra: SpectrumSet) -> dict[str, str]:
    """Object id to "star", "quasar", "galaxy" or "none", of spectra whose type the base does not hold."""
    from spectrove.galaxies.redshift import foreign

    return foreign.foreign_types(base, spectra)


def surprise_encoder() -> type[Encoder]:
    """The class of the residual view."""
    from spectrove.galaxies.residual.encoder import SurpriseEncoder

    return SurpriseEncoder


def train_surprise(
    recipe: EncoderRecipe, datasets: Sequence[SpectrumSet], /, **options: Any
) -> tuple[Encoder, dict[str, Any]]:
    """An encoder of the residual view and a report, see `domain.Trainer`."""
    from spectrove.galaxies.residual import training

    return training.train_surprise(recipe, datasets, **options)


class MockSurvey:
    """Galaxies, lenses and outliers as SDSS would have seen them."""

    takes: frozenset[str] = frozenset()

    def recipe(self, name: Path | str | None) -> MockRecipe:
        """A recipe of the package by name, or from a file; the default if None."""
        from spectrove.galaxies.mock import load_recipe

        return load_recipe(name)

    def make(self, n: int, recipe: MockRecipe, seed: int, workers: int) -> SpectrumSet:
        """n spectra; the same for a seed."""
        from spectrove.galaxies.mock import make_survey

        return make_survey(n, recipe=recipe, seed=seed, workers=workers)

    def write(self, n: int, folder: Path, **options: Any) -> Path:
        """n spectra as SDSS files; the path of their catalog."""
        from spectrove.galaxies.mock import write_survey

        return write_survey(n, folder, **options)


GALAXIES = Domain(
    name="galaxies",
    title="Optical spectra of galaxies.",
    home="spectrove.galaxies",
    encoder="base",
    views={"surprise": "surprise"},
    label="class_derived",
    columns={"class_derived": "bpt_nii", "bpt_class": "bpt_nii"},
    group="plate",
    groups="plates",
    lines=LINES,
    quantities=QUANTITIES,
    administration=ADMINISTRATION,
    kinds={"surprise": surprise_encoder},
    trainers={"surprise": train_surprise},
    measurements=tuple(MEASUREMENTS),
    measured=measured,
    measurer=GalaxyMeasurer(),
    redshift=estimate_redshifts,
    types=foreign_types,
    outlier_views=OUTLIER_VIEWS,
    reasons=ResidualReasons(),
    words=WORDS,
    review=LineReviewer(),
    witnesses={"bpt_nii": OwnLines()},
    likeness="bpt_nii",
    signs={"second_redshift": SecondRedshifts()},
    variability=VARIABILITY,
    panels=GalaxyPanels(),
    joined=PhotometryPanel(),
    mock=MockSurvey(),
)
