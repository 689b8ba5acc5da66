"""Which models there are: every combination of the levels of each parameter, with the prior of each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.sed.attenuation import Calzetti, Law
from spectrove.sed.histories import DelayedBurst, Histories

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Levels of the parameters of models.

    Attributes:
        histories: Of star formation.
        metallicity: Mass fractions of metals of stars; None takes those of the populations.
        log_u: Ionisation parameters of the gas.
        law: Of attenuation.
        alpha: Of the dust templates.
        gas_metallicity: Mass fractions of metals of the gas; None follows the stars.
        agn_fraction: Shares of an active nucleus in the light of stars and nucleus above the Lyman limit, before all
            dust; the prior is flat. 0 is none.
        agn_ebv: E(B-V) of dust before the nucleus' disc, mag; the prior is flat.
    """

    histories: Histories = field(default_factory=DelayedBurst)
    metallicity: tuple[float, ...] | None = None
    log_u: tuple[float, ...] = (-3.0, -2.0)
    law: Law = field(default_factory=Calzetti)
    alpha: tuple[float, ...] = (2.0,)
    gas_metallicity: tuple[float, ...] | None = None
    agn_fraction: tuple[float, ...] = (0.0,)
    agn_ebv: tuple[float, ...] = (0.0,)


#: A sixth of the models of the default, for a first look: its steps are wide, so that errors come out too small.
QUICK = Grid(
    DelayedBurst(
        age_main=(0.1, 0.3, 0.6, 1.0, 1.6, 2.5, 4.0, 5.5, 7.0, 9.0, 11.0, 13.0),
        f_burst=(0.0, 0.02, 0.1),
        age_burst=(0.02, 0.1),
    ),
    law=Calzetti((0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8), (-0.4, -0.2, 0.0)),
)


def cells(levels: Array, scale: str) -> Array:
    """The prior of each level: the width of its cell, which ends half-way to its neighbours, summing to one.

    Args:
        levels: Growing, (n_levels,).
        scale: "linear" or "log", in which the prior is flat; "equal" gives each level the same; "half none" gives a
            level of 0 one half, and the rest is flat in the levels above.

    Raises:
        ParameterError: Levels that are not growing, or not above 0 where the prior is flat in the logarithm.
    """
    levels = np.asarray(levels, float)
    if levels.size == 0 or (np.diff(levels) <= 0).any():
        raise ParameterError(f"levels {levels.tolist()}: expected at least one, each above the one before.")
    if levels.size == 1 or scale == "equal":
        return np.full(levels.size, 1 / levels.size)
    if scale == "half none":
        if levels[0] != 0:
            return cells(levels, "linear")
        return np.concatenate([[0.5], cells(levels[1:], "linear") / 2])
    if scale == "log" and levels[0] <= 0:
        raise ParameterError(
            f"levels {levels.tolist()}: expected values above 0, as the prior is flat in their logarithm."
        )
    x = np.log(levels) if scale == "log" else levels
    middle = (x[1:] + x[:-1]) / 2
    edges = np.concatenate([[x[0]], middle, [x[-1]]])
    # Cells at the ends reach only inwards: a level at the end stands for half a step.
    width = np.diff(edges)
    return np.asarray(width / width.sum())


def priors(models: Array, axes: dict[str, tuple[tuple[float, ...], str]], same: NDArray[np.intp]) -> Array:
    """The prior of each model, (n_models,): products of cells; what is the same model is counted once, with all of it.

    Models that are the same as an earlier one get 0.
    """
    prior = np.ones(len(models))
    for column, (levels, scale) in zip(models.T, axes.values(), strict=True):
        known = np.asarray(levels, float)
        prior *= cells(known, scale)[np.searchsorted(known, column)]
    summed = np.zeros_like(prior)
    np.add.at(summed, same, prior)
    return summed
