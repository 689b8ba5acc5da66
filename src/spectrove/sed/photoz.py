"""Redshifts from photometry: the grid at many redshifts is one grid, in which the redshift is a parameter of blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.sed.attenuation import Calzetti
from spectrove.sed.catalog import Fit, fitted
from spectrove.sed.engine import Blocks, Engine, Models
from spectrove.sed.grid import Grid, cells
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.likelihood import Photometry, agreement

Array = NDArray[np.float64]
Single = NDArray[np.float32]

#: Steps of redshift, of 1 + z.
STEP = 0.005

#: A grid of fewer models, as each is computed at every redshift.
COARSE = Grid(
    DelayedBurst(
        (0.1, 0.3, 1.0, 3.0, 10.0), (0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 7.0, 10.0), (0.0, 0.05), (0.05,), (0.05,)
    ),
    (0.001, 0.01, 0.02, 0.04),
    (-3.0,),
    Calzetti((0.0, 0.1, 0.2, 0.35, 0.5), (-0.3, 0.0)),
)


def steps(low: float, high: float) -> Array:
    """Redshifts from low to high, each `STEP` of 1 + z after the one before.

    Raises:
        ParameterError: Not 0 < low < high.
    """
    if not 0 < low < high:
        raise ParameterError(
            f"redshifts from {low:g} to {high:g}: expected a lower end above 0 and a higher upper one."
        )
    count = max(2, int(np.ceil(np.log((1 + high) / (1 + low)) / STEP)) + 1)
    return np.geomspace(1 + low, 1 + high, count) - 1


@dataclass(frozen=True)
class Scan:
    """Models at many redshifts.

    Attributes:
        grid: Of the models.
        models: All of them; blocks have a parameter `redshift`.
        allowed: Which histories began after the universe, (n_blocks, n_histories).
    """

    grid: Grid
    models: Models
    allowed: NDArray[np.bool_]

    def fit(self, galaxy: Photometry, floor: float = 0.05, scale: str = "measured") -> Fit:
        """The fit of one galaxy whose redshift is not read: it is one of the quantities.

        Raises:
            ParameterError: Its photometry cannot be fitted.
        """
        found = agreement(self.models, galaxy, floor, scale=scale)
        found.scale[~self.allowed] = 0.0  # no model
        return fitted(self.grid, self.models, found, galaxy, floor, scale)


def scan(engine: Engine, redshifts: Array) -> Scan:
    """The models of an engine at each redshift, with a prior that is flat in redshift.

    Args:
        engine: Its grid should be small, as `COARSE`.
        redshifts: Growing, (n_redshifts,); see `steps`.
    """
    of_all = engine.histories
    history_prior = engine.history_prior / engine.history_prior.sum()
    light: list[Single] = []
    surviving: list[Single] = []
    absorbed: list[Single] = []
    allowed, priors = [], []
    shape = (len(engine.blocks.prior), len(history_prior))
    for z, cell in zip(redshifts, cells(redshifts, "linear"), strict=True):
        one = engine.at(float(z))
        light.append(one.light)
        for whole, part in ((surviving, one.surviving), (absorbed, one.absorbed)):
            made = np.ones(shape, np.float32)
            made[:, one.places] = part
            whole.append(made)
        known = np.zeros(shape, bool)
        known[:, one.places] = True
        allowed.append(known)
        # Within a redshift the prior of what the universe has room for is one, so that none is preferred by that.
        priors.append(engine.blocks.prior * cell / history_prior[one.places].sum())
    many = len(redshifts)
    parameters = {name: np.tile(level, many) for name, level in engine.blocks.parameters.items()}
    parameters["redshift"] = np.repeat(redshifts, shape[0])
    blocks = Blocks(parameters, np.concatenate(priors), np.tile(engine.blocks.index, (many, 1)))
    models = Models(float("nan"), blocks, of_all, np.arange(shape[1]), history_prior, np.concatenate(light),
                    np.concatenate(surviving), np.concatenate(absorbed))  # fmt: skip
    return Scan(engine.grid, models, np.concatenate(allowed))


def without_redshift(galaxy: Photometry) -> Photometry:
    """The galaxy without its redshift, so that none is read."""
    return replace(galaxy, z=float("nan"))
