"""Quantities of galaxies: units, limits, and columns that are none."""

from __future__ import annotations

from spectrove.domain import Quantity

#: Line fluxes of SDSS catalogs and mocks. Source: SDSS data model, spec files, SPZLINE.LINEAREA.
FLUX = "1e-17 erg/s/cm2"

#: Quantities with a unit or limits, by column.
#: Sources: d4000n: Balogh et al. (1999), ApJ 527, 54, a ratio of fluxes. hdelta_a: Worthey & Ottaviani (1997), ApJS
#: 111, 377, angstrom. vdisp: SDSS data model, spZbest VDISP, km/s; 0 is "not measured" and 850 the end of its grid.
#: Lines: SPZLINE. logmass, logsfr: Brinchmann et al. (2004), MNRAS 351, 1151: log10 of solar masses (a year).
QUANTITIES: dict[str, Quantity] = {
    q.name: q
    for q in (
        Quantity("d4000n", "", 0.0),
        Quantity("truth_d4000n", "", 0.0),
        Quantity("hdelta_a", "angstrom"),
        Quantity("truth_hdelta_a", "angstrom"),
        Quantity("vdisp", "km/s", 0.0, 850.0),
        Quantity("truth_vdisp", "km/s", 0.0),
        Quantity("truth_line_width", "km/s", 0.0),
        Quantity("logmass", "dex(Msun)", 0.0),
        Quantity("logsfr", "dex(Msun/yr)", -90.0),
        Quantity("truth_log_age", "dex(yr)"),
        Quantity("truth_metallicity", "dex"),
        Quantity("truth_ebv", "mag"),
        *(Quantity(f"{line}_flux", FLUX) for line in ("ha", "hb", "oiii", "nii", "sii", "oi")),
        *(Quantity(f"{line}_ew", "angstrom") for line in ("ha", "hb", "oiii", "nii", "sii", "oi")),
        *(Quantity(f"truth_{line}_ew", "angstrom") for line in ("ha", "hb", "oiii", "nii", "sii", "oi")),
        *(Quantity(f"truth_log_{r}", "dex") for r in ("nii_ha", "oiii_hb", "sii_ha", "oi_ha", "ha_hb")),
    )
}

#: Numeric columns that describe the observation of SDSS.
ADMINISTRATION = frozenset({"plate", "fiberid"})
