"""Comparable spectra: one frame, one grid, one scale, with bad pixels never passed on as values."""

from spectrove.preprocess.prepare import Prepared, prepare
from spectrove.preprocess.recipe import PreprocessRecipe

__all__ = ["Prepared", "PreprocessRecipe", "prepare"]
