"""Inference: from neighbours to answers with probabilities, intervals and flags. NumPy only."""

from __future__ import annotations

from spectrove.inference.classify import classify
from spectrove.inference.hunt import hunt
from spectrove.inference.prediction import Prediction, Vote
from spectrove.inference.voting import NORMALISE, WEIGHTS, Ballot, share_interval, vote

__all__ = [
    "NORMALISE",
    "WEIGHTS",
    "Ballot",
    "Prediction",
    "Vote",
    "classify",
    "hunt",
    "share_interval",
    "vote",
]
