"""Redshifts from photometry: the grid at many redshifts is one grid, in which the redshift is a parameter of blocks.

With few bands the prior of models decides: where all cells of a grid count the same, rare kinds of galaxies at a wrong
redshift outweigh common ones at the right one. `Scan.learned` takes the prior from galaxies of known redshift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.sed.attenuation import Calzetti
from spectrove.sed.catalog import BAD, Fit, fitted
from spectrove.sed.engine import Blocks, Engine, Models
from spectrove.sed.grid import Grid, cells
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.likelihood import Photometry, agreement

Array = NDArray[np.float64]
Single = NDArray[np.float32]

#: Steps of redshift, of 1 + z.
STEP = 0.005

#: Rounds of expectation maximisation, and what is kept of the prior of the grid.
ROUNDS, KEPT = 10, 0.1

#: Fewest galaxies that teach a prior of models.
FEWEST = 10

#: A grid of fewer models, as each is computed at every redshift.
COARSE = Grid(
    DelayedBurst(
        (0.1, 0.3, 1.0, 3.0, 10.0), (0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 7.0, 10.0), (0.0, 0.05), (0.05,), (0.05,)
    ),
    (0.001, 0.01, 0.02, 0.04),
    (-3.0,),
    Calzetti((0.0, 0.1, 0.2, 0.3, 0.4, 0.6), (-0.4, -0.2, 0.0)),
)


def steps(low: float, high: float) -> Array:
    """Redshifts from low to high, each `STEP` of 1 + z after the one before.

    Raises:
        ParameterError: Not 0 < low < high, or no end.
    """
    if not 0 < low < high < np.inf:
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
        redshifts: (n_redshifts,); blocks are those of the grid at the first, then at the second, and so on.
        prior: Of each model, (n_blocks, n_histories); None is that of the grid.
    """

    grid: Grid
    models: Models
    allowed: NDArray[np.bool_]
    redshifts: Array
    prior: Single | None = None

    def fit(self, galaxy: Photometry, floor: float = 0.05, scale: str = "measured") -> Fit:
        """The fit of one galaxy whose redshift is not read: it is one of the quantities.

        Raises:
            ParameterError: Its photometry cannot be fitted.
        """
        found = agreement(self.models, galaxy, floor, scale=scale)
        found.scale[~self.allowed] = 0.0  # no model
        return fitted(self.grid, self.models, found, galaxy, floor, scale, self.prior)

    def learned(self, galaxies: Sequence[Photometry], floor: float = 0.05) -> Scan:
        """The same models with a prior that galaxies of known redshift have, as far as photometry tells.

        The share of each model of the grid among these galaxies is found by expectation maximisation at their
        redshifts; a tenth of it stays that of the grid, so that what is not among them can be found. It is the same at
        every redshift, apart from what the universe has no room for, and the prior of redshift stays flat.

        Args:
            galaxies: Of known redshift, others than those that are judged with the result. Those with a bad fit, or a
                redshift outside of the scan, count nothing.
            floor: Share of each flux that is added to its error.

        Raises:
            ParameterError: Too few galaxies have a good fit.
        """
        likely = [one for g in galaxies if (one := self._likelihoods(g, floor)) is not None]
        if len(likely) < FEWEST:
            raise ParameterError(
                f"prior of models: {len(likely)} of {len(galaxies)} galaxies have a redshift from "
                f"{self.redshifts[0]:g} to {self.redshifts[-1]:g} and a fit with chi2 below {BAD:g} for each band, "
                f"expected {FEWEST}. Give more galaxies to --zero-points."
            )
        blocks, histories = len(self.models.blocks.prior) // len(self.redshifts), self.models.shape[1]
        of_grid = self.models.blocks.prior[:blocks, None] * self.models.prior
        share = maximised(np.array(likely), (of_grid / of_grid.sum()).ravel()).reshape(blocks, histories)
        there = share * self.allowed.reshape(len(self.redshifts), blocks, histories)
        there *= (cells(self.redshifts, "linear") / there.sum((1, 2)))[:, None, None]
        return replace(self, prior=there.reshape(-1, histories).astype(np.float32))

    def _likelihoods(self, galaxy: Photometry, floor: float) -> Single | None:
        """Relative likelihood of each model of the grid at the galaxy's redshift, flat; None where no fit is good."""
        if not self.redshifts[0] <= galaxy.z <= self.redshifts[-1]:
            return None
        nearest = int(np.argmin(abs(np.log1p(self.redshifts) - np.log1p(galaxy.z))))
        blocks = len(self.models.blocks.prior) // len(self.redshifts)
        there = slice(nearest * blocks, (nearest + 1) * blocks)
        found = agreement(replace(self.models, light=self.models.light[there]), galaxy, floor)
        chi2 = np.where((found.scale > 0) & self.allowed[there], found.chi2, np.inf)
        if not chi2.min() < BAD * galaxy.measured.sum():
            return None
        likely = np.exp(-0.5 * (chi2 - chi2.min())) / np.sqrt(np.maximum(found.weight, 1e-30))
        return np.asarray(likely / likely.max(), np.float32).ravel()


def maximised(likelihoods: Single, prior: Array) -> Array:
    """Shares of models among objects, by expectation maximisation, (n_models,), summing to one.

    Args:
        likelihoods: Of each model for each object, up to a factor of the object, (n_objects, n_models).
        prior: Where it begins, and what `KEPT` of the result is, (n_models,), summing to one.
    """
    share = prior
    for _ in range(ROUNDS):
        given = likelihoods @ share.astype(np.float32)
        share = KEPT * prior + (1 - KEPT) * share * ((1 / given) @ likelihoods) / len(likelihoods)
    return np.asarray(share / share.sum())


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
    return Scan(engine.grid, models, np.concatenate(allowed), np.asarray(redshifts, float))


def without_redshift(galaxy: Photometry) -> Photometry:
    """The galaxy without its redshift, so that none is read."""
    return replace(galaxy, z=float("nan"))
