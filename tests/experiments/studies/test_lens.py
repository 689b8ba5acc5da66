"""The lens study: its rates are right, its controls are matched, and nothing leaks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from experiments.measure import measure
from experiments.studies.lens import queries as lens_queries
from experiments.studies.lens import study as lens
from experiments.studies.lens.queries import ask
from experiments.studies.setting import Setting
from experiments.table import STUDIES
from spectrove.evaluation.protocol import stripped
from spectrove.evaluation.rates import auc, proportion, purity

FIGURES = {"completeness", "AUC", "purity", "false alarms", "redshift among first 1"}


def test_a_share_has_the_binomial_interval():
    hit = np.arange(40) < 9
    found = proportion(hit, np.arange(40).astype(str))
    exact = binomtest(9, 40).proportion_ci(0.95, "exact")
    assert_allclose((found["value"], found["low"], found["high"]), (9 / 40, exact.low, exact.high))


def test_asking_thrice_about_the_same_hosts_narrows_nothing():
    hit, unit = np.arange(40) < 9, np.arange(40).astype(str)
    once, thrice = proportion(hit, unit), proportion(np.tile(hit, 3), np.tile(unit, 3))
    assert_allclose(list(thrice.values()), list(once.values()))


def test_purity_is_bayes_theorem_and_never_one_by_luck():
    """Half found, one false alarm in a hundred, one lens in a thousand: about one in twenty finds is true."""
    alarms = {"value": 0.01, "low": 0.009, "high": 0.011, "n": 10**6}
    found = purity({"value": 0.5, "low": 0.4, "high": 0.6}, alarms, 1e-3)
    assert_allclose(found["value"], 0.5e-3 / (0.5e-3 + 0.01 * 0.999), rtol=1e-3)
    assert found["low"] < found["value"] < found["high"]
    none = purity(
        {"value": 1.0, "low": 0.9, "high": 1.0}, proportion(np.zeros(300, bool), np.arange(300)), 1e-3
    )
    assert none["value"] < 0.5
    assert none["low"] < 0.1


def test_the_area_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    positive, negative = rng.normal(1, 1, 80).round(1), rng.normal(0, 1, 120).round(1)
    found = auc(positive, negative, np.arange(80) % 9, np.arange(120) % 9)
    truth = np.repeat([1, 0], [80, 120])
    assert_allclose(found["value"], roc_auc_score(truth, np.concatenate([positive, negative])))
    assert found["low"] < found["value"] < found["high"]


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return Setting(tmp_path_factory.mktemp("lens"), None, seeds=1, n_mock=60)


ANSWERS: list[lens_queries.LensQueries] = []


def remembered(*arguments):
    """The answers that the study asks for, kept for the tests."""
    ANSWERS[:] = ask(*arguments)
    return ANSWERS


@pytest.fixture(scope="module")
def study(setting):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lens_queries, "EXTRA", 1)
        patch.setattr(lens, "ask", remembered)
        return measure("lens", setting)


def test_the_study_is_known_by_name_and_gives_every_figure(setting, study):
    assert STUDIES["lens"].module == lens.__name__
    figures = {row["figure"] for row in study.rows}
    assert figures >= FIGURES
    assert {row["lines"] for row in study.rows if row["figure"] == "completeness"} == {"told", "not told"}
    for row in study.rows:
        assert row["part"] == "mock"
        # Only a bootstrap of few plates may leave its own point outside.
        slack = 0.05 if row["figure"] == "AUC" else 1e-12
        assert 0 <= row["low"] <= row["value"] + slack
        assert row["value"] <= row["high"] + slack
    assert (setting.folder / "lens-mock.png").stat().st_size > 10_000
    assert "NOT told" in study.text


def test_strong_lines_are_found_more_often_than_weak_ones(study):
    """By the lines alone, whatever the base."""
    found = {
        (row["sn_low"], row["sn_high"]): row["value"]
        for row in study.rows
        if (row["figure"], row["method"], row.get("lines")) == ("AUC", "lines alone", "told")
    }
    assert found[10.0, 30.0] > 0.9
    assert found[10.0, 30.0] > found[3.0, 5.0]


def test_controls_are_the_same_hosts_and_none_of_their_plates_is_in_the_base(setting, study):
    (asked,) = ANSWERS
    assert set(asked.host["told"].tolist()) <= set(asked.host["controls"].tolist())
    assert asked.host["told"].tolist() == asked.host["not told"].tolist()
    problem = setting.data.problem("mock", "lens", 0)
    base = {f"mock0{plate}" for plate in problem.groups[problem.folds[0].base].tolist()}
    assert not base & set(asked.plate["controls"].tolist())


def test_queries_are_asked_without_their_catalog(setting, study):
    hosts = setting.data.lens_hosts("mock", 0)
    assert "d4000n" in hosts.rows.column_names
    bare = stripped(hosts)
    assert not {"d4000n", "lens", "truth_z", "class", "plate"} & set(bare.rows.column_names)
    assert_allclose(bare.z, hosts.z)
