"""Methods that are fitted anew for every pattern of known tokens: neighbours, ridge and quadratic ridge regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Strengths of ridges, and numbers of neighbours, to choose from.
RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
NEIGHBOURS = (5, 10, 20)

#: Distances are measured in standard deviations, or in typical errors added to this many of them.
LEAST = (None, 0.02)

#: Share of what is learned from that strengths are chosen with.
HELD_BACK = 0.2

#: Stars whose neighbours are looked for at once.
_TOGETHER = 500


def neighbours(learn: Any, test: Any, known: NDArray, wanted: NDArray) -> Floats:
    """The mean of the nearest stars, in the better of several scales of tokens, and number of neighbours."""

    def fit(scale: Floats, k: int, x: Floats, y: Floats, z: Floats) -> Floats:
        near = _near(x / scale, z / scale, k)
        return y[near].mean(axis=1)

    x, y, z = learn.value[:, known], learn.truth[:, wanted], test.value[:, known]
    spread, noise = x.std(axis=0), np.median(learn.error[:, known], axis=0)
    scales = [spread if least is None else np.hypot(noise, least * spread) for least in LEAST]
    some = slice(0, len(x) // 2)  # enough to choose with
    return _best([partial(fit, s, k) for s in scales for k in NEIGHBOURS], x, y, z, some)


def ridge(learn: Any, test: Any, known: NDArray, wanted: NDArray) -> Floats:
    """Ridge regression."""
    return _ridges(learn, test, known, wanted, lambda x: x)


def quadratic_ridge(learn: Any, test: Any, known: NDArray, wanted: NDArray) -> Floats:
    """Ridge regression on the tokens and all products of two."""

    def products(x: Floats) -> Floats:
        first, second = np.triu_indices(x.shape[1])
        return np.concatenate([x, x[:, first] * x[:, second]], axis=1)

    return _ridges(learn, test, known, wanted, products)


METHODS: dict[str, Callable[[Any, Any, NDArray, NDArray], Floats]] = {
    "kNN": neighbours,
    "ridge": ridge,
    "quadratic ridge": quadratic_ridge,
}


def _ridges(
    learn: Any, test: Any, known: NDArray, wanted: NDArray, terms: Callable[[Floats], Floats]
) -> Floats:
    centre, spread = learn.value[:, known].mean(axis=0), learn.value[:, known].std(axis=0)
    x, z = (terms((stars.value[:, known] - centre) / spread) for stars in (learn, test))
    mean, size = x.mean(axis=0), x.std(axis=0)
    y = learn.truth[:, wanted]

    def fit(strength: float, x: Floats, y: Floats, z: Floats) -> Floats:
        level = y.mean(axis=0)
        gram = x.T @ x + strength * len(x) * np.eye(x.shape[1])
        return z @ np.linalg.solve(gram, x.T @ (y - level)) + level

    return _best(
        [partial(fit, strength) for strength in RIDGES],
        (x - mean) / size, y, (z - mean) / size, slice(0, len(x)),
    )  # fmt: skip


def _best(
    fits: Sequence[Callable[[Floats, Floats, Floats], Floats]], x: Floats, y: Floats, z: Floats, some: slice
) -> Floats:
    """What the fit gives that is best, for each wanted token, on stars that are held back."""
    held = int(len(x[some]) * HELD_BACK)
    chosen_x, chosen_y = x[some], y[some]
    errors = np.stack(
        [
            ((fit(chosen_x[held:], chosen_y[held:], chosen_x[:held]) - chosen_y[:held]) ** 2).mean(axis=0)
            for fit in fits
        ]
    )
    best = errors.argmin(axis=0)
    out = np.empty((len(z), y.shape[1]))
    for i in np.unique(best):
        out[:, best == i] = fits[i](x, y[:, best == i], z)
    return out


def _near(x: Floats, z: Floats, k: int) -> NDArray[np.int64]:
    """The k nearest rows of x to each of z."""
    length = (x**2).sum(axis=1)
    found = []
    for start in range(0, len(z), _TOGETHER):
        part = z[start : start + _TOGETHER]
        found.append(np.argpartition(length - 2 * part @ x.T, k, axis=1)[:, :k])
    return np.concatenate(found)
