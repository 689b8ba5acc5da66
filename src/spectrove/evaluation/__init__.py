"""Measuring anything: protocols, metrics, baselines and the paper's experiments."""

from spectrove.evaluation.encoders import QUESTIONS as TABLES
from spectrove.evaluation.encoders import evaluate_encoders, table_text
from spectrove.evaluation.evaluate import EVALUATIONS, Evaluation, evaluate
from spectrove.evaluation.studies import STUDIES, Setting, make_study

__all__ = [
    "EVALUATIONS",
    "STUDIES",
    "TABLES",
    "Evaluation",
    "Setting",
    "evaluate",
    "evaluate_encoders",
    "make_study",
    "table_text",
]
