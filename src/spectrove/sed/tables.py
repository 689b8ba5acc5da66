"""Text tables of numbers in a folder of the user, plain or gzipped."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError


def numbers(folder: Path | str | PathLike[str], name: str) -> NDArray[np.float64]:
    """The numbers of a text table, (n_rows, n_columns); `name` or `name.gz` in the folder.

    Raises:
        FormatError: There is no such file, or it is no table of numbers.
    """
    path = existing(folder, name)
    try:
        return np.loadtxt(path, ndmin=2)
    except (ValueError, EOFError, OSError) as error:
        raise FormatError(
            f"{path}: this is no table of numbers ({error}). Bring the file again, as its authors publish it."
        ) from error


def existing(folder: Path | str | PathLike[str], name: str) -> Path:
    """The file of a name in a folder, gzipped or not.

    Raises:
        FormatError: There is none.
    """
    plain = Path(folder) / name
    for path in (plain, plain.with_name(f"{name}.gz")):
        if path.is_file():
            return path
    raise FormatError(
        f"{folder}: no file {name} or {name}.gz there. Name the folder that holds the tables as their "
        f"authors publish them."
    )


def trapezoid_weights(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of each node in an integral by the trapezoidal rule, as `x`."""
    weights = np.zeros_like(x)
    weights[1:] += np.diff(x) / 2
    weights[:-1] += np.diff(x) / 2
    return weights
