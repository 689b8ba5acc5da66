"""The probability of a condition from what is known of its columns.

The columns of one spectrum are a centre and a width each. What they may be together is drawn from the objects of the
base: each gives the residuals that its own columns had, in units of their widths, all of them at once. So the draws
have the tails and the correlations of real residuals, and there is no random number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.conditions import Condition
from spectrove.inference.numbers.own import Told
from spectrove.inference.numbers.quantities import Quantity
from spectrove.inference.numbers.trend import Scale

Floats = NDArray[np.float64]

#: With fewer objects that have residuals in every column, draws are Gaussian and independent.
FEWEST_DRAWS = 50

#: Number of Gaussian draws, and the seed of the order in which the quantiles of each column are taken.
GAUSSIAN, SEED = 1000, 14

#: Spectra whose draws are held at once.
BLOCK = 128


@dataclass(frozen=True)
class Residuals:
    """Residuals of the objects of a base in one column, in units of their widths.

    Attributes:
        both, near: With the object's own measurement and without it, (n_objects,); NaN where unknown.
        independent: Whether there is a catalog's value to have residuals from; else `both` is Gaussian by its errors.
    """

    both: Floats
    near: Floats
    independent: bool

    def of(self, measured: bool) -> Floats:
        """Residuals of estimates with or without a measurement."""
        return self.both if measured else self.near


@dataclass(frozen=True)
class Column:
    """One column of a condition, as draws need it: what it is called, its scale and limits, its residuals."""

    quantity: Quantity
    scale: Scale
    residuals: Residuals

    def values(self, scaled: Floats) -> Floats:
        """Values in the unit of the quantity, within its limits."""
        found = self.scale.inverse(scaled)
        if self.quantity.low is None and self.quantity.high is None:
            return found
        return np.clip(found, self.quantity.low, self.quantity.high)


@dataclass(frozen=True)
class Chance:
    """What a condition amounts to for some spectra.

    Attributes:
        probability: That it holds, among the draws in which it has a value, (n_spectra,); NaN where none has.
        unknown: Fraction of the draws without a value, such as a logarithm of a negative flux, (n_spectra,).
        quantiles: Of each column at `levels`, name to (n_spectra, n_levels).
    """

    probability: Floats
    unknown: Floats
    quantiles: Mapping[str, Floats]


def chance(
    condition: Condition,
    columns: Mapping[str, Column],
    told: Mapping[str, Told],
    levels: Sequence[float] = (0.16, 0.5, 0.84),
    groups: tuple[NDArray, NDArray] | None = None,
) -> Chance:
    """The probability of a condition for each spectrum, and the quantiles of its columns.

    Args:
        condition: Over these columns.
        columns: By name; columns of `told` without one, such as the redshift, are known exactly.
        told: What is known of each column of each spectrum; a column that is NaN is unknown in every draw.
        levels: Of the quantiles.
        groups: Group of each spectrum and of each object with residuals; a spectrum takes no draw from its own.
    """
    n = len(next(iter(told.values())).centre)
    probability, unknown = np.full(n, np.nan), np.ones(n)
    quantiles = {name: np.full((n, len(levels)), np.nan) for name in told}
    for rows, pattern in _patterns(told):
        draws, members = _draws(columns, pattern)
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            values = {name: _drawn(columns.get(name), told[name], draws.get(name), part) for name in told}
            holds = condition.holds(values)
            weight = np.ones(holds.shape)
            if groups is not None and members is not None:
                weight = (groups[0][part][:, None] != groups[1][members][None, :]).astype(float)
            known = np.isfinite(holds) * weight
            total = known.sum(axis=1)
            hits = (np.nan_to_num(holds) * known).sum(axis=1)
            probability[part] = np.divide(hits, total, out=np.full(len(part), np.nan), where=total > 0)
            unknown[part] = 1 - total / np.maximum(weight.sum(axis=1), 1)
            for name, drawn in values.items():
                quantiles[name][part] = np.quantile(drawn, levels, axis=1).T
    return Chance(probability, unknown, quantiles)


def _patterns(told: Mapping[str, Told]) -> Iterator[tuple[NDArray[np.int64], dict[str, bool]]]:
    """Spectra with the same columns measured, and which these are."""
    names = list(told)
    measured = np.stack([told[name].measured for name in names], axis=1)
    code = measured @ (1 << np.arange(len(names)))
    for c in np.unique(code).tolist():
        yield np.flatnonzero(code == c), {name: bool(c >> i & 1) for i, name in enumerate(names)}


def _draws(
    columns: Mapping[str, Column], pattern: Mapping[str, bool]
) -> tuple[dict[str, Floats], NDArray[np.int64] | None]:
    """Draws of each column in units of its width, and the objects they are from; None if they are Gaussian."""
    empirical = {
        name: column.residuals.of(pattern[name])
        for name, column in columns.items()
        if column.residuals.independent or not pattern[name]
    }
    empirical = {name: values for name, values in empirical.items() if np.isfinite(values).any()}
    members: NDArray[np.int64] | None = None
    if empirical:
        members = np.flatnonzero(np.isfinite(np.stack(list(empirical.values()))).all(axis=0))
        members = members if len(members) >= FEWEST_DRAWS else None
    count = GAUSSIAN if members is None else len(members)
    rng = np.random.default_rng(SEED)
    draws = {}
    for name in columns:
        normal = _normal(count, rng)
        draws[name] = empirical[name][members] if members is not None and name in empirical else normal
    return draws, members


def _normal(n: int, rng: np.random.Generator) -> Floats:
    """Quantiles of a normal distribution in a random order."""
    from scipy.stats import norm

    return rng.permutation(norm.ppf((np.arange(n) + 0.5) / n))


def _drawn(column: Column | None, told: Told, draws: Floats | None, rows: NDArray[np.int64]) -> Floats:
    """Values of one column in each draw, (n_rows, n_draws); (n_rows, 1) where it is known exactly."""
    if column is None or draws is None:
        return told.centre[rows][:, None]
    return column.values(told.centre[rows][:, None] + told.width[rows][:, None] * draws[None, :])
