"""Mock surveys with known truth: galaxies, lenses and outliers as SDSS would have seen them.

`make_survey` gives spectra in memory, `write_survey` files in SDSS format with a catalog, `inject_lens` and
`inject_outlier` put a rare thing into any host, real or mock.
"""

from spectrove.galaxies.mock.inject import inject_lens, inject_outlier
from spectrove.galaxies.mock.outliers import OUTLIER_KINDS
from spectrove.galaxies.mock.recipe import MockRecipe, load_recipe
from spectrove.galaxies.mock.survey import make_survey, write_survey

__all__ = [
    "OUTLIER_KINDS",
    "MockRecipe",
    "inject_lens",
    "inject_outlier",
    "load_recipe",
    "make_survey",
    "write_survey",
]
