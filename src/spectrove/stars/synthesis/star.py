"""What decides the spectrum of a star: its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spectrove.errors import ParameterError

#: Elements whose mean [X/Fe] is the [alpha/Fe] of the model atmosphere.
ATMOSPHERE_ALPHA = ("Mg", "Si", "Ca", "Ti")


@dataclass(frozen=True)
class Star:
    """Parameters of a star.

    Attributes:
        teff: Effective temperature, K.
        logg: log10 of the gravity in cm / s2.
        fe_h: [Fe/H], dex; all elements beyond helium follow it. The Sun is that of Asplund et al. 2009.
        microturbulence: km / s.
        alpha_fe: [alpha/Fe] of O, Ne, Mg, Si, S, Ar, Ca and Ti, dex.
        x_fe: [X/Fe] by symbol, dex, for elements that follow neither iron nor alpha.
    """

    teff: float
    logg: float
    fe_h: float
    microturbulence: float
    alpha_fe: float = 0.0
    x_fe: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.microturbulence <= 20:
            raise ParameterError(f"microturbulence is {self.microturbulence:g} km/s, expected 0 to 20.")

    @property
    def atmosphere_alpha(self) -> float:
        """[alpha/Fe] of the model atmosphere: the mean of Mg, Si, Ca and Ti."""
        return sum(self.x_fe.get(x, self.alpha_fe) for x in ATMOSPHERE_ALPHA) / len(ATMOSPHERE_ALPHA)
