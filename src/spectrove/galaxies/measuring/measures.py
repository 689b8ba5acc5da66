"""Everything that is measured in the spectrum of a galaxy: names, units, words."""

from __future__ import annotations

from spectrove.domain import Measure
from spectrove.galaxies.lines import LINE
from spectrove.galaxies.quantities import FLUX

ANGSTROM, KMS, DEX = "angstrom", "km/s", "dex"

#: Lines with a flux and an equivalent width, by key: the fitted ones and the sums of doublets.
LINE_TITLES: dict[str, str] = {
    "oii": "[O II] 3726 + 3729",
    **{key: LINE[key].name for key in ("neiii", "hd", "hg", "oiii_4363", "heii", "hb", "oiii", "hei", "oi")},
    **{key: LINE[key].name for key in ("ha", "nii", "sii_6716", "sii_6731")},
    "sii": "[S II] 6716 + 6731",
}

#: log10 of ratios of two lines: key of the numerator, key of the denominator.
RATIOS: tuple[tuple[str, str], ...] = (
    ("nii", "ha"), ("oiii", "hb"), ("sii", "ha"), ("oi", "ha"), ("oiii", "oii"), ("ha", "hb"),
)  # fmt: skip

#: Absorption indices, positive in absorption.
INDEX_TITLES: dict[str, str] = {
    "hdelta_a": "Lick index H delta A",
    "hdelta_a_sub": "Lick index H delta A, emission subtracted",
    "hgamma_a": "Lick index H gamma A",
    "hgamma_a_sub": "Lick index H gamma A, emission subtracted",
    "lick_hb": "Lick index H beta",
    "lick_hb_sub": "Lick index H beta, emission subtracted",
    "lick_mgb": "Lick index Mg b",
    "lick_fe5270": "Lick index Fe 5270",
    "lick_fe5335": "Lick index Fe 5335",
    "lick_nad": "Lick index Na D",
}


def _short(key: str) -> str:
    return LINE_TITLES[key].removesuffix(" 6583").removesuffix(" 5007").removesuffix(" 6300")


MEASURES: tuple[Measure, ...] = (
    *(Measure(f"{key}_flux", FLUX, f"{title} flux", "line flux", True) for key, title in LINE_TITLES.items()),
    *(
        Measure(f"{key}_ew", ANGSTROM, f"{title} equivalent width", "equivalent width", True)
        for key, title in LINE_TITLES.items()
    ),
    *(Measure(f"log_{a}_{b}", DEX, f"log {_short(a)} / {_short(b)}", "ratio") for a, b in RATIOS),
    Measure("line_velocity", KMS, "velocity of the Balmer lines against the redshift", "width"),
    Measure("line_width", KMS, "width of the Balmer lines, one sigma without the instrument", "width"),
    Measure("ha_broad_flux", FLUX, "broad H alpha flux", "broad component", True),
    Measure("ha_broad_ew", ANGSTROM, "broad H alpha equivalent width", "broad component", True),
    Measure("ha_broad_fwhm", KMS, "full width at half maximum of broad H alpha", "broad component"),
    Measure("d4000n", "", "narrow 4000 angstrom break", "index"),
    *(Measure(name, ANGSTROM, title, "index") for name, title in INDEX_TITLES.items()),
    Measure("nad_ew", ANGSTROM, "Na D beyond that of the stars, positive in absorption", "sodium", True),
    Measure("nad_velocity", KMS, "velocity of that Na D, negative towards us", "sodium"),
    *(
        Measure(f"rest_{a}_{b}", "mag", f"rest-frame colour {a} - {b}", "colour")
        for a, b in ("ug", "gr", "ri")
    ),
)

#: What a table of many spectra shows.
HEADLINE = ("ha_ew", "oiii_ew", "log_nii_ha", "log_oiii_hb", "d4000n", "hdelta_a")
