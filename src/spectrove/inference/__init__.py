"""Inference: from neighbours to answers with probabilities, intervals and flags. NumPy only."""

from __future__ import annotations

from spectrove.inference.classify import classify
from spectrove.inference.fitting import Fitted, metric_for
from spectrove.inference.hunt import hunt
from spectrove.inference.metric import LinearMetric, MetricReport, fit_metric
from spectrove.inference.prediction import Prediction, Vote
from spectrove.inference.voting import NORMALISE, WEIGHTS, Ballot, share_interval, vote

__all__ = [
    "NORMALISE",
    "WEIGHTS",
    "Ballot",
    "Fitted",
    "LinearMetric",
    "MetricReport",
    "Prediction",
    "Vote",
    "classify",
    "fit_metric",
    "hunt",
    "metric_for",
    "share_interval",
    "vote",
]
