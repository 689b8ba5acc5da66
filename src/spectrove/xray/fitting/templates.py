"""Families of models folded through a response on a grid of their two parameters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.fitting.bins import RANGE, REMEMBERED, Folding
from spectrove.xray.models.absorption import COLUMN, transmission

Floats = NDArray[np.float64]

#: erg per keV.
ERG = 1.602176634e-9

#: Logarithm of the least share of a template's highest value that is told from nothing.
FLOOR = -60.0


@dataclass(frozen=True)
class Family:
    """Models that differ in an absorbing column and one parameter of the emission.

    Attributes:
        name: As JSON and tables name it, "power law".
        parameter: The measure that its parameter is, "gamma".
        values: Grid of the parameter on the scale of `forward`, equally spaced, (n_values,).
        columns: Grid of log10 of the hydrogen column, 1/cm2, equally spaced, (n_columns,).
        emission: Photons per cm2 and second in each energy, before absorption, of edges in keV and values on the grid's
            scale: (n_values, n_energies).
        logarithmic: Whether `values` are log10 of the parameter.
    """

    name: str
    parameter: str
    values: Floats
    columns: Floats
    emission: Callable[[Floats, Floats], Floats]
    logarithmic: bool = False

    def parameter_of(self, value: Floats) -> Floats:
        """The parameter in its unit."""
        return 10.0**value if self.logarithmic else value

    def counts(self, folding: Folding, column: float, value: float) -> Floats:
        """Counts per second in each bin at one point, exactly and not from the grid, (n_bins,)."""
        photons = self.emission(folding.energy, np.array([value])) * through(
            folding.energy, np.array([column])
        )
        return np.asarray(photons @ folding.matrix)[0]


@dataclass(frozen=True)
class Templates:
    """A family folded through one response.

    Attributes:
        family: The family.
        log_counts: Natural logarithm of counts per second in each bin, (n_columns, n_values, n_bins).
        log_flux: Natural logarithm of the flux in `bins.RANGE` that arrives, erg/cm2/s, (n_columns, n_values).
    """

    family: Family
    log_counts: Floats = field(repr=False)
    log_flux: Floats = field(repr=False)

    def on(self, columns: Floats, values: Floats) -> tuple[Floats, Floats]:
        """Counts and log flux on a finer grid within the family's, by cubic interpolation of the logarithms.

        Returns:
            Counts per second, (n_columns, n_values, n_bins), and log flux, (n_columns, n_values).
        """
        rows, across = _cubic(self.family.columns, columns), _cubic(self.family.values, values)
        n_rows, n_across, n_bins = self.log_counts.shape
        half = (rows @ self.log_counts.reshape(n_rows, -1)).reshape(len(columns), n_across, n_bins)
        whole = np.einsum("vj,cjb->cvb", across, half, optimize=True)
        return np.exp(whole), rows @ self.log_flux @ across.T


def templates_of(family: Family, folding: Folding) -> Templates:
    """The templates of a family for a folding; those of the same two are used again."""
    key = id(folding), family.name
    with _LOCK:
        found = _KNOWN.get(key)
        if found is None or found[0] is not folding or found[1].family is not family:
            found = folding, _templates(family, folding)
            _KNOWN[key] = found
            if len(_KNOWN) > 4 * REMEMBERED:
                _KNOWN.popitem(last=False)
        return found[1]


_KNOWN: OrderedDict[tuple[int, str], tuple[Folding, Templates]] = OrderedDict()
_LOCK = Lock()


def through(edges: Floats, columns: Floats) -> Floats:
    """Share of photons that columns of gas let through, (n_columns, n_energies); columns are log10 of atoms per cm2."""
    return transmission(edges, 10.0**columns / COLUMN)


def _templates(family: Family, folding: Folding) -> Templates:
    edges = folding.energy
    energy = (edges[1:] + edges[:-1]) / 2
    photons = family.emission(edges, family.values)
    share = through(edges, family.columns)
    counts = np.stack([(photons * row) @ folding.matrix for row in share])
    weight = energy * ERG * ((energy > RANGE[0]) & (energy < RANGE[1]))
    flux = share @ (photons * weight).T
    return Templates(family, _log(counts), _log(flux[..., None])[..., 0])


def _log(values: Floats) -> Floats:
    """Natural logarithm, not below `FLOOR` from the highest of the last axis."""
    top = np.maximum(values.max(axis=-1, keepdims=True), 1e-280)
    return np.log(np.maximum(values, top * np.exp(FLOOR)))


def _cubic(grid: Floats, points: Floats) -> Floats:
    """Weights of cubic Lagrange interpolation, (n_points, n_grid), on an equally spaced grid."""
    step = grid[1] - grid[0]
    start = np.clip(np.floor((points - grid[0]) / step).astype(int) - 1, 0, len(grid) - 4)
    x = (points - grid[start]) / step
    weights = np.zeros((len(points), len(grid)))
    rows = np.arange(len(points))
    for j in range(4):
        others = [m for m in range(4) if m != j]
        weights[rows, start + j] = np.prod([(x - m) / (j - m) for m in others], axis=0)
    return weights
