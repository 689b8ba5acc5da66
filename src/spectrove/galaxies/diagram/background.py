"""Where a base's own objects lie on the [N II] diagram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.knowledge import KnowledgeBase

LINES = ("nii", "ha", "oiii", "hb")


def background(base: KnowledgeBase) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """log [N II]/H alpha and log [O III]/H beta of the base's objects, from their catalog values.

    Only objects with all four lines above three sigma; None where the base has no such columns or objects.
    """
    names = [f"{line}_{what}" for line in LINES for what in ("flux", "err")]
    if not set(names) <= set(base.columns):
        return None
    table = base.rows(columns=names)
    value = {n: np.array(table.column(n).to_numpy(zero_copy_only=False), dtype=float) for n in names}
    with np.errstate(invalid="ignore"):
        seen = np.all([value[f"{k}_flux"] > 3 * value[f"{k}_err"] for k in LINES], axis=0)
        seen &= np.all([value[f"{k}_err"] > 0 for k in LINES], axis=0)
    if not seen.any():
        return None
    nii, ha, oiii, hb = (value[f"{k}_flux"][seen] for k in LINES)
    return np.log10(nii / ha), np.log10(oiii / hb)
