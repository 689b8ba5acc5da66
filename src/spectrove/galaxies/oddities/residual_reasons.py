"""Reasons for unusual galaxies, as the general rooms ask for them. What is heavy is imported where it is first used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.domain import Reason
from spectrove.spectra import SpectrumSet

if TYPE_CHECKING:
    from spectrove.encoders import Encoder


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

    def write_page(
        self,
        path: Path,
        drawn: Sequence[Any],
        answers: Sequence[Any],
        *,
        base: str,
        size: int,
        refused: Sequence[tuple[str, str]],
        progress: Callable[[int], None] | None,
    ) -> Path:
        """The gallery of outliers."""
        from spectrove.galaxies.oddities.page import write_outlier_page

        return write_outlier_page(
            path, drawn, answers, base=base, size=size, refused=refused, progress=progress
        )
