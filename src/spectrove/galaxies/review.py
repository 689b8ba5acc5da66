"""Labels and redshifts of a base of galaxies, tested by the emission lines of its spectra."""

from __future__ import annotations

from collections.abc import Sequence

from spectrove.domain import OwnEvidence
from spectrove.spectra import SpectrumSet


class LineReviewer:
    """Emission lines as evidence about labels and redshifts; a `domain.Reviewer`."""

    name = "lines"

    def judges(self, classes: Sequence[str]) -> bool:
        """Whether lines can tell any of these label values apart."""
        from spectrove.galaxies.line_classes import judged

        return judged(classes)

    def examine(self, spectra: SpectrumSet, classes: Sequence[str]) -> OwnEvidence:
        """What the lines of each spectrum say about these label values and its redshift."""
        from spectrove.galaxies.line_classes import evidence_of, measured

        return evidence_of([measured(spectrum) for spectrum in spectra], classes)
