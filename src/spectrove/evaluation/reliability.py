"""What probabilities are worth: expected calibration error, Brier skill, reliability in bins, and their diagram."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.evaluation.rates import exact_limits

#: Bins of equal numbers of objects in the calibration error, and of the diagram.
BINS = 10

#: Bootstrap resamples of the groups.
RESAMPLES = 400

#: Borders of the bins in which a hunt at a low prevalence is checked.
RARE_BORDERS = (0.1, 0.3, 0.6, 1.0)


def calibration_error(
    probability: NDArray[np.float64], hit: NDArray[np.bool_], weight: NDArray[np.float64] | None = None
) -> float:
    """Mean distance between what was said and what was true, over bins of equal numbers of objects.

    Source:
        Naeini, Cooper & Hauskrecht (2015), AAAI 29, 2901, with the equal-mass bins of Nixon et al. (2019).
    """
    weight = np.ones(len(hit)) if weight is None else weight
    if weight.sum() == 0:
        return float("nan")
    order = np.argsort(probability, kind="stable")
    w = weight[order]
    which = np.minimum((BINS * (np.cumsum(w) - 0.5 * w) / w.sum()).astype(int), BINS - 1)
    gap = np.bincount(which, w * (probability[order] - hit[order]), BINS)
    return float(np.abs(gap).sum() / w.sum())


def error_with_interval(
    probability: NDArray[np.float64], hit: NDArray[np.bool_], group: NDArray[np.str_], seed: int = 0
) -> dict[str, float]:
    """The calibration error as value, low and high (95%), and n; groups are drawn anew.

    A bin's gap is never negative, so that draws have larger errors than the value, as the value has a larger one than
    the truth: the upper end is that of the draws, the lower end that of the draws less how much larger they are.
    """
    value = calibration_error(probability, hit)
    names, code = np.unique(group, return_inverse=True)
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), RESAMPLES
    )
    spread = [calibration_error(probability, hit, draw[code].astype(float)) for draw in draws]
    low, high = np.nanpercentile(spread, [2.5, 97.5])
    return {
        "value": value,
        "low": float(max(0.0, min(low - 2 * (np.nanmedian(spread) - value), value))),
        "high": float(max(high, value)),
        "n": len(hit),
    }


def log_loss(probability: NDArray[np.float64], hit: NDArray[np.bool_]) -> float:
    """Mean log-loss; probabilities are held a ten-thousandth from 0 and 1."""
    p = np.clip(probability, 1e-4, 1 - 1e-4)
    return float(-np.where(hit, np.log(p), np.log(1 - p)).mean())


def brier_skill(
    probability: NDArray[np.float64], hit: NDArray[np.bool_], weight: NDArray[np.float64], seed: int = 0
) -> dict[str, float]:
    """How much smaller the squared error is than that of always saying the prevalence: 1 perfect, 0 no better.

    With the 95% interval over objects drawn anew.
    """
    error = (probability - hit) ** 2

    def skill(w: NDArray[np.float64]) -> float:
        prevalence = (w * hit).sum() / w.sum()
        plain = prevalence * (1 - prevalence)
        return float(1 - (w * error).sum() / w.sum() / plain) if plain > 0 else float("nan")

    rng = np.random.default_rng(seed)
    spread = [skill(weight * rng.poisson(1.0, len(hit))) for _ in range(RESAMPLES // 2)]
    low, high = np.nanpercentile(spread, [2.5, 97.5])
    return {"value": skill(weight), "low": float(low), "high": float(high), "n": len(hit)}


def bins(
    probability: NDArray[np.float64],
    hit: NDArray[np.bool_],
    weight: NDArray[np.float64],
    borders: tuple[float, ...] = RARE_BORDERS,
) -> list[dict[str, float]]:
    """For each bin what was said on average and what was true, with its 95% interval.

    Source:
        `exact_limits`, of the effective number of objects (Kish 1965) where they are weighted.
    """
    found = []
    for a, b in pairwise(borders):
        inside = (probability > a) & (probability <= b)
        w = weight[inside]
        n = float(w.sum() ** 2 / (w**2).sum()) if inside.any() else 0.0
        said = float((w * probability[inside]).sum() / w.sum()) if n else float("nan")
        true = float((w * hit[inside]).sum() / w.sum()) if n else float("nan")
        low, high = exact_limits(true * n, n)
        found.append({"from": a, "to": b, "said": said, "value": true, "low": low, "high": high, "n": n})
    return found


def draw_reliability(
    path: Path,
    title: str,
    curves: Mapping[str, Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]],
) -> None:
    """A reliability diagram for each task: what was true over what was said, in bins of equal numbers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4 * len(curves), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for i, (task, methods) in enumerate(curves.items()):
        axes = figure.add_subplot(1, len(curves), i + 1)
        axes.plot([0, 1], [0, 1], color="0.7", lw=1)
        for (method, (p, hit)), colour in zip(methods.items(), ("#0b5fa5", "#c96a00"), strict=False):
            order = np.argsort(p, kind="stable")
            parts = [part for part in np.array_split(order, BINS) if len(part)]
            axes.plot(
                [p[x].mean() for x in parts],
                [hit[x].mean() for x in parts],
                "o-",
                ms=4,
                color=colour,
                label=method,
            )
        axes.set(title=task, xlabel="probability said", ylabel="fraction true" if i == 0 else "")
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(title)
    figure.savefig(path, dpi=130)
