"""What something trained reads off spectra, with its uncertainty: no neighbour has a part in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal


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
    """

    object_id: NDArray[np.str_]
    quantities: tuple[str, ...]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    draws: NDArray[np.float64] | None = None
    flags: Sequence[tuple[str, ...]] = ()
    doubts: frozenset[str] = frozenset()
    refusals: tuple[Refusal, ...] = ()
