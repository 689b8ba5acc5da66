"""Whether a base has fits of photometry, and the panel that shows one; what is heavy is imported where it is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spectrove.sed.joined_names import ALWAYS, KIND

if TYPE_CHECKING:
    from spectrove.explanation.panel import RowPanel


class PhotometryPanel:
    """The panel of fits that `pipeline.photometry` joined; a `domain.JoinedPanel`."""

    title = "Photometry"

    def knows(self, notes: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether a base, of whose joined columns these are the notes, has fits."""
        return notes.get(ALWAYS, {}).get("kind") == KIND["kind"]

    def of_row(self, row: Mapping[str, Any], notes: Mapping[str, Mapping[str, Any]]) -> RowPanel | None:
        """What the columns of an object say; None where no fit was joined to it."""
        chi2 = row.get(ALWAYS)
        if not self.knows(notes) or chi2 is None or not math.isfinite(chi2):
            return None
        from spectrove.sed.panel import panel_of

        return panel_of(row, notes)
