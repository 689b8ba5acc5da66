"""Reasons for unusual galaxies, as the general rooms ask for them. What is heavy is imported where it is first used."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spectrove.domain import Reason
from spectrove.spectra import SpectrumSet

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.explanation.outlier_page import Gallery


class ResidualReasons:
    """Reasons from what ordinary galaxies leave of a spectrum."""

    def find(
        self, encoders: Mapping[str, Encoder], spectra: SpectrumSet, whole: Collection[str]
    ) -> dict[str, Reason]:
        """The reason of each spectrum, by object id; `whole` are the ids of those with a vector in every view."""
        from spectrove.galaxies.oddities.explainer import REBUILT, Explainer

        return Explainer(encoders[REBUILT]).reasons(spectra, whole)

    def drawn(
        self, encoders: Mapping[str, Encoder], spectra: SpectrumSet, answers: Sequence[Any]
    ) -> list[Any]:
        """Each answer with its spectrum, reconstruction and residual."""
        from spectrove.galaxies.oddities.explainer import REBUILT, Explainer

        return Explainer(encoders[REBUILT]).drawn(spectra, answers)

    def gallery(self, drawn: Sequence[Any], answers: Sequence[Any]) -> Gallery:
        """What the page of outliers says of galaxies."""
        from spectrove.galaxies.oddities.page import gallery

        return gallery(drawn, answers)
