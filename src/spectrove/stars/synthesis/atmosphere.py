"""Model atmospheres: temperature, pressure and electrons by depth, from a network that learned the C3K grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError

Floats = NDArray[np.float64]

WEIGHTS = Path(__file__).parents[1] / "data" / "atmospheres.safetensors"

#: What the network gives, in this order.
COLUMNS = ("column_mass", "temperature", "gas_pressure", "electron_density")

#: Its parameters, with the limits of the models that it learned.
LIMITS = {"teff": (2500.0, 8000.0), "logg": (-1.0, 5.5), "fe_h": (-4.0, 1.5), "alpha_fe": (-0.2, 0.6)}


@dataclass(frozen=True)
class Atmosphere:
    """A plane atmosphere in hydrostatic equilibrium, outermost layer first; every array is (n_depths,).

    Attributes:
        column_mass: Mass above the layer, g / cm2.
        temperature: K.
        gas_pressure: dyn / cm2, electrons included.
        electron_density: 1 / cm3.
    """

    column_mass: Floats
    temperature: Floats
    gas_pressure: Floats
    electron_density: Floats


def model_atmosphere(teff: float, logg: float, fe_h: float, alpha_fe: float = 0.0) -> Atmosphere:
    """The model atmosphere of a star, 80 depths.

    Args:
        teff: Effective temperature, K, 2500 to 8000.
        logg: log10 of the gravity in cm / s2, -1 to 5.5.
        fe_h: [Fe/H], dex, -4 to 1.5.
        alpha_fe: [alpha/Fe], dex, -.2 to .6.

    Raises:
        ParameterError: A parameter lies outside of the grid.

    Source:
        Networks of atmosnet 1.0.1 (Nidever 2021), trained on the C3K grid of ATLAS12 atmospheres (Conroy et al., in
        preparation; Kurucz 1970, SAOSR 309). Converted by scripts/make_star_atmospheres.py.
    """
    values = (teff, logg, fe_h, alpha_fe)
    for value, (name, (low, high)) in zip(values, LIMITS.items(), strict=True):
        if not low <= value <= high:
            raise ParameterError(
                f"model atmosphere: {name} is {value:g}, expected {low:g} to {high:g}, where there are models."
            )
    arrays = _weights()
    scaled = (np.array(values) - arrays["low"]) / (arrays["high"] - arrays["low"]) - 0.5
    columns = []
    for name in COLUMNS:
        hidden = scaled
        for layer in (0, 1):
            hidden = _leaky(arrays[f"{name}.weight_{layer}"] @ hidden + arrays[f"{name}.bias_{layer}"])
        # The networks give log10. The package that they come from raises e to it, which is 58 K for 11,455 K.
        columns.append(10 ** (arrays[f"{name}.weight_2"] @ hidden + arrays[f"{name}.bias_2"]))
    return Atmosphere(*columns)


def _leaky(values: Floats) -> Floats:
    return np.where(values > 0, values, 0.01 * values)


@cache
def _weights() -> dict[str, Floats]:
    from safetensors.numpy import load_file

    return {name: array.astype(np.float64) for name, array in load_file(WEIGHTS).items()}
