"""What the studies of calibration and composition measure: figures of known probabilities, batches that are kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from experiments.studies import calibration, composition, rare
from experiments.studies.setting import Setting
from experiments.table import STUDIES
from spectrove.evaluation.reliability import bins, brier_skill, calibration_error, error_with_interval
from spectrove.inference import Prediction, Vote
from spectrove.pipeline.shipped import load_target

RNG = np.random.default_rng(4)
HONEST = RNG.beta(0.5, 2, size=6000)
TRUE = RNG.random(6000) < HONEST
PLATES = (np.arange(6000) // 60).astype(str)


def test_honest_probabilities_have_next_to_no_calibration_error():
    found = error_with_interval(HONEST, TRUE, PLATES)
    assert found["low"] <= found["value"] <= found["high"] < 0.03


def test_overstated_probabilities_have_the_error_by_which_they_are_overstated():
    said = np.full(1000, 0.9)
    hit = np.arange(1000) % 10 < 6
    assert_allclose(calibration_error(said, hit), 0.3)
    found = error_with_interval(said, hit, (np.arange(1000) // 20).astype(str))
    assert found["low"] > 0.2


def test_brier_skill_is_one_for_the_truth_and_nothing_for_the_prevalence():
    hit, weight = np.arange(2000) % 100 == 0, np.ones(2000)
    assert brier_skill(hit.astype(float), hit, weight)["value"] == 1
    assert_allclose(brier_skill(np.full(2000, 0.01), hit, weight)["value"], 0, atol=1e-12)
    assert brier_skill(np.full(2000, 0.5), hit, weight)["value"] < -10


def test_weights_count_objects_as_if_there_were_fewer():
    hit = np.repeat([True, False], [100, 900])
    said = np.where(hit, 0.7, 0.2)
    weight = np.where(hit, 0.1, 1.0)
    low, _, high = bins(said, hit, weight)
    assert (low["value"], high["value"]) == (0.0, 1.0)
    assert low["n"] == pytest.approx(900)
    assert high["low"] < 1 == high["high"]


def test_bins_hold_honest_probabilities_within_their_intervals():
    for found in bins(HONEST, TRUE, np.ones(6000)):
        assert found["low"] - 0.01 < found["said"] < found["high"] + 0.01


def test_the_stream_holds_one_lens_in_a_thousand_and_nothing_else_changes():
    recipe, usual = rare.stream_recipe(), rare.load_recipe("test")
    total = sum(recipe.shares.values())
    assert_allclose(recipe.shares["lens"] / total, 1e-3)
    others = [k for k in usual.shares if k not in ("lens", "outlier")]
    ratio = [recipe.shares[k] / usual.shares[k] for k in others if usual.shares[k]]
    assert_allclose(ratio, ratio[0])


def test_batches_that_were_answered_are_not_asked_again(tmp_path, monkeypatch):
    asked = []

    def answer(path, base, size, seed, *_):
        asked.append(seed)
        truth = np.arange(size) % 100 == 0
        np.savez(path, **{t: np.stack([truth * 0.9, truth * 0.5, truth, truth < 2]) for t in rare.HUNTED})

    class Fake:
        fingerprint = "f"

    monkeypatch.setattr(rare, "_answer", answer)
    monkeypatch.setattr(rare, "_base", lambda *_: None)
    monkeypatch.setattr(rare, "BATCH", 300)
    setting = Setting(tmp_path, n_mock=180)
    first = rare.rare_rows(setting, Fake(), {})
    assert asked == [rare.STREAM_SEED, rare.STREAM_SEED + 1, rare.STREAM_SEED + 2]
    assert rare.rare_rows(setting, Fake(), {}) == first
    assert len(asked) == 3
    skill = [r for r in first if r["figure"] == "brier_skill" and r["method"] == "calibrated"]
    assert {r["n_stream"] for r in skill} == {900}
    assert all(r["value"] > 0.9 and r["share_calibrated"] == 1 for r in skill)


def test_the_votes_behind_a_calibrated_answer_are_counted_again():
    votes = (
        Vote("a", 1.0, 0.7, "LINER", "LINER"),
        Vote("b", 2.0, 0.3, "SF", "other"),
        Vote("c", 3.0, 0.0, None, None),
    )
    told = Prediction(
        "q", "class_derived", "LINER", {"LINER": 0.2, "other": 0.8}, (0.1, 0.3), neighbors=votes
    )
    assert rare.vote_shares(told, load_target("liner")) == {"LINER": 0.7, "other": 0.3}


def test_both_studies_run_on_a_small_mock_survey(tmp_path, monkeypatch):
    assert STUDIES["calibration"].module == calibration.__name__
    assert STUDIES["composition"].module == composition.__name__
    monkeypatch.setattr("spectrove.inference.metric.linear.MOST_REPEATS", 1)
    monkeypatch.setattr(calibration, "ASKED", {"classes": ("LINER",)})
    monkeypatch.setattr(calibration, "rare_rows", lambda *_: [])
    monkeypatch.setattr(composition, "SHARES", {"mock": (0.05, 0.5)})
    monkeypatch.setattr(composition, "LARGER", 1)
    setting = Setting(tmp_path, seeds=1, n_mock=90)
    made = calibration.study(setting)
    assert {r["method"] for r in made.rows} == {"calibrated", "votes"}
    assert "mock  LINER" in made.text
    assert (tmp_path / "calibration_mock.png").stat().st_size > 1000
    made = composition.study(setting)
    assert {(r["share"], r["method"]) for r in made.rows} == {
        (s, m) for s in (0.05, 0.5) for m in composition.METHODS
    }
    assert (tmp_path / "composition_mock.png").stat().st_size > 1000
