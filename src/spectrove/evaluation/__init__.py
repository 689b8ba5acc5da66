"""Measuring anything: protocols, metrics, baselines and the paper's experiments."""

from spectrove.evaluation.encoders import QUESTIONS as TABLES
from spectrove.evaluation.encoders import evaluate_encoders, table_text
from spectrove.evaluation.evaluate import EVALUATIONS, Evaluation, evaluate

__all__ = ["EVALUATIONS", "TABLES", "Evaluation", "evaluate", "evaluate_encoders", "table_text"]
