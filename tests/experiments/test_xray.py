"""`python -m experiments xray`: its parts, and the scores that they share."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from numpy.testing import assert_allclose

from experiments.xray import run
from experiments.xray.answers import survey
from experiments.xray.information import holm, mutual_information, scores, shuffled, strata_of
from experiments.xray.odd import counted
from experiments.xray.scores import balanced_accuracy, difference, mean_interval
from experiments.xray.true_model import fitted_truth
from spectrove.xray.mock import load_recipe
from spectrove.xray.mock.sources import parameters


@pytest.mark.parametrize("name", run.PARTS)
def test_every_part_has_a_module_and_its_place_on_the_page(name):
    assert find_spec(run.PARTS[name].module) is not None
    assert f"<!-- {name} -->" in run.XRAY.readme.read_text("utf-8")


def test_a_part_that_is_not_there_is_refused_by_name(capsys):
    assert run.main(["--only", "telepathy"]) == 2
    assert "telepathy: no part of xray" in capsys.readouterr().err


def test_without_real_sources_the_parts_that_need_them_are_left_out_and_said(capsys):
    """Unless one is named: then it is measured, and fails with a sentence."""
    assert run.XRAY.named(None, data=False) == ["encoders", "answers", "odd"]
    assert "xray: sources, match, muwclass, information left out" in capsys.readouterr().err
    assert run.XRAY.named("muwclass", data=False) == ["muwclass"]
    assert run.XRAY.named(None) == list(run.PARTS)


def test_an_oddity_is_named_by_its_own_reason():
    """By hand: of three lines two are found and one is named; the bright one is both."""
    own, net = np.array([True, True, True, False]), np.array([500.0, 50.0, 20.0, 900.0])
    found = np.array([True, True, False, True])
    reason = np.array(["unexpected line", "few counts", "few counts", "unexpected line"])
    row = counted("line", own, net, found, reason)
    assert (row["n"], row["found"], row["named"]) == (3, 2, 1)
    assert (row["bright"], row["bright_found"], row["bright_named"]) == (1, 1, 1)
    assert row["reasons"] == {"few counts": 2, "unexpected line": 1}


def test_a_fit_of_the_true_model_finds_a_bright_source():
    """A power law of many counts, from a start that is off by .4 in the index."""
    recipe = load_recipe("test")
    kind, model, values = parameters(40, recipe, 3)
    brightest = max(
        (one for one in survey("test", 40, 3) if one.row["model"] == "power_law"),
        key=lambda one: one.counts.sum(),
    )
    i = int(brightest.object_id.rpartition("-")[2])
    source = {name: float(column[i]) for name, column in values.items()}
    assert abs(source["gamma"] - brightest.row["gamma"]) < 1e-9
    away = source | {"gamma": source["gamma"] + 0.4, "log_nh": source["log_nh"] + 0.3}
    found = fitted_truth(brightest, int(kind[i]), int(model[i]), away)
    assert abs(found["gamma"] - source["gamma"]) < 0.2
    assert abs(found["log_nh"] - source["log_nh"]) < 0.25


def test_balanced_accuracy_gives_a_rare_class_the_weight_of_a_common_one():
    truth = np.array(["AGN"] * 90 + ["CV"] * 10)
    assert balanced_accuracy(truth, np.full(100, "AGN")) == 0.5


def test_the_interval_of_a_paired_difference_is_narrower_than_of_two_samples():
    """Two methods that err on the same sources but for a few: the difference is known better than either."""
    rng = np.random.default_rng(0)
    truth = rng.choice(["AGN", "CV"], 400)
    wrong = np.where(truth == "AGN", "CV", "AGN")
    hard, extra = rng.random(400) < 0.4, rng.random(400) < 0.05
    one, other = np.where(hard, wrong, truth), np.where(hard | extra, wrong, truth)
    mean, low, high = difference(truth, [one], [other])
    assert_allclose(mean, balanced_accuracy(truth, one) - balanced_accuracy(truth, other))
    assert low > 0
    alone = mean_interval(truth, [one])
    assert high - low < 0.5 * (alone[2] - alone[1])


def gaussians(n, correlation, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3))
    x = z[:, :2]
    y = correlation * z[:, :1] + np.sqrt(1 - correlation**2) * z[:, 2:]
    return x, y


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_information_of_gaussian_vectors_is_that_of_the_formula(correlation):
    """-log(1 - r^2) / 2, with a second number on one side that says nothing; stretching a number changes nothing."""
    x, y = gaussians(1000, correlation)
    expected = -0.5 * np.log(1 - correlation**2)
    assert abs(mutual_information(x, y) - expected) < 0.06
    rng = np.random.default_rng(1)
    assert abs(mutual_information(scores(np.exp(x), rng), scores(y**3, rng)) - expected) < 0.06


def test_information_by_a_common_cause_is_none_once_the_cause_is_known():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(1000, 1))
    x, y = (z + 0.5 * rng.normal(size=z.shape) for _ in range(2))
    assert mutual_information(x, y) > 0.3
    assert abs(mutual_information(x, y, z)) < 0.06


def test_permutations_within_strata_leave_every_source_at_its_signal_to_noise():
    z = np.random.default_rng(3).lognormal(size=(90, 2))
    stratum = strata_of(z)
    order = shuffled(stratum, np.random.default_rng(4))
    assert (stratum[order] == stratum).all()
    assert sorted(order) == list(range(90))
    assert (order != np.arange(90)).mean() > 0.5
    assert z[stratum < 3, 0].max() <= z[stratum >= 3, 0].min()


def test_p_values_are_corrected_for_their_number():
    """Holm's example by hand: .01 x 3, .02 x 2, and no value below the one before."""
    assert_allclose(holm([0.02, 0.01, 0.03]), [0.04, 0.03, 0.04])
