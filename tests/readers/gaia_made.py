"""Tables of coefficients as the Gaia archive writes them, of stars whose flux is a formula."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.readers.gaia.instrument import N_COEFFICIENTS, band

#: nm, as fine as no spectrum of BP or RP shows.
FINE = np.arange(320.0, 1100.0, 0.5)


def star(teff: float = 5800.0, level: float = 1e-16) -> NDArray[np.float64]:
    """Planck's law with a broad line, W / m2 / nm, on `FINE`."""
    planck = FINE**-5 / np.expm1(1.43878e7 / (FINE * teff))
    return level * planck / planck.max() * (1 - 0.3 * np.exp(-0.5 * ((FINE - 510) / 12) ** 2))


def coefficients(flux: NDArray, name: str) -> NDArray[np.float64]:
    """Of BP or RP, of a flux on `FINE`."""
    return flux @ band(name).project(FINE)


def row(
    source_id: int, flux: NDArray, *, seed: int = 0, without: str = "", error: float = 1e-3
) -> dict[str, object]:
    """A row of XP_CONTINUOUS; a band may be left out."""
    rng = np.random.default_rng(seed)
    out: dict[str, object] = {"source_id": source_id, "solution_id": 4545469030156206080}
    for name, number in (("bp", 56), ("rp", 57)):
        absent = name == without
        value = coefficients(flux, name)
        mixed = rng.normal(0, 0.05, size=(N_COEFFICIENTS, N_COEFFICIENTS)) + np.eye(N_COEFFICIENTS)
        covariance = mixed @ mixed.T
        size = np.sqrt(np.diag(covariance))
        correlation = (covariance / np.outer(size, size))[np.tril_indices(N_COEFFICIENTS, -1)]
        out |= {
            f"{name}_basis_function_id": None if absent else number,
            f"{name}_n_parameters": None if absent else N_COEFFICIENTS,
            f"{name}_standard_deviation": None if absent else 1.02,
            f"{name}_coefficients": None if absent else value,
            f"{name}_coefficient_errors": None
            if absent
            else error * abs(value).max() * (1 + rng.uniform(size=len(value))),
            f"{name}_coefficient_correlations": None if absent else correlation,
            f"{name}_n_relevant_bases": None if absent else 20,
            f"{name}_relative_shrinking": None if absent else 0.9,
        }
    return out


def write_csv(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    """The rows with arrays as lists in quotes."""

    def cell(value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, np.ndarray):
            return '"(' + ", ".join(repr(float(v)) for v in value) + ')"'
        return str(value)

    lines = [",".join(rows[0]), *(",".join(map(cell, one.values())) for one in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
