"""Conformal intervals: their width comes from the cross-validated residuals of the objects of the base.

At the stated rate, in each bin of signal-to-noise, an interval contains the value that the catalog of the base would
list for such an object.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.spectra import SpectrumSet

#: Borders of the bins of median signal-to-noise per pixel.
SN_BORDERS = (5.0, 10.0, 20.0, 30.0, 40.0)

#: Least number of objects in a bin; smaller bins are merged with the next. With 80, mocks below S/N 5 shared a bin with
#: those up to 10, and 68% intervals contained 57 to 68% of the values (4 quantities); with 40 it is 63 to 75%, within
#: the scatter of 60 objects.
FEWEST_IN_BIN = 40

#: Least number of objects with a known value for an interval.
FEWEST = 50


def signal_to_noise(spectra: SpectrumSet) -> NDArray[np.float64]:
    """Median flux/error of the good pixels of each spectrum, (n_spectra,); 0 without a good pixel.

    Spectra that are no fluxes measure their own.
    """
    if not isinstance(spectra, SpectrumSet):
        return 10 ** spectra.measured_quality()[:, 0]
    found = np.zeros(len(spectra))
    for i in range(len(spectra)):
        spectrum = spectra[i]
        good = spectrum.good
        if good.any():
            found[i] = np.median(spectrum.flux[good] * np.sqrt(spectrum.ivar[good].astype(float)))
    return found


def sn_bins(sn: NDArray[np.float64], fewest: int = FEWEST_IN_BIN) -> tuple[float, ...]:
    """The `SN_BORDERS` that leave at least `fewest` objects in every bin."""
    borders: list[float] = []
    left = np.sort(sn)
    for border in SN_BORDERS:
        below = int(np.searchsorted(left, border))
        if below >= fewest and len(left) - below >= fewest:
            borders.append(border)
            left = left[below:]
    return tuple(borders)


@dataclass(frozen=True)
class Conformal:
    """Residuals of the objects of the base, each estimated without itself and its group.

    Attributes:
        residual: Known minus estimated value, on the scale of the quantity, (n_objects,).
        error: Uncalibrated one-sigma error of each estimate, (n_objects,); positive.
        sn: Signal-to-noise of each object, (n_objects,).
        nearest: Distance of the nearest neighbour with a value, (n_objects,).
    """

    residual: NDArray[np.float64]
    error: NDArray[np.float64]
    sn: NDArray[np.float64]
    nearest: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.residual)

    @property
    def reason(self) -> str:
        """Why there is no interval, a sentence; "" if there is one."""
        if len(self) >= FEWEST:
            return ""
        return f"{len(self)} objects of the base have a known value that can be tested; an interval needs {FEWEST}."

    def half_width(
        self, error: NDArray[np.float64], sn: NDArray[np.float64], level: float
    ) -> NDArray[np.float64]:
        """Half width of the interval for estimates with these errors, (n_queries,).

        It is infinite if the base is too small for the level.

        Source:
            Normalised Mondrian conformal regression: Papadopoulos et al. (2011), Journal of Artificial Intelligence
            Research 40, 815; Boström & Johansson (2020), PMLR 128, 114; as in `crepes`.
        """
        from crepes import ConformalRegressor

        borders = sn_bins(self.sn)
        fitted = ConformalRegressor().fit(
            self.residual, sigmas=self.error, bins=np.searchsorted(borders, self.sn, side="right")
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the base is too small for the level: infinite interval
            limits = fitted.predict_int(
                np.zeros(len(error)), sigmas=error, bins=np.searchsorted(borders, sn, side="right"),
                confidence=level,
            )  # fmt: skip
        return np.asarray(limits[:, 1], dtype=float)

    def p_distance(self, nearest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fraction of the objects of the base with a nearest neighbour at least as far, (n_queries,); never 0."""
        farther = len(self) - np.searchsorted(np.sort(self.nearest), nearest, side="left")
        return (1 + farther) / (1 + len(self))
