"""Estimates of a quantity from a posterior that something trained reads off spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from spectrove.domain import Quantity
from spectrove.inference.numbers.estimate import Estimate, check_level
from spectrove.posterior import Posterior


@dataclass(frozen=True)
class Reading:
    """One quantity of a posterior, from which estimates at any level follow.

    Attributes:
        posterior: Of some spectra.
        quantity: One of its quantities.
        by: What read it off, as `estimate --by` names it.
        n_samples: Samples that go with each estimate.
    """

    posterior: Posterior
    quantity: Quantity
    by: str
    n_samples: int = 0

    def estimates(self, level: float) -> tuple[Estimate, ...]:
        """The mean of each spectrum, and the interval between equal tails of this level.

        Raises:
            KnowledgeError: The level is not between 0 and 1.
        """
        check_level(level)
        found, quantity = self.posterior, self.quantity
        low, high = self._interval(level)
        value = found.mean[:, self._place]
        samples = self.samples()
        return tuple(
            Estimate(
                object_id=str(name), quantity=quantity.name, value=float(value[i]),
                interval=(float(low[i]), float(high[i])), unit=quantity.unit, level=level,
                confident=found.doubts.isdisjoint(found.flags[i]), reason_no_interval="", p_distance=None, trend=None,
                neighbors=(), flags=tuple(found.flags[i]), by=self.by, samples=tuple(samples[i].tolist()),
                chi2=None if found.chi2 is None else float(found.chi2[i]),
                n_pixels=None if found.n_pixels is None else int(found.n_pixels[i]),
            )
            for i, name in enumerate(found.object_id)
        )  # fmt: skip

    def samples(self) -> NDArray[np.float64]:
        """Within the limits of the quantity, (n_spectra, n_samples)."""
        drawn = self.posterior.samples(self.n_samples)[:, :, self._place]
        return np.clip(drawn, self.quantity.low, self.quantity.high)

    @property
    def _place(self) -> int:
        return self.posterior.quantities.index(self.quantity.name)

    def _interval(self, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        found, j = self.posterior, self._place
        if found.draws is None:
            half = norm.ppf(0.5 + level / 2) * np.sqrt(found.covariance[:, j, j])
            low, high = found.mean[:, j] - half, found.mean[:, j] + half
        else:
            low, high = np.quantile(found.draws[:, :, j], [0.5 - level / 2, 0.5 + level / 2], axis=1)
        return np.clip(low, self.quantity.low, self.quantity.high), np.clip(
            high, self.quantity.low, self.quantity.high
        )
