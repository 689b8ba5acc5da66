"""Where GaiaXPy's files are: of the installed package, or in a folder that the user names."""

from __future__ import annotations

import csv
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError

#: A folder of the files, for who has not installed GaiaXPy.
VARIABLE = "SPECTROVE_GAIAXPY"

#: Of Gaia DR3, by band: the model whose files are named after it.
MODELS = {"bp": "bpC03_v375wi", "rp": "rpC03_v142r"}


def folder() -> Path:
    """The folder that the variable names, or that of the installed package, which is not imported.

    Raises:
        ParameterError: There is neither.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    found = find_spec("gaiaxpy")
    if found is None or not found.submodule_search_locations:
        raise ParameterError(
            "spectra of Gaia are coefficients of functions that files of GaiaXPy describe, and it is not installed. "
            f"pip install 'spectrove[gaia]', or name a folder with its files in the variable {VARIABLE}."
        )
    return Path(next(iter(found.submodule_search_locations))) / "config"


def curve(band: str, kind: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wavelengths in nm and values of "response" or "dispersion" of "bp" or "rp"."""
    wavelength, values = np.loadtxt(_path(band, kind), delimiter=",", max_rows=2)
    return wavelength, values


def bases(band: str) -> dict[str, NDArray[np.float64]]:
    """What describes the functions of "bp" or "rp", each as an array, by the names of the columns."""
    limit = csv.field_size_limit(1 << 24)
    try:
        with _path(band, "bases").open(encoding="utf-8") as file:
            row = next(csv.DictReader(file))
    finally:
        csv.field_size_limit(limit)
    return {name: np.array(text.strip("()[]").split(","), float) for name, text in row.items()}


def _path(band: str, kind: str) -> Path:
    path = folder() / f"{MODELS[band]}_{kind}.csv"
    if not path.is_file():
        raise ParameterError(
            f"{path}: there is no such file, expected the {kind} of {band.upper()} of Gaia DR3 as GaiaXPy 2 has it. "
            f"pip install 'spectrove[gaia]', or name another folder in the variable {VARIABLE}."
        )
    return path
