"""Precision, recall and F1, with intervals that know that objects of one group are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Bootstrap resamples; the 95% limits then move by less than the last digit that is printed.
RESAMPLES = 2000

#: Figures of a class, in the order of the arrays here.
FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Score:
    """A figure with its 95% interval and the number of objects it rests on."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f} {self.high:.3f}]"


def class_scores(
    truth: Sequence[ArrayLike],
    predicted: Sequence[ArrayLike],
    groups: Sequence[ArrayLike],
    classes: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, dict[str, Score]]:
    """Precision, recall and F1 of each class and, as "macro", the mean over the classes.

    Args:
        truth: A sequence (one entry a repetition of the protocol) of true classes, (n_objects,).
        predicted: Predicted classes likewise; a class outside `classes`, or "", counts as wrong.
        groups: The group of each object likewise.
        classes: The classes that count.
        seed: Of the bootstrap.

    Returns:
        {class or "macro": {"precision", "recall", "f1": Score}}. Values are means over the repetitions.

    Source:
        Percentile bootstrap over whole groups (Davison & Hinkley 1997, section 3.8): groups are drawn with
        replacement, the same draw for every repetition.
    """
    found = resampled(truth, predicted, groups, classes, seed=seed)
    return {name: {m: found.score(name, m) for m in FIGURES} for name in found.names}


@dataclass(frozen=True)
class Resampled:
    """Figures of some answers, and of many draws of the same groups with replacement.

    Attributes:
        names: The classes and "macro".
        point: Of all objects, (n_names, 3).
        spread: Of each draw, (RESAMPLES, n_names, 3).
        n: Number of objects.
    """

    names: tuple[str, ...]
    point: NDArray[np.float64]
    spread: NDArray[np.float64]
    n: int

    def score(self, name: str, figure: str) -> Score:
        """A figure of a class with its interval."""
        at = self.names.index(name), FIGURES.index(figure)
        low, high = np.nanpercentile(self.spread[:, *at], [2.5, 97.5])
        return Score(float(self.point[at]), float(low), float(high), self.n)

    def minus(self, other: Resampled, name: str) -> Score:
        """How much higher the F1 of a class is than in other answers to the same queries, drawn with the same seed.

        Both are drawn again together, group by group, so that what is hard about a group is hard for both: the
        interval is narrower than those of the two figures suggest.
        """
        at = self.names.index(name), FIGURES.index("f1")
        low, high = np.nanpercentile(self.spread[:, *at] - other.spread[:, *at], [2.5, 97.5])
        return Score(float(self.point[at] - other.point[at]), float(low), float(high), self.n)


def resampled(
    truth: Sequence[ArrayLike],
    predicted: Sequence[ArrayLike],
    groups: Sequence[ArrayLike],
    classes: Sequence[str],
    *,
    seed: int = 0,
) -> Resampled:
    """Answers and their bootstrap; arguments as for `class_scores`."""
    names = np.unique(np.concatenate([np.asarray(g).astype(str) for g in groups]))
    tables = [_tables(t, p, g, classes, names) for t, p, g in zip(truth, predicted, groups, strict=True)]
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES).astype(float)
    point = np.mean([_figures(t.sum(axis=0)[None]) for t in tables], axis=0)[0]
    spread = np.mean([_figures(np.tensordot(draws, t, 1)) for t in tables], axis=0)
    n = int(np.isin(np.asarray(truth[0]).astype(str), list(classes)).sum())
    return Resampled((*classes, "macro"), point, spread, n)


def _tables(
    truth: ArrayLike, predicted: ArrayLike, groups: ArrayLike, classes: Sequence[str], names: NDArray
) -> NDArray[np.float64]:
    """True positives, predicted and true members of each class in each group; (n_groups, n_classes, 3)."""
    t, p = np.asarray(truth).astype(str), np.asarray(predicted).astype(str)
    group = np.searchsorted(names, np.asarray(groups).astype(str))
    table = np.zeros((len(names), len(classes), 3))
    for c, name in enumerate(classes):
        for k, hit in enumerate(((t == name) & (p == name), p == name, t == name)):
            np.add.at(table[:, c, k], group, hit)
    return table


def _figures(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts (n, n_classes, 3) to precision, recall, F1 with a macro row appended; (n, n_classes + 1, 3)."""
    hits, called, true = counts[..., 0], counts[..., 1], counts[..., 2]
    # A class nobody predicted has precision 0, as in scikit-learn with zero_division=0.
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    recall = np.divide(hits, true, out=np.zeros_like(hits), where=true > 0)
    f1 = np.divide(2 * hits, called + true, out=np.zeros_like(hits), where=called + true > 0)
    each = np.stack([precision, recall, f1], axis=-1)
    return np.concatenate([each, each.mean(axis=-2, keepdims=True)], axis=-2)
