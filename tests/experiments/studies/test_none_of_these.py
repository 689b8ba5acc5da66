"""The study of spectra that no class describes: what is made, what is counted."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.studies import none_of_these
from experiments.studies.none_of_these import FLAT_SN, LABEL, SpectraOfKind, made_of
from experiments.table import STUDIES
from spectrove import pipeline
from spectrove.galaxies.mock import make_survey


@pytest.fixture(scope="module")
def survey():
    return make_survey(260, seed=78)


@pytest.fixture(scope="module")
def base(survey):
    return pipeline.create("memory://base", [survey], "pca", views={})[0]


def test_it_is_in_the_table():
    assert STUDIES["none"].module == none_of_these.__name__


def test_a_flat_line_has_the_signal_and_the_noise_that_are_said(survey):
    flat = made_of(survey.take([0, 1]), FLAT_SN)
    for spectrum in flat:
        pulls = spectrum.flux[spectrum.good] * np.sqrt(spectrum.ivar[spectrum.good])
        assert np.median(pulls) == pytest.approx(FLAT_SN, rel=0.1)
        level = np.median(spectrum.flux[spectrum.good])
        noise = (spectrum.flux[spectrum.good] - level) * np.sqrt(spectrum.ivar[spectrum.good])
        assert np.median(np.abs(noise)) * 1.4826 == pytest.approx(1, abs=0.1)
    assert not set(flat.object_id) & set(survey.object_id)


def test_of_a_kind_that_is_left_out_nothing_is_said_with_confidence(survey, base):
    """Star-forming galaxies asked of a base without any."""
    young = survey.take(np.flatnonzero(np.array(survey.column(LABEL)) == "SF"))
    rows = {
        r["figure"]: r
        for r in none_of_these._rows(base, SpectraOfKind("SF left out", young, f"{LABEL} != 'SF'"))
    }
    assert rows["sure"]["value"] <= 0.05
    assert rows["none_of_these"]["n"] == len(young) - rows["refused"]["value"]
    assert 0 < rows["sure"]["high"] < 1


def test_a_question_that_cannot_be_asked_is_a_row_that_says_why(survey, base):
    (row,) = none_of_these._rows(base, SpectraOfKind("x", survey.take([0]), "nonsense = 1"))
    assert "nonsense" in row["why"]
