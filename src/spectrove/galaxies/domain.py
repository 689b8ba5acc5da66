"""Galaxies, as the general rooms see them. What is heavy is imported where it is first used."""

from __future__ import annotations

from spectrove.domain import Domain
from spectrove.galaxies.lines import LINES
from spectrove.galaxies.quantities import ADMINISTRATION, QUANTITIES
from spectrove.galaxies.review import LineReviewer
from spectrove.redshift_estimate import RedshiftEstimate
from spectrove.spectra import SpectrumSet


def estimate_redshifts(spectra: SpectrumSet, n: int, level: float) -> list[RedshiftEstimate]:
    """The redshift of each spectrum with its n best candidates, by a scan over templates."""
    from spectrove.galaxies.redshift import estimate

    return estimate.estimate_redshifts(spectra, n=n, level=level)


GALAXIES = Domain(
    name="galaxies",
    title="Optical spectra of galaxies.",
    home="spectrove.galaxies",
    encoder="base",
    views={"surprise": "surprise"},
    label="class_derived",
    group="plate",
    groups="plates",
    lines=LINES,
    quantities=QUANTITIES,
    administration=ADMINISTRATION,
    redshift=estimate_redshifts,
    review=LineReviewer(),
)
