"""The tokens: names, units, and the scale on which a network sees each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Coefficients of BP that are tokens, of 55: the last are noise in most spectra.
N_BP = 40

#: Of the temperature the network sees 5040 K / Teff, in which spectra change evenly.
THETA = 5040.0

#: The scale in which the product of parallax and 10^(G/5) passes from even to logarithmic steps.
BEND = 50.0


@dataclass(frozen=True)
class Token:
    """A quantity that may be known or asked for.

    Attributes:
        name: As users write it.
        unit: "" if it has none.
        title: What it is.
        scale: "even", "inverse" (5040 over the value) or "bent" (arcsinh of the value over `BEND`, which takes negative
            values and steps evenly in the logarithm above it).
    """

    name: str
    unit: str
    title: str
    scale: str = "even"

    def seen(self, value: Floats, error: Floats) -> tuple[Floats, Floats]:
        """Value and error on the scale that the network sees."""
        if self.scale == "inverse":
            return THETA / value, error * THETA / value**2
        if self.scale == "bent":
            return np.arcsinh(value / BEND), error / np.hypot(value, BEND)
        return value, error

    def said(self, value: Floats, error: Floats) -> tuple[Floats, Floats]:
        """Value and error in the unit, from the scale of the network: the inverse of `seen`."""
        if self.scale == "inverse":
            value = np.maximum(value, 1e-2)
            return THETA / value, error * THETA / value**2
        if self.scale == "bent":
            return BEND * np.sinh(value), error * BEND * np.cosh(value)
        return value, error


#: Names of the coefficients, first to last.
BP = tuple(f"bp_{i + 1}" for i in range(N_BP))

#: The product of parallax and 10^(G/5): a luminosity that extinction dims, whatever the distance.
PARALLAX_G = "parallax_g"

TOKENS: tuple[Token, ...] = (
    *(Token(name, "", f"coefficient {i + 1} of BP over the flux of the band") for i, name in enumerate(BP)),
    Token("b_v", "mag", "colour B-V, Johnson, Vega"),
    Token("g_r", "mag", "colour g-r of SDSS, AB"),
    Token("teff", "K", "effective temperature", "inverse"),
    Token("logg", "dex(cm/s2)", "log of the surface gravity"),
    Token("fe_h", "dex", "iron over hydrogen, of the Sun's"),
    Token("log_e_bv", "dex(mag)", "log10 of the reddening E(B-V)"),
    Token(PARALLAX_G, "mas", "parallax times 10^(G/5)", "bent"),
)

NAMES = tuple(token.name for token in TOKENS)
COLOURS = ("b_v", "g_r")
LABELS = ("teff", "logg", "fe_h", "log_e_bv")

#: Where each stands in the arrays.
PLACE = {name: i for i, name in enumerate(NAMES)}


def places(names: tuple[str, ...]) -> NDArray[np.int64]:
    """Where the named tokens stand."""
    return np.array([PLACE[name] for name in names], np.int64)
