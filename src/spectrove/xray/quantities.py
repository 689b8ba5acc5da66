"""Quantities of X-ray sources: units, limits, and columns that are none."""

from __future__ import annotations

from spectrove.domain import Quantity

#: Units of energy fluxes and of hydrogen columns.
FLUX, COLUMN = "erg/s/cm2", "1e22 cm-2"

#: Quantities by column, as mock surveys have them and catalogs may. nh: column of the gas in front of the source, at
#: redshift 0. kt_other: of two plasmas, that of the one with less light. flux: 0.5-7 keV as observed, with absorption;
#: flux_soft to 1.2, flux_medium to 2, flux_hard from 2 keV. hr_hm, hr_ms, hr_hs: (A - B) / (A + B) of these energy
#: fluxes, as hard_hm, hard_ms and hard_hs of the Chandra Source Catalog. fe_ew: Fe K lines, rest frame.
#: A smaller column takes less than a fifth of the photons at .5 keV, which few spectra of a CCD show.
LEAST_COLUMN = 0.03

#: What is measured too, so that estimates rest on the spectrum's own fit and on its neighbours.
OWN = frozenset({"nh", "gamma", "kt", "flux", "hr_hs", "hr_ms", "hr_hm"})

QUANTITIES: dict[str, Quantity] = {
    q.name: q
    for q in (
        *(Quantity(f"flux{part}", FLUX, 0.0, logarithm=True) for part in ("", "_soft", "_medium", "_hard")),
        Quantity("nh", COLUMN, 0.0, least=LEAST_COLUMN, logarithm=True),
        Quantity("gamma"),
        Quantity("kt", "keV", 0.0, logarithm=True),
        Quantity("kt_other", "keV", 0.0, logarithm=True),
        Quantity("fe_ew", "keV"),
        Quantity("hr_hs", "", -1.0, 1.0),
        Quantity("hr_ms", "", -1.0, 1.0),
        Quantity("hr_hm", "", -1.0, 1.0),
        Quantity("count_rate", "1/s"),
    )
}
