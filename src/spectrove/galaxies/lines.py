"""Spectral lines (vacuum wavelengths) and the diagnostic diagrams drawn from them.

Wavelengths are the SDSS list of rest-frame vacuum wavelengths in angstrom (SDSS DR7 `spZline`
documentation, from the NIST Atomic Spectra Database). Dividing lines give log10([O III] 5007 / H beta)
as a function of x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectrove.lines import Line

LINES: tuple[Line, ...] = (
    Line("oii_3726", "[O II] 3726", 3727.092),
    Line("oii_3729", "[O II] 3729", 3729.875),
    Line("neiii", "[Ne III] 3869", 3869.860),
    Line("cak", "Ca K", 3934.777, "absorption", ("Ca HK", "Ca II HK")),
    Line("cah", "Ca H", 3969.588, "absorption", ("Ca HK", "Ca II HK")),
    Line("hd", "H delta", 4102.892, synonyms=("Hδ", "Hdelta", "Hdel")),
    Line("gband", "G band", 4305.61, "absorption"),
    Line("hg", "H gamma", 4341.684, synonyms=("Hγ", "Hgamma", "Hgam")),
    Line("oiii_4363", "[O III] 4363", 4364.436, synonyms=("[OIII]4364", "auroral [O III]")),
    Line("heii", "He II 4686", 4687.02, synonyms=("HeII λ4686", "He2")),
    Line("hb", "H beta", 4862.683, synonyms=("Hβ", "Hbeta", "Hbet")),
    Line("oiii_4959", "[O III] 4959", 4960.295),
    Line(
        "oiii",
        "[O III] 5007",
        5008.240,
        synonyms=("O III", "[O III] doublet", "[OIII]5008", "doubly ionised oxygen", "doubly ionized oxygen"),
    ),
    Line("mgb", "Mg b", 5176.63, "absorption", synonyms=("Mg triplet", "magnesium triplet", "Mgb")),
    Line("hei", "He I 5876", 5877.29),
    Line("nad_5890", "Na D 5890", 5891.58, "absorption", synonyms=("NaI D", "sodium D", "sodium")),
    Line("nad_5896", "Na D 5896", 5897.56, "absorption"),
    Line("oi", "[O I] 6300", 6302.046, synonyms=("O I", "[OI]6302")),
    Line("oi_6364", "[O I] 6364", 6365.536),
    Line("nii_6548", "[N II] 6548", 6549.86),
    Line("ha", "H alpha", 6564.614, synonyms=("Hα", "Halpha", "Halp")),
    Line("nii", "[N II] 6583", 6585.27, synonyms=("N II", "[NII]6584", "[NII]6585")),
    Line("sii_6716", "[S II] 6716", 6718.29),
    Line("sii_6731", "[S II] 6731", 6732.68),
)
LINE: dict[str, Line] = {line.key: line for line in LINES}


def kauffmann03(log_nii_ha: ArrayLike) -> NDArray[np.float64]:
    """Empirical upper edge of star-forming galaxies in the [N II] diagram (x < 0.05).

    Source: Kauffmann et al. 2003, MNRAS 346, 1055, eq. 1.
    """
    x = np.asarray(log_nii_ha, dtype=float)
    return np.where(x < 0.05, 0.61 / np.where(x < 0.05, x - 0.05, -1.0) + 1.3, -np.inf)


def kewley01(log_nii_ha: ArrayLike) -> NDArray[np.float64]:
    """Theoretical upper edge of starbursts in the [N II] diagram (x < 0.47).

    Source: Kewley et al. 2001, ApJ 556, 121, eq. 5.
    """
    x = np.asarray(log_nii_ha, dtype=float)
    return np.where(x < 0.47, 0.61 / np.where(x < 0.47, x - 0.47, -1.0) + 1.19, -np.inf)


def liner_seyfert(log_nii_ha: ArrayLike) -> NDArray[np.float64]:
    """LINERs lie below this line, Seyferts above, among AGN of the [N II] diagram.

    Source: the form used with GalSpecEncoder-KB (Tang et al. 2025), after Kewley et al. 2006, MNRAS 372, 961.
    """
    return 1.18 * np.asarray(log_nii_ha, dtype=float) + 0.77


#: Class names of the [N II] diagram, in the order of `bpt_class`'s codes.
BPT_CLASSES: tuple[str, ...] = ("SF", "Composite", "Seyfert", "LINER")


def bpt_class(log_nii_ha: ArrayLike, log_oiii_hb: ArrayLike) -> NDArray[np.str_]:
    """Class of each galaxy in the [N II] diagram, from two line ratios.

    Args:
        log_nii_ha: log10([N II] 6583 / H alpha), any shape. NaN gives "".
        log_oiii_hb: log10([O III] 5007 / H beta), same shape.

    Returns:
        One of `BPT_CLASSES` or "", same shape.

    Source:
        Kauffmann et al. 2003; Kewley et al. 2001; LINER/Seyfert line as in `liner_seyfert`.
    """
    x, y = np.broadcast_arrays(np.asarray(log_nii_ha, float), np.asarray(log_oiii_hb, float))
    agn = y > kewley01(x)
    names = np.where(agn, np.where(y > liner_seyfert(x), "Seyfert", "LINER"), "Composite")
    names = np.where(~agn & (y <= kauffmann03(x)), "SF", names)
    return np.where(np.isfinite(x) & np.isfinite(y), names, "").astype(str)
