"""Settings of spectrographs that spectra of stars are computed for: where pixels lie, and how sharp they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError


@dataclass(frozen=True)
class Setting:
    """A range of wavelengths with a resolution.

    Attributes:
        name: What astronomers call it.
        low, high: First wavelength, and one beyond the last; vacuum angstrom.
        resolution: Wavelength over full width at half maximum, in the middle.
    """

    name: str
    low: float
    high: float
    resolution: float

    def pixels(self, step: float) -> NDArray[np.float64]:
        """Vacuum wavelengths in even steps, angstrom, (n_pixels,)."""
        return np.asarray(self.low + step * np.arange(round((self.high - self.low) / step)), np.float64)


#: Settings of FLAMES/GIRAFFE as the Gaia-ESO survey used them: 5330-5610 and 8475-8980 A in air (Gilmore et al. 2022,
#: A&A 666, A120).
SETTINGS: dict[str, Setting] = {
    "HR10": Setting("HR10", 5331.5, 5611.5, 19_800),
    "HR21": Setting("HR21", 8477.5, 8982.5, 16_200),
}


def setting_of(name: str) -> Setting:
    """The setting of a name.

    Raises:
        ParameterError: There is none.
    """
    if name not in SETTINGS:
        raise ParameterError(f"setting {name!r}, expected one of {', '.join(SETTINGS)}.")
    return SETTINGS[name]
