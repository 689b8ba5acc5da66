"""Mock stars of known truth, as GIRAFFE's settings HR10 and HR21 would see them.

recipe.py     what they are like, as data; default, train, test and real (.toml) are frozen
stars.py      labels of stars
observed.py   their spectra, drawn on the fly from the emulator, or computed
survey.py     whole surveys: spectra with a row of truth each, in memory or as files with a catalog
"""

from spectrove.stars.mock.observed import MockSpectra, batches, draw, draw_true, observe
from spectrove.stars.mock.recipe import RECIPES, MockRecipe, load_recipe
from spectrove.stars.mock.stars import draw_labels
from spectrove.stars.mock.survey import make_survey, write_survey

__all__ = [
    "RECIPES", "MockRecipe", "MockSpectra", "batches", "draw", "draw_labels", "draw_true", "load_recipe",
    "make_survey", "observe", "write_survey",
]  # fmt: skip
