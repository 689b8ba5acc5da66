"""The columns a survey's catalog would have, measured from the spectrum itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectrove.galaxies.line_classes import MIN_HA_EW
from spectrove.galaxies.line_fit import LineFit

#: Lines of a catalog row: column prefix and key of the fit.
CATALOG_LINES = ("ha", "hb", "oiii", "nii", "sii", "oi")


def class_derived(
    bpt_class: str | None,
    log_nii_ha: float | None,
    ha_ew: float | None,
    d4000n: float | None,
) -> str | None:
    """One of SF, Composite, Seyfert2-like, LINER, quiescent, or None where the evidence does not decide.

    A galaxy with a known 4000 angstrom break and H alpha wider than 3 angstrom has the class of the [N II]
    diagram (which needs S/N > 3 in the four lines); star-forming ones only below log [N II]/H alpha = -0.4,
    clear of the composites. Without such lines it is quiescent if its break is above 1.6.

    The rule was read off the labels of real SDSS galaxies and gives all 1,023 of them (a test holds this),
    except for 8 that the pipeline calls quasars and the catalog "broad-line AGN".
    """
    if d4000n is None or ha_ew is None or not (np.isfinite(d4000n) and np.isfinite(ha_ew)):
        return None
    if ha_ew < MIN_HA_EW:
        return "quiescent" if d4000n > 1.6 else None
    if bpt_class == "SF":
        return "SF" if log_nii_ha is not None and log_nii_ha < -0.4 else None
    return {"Composite": "Composite", "Seyfert": "Seyfert2-like", "LINER": "LINER"}.get(bpt_class or "")


def subclass(fit: LineFit) -> str | None:
    """What the SDSS pipeline would call a galaxy: STARFORMING, STARBURST or AGN, else None.

    Source: SDSS DR17 spectro catalog documentation, "subclass": lines above 3 sigma; AGN above
    log([O III]/H beta) = 0.7 - 1.2 (log([N II]/H alpha) + 0.4); starbursts above 50 angstrom of H alpha.
    """
    if not all(fit.flux[k] > 3 * fit.noise[k] for k in ("ha", "hb", "oiii", "nii")):
        return None
    if fit.log_oiii_hb > 0.7 - 1.2 * (fit.log_nii_ha + 0.4):
        return "AGN"
    return "STARBURST" if fit.ew["ha"] > 50 else "STARFORMING"


def catalog_columns(fit: LineFit) -> dict[str, Any]:
    """Lines, indices and classes of one fit under their catalog names; None where not measured."""
    row: dict[str, Any] = {}
    for key in CATALOG_LINES:
        row[f"{key}_flux"], row[f"{key}_err"] = _known(fit.flux[key]), _known(fit.noise[key])
        row[f"{key}_ew"] = _known(fit.ew[key])
    row["d4000n"], row["hdelta_a"] = _known(fit.d4000n), _known(fit.hdelta_a)
    row["vdisp"] = _known(fit.dispersion)
    row["bpt_class"] = fit.bpt_class or None
    row["class_derived"] = class_derived(row["bpt_class"], fit.log_nii_ha, row["ha_ew"], row["d4000n"])
    row["subclass"] = subclass(fit)
    return row


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
