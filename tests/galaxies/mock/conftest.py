"""One small survey, shared by the tests that only look at it."""

from __future__ import annotations

import pytest

from spectrove.galaxies.mock import make_survey
from spectrove.spectra import SpectrumSet


@pytest.fixture(scope="session")
def survey() -> SpectrumSet:
    """160 objects of the default recipe."""
    return make_survey(160, seed=11)
