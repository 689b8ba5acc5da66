"""`python -m experiments xray`: its parts, and the scores that they share."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from numpy.testing import assert_allclose

from experiments.xray import run
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
