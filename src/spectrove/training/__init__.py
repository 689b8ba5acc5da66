"""Making encoders from recipes: data, objectives, and a loop that reads top to bottom."""

from spectrove.training.data import TrainingData, training_data
from spectrove.training.empca import fit_pca
from spectrove.training.run import train

__all__ = ["TrainingData", "fit_pca", "train", "training_data"]
