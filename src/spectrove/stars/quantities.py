"""Quantities of stars: units and limits, and the flags that go with them."""

from __future__ import annotations

from spectrove.domain import Quantity

#: Labels that the network and catalogs give. [X/H] is over the Sun of the catalog that stars are learned from.
LABELS = ("teff", "logg", "fe_h")

#: By column. teff: effective temperature. logg: log10 of the surface gravity in cm/s2. fe_h: log10 of iron over
#: hydrogen, over that of the Sun. log_e_bv: log10 of the reddening E(B-V).
QUANTITIES: dict[str, Quantity] = {
    q.name: q
    for q in (
        Quantity("teff", "K", 0.0, logarithm=True),
        Quantity("logg", "dex(cm/s2)"),
        Quantity("fe_h", "dex"),
        Quantity("log_e_bv", "dex(mag)"),
        Quantity("velocity", "km/s"),
        Quantity("vsini", "km/s", 0.0),
        *(Quantity(f"{element}_fe", "dex") for element in ("al", "mg", "ca", "ni", "ti", "si", "alpha")),
    )
}
