"""Inference: probabilities, intervals and flags from the neighbours of a spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectrove.inference.calibration.answer import answer
from spectrove.inference.calibration.model import Calibration, CalibrationReport, fit_calibration
from spectrove.inference.calibration.of_base import CalibrationMode, FittedCalibration, calibration_for
from spectrove.inference.metric.linear import LinearMetric, MetricReport, fit_metric
from spectrove.inference.metric.of_base import FittedMetric, metric_for
from spectrove.inference.neighbors.classify import classify
from spectrove.inference.neighbors.hunt import hunt
from spectrove.inference.neighbors.voting import NORMALISE, WEIGHTS, Ballot, share_interval, vote
from spectrove.inference.prediction import Prediction, Vote
from spectrove.moved import forwarding

__all__ = [
    "NORMALISE",
    "WEIGHTS",
    "Ballot",
    "Calibration",
    "CalibrationMode",
    "CalibrationReport",
    "FittedCalibration",
    "FittedMetric",
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

if not TYPE_CHECKING:  # names of version 0.1, with a warning
    __getattr__ = forwarding(__name__)
