"""Two-sample tests of many pixels at once, with the chance that the best of all of them is as good by accident."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Floats = NDArray[np.float64]

#: Shuffles of the members of both sets.
SHUFFLES = 999
#: Fewest different shuffles from which they are the null; with fewer, Student's distribution is.
ENOUGH = 400
#: Most degrees of freedom that a prior scatter counts for, and fewest tests that it is fitted to.
MOST_PRIOR, FEWEST_FITTED = 12.0, 10
#: Shuffles that are worked on together.
_TOGETHER = 64


@dataclass(frozen=True)
class Samples:
    """Values of both sets in one family of tests.

    Attributes:
        values: Shape (n_spectra, n_tests).
        variance: Of the photon noise of each value, same shape.
        good: Same shape.
        weight: Of each spectrum in the means, (n_spectra,).
        independent: Number of tests that are independent of each other; neighbours of a running mean are not.
        prior: Scatter (variance) of each test that was known beforehand, (n_tests,), and `prior_freedom` the number of
            degrees of freedom that it is worth; None, 0 if there is none.
    """

    values: Floats
    variance: Floats
    good: NDArray[np.bool_]
    weight: Floats
    independent: float
    prior: Floats | None = None
    prior_freedom: float = 0.0


@dataclass(frozen=True)
class Compared:
    """The difference of the means of both sets in each test.

    Attributes:
        difference: Mean of the first set minus that of the second, (n_tests,); NaN where either has too few values.
        error: Its standard error from the scatter within the sets, and never below the photon noise.
        z: Significance as that of a normal variable, with the sign of the difference; 0 where unknown.
        p: Two-sided probability of such a difference in one test by chance.
        means: Of the first and the second set, (2, n_tests).
    """

    difference: Floats
    error: Floats
    z: Floats
    p: Floats
    means: Floats


def compare(samples: Samples, first: NDArray[np.bool_]) -> Compared:
    """The first set against the others.

    The scatter of both sets is pooled: of a few spectra it is known poorly, which Student's distribution takes into
    account. With one spectrum in each set there is no scatter, and the error is the photon noise.
    """
    difference, error, z, means = _tests(samples, first[None, :].astype(float))
    p = 2 * stats.norm.sf(np.abs(z[0]))
    return Compared(difference[0], error[0], z[0], p, means[:, 0])


def with_prior(
    samples: Samples, first: NDArray[np.bool_], near: Samples, near_first: NDArray[np.bool_]
) -> Samples:
    """The samples with the scatter of other spectra, in the same tests, as a prior of their own.

    Which pixels scatter more than others is taken from the others, by how much in all from the samples themselves, and
    how much the prior counts from how well the two agree.

    Args:
        near: Spectra like those of both sets, and `near_first` those that are like the first.

    Source:
        Smyth (2004), Stat. Appl. Genet. Mol. Biol. 3, 3: moderated t, with a trend in place of a constant.
    """
    own, freedom = _pooled(samples, first)
    other, n_other = _pooled(near, near_first)
    known = (own > 0) & (other > 0) & (freedom > 0) & (n_other > MOST_PRIOR)
    if known.sum() < FEWEST_FITTED:
        return samples
    n = float(np.median(freedom[known]))
    ratio = np.log(own[known] / other[known]) - special.digamma(n / 2) + np.log(n / 2)
    low, middle, high = np.percentile(ratio, [16, 50, 84])
    spread = max(((high - low) / 2) ** 2 - float(special.polygamma(1, n / 2)), 1e-3)
    worth = min(2 * _inverse_trigamma(spread), MOST_PRIOR)
    scale = np.exp(middle + special.digamma(worth / 2) - np.log(worth / 2))
    prior = np.where(known, other * scale, np.where(freedom > 0, own, 0))
    return replace(samples, prior=prior, prior_freedom=worth)


def _pooled(samples: Samples, first: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Variance within both sets and its degrees of freedom, each (n_tests,)."""
    weight, members = samples.weight[:, None] * samples.good, first[None, :].astype(float)
    (_, a, _, _, n_a), (_, b, _, _, n_b) = (_of_set(samples, weight, of) for of in (members, 1 - members))
    freedom = np.maximum(n_a - 1, 0) + np.maximum(n_b - 1, 0)
    return ((a + b) / np.maximum(freedom, 1))[0], freedom[0]


def _inverse_trigamma(value: float) -> float:
    """x with trigamma(x) = value, by Newton's method."""
    x = 0.5 + 1 / value
    for _ in range(20):
        x += special.polygamma(1, x) * (1 - special.polygamma(1, x) / value) / special.polygamma(2, x)
    return float(x)


def chance_of_best(
    samples: Samples, first: NDArray[np.bool_], z: Floats, seed: int = 0
) -> tuple[Floats, str]:
    """Probability that the best of all tests reaches each |z| by chance, (n_tests,), and what it rests on.

    With enough members the sets are shuffled, which assumes nothing but that members may be exchanged; with fewer the
    tests are taken as independent ones of Student's distribution (Sidak's correction).
    """
    if not can_shuffle(first):
        p = 2 * stats.norm.sf(np.abs(z))
        return -np.expm1(samples.independent * np.log1p(-np.minimum(p, 1 - 1e-16))), (
            "photon noise" if len(first) == 2 else "Student"
        )
    best = np.sort(_best_of_shuffles(samples, first, seed))
    above = len(best) - np.searchsorted(best, np.abs(z) - 1e-9)
    return (1 + above) / (1 + len(best)), "shuffles"


def can_shuffle(first: NDArray[np.bool_]) -> bool:
    """Whether the members can be dealt to the two sets in enough different ways."""
    n, n_first = len(first), int(first.sum())
    return comb(n, n_first) // (2 if 2 * n_first == n else 1) >= ENOUGH


def _best_of_shuffles(samples: Samples, first: NDArray[np.bool_], seed: int) -> Floats:
    """The largest |z| of all tests for each shuffle of the members."""
    rng = np.random.default_rng(seed)
    members = np.array([rng.permutation(first) for _ in range(SHUFFLES)], dtype=float)
    parts = [
        np.abs(_tests(samples, members[i : i + _TOGETHER])[2]).max(axis=1)
        for i in range(0, SHUFFLES, _TOGETHER)
    ]
    return np.concatenate(parts)


def _tests(samples: Samples, members: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Difference, error and z for each choice of the first set, each (n_choices, n_tests), and both means.

    Args:
        members: 1 for members of the first set, (n_choices, n_spectra).
    """
    weight = samples.weight[:, None] * samples.good
    sums = [_of_set(samples, weight, of) for of in (members, 1 - members)]
    (mean_a, square_a, per_a, noise_a, n_a), (mean_b, square_b, per_b, noise_b, n_b) = sums
    freedom = np.maximum(n_a + n_b - 2, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if samples.prior is not None:
            square_a = square_a + samples.prior_freedom * samples.prior
            freedom = np.where(freedom > 0, freedom + samples.prior_freedom, 0)
        scatter = np.where(freedom > 0, (square_a + square_b) / freedom, 0)
        variance = np.maximum(scatter * (per_a + per_b), noise_a + noise_b)
        known = (n_a > 0) & (n_b > 0) & (variance > 0)
        difference = np.where(known, mean_a - mean_b, np.nan)
        error = np.where(known, np.sqrt(variance), np.nan)
        z = _as_normal(np.where(known, difference / error, 0.0), freedom)
    return difference, error, z, np.stack([mean_a, mean_b])


def _of_set(samples: Samples, weight: Floats, members: Floats) -> tuple[Floats, ...]:
    """Of one set: mean, sum of squares about it, variance of the mean per unit variance, photon variance, number.

    The sum of squares is that of equally good spectra: its expectation is their variance times number - 1.
    """
    total, squares = members @ weight, members @ weight**2
    number = members @ samples.good.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (members @ (weight * samples.values)) / total
        about = members @ (weight * samples.values**2) / total - mean**2
        per = squares / total**2
        square = np.where(number > 1, np.maximum(about, 0) / (1 - per) * (number - 1), 0)
        noise = (members @ (weight**2 * samples.variance)) / total**2
    return mean, square, per, noise, number


def _as_normal(t: Floats, freedom: Floats) -> Floats:
    """The value of a normal variable as improbable as t of Student's distribution; t itself with no freedom."""
    z = np.array(t)
    for n in np.unique(freedom[freedom > 0]):
        here = freedom == n
        z[here] = np.sign(t[here]) * _z_of(np.abs(t[here]), float(n))
    return z


def _z_of(t: Floats, n: float) -> Floats:
    """|z| of |t| with n degrees of freedom, from a table: a hundred million exact ones would take minutes."""
    grid = np.concatenate([[0.0], np.geomspace(0.01, 1e4, 1200)])
    of_grid = -stats.norm.ppf(np.maximum(stats.t.sf(grid, n), 1e-300))
    return np.interp(t, grid, np.maximum(of_grid, 0))
