"""Which spectra to look at next: the most likely, some near the border, and some by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Shares of the proposals that are taken by chance, which see what the score does not, and near the border.
RANDOM, INFORMATIVE = 0.2, 0.1


@dataclass(frozen=True)
class Proposal:
    """One spectrum to look at.

    Attributes:
        place: Among the candidates.
        because: "likely", "informative" or "random".
        probability: With which it was proposed: 1 for one chosen by its score.
        score: When it was proposed.
    """

    place: int
    because: str
    probability: float
    score: float


def propose(
    scores: Floats, unseen: NDArray[np.int64], n: int, seed: int, border: bool = True
) -> list[Proposal]:
    """The next n spectra to look at, the most likely first, those by chance last.

    Args:
        scores: Of all candidates, (n_candidates,); the border between yes and no is at 0.
        unseen: Places of the candidates that were not proposed yet.
        n: How many.
        seed: Of chance.
        border: Whether the scores have a border yet.
    """
    order = unseen[np.argsort(-scores[unseen], kind="stable")]
    n = min(n, len(order))
    n_random = round(RANDOM * n)
    n_border = round(INFORMATIVE * n) if border else 0
    likely, rest = order[: n - n_random - n_border], order[n - n_random - n_border :]
    near = rest[np.argsort(np.abs(scores[rest]), kind="stable")][:n_border]
    rest = np.setdiff1d(rest, near)
    chosen = np.random.default_rng(seed).choice(rest, n_random, replace=False) if n_random else rest[:0]
    chance = n_random / len(rest) if len(rest) else 1.0
    return [
        Proposal(int(place), because, probability, float(scores[place]))
        for places, because, probability in (
            (likely, "likely", 1.0), (near, "informative", 1.0), (np.sort(chosen), "random", chance),
        )
        for place in places
    ]  # fmt: skip
