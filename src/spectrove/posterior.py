"""What something trained reads off spectra, with its uncertainty: no neighbour has a part in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal, ShapeError


@dataclass(frozen=True)
class Posterior:
    """What is known of some quantities of N spectra.

    Attributes:
        object_id: (n_spectra,), those that could be read.
        quantities: Names, in the order of the last axes.
        mean: In the units of the quantities, (n_spectra, n_quantities).
        covariance: (n_spectra, n_quantities, n_quantities).
        draws: Samples of the posterior, (n_spectra, n_draws, n_quantities); None where it is a normal distribution.
        flags: Of each spectrum, names of `spectra.FLAGS`.
        doubts: Those of them with which no number is confident.
        refusals: The spectra that could not be read.
        chi2: Of the spectrum that belongs to the mean, (n_spectra,); None where no spectrum is computed.
        n_pixels: Pixels that it is over, (n_spectra,).
    """

    object_id: NDArray[np.str_]
    quantities: tuple[str, ...]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    draws: NDArray[np.float64] | None = None
    flags: Sequence[tuple[str, ...]] = ()
    doubts: frozenset[str] = frozenset()
    refusals: tuple[Refusal, ...] = ()
    chi2: NDArray[np.float64] | None = None
    n_pixels: NDArray[np.int64] | None = None

    @staticmethod
    def concatenate(parts: Sequence[Posterior]) -> Posterior:
        """Those of several sets of spectra, one after the other: of the same quantities, and made in one way.

        Args:
            parts: One at least.
        """
        some = [one for one in parts if len(one.object_id)] or list(parts[:1])

        def joined(name: str) -> Any:
            values = [getattr(one, name) for one in some]
            return None if any(value is None for value in values) else np.concatenate(values)

        return Posterior(
            joined("object_id"), some[0].quantities, joined("mean"), joined("covariance"), joined("draws"),
            [flags for one in some for flags in one.flags], some[0].doubts,
            tuple(refusal for one in parts for refusal in one.refusals), joined("chi2"), joined("n_pixels"),
        )  # fmt: skip

    def samples(self, n: int) -> NDArray[np.float64]:
        """n samples of each spectrum, (n_spectra, n, n_quantities): those it has, else of the normal distribution.

        The same for a spectrum whoever else is asked about: random numbers are those of its id.

        Raises:
            ShapeError: It has samples, but fewer.
        """
        if self.draws is not None:
            if self.draws.shape[1] < n:
                raise ShapeError(f"posterior: {self.draws.shape[1]} samples of each spectrum, expected {n}.")
            return self.draws[:, :n]
        drawn = np.empty((len(self.object_id), n, len(self.quantities)))
        for i, name in enumerate(self.object_id):
            rng = np.random.default_rng(list(str(name).encode()))
            drawn[i] = rng.multivariate_normal(self.mean[i], self.covariance[i], n)
        return drawn
