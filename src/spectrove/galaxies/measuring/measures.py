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


def _short(key: str) -> str:
    return LINE_TITLES[key].removesuffix(" 6583").removesuffix(" 5007").removesuffix(" 6300")


MEASURES: tuple[Measure, ...] = (
    *(Measure(f"{key}_flux", FLUX, f"{title} flux", "line flux") for key, title in LINE_TITLES.items()),
    *(
        Measure(f"{key}_ew", ANGSTROM, f"{title} equivalent width", "equivalent width")
        for key, title in LINE_TITLES.items()
    ),
    *(Measure(f"log_{a}_{b}", DEX, f"log {_short(a)} / {_short(b)}", "ratio") for a, b in RATIOS),
    Measure("d4000n", "", "narrow 4000 angstrom break", "index"),
    Measure("hdelta_a", ANGSTROM, "Lick index H delta A", "index"),
)
