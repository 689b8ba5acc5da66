"""Measurements of galaxies: what a measurer gives, against spectra made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.mock import make_survey
from spectrove.spectra import SpectrumSet


@pytest.fixture(scope="module")
def survey() -> SpectrumSet:
    """Twelve simulated galaxies."""
    return make_survey(12, seed=5)


def test_a_measurer_gives_a_row_for_each_spectrum_and_an_error_for_each_number(survey):
    """In the order of the spectra; value and error are known together."""
    table = GALAXIES.measurer.measure(survey)
    assert table.column("object_id").to_pylist() == survey.object_id.tolist()
    for measure in GALAXIES.measurer.measures:
        value, error = (np.array(table.column(n), float) for n in (measure.name, measure.error))
        assert (np.isfinite(value) == np.isfinite(error)).all(), measure.name
        assert (error[np.isfinite(error)] > 0).all(), measure.name
    assert len(table.column_names) == 1 + 2 * len(GALAXIES.measurer.measures)


def test_measures_have_names_words_and_groups_of_their_own():
    """No two share a name or a title."""
    measures = GALAXIES.measurer.measures
    assert len({m.name for m in measures}) == len({m.title for m in measures}) == len(measures)
    assert all(m.title and m.group for m in measures)
