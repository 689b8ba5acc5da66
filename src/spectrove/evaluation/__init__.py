"""Measuring anything: protocols, metrics, baselines and the paper's experiments."""

from spectrove.evaluation.evaluate import EVALUATIONS, Evaluation, evaluate

__all__ = ["EVALUATIONS", "Evaluation", "evaluate"]
