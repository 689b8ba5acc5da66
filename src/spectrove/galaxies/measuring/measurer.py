"""The measurer of galaxies: everything of `measures.MEASURES` in spectra, or in the objects of a base."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.errors import Refusal
from spectrove.galaxies.measuring.measures import HEADLINE, MEASURES

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.spectra import SpectrumSet

#: Spectra of a base that are read at once, and that are measured before what is measured is kept.
BLOCK, KEPT = 256, 1024


class GalaxyMeasurer:
    """Lines, ratios and indices of galaxies at known redshifts; see `domain.Measurer`."""

    version = 4
    measures = MEASURES
    headline: tuple[str, ...] = HEADLINE

    def measure(self, spectra: SpectrumSet) -> pa.Table:
        """Column object_id, then NAME and NAME_err of each measure; a row for each spectrum, null where unknown."""
        return as_table(spectra.object_id.tolist(), self._values(spectra))

    def refusals(self, spectra: SpectrumSet) -> list[Refusal]:
        """The spectra without a redshift, without good pixels, or that cannot be fitted."""
        from spectrove.galaxies.measuring.spectrum import reasons

        named = zip(spectra.object_id.tolist(), reasons(spectra), strict=True)
        return [Refusal(name, f"{name}: {why}") for name, why in named if why]

    def of_base(
        self, base: KnowledgeBase, object_id: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> pa.Table:
        """The same for objects of a base, kept in KB/measures/ every `KEPT` spectra."""
        from spectrove.inference.kept import measured_spectra

        if not object_id:
            return as_table([], np.zeros((0, 2 * len(MEASURES))))
        found = measured_spectra(
            base,
            {"measurer": self.version},
            object_id,
            self._values,
            together=(BLOCK, KEPT),
            progress=progress,
        )
        return as_table(list(object_id), found)

    def _values(self, spectra: SpectrumSet) -> NDArray[np.float64]:
        """Values and errors by turns, (n_spectra, 2 n_measures); NaN where unknown."""
        from spectrove.galaxies.measuring.spectrum import measured

        return measured(spectra)


def as_table(object_id: Sequence[str], values: NDArray[np.float64]) -> pa.Table:
    """The table of a measurer from values and errors by turns, (n_objects, 2 n_measures)."""
    from spectrove.inference.kept import measured_table

    return measured_table(object_id, values, MEASURES)
