"""Curves of filters: from the package astro-sedpy, or from a folder of curves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, ParameterError
from spectrove.sed.constants import LIGHT
from spectrove.sed.tables import trapezoid_weights

Array = NDArray[np.float64]

#: Points of a curve, evenly spaced: fine enough for every point of a spectrum within it to count.
POINTS = 500

#: Transmission below this share of the peak is left out at both ends.
NOTHING = 1e-4


@dataclass(frozen=True)
class Filter:
    """A filter as it weighs photons.

    Attributes:
        name: Of the curve.
        wavelength: Angstrom, in the frame of the observer, (n_points,), growing.
        transmission: Of photons, (n_points,).
    """

    name: str
    wavelength: Array
    transmission: Array

    @property
    def pivot(self) -> float:
        """Pivot wavelength, angstrom."""
        weight = trapezoid_weights(self.wavelength) * self.transmission
        return float(np.sqrt((weight @ self.wavelength) / (weight @ (1 / self.wavelength))))

    def quadrature(self) -> Array:
        """Weights of f_lambda at each point of the curve that give the mean f_nu of photons, (n_points,), A/Hz.

        f_nu = int f_lambda T lambda d lambda / (c int T / lambda d lambda).
        """
        weight = trapezoid_weights(self.wavelength) * self.transmission
        return np.asarray(weight * self.wavelength / (LIGHT * (weight @ (1 / self.wavelength))))


def _made(name: str, wavelength: Array, transmission: Array) -> Filter:
    order = np.argsort(wavelength, kind="stable")
    wavelength, transmission = wavelength[order], np.maximum(transmission[order], 0)
    wavelength, once = np.unique(wavelength, return_index=True)
    transmission = transmission[once]
    seen = np.flatnonzero(transmission > NOTHING * transmission.max())
    kept = slice(max(seen[0] - 1, 0), seen[-1] + 2)
    wavelength, transmission = wavelength[kept], transmission[kept]
    even = np.linspace(wavelength[0], wavelength[-1], POINTS)
    curve = np.interp(even, wavelength, transmission)
    return Filter(name, even, curve / curve.max())


@lru_cache(maxsize=1024)
def of_sedpy(name: str) -> Filter:
    """A filter of the package astro-sedpy, by its name there, such as "sdss_r0".

    Raises:
        ParameterError: The package is not installed, or has no such filter.
    """
    try:
        folder = resources.files("sedpy") / "data" / "filters"
    except ModuleNotFoundError as error:
        raise ParameterError(
            "curves of filters come from the package astro-sedpy, which is not installed: pip install 'spectrove[sed]'"
        ) from error
    file = folder / f"{name}.par"
    if not file.is_file():
        raise ParameterError(
            f"filter {name}: astro-sedpy has no such curve. Its names are those of the files in sedpy/data/filters."
        )
    with resources.as_file(file) as path:
        return of_file(path)


@lru_cache(maxsize=1024)
def of_file(path: Path) -> Filter:
    """A filter of a file: two columns (angstrom, transmission) under comments.

    Where the second comment line says "energy", as in CIGALE's files, the curve weighs energies and is divided by
    wavelength; otherwise it weighs photons.

    Raises:
        FormatError: The file has no such columns.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
        table = np.loadtxt(lines, ndmin=2, usecols=(0, 1))
    except (OSError, ValueError, IndexError) as error:
        raise FormatError(
            f"{path}: no curve of a filter ({error}), expected two columns: angstrom and transmission."
        ) from error
    table = table[np.isfinite(table).all(1)]
    if len(table) < 3 or table[:, 1].max() <= 0:
        raise FormatError(f"{path}: no curve of a filter, expected at least 3 points, some above 0.")
    comments = [line.lstrip("# ").strip().lower() for line in lines[:3] if line.startswith("#")]
    energy = "energy" in comments[1:2]
    return _made(path.stem, table[:, 0], table[:, 1] / table[:, 0] if energy else table[:, 1])
