"""What was measured in spectra themselves, compared with what was measured in examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Of one example, how much of every state the examples are believed to have whatever they show.
PRIOR = 1.0

#: An object counts for no less than this share of the states of the examples: one mistake must not decide alone.
LEAST_SHARE = 0.02

#: Weight of unlikeness to the negatives beside likeness to the positives.
AGAINST = 0.5


@dataclass(frozen=True)
class Measured:
    """In which of some states the objects of a base are, as far as their own spectra say (`domain.Witness`).

    Attributes:
        title: The words for the measurement in sentences, "own lines".
        states: The words for each state.
        shares: The probability of each, (n_objects, n_states); NaN in a row where nothing could be measured.
    """

    title: str
    states: Sequence[str]
    shares: Floats


def likeness(objects: Floats, yes: Floats, no: Floats) -> Floats:
    """Log of the probability of being in a state of the examples, (n,); NaN where nothing is measured.

    Args:
        objects, yes, no: Probabilities of the states, (n, n_states) each.
    """
    if not _told(yes).any():
        return np.full(len(objects), np.nan)
    found = _shared(objects, yes)
    return found if not _told(no).any() else found - AGAINST * _shared(objects, no)


def states_of(examples: Floats) -> Floats:
    """The mean probability of each state in some examples, (n_states,), begun with one that is in all alike."""
    told = examples[_told(examples)]
    n_states = examples.shape[1]
    mean: Floats = (told.sum(axis=0) + PRIOR / n_states) / (len(told) + PRIOR)
    return mean


def _told(shares: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(shares).all(axis=1))


def _shared(objects: Floats, examples: Floats) -> Floats:
    found: Floats = np.log(np.maximum(objects @ states_of(examples), LEAST_SHARE))
    return found
