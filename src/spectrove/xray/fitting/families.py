"""The families of models that are fitted: an emission behind cold gas, each with one parameter of its shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.fitting.templates import Family
from spectrove.xray.models.continuum import black_body, bremsstrahlung, power_law
from spectrove.xray.models.plasma import thermal_plasma

Floats = NDArray[np.float64]

#: log10 of the hydrogen column, 1/cm2: below 20 a CCD sees no absorption, above 24.4 hardly anything of the source.
COLUMNS = np.linspace(20.0, 24.4, 23)

#: Abundance of the plasma, solar: what coronae of stars have on average.
ABUNDANCE = 0.4


def _plasma(edges: Floats, log_kt: Floats) -> Floats:
    return thermal_plasma(edges, 10.0**log_kt, abundance=np.full(len(log_kt), ABUNDANCE))


POWER_LAW = Family("power law", "gamma", np.linspace(-1.0, 6.0, 29), COLUMNS, power_law)

PLASMA = Family("thermal plasma", "kt", np.linspace(-1.0, 1.4, 25), COLUMNS, _plasma, True)

BREMSSTRAHLUNG = Family(
    "bremsstrahlung", "kt", np.linspace(-1.0, 2.0, 25), COLUMNS,
    lambda edges, log_kt: bremsstrahlung(edges, 10.0**log_kt), True,
)  # fmt: skip

BLACK_BODY = Family(
    "black body",
    "kt",
    np.linspace(-1.3, 0.7, 21),
    COLUMNS,
    lambda edges, log_kt: black_body(edges, 10.0**log_kt),
    True,
)

#: In the order of tables.
FAMILIES: tuple[Family, ...] = (POWER_LAW, PLASMA, BREMSSTRAHLUNG, BLACK_BODY)
