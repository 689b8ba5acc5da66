"""Mock X-ray surveys with known truth: eight classes of sources as Chandra's ACIS would have seen them.

`draw` gives sources, `observe` counts of them in arrays, `make_survey` a set of spectra with rows and oddities, and
`write_survey` OGIP files with a catalog.
"""

from spectrove.xray.mock.instruments import GRID, Instrument, instruments
from spectrove.xray.mock.observe import Seen, observe
from spectrove.xray.mock.recipe import CLASSES, MockRecipe, load_recipe
from spectrove.xray.mock.sources import Sources, draw
from spectrove.xray.mock.survey import make_survey, write_survey

__all__ = [
    "CLASSES",
    "GRID",
    "Instrument",
    "MockRecipe",
    "Seen",
    "Sources",
    "draw",
    "instruments",
    "load_recipe",
    "make_survey",
    "observe",
    "write_survey",
]
