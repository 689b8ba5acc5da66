"""Inference: probabilities, intervals and flags from the neighbours of a spectrum. NumPy only."""

from __future__ import annotations

from spectrove.inference.calibrating import Calibrated, CalibrationMode, answer, calibration_for
from spectrove.inference.calibration import Calibration, CalibrationReport, fit_calibration
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
    "Calibrated",
    "Calibration",
    "CalibrationMode",
    "CalibrationReport",
    "Fitted",
    "LinearMetric",
    "MetricReport",
    "Prediction",
    "Vote",
    "answer",
    "calibration_for",
    "classify",
    "fit_calibration",
    "fit_metric",
    "hunt",
    "metric_for",
    "share_interval",
    "vote",
]
