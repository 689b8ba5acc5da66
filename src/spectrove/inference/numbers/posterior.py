"""Estimates of a quantity from a posterior that something trained reads off spectra."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from spectrove.domain import Quantity
from spectrove.inference.numbers.estimate import Estimate, check_level
from spectrove.posterior import Posterior


def estimates_of(found: Posterior, quantity: Quantity, level: float, by: str) -> tuple[Estimate, ...]:
    """One quantity of each spectrum: the mean, and the interval between equal tails of this level.

    Args:
        found: Of some spectra.
        quantity: One of its quantities.
        level: Probability of the interval.
        by: What read it off, as `estimate --by` names it.

    Raises:
        KnowledgeError: The level is not between 0 and 1.
    """
    check_level(level)
    j = found.quantities.index(quantity.name)
    value = found.mean[:, j]
    if found.draws is None:
        half = norm.ppf(0.5 + level / 2) * np.sqrt(found.covariance[:, j, j])
        low, high = value - half, value + half
    else:
        low, high = np.quantile(found.draws[:, :, j], [0.5 - level / 2, 0.5 + level / 2], axis=1)
    low, high = (np.clip(end, quantity.low, quantity.high) for end in (low, high))
    return tuple(
        Estimate(
            object_id=str(name), quantity=quantity.name, value=float(value[i]),
            interval=(float(low[i]), float(high[i])), unit=quantity.unit, level=level,
            confident=found.doubts.isdisjoint(found.flags[i]), reason_no_interval="", p_distance=None, trend=None,
            neighbors=(), flags=tuple(found.flags[i]), by=by,
        )
        for i, name in enumerate(found.object_id)
    )  # fmt: skip
