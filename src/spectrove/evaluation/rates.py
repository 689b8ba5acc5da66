"""Shares with binomial intervals, areas under the curve by bootstrap, and purity at a prevalence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

from spectrove.statistics import wilson

#: Bootstrap resamples of an area.
RESAMPLES = 400


def exact_limits(hits: float, n: float) -> tuple[float, float]:
    """95% limits of a share of which `hits` of `n` were seen; neither has to be whole.

    Source:
        Clopper & Pearson (1934), Biometrika 26, 404.
    """
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if n and hits > 0 else 0.0
    high = float(beta.ppf(0.975, hits + 1, n - hits)) if n and hits < n else 1.0
    return low, high


def proportion(hit: NDArray[np.bool_], unit: NDArray[np.str_]) -> dict[str, float]:
    """The share of hits as value, low and high (95%), and n.

    Args:
        hit: Shape (n,).
        unit: What each is one of, (n,): asked about several times, an object counts once in the interval.

    Source:
        `exact_limits`, with fractional counts where objects repeat.
    """
    n, value = len(set(unit.tolist())), float(np.mean(hit)) if len(hit) else float("nan")
    if not n:
        return {"value": value, "low": 0.0, "high": 1.0, "n": 0}
    low, high = exact_limits(value * n, n)
    return {"value": value, "low": low, "high": high, "n": n}


def share_of(share: float, n: int) -> dict[str, Any]:
    """A share of n as value, low and high (95%), and n; None where n is 0.

    Source:
        `statistics.wilson` of the nearest whole number of hits, where repetitions share objects.
    """
    limits = wilson(round(share * n), n) if n else None
    if limits is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {"value": float(share), "low": limits[0], "high": limits[1], "n": n}


def purity(
    completeness: Mapping[str, float], alarms: Mapping[str, float], prevalence: float
) -> dict[str, float]:
    """The share of true ones among finds at a prevalence, as value, low and high, and n of the controls.

    The value takes the rate of false alarms to be (hits + 1/2) / (n + 1), so that no false alarm among few controls is
    not taken for none at all. The ends of the interval are those of both rates together, which is wider than 95%.
    """

    def share(found: float, false: float) -> float:
        true = found * prevalence
        return true / (true + false * (1 - prevalence)) if true > 0 else 0.0

    n = alarms["n"]
    rate = (alarms["value"] * n + 0.5) / (n + 1)
    return {
        "value": share(completeness["value"], rate),
        "low": share(completeness["low"], alarms["high"]),
        "high": share(completeness["high"], alarms["low"]),
        "n": n,
    }


def auc(
    positive: NDArray[np.float64],
    negative: NDArray[np.float64],
    positive_group: NDArray[np.str_],
    negative_group: NDArray[np.str_],
    seed: int = 0,
) -> dict[str, float]:
    """How often a positive scores above a negative, ties half, with its 95% interval over groups drawn anew."""
    names = np.unique(np.concatenate([positive_group, negative_group]))
    of_positive, of_negative = np.searchsorted(names, positive_group), np.searchsorted(names, negative_group)
    rank = rankdata(np.concatenate([positive, negative]), method="dense") - 1
    above, below = rank[: len(positive)].astype(int), rank[len(positive) :].astype(int)
    n_ranks = int(rank.max()) + 1

    def area(weight: NDArray[np.float64]) -> float:
        of = np.bincount(below, weight[of_negative], n_ranks)
        less = np.cumsum(of) - 0.5 * of
        own = weight[of_positive]
        total = own.sum() * of.sum()
        return float((own * less[above]).sum() / total) if total > 0 else float("nan")

    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), RESAMPLES
    )
    low, high = np.nanpercentile([area(draw.astype(float)) for draw in draws], [2.5, 97.5])
    return {
        "value": area(np.ones(len(names))), "low": float(low), "high": float(high), "n": len(positive)
    }  # fmt: skip
