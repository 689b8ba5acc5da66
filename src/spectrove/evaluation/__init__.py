"""Measuring how good answers are, on labelled spectra of one's own: folds, the leak check, metrics, intervals."""

from spectrove.evaluation.evaluate import EVALUATIONS, Evaluation, evaluate

__all__ = ["EVALUATIONS", "Evaluation", "evaluate"]
