"""Retrieval over links that were left out: whether and where right answers come, and their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.literature.alignment import components

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Draws of parts for intervals, and the seed of these and of folds.
RESAMPLINGS, SEED = 4000, 1

#: Likeness of every object and every text for a fold: from its training pairs and the two sets of vectors.
Method = Callable[[Ints, int], Floats]


@dataclass(frozen=True)
class Ranks:
    """Where the right answers came.

    Attributes:
        first: Best place of the right text of each pair among the texts that are not of its object, and the other way
            round, from 1, (n_pairs, 2): spectrum to text, text to spectrum.
        ties: Wrong answers that are as alike as the right one, (n_pairs, 2); it stands at any place among them.
        part: Connected part of each pair, (n_pairs,).
        sizes: Number of answers to choose from, texts and objects.
    """

    first: Floats
    ties: Floats
    part: Ints
    sizes: tuple[int, int]

    @property
    def place(self) -> Floats:
        """The place that is expected, (n_pairs, 2)."""
        return self.first + self.ties / 2


def ranked(likeness: Floats, pairs: Ints, linked: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Best places and ties of these pairs, as in `Ranks`; other links of an object or text are not compared."""
    first, ties = np.zeros((len(pairs), 2)), np.zeros((len(pairs), 2))
    for row, (a, b) in enumerate(pairs):
        own = likeness[a, b]
        for side, rival in enumerate((likeness[a][~linked[a]], likeness[:, b][~linked[:, b]])):
            first[row, side] = 1 + (rival > own + 1e-9).sum()
            ties[row, side] = (np.abs(rival - own) <= 1e-9).sum()
    return first, ties


def folds_of(part: Ints, n: int, seed: int) -> Ints:
    """The fold of each pair; pairs of one part are in one fold, which are about as large as each other."""
    rng = np.random.default_rng([SEED, seed])
    sizes = np.bincount(part)
    order = np.lexsort((rng.random(len(sizes)), -sizes))
    fold, load = np.zeros(len(sizes), int), np.zeros(n)
    for one in order:
        fold[one] = int(np.argmin(load + 1e-6 * rng.random(n)))
        load[fold[one]] += sizes[one]
    return fold[part]


def left_out(pairs: Ints, method: Method, n_folds: int, seed: int) -> Ranks:
    """Ranks of pairs that took no part in the fit, by cross-validation over connected parts.

    The right text of a pair is ranked among itself and all texts that no link joins to its object; the other texts
    of the object are neither right nor wrong. Equal likeness counts as half before and half behind.
    """
    part = components(pairs)
    fold = folds_of(part, n_folds, seed)
    first, ties = np.zeros((len(pairs), 2)), np.zeros((len(pairs), 2))
    sizes = (0, 0)
    for i in range(n_folds):
        chosen = fold == i
        assert not set(part[chosen]) & set(part[~chosen])
        likeness = method(pairs[~chosen], seed)
        linked = np.zeros(likeness.shape, bool)
        linked[pairs[:, 0], pairs[:, 1]] = True
        first[chosen], ties[chosen] = ranked(likeness, pairs[chosen], linked)
        sizes = (likeness.shape[1], likeness.shape[0])
    return Ranks(first, ties, part, sizes)


def per_part(values: Floats, part: Ints) -> Floats:
    """The mean over the pairs of each part, (n_parts, ...): one object with forty papers counts once."""
    n = np.bincount(part)
    return np.stack(
        [np.bincount(part, weights=column) / n for column in values.reshape(len(values), -1).T], axis=1
    )


def recall(ranks: Ranks, share: float) -> Floats:
    """Probability that the right answer is among the best `share` of all, for each part and direction, (n_parts, 2).

    The best share of n answers is the first max(1, share x n) places, rounded down.
    """
    limit = np.maximum(1, np.floor(share * np.array(ranks.sizes)))
    return per_part(np.clip((limit + 1 - ranks.first) / (ranks.ties + 1), 0, 1), ranks.part)


def interval(values: Floats) -> tuple[float, float, float]:
    """Mean over parts with its 95% interval by bootstrap over parts."""
    rng = np.random.default_rng(SEED)
    draws = values[rng.integers(len(values), size=(RESAMPLINGS, len(values)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)
