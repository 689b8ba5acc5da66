"""The best model of a grid without looking at all: branch and bound, with the same result as looking at all.

Within a block a model is a sum of the light of ages with weights that are not negative. The least chi2 of any such
sum, whatever the history, is a bound of all of them; blocks are looked at in the order of their bounds until the next
bound is above the best model. Upper limits only add to chi2, so that the bound holds with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from spectrove.sed.engine import Models
from spectrove.sed.likelihood import Photometry, agreement, residuals

#: Bounds are taken this much lower: chi2 of models are computed in single precision.
SLACK = 1e-3


@dataclass(frozen=True)
class Found:
    """The best model.

    Attributes:
        place: Its block and history.
        chi2: In double precision.
        scale: Mass formed, Msun.
        looked_at: Share of the blocks whose models were computed.
    """

    place: tuple[int, int]
    chi2: float
    scale: float
    looked_at: float


def bounds(models: Models, galaxy: Photometry, floor: float = 0.05) -> NDArray[np.float64]:
    """The least chi2 that any history can have in each block, (n_blocks,)."""
    measured = galaxy.measured
    sigma = galaxy.sigma(floor)[measured]
    data = galaxy.flux[measured] / sigma
    used = models.weights.any(0)
    light = models.light[:, used][..., measured].astype(float) * (1e10 / sigma)
    return np.array([_least(block.T, data) for block in light])


def _least(light: NDArray[np.float64], data: NDArray[np.float64]) -> float:
    """The least chi2 of a sum with weights that are not negative; 0, which is a bound of all, where it is not found."""
    try:
        return float(nnls(light, data, maxiter=20 * light.shape[1])[1] ** 2)
    except RuntimeError:
        return 0.0


def best_model(models: Models, galaxy: Photometry, floor: float = 0.05, scale: str = "measured") -> Found:
    """The model of least chi2 of the grid, by branch and bound; `scale` is that of `agreement`."""
    bound = bounds(models, galaxy, floor)
    least, best, count = np.inf, (0, 0), 0
    for block in np.argsort(bound, kind="stable"):
        if bound[block] - SLACK * max(bound[block], 1) > least:
            break
        one = replace(models, light=models.light[block : block + 1])
        found = agreement(one, galaxy, floor, scale=scale)
        chi2 = np.where(found.scale > 0, found.chi2, np.inf)[0]
        count += 1
        if chi2.min() < least:
            least, best = float(chi2.min()), (int(block), int(np.argmin(chi2)))
    chi2, mass, _ = residuals(models, galaxy, best, floor, scale)
    return Found(best, chi2, mass, count / len(bound))
