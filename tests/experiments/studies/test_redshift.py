"""The study of redshifts: figures by hand, and a run on mocks alone that says what was left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from experiments.baselines.redrock import VERSION, redrock_redshifts, why_not
from experiments.measure import measure
from experiments.studies import redshift
from experiments.studies.redshift import ScoredRedshifts
from experiments.studies.setting import Setting
from spectrove.galaxies.mock import load_recipe, make_survey


def test_figures_are_those_counted_by_hand():
    """Four spectra: right and sure, right and unsure, wrong and sure, nothing said."""
    truth = np.array([0.1, 0.2, 0.3, 0.4])
    said = ScoredRedshifts(np.array([0.1001, 0.2, 0.5, np.nan]), np.array([True, False, True, False]), 0.05)
    rows = {r["figure"]: r for r in said.rows(truth, np.ones(4, bool), group="x")}
    assert rows["success"]["value"] == 0.5
    assert rows["confident"]["value"] == 0.5
    assert (rows["wrong_among_confident"]["value"], rows["wrong_among_confident"]["n"]) == (0.5, 2)
    assert_allclose(rows["median_error"]["value"], 0.0001 / 1.1)
    assert_allclose(rows["spectra_per_second"]["value"], 20)
    assert rows["success"]["low"] < 0.5 < rows["success"]["high"]


def test_without_real_spectra_the_mock_half_is_made(tmp_path, monkeypatch):
    asked = make_survey(8, recipe=load_recipe("test"), seed=3)

    class Problem:
        spectra = asked

    class Data:
        def problem(self, *_):
            return Problem()

    monkeypatch.setitem(Setting.__dict__["data"].__dict__, "func", lambda self: Data())
    made = measure("redshift", Setting(tmp_path, None, seeds=1))
    assert {r["part"] for r in made.rows} == {"mock"}
    assert "the real half is left out" in made.text
    assert json.loads((tmp_path / "redshift.json").read_text()) == list(made.rows)


def test_redrock_is_left_out_with_a_sentence(tmp_path):
    assert why_not(tmp_path).endswith(".")
    assert why_not(None)


def test_kept_answers_are_not_asked_for_again(tmp_path):
    """Neither redrock nor its templates are touched where every answer is kept."""
    spectra = make_survey(2, recipe=load_recipe("test"), seed=3)
    answers = {
        n: {"z": 0.1, "zwarn": 0, "spectype": "GALAXY", "deltachi2": 9.0, "seconds": 1.0}
        for n in spectra.object_id
    }
    kept = tmp_path / "redrock.json"
    kept.write_text(json.dumps({"version": [VERSION, {}], "answers": answers}))
    said = redrock_redshifts(spectra, tmp_path / "nowhere", kept)
    assert [a["z"] for a in said] == [0.1, 0.1]


@pytest.mark.parametrize("group", redshift.TARGETS)
def test_targets_are_shares(group):
    assert 0 < redshift.TARGETS[group] < 1
