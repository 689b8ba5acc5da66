"""Several quantities of one spectrum in one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.numbers.estimate import Estimate
from spectrove.posterior import Posterior


class AtLevels(Protocol):
    """What estimates of some spectra follow from, at any level of their intervals."""

    def estimates(self, level: float) -> tuple[Any, ...]:
        """An answer for each spectrum."""


@dataclass(frozen=True)
class JointEstimate:
    """Several numbers for one spectrum.

    Attributes:
        estimates: Of each quantity, in the order asked.
        covariance: Of the quantities in that order, (n_quantities, n_quantities); None where they were estimated apart.
    """

    estimates: tuple[Estimate, ...]
    covariance: NDArray[np.float64] | None = None

    @property
    def object_id(self) -> str:
        """The spectrum."""
        return self.estimates[0].object_id

    @property
    def confident(self) -> bool:
        """Whether every one of them is."""
        return all(one.confident for one in self.estimates)

    @property
    def flags(self) -> tuple[str, ...]:
        """Those of all of them."""
        return tuple(dict.fromkeys(flag for one in self.estimates for flag in one.flags))

    def __getitem__(self, quantity: str) -> Estimate:
        """The estimate of a quantity."""
        return {one.quantity: one for one in self.estimates}[quantity]

    def __repr__(self) -> str:
        said = ", ".join(repr(one).partition(": ")[2].rstrip(">") for one in self.estimates)
        return f"<JointEstimate {self.object_id}: {said}>"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as printed by `estimate --json` of several quantities: what belongs to all of them once."""
        shared = ("object_id", "level", "by", "chi2", "n_pixels")
        rows = [one.to_dict() for one in self.estimates]
        joint = {name: rows[0][name] for name in shared if name in rows[0]}
        left_out = {*shared, "quantity", "flags"}
        joint["estimates"] = {
            str(row["quantity"]): {name: value for name, value in row.items() if name not in left_out}
            for row in rows
        }
        if self.covariance is not None:
            joint["covariance"] = np.asarray(self.covariance).tolist()
        return joint | {"confident": self.confident, "flags": list(self.flags)}


@dataclass(frozen=True)
class Joint:
    """Several quantities of the same spectra.

    Attributes:
        parts: One for each quantity, of the same spectra in the same order.
        posterior: What they were read off together; None where they were estimated apart.
    """

    parts: Sequence[AtLevels]
    posterior: Posterior | None = None

    def estimates(self, level: float) -> tuple[JointEstimate, ...]:
        """A joint estimate for each spectrum.

        Raises:
            KnowledgeError: The level is not between 0 and 1.
        """
        made = list(zip(*(part.estimates(level) for part in self.parts), strict=True))
        return tuple(JointEstimate(ones, self._covariance(i, ones)) for i, ones in enumerate(made))

    def _covariance(self, i: int, estimates: Sequence[Estimate]) -> NDArray[np.float64] | None:
        if self.posterior is None:
            return None
        places = [self.posterior.quantities.index(one.quantity) for one in estimates]
        return np.asarray(self.posterior.covariance[i][np.ix_(places, places)])
