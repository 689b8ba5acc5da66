"""Quantities of X-ray sources: units, limits, and columns that are none."""

from __future__ import annotations

from spectrove.domain import Quantity

#: Units of energy fluxes and of hydrogen columns.
FLUX, COLUMN = "erg/s/cm2", "1e22 cm-2"

QUANTITIES: dict[str, Quantity] = {
    q.name: q
    for q in (
        Quantity("flux", FLUX, 0.0),
        Quantity("nh", COLUMN, 0.0),
        Quantity("gamma"),
        Quantity("kt", "keV", 0.0),
        Quantity("fe_ew", "keV"),
        Quantity("hr_hs", "", -1.0, 1.0),
        Quantity("hr_ms", "", -1.0, 1.0),
        Quantity("hr_hm", "", -1.0, 1.0),
        Quantity("count_rate", "1/s"),
    )
}
