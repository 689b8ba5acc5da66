"""`python -m experiments xray`: its parts, and the scores that they share."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from numpy.testing import assert_allclose

from experiments.xray import run
from experiments.xray.information import holm, mutual_information, scores, shuffled, strata_of
from experiments.xray.scores import balanced_accuracy, difference, mean_interval


@pytest.mark.parametrize("name", run.PARTS)
def test_every_part_has_a_module_and_its_place_on_the_page(name):
    assert find_spec(run.PARTS[name].module) is not None
    assert f"<!-- {name} -->" in run.XRAY.readme.read_text("utf-8")


def test_a_part_that_is_not_there_is_refused_by_name(capsys):
    assert run.main(["--only", "telepathy"]) == 2
    assert "telepathy: no part of xray" in capsys.readouterr().err


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
