"""The study of intervals: what it asks, what it may see, and its figures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from experiments.baselines.numbers import BASELINES
from experiments.studies.coverage import study as coverage
from experiments.studies.coverage.study import ScoredEstimates, binomial, sn_name, stripped, study
from experiments.studies.setting import Setting
from experiments.table import STUDIES
from spectrove.inference.numbers.conformal import SN_BORDERS

RNG = np.random.default_rng(2)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny run: two quantities, small forests, two folds."""
    patch = pytest.MonkeyPatch()
    patch.setattr(coverage, "ASKED", ("d4000n", "ha_ew"))
    patch.setattr(coverage, "FOLDS", 2)
    patch.setattr(coverage, "RESAMPLES", 20)
    patch.setattr("experiments.baselines.numbers.TREES", 5)
    folder = tmp_path_factory.mktemp("coverage")
    yield folder, study(Setting(folder, None, 1, 170))
    patch.undo()


def test_it_is_a_study():
    assert STUDIES["coverage"].module == coverage.__name__


def test_every_quantity_has_coverage_width_and_errors(made):
    """At both levels, with intervals around the figures; every method on the same objects."""
    folder, evaluation = made
    for name in ("d4000n", "ha_ew"):
        rows = [r for r in evaluation.rows if r["quantity"] == name]
        assert {r["level"] for r in rows if r["figure"] == "coverage"} == {0.68, 0.9}
        assert {r["method"] for r in rows if r["figure"] == "rmse"} == {"neighbours", *BASELINES}
        assert len({r["n"] for r in rows if r["figure"] in ("rmse", "nmad")}) == 1
        for r in rows:
            if r["low"] is not None:
                assert r["low"] <= r["value"] <= r["high"]
        widths = [r["width"] for r in rows if r["figure"] == "coverage" and r["bin"] == "all"]
        assert widths[0] < widths[1]
    assert (folder / "coverage_mock.png").stat().st_size > 5000


def test_the_text_says_what_it_rests_on(made):
    """Mock or real, split, seeds, what the value is."""
    text = made[1].text
    for word in (
        "1 seed(s)",
        "folds by plate",
        "recipe test",
        "95% binomial",
        "mock, d4000n",
        "random forest",
    ):
        assert word in text
    assert "real, d4000n" not in text


def test_queries_carry_no_catalog_value(made):
    """Only what every spectrum has stays in their rows."""
    spectra = Setting(made[0], None, 1, 170).data.problem("mock", "classes", 0).spectra
    assert {"d4000n", "truth_d4000n", "sn_median"} <= set(spectra.rows.column_names)
    assert not {
        n for n in stripped(spectra).rows.column_names if n.startswith(("d4000n", "truth", "ha_", "sn_"))
    }


def test_intervals_of_known_rate_are_found_to_have_it():
    """Gaussian answers with the right and with too narrow limits, S/N by S/N."""
    n, sn = 6000, RNG.choice([3.0, 8.0, 15.0, 25.0, 35.0, 50.0], 6000)
    value = RNG.normal(size=n)
    half = {0.68: np.where(sn < 5, 0.5, 0.9945), 0.9: np.full(n, 1.6449)}
    answered = ScoredEstimates(
        value=value, truth=value, sn=sn, group=np.array(["p"] * n), predicted={"neighbours": np.zeros(n)},
        low={k: -h for k, h in half.items()}, high=half, confident=np.ones(n, bool),
    )  # fmt: skip
    rows = {(r["level"], r["bin"]): r for r in coverage._coverage_rows("mock", "d4000n", [answered])}
    assert abs(rows[0.9, "all"]["sigma"]) < 3
    assert rows[0.68, "S/N < 5"]["sigma"] < -8
    assert_allclose(rows[0.68, "S/N < 5"]["width"], 1.0)
    for i in range(1, len(SN_BORDERS) + 1):
        assert abs(rows[0.68, sn_name(i)]["sigma"]) < 3


def test_binomial_limits_are_those_of_wilson():
    """Against the formula, by hand for 8 of 10."""
    found = binomial(0.8, 10, 0.68)
    z = 1.959964
    centre, spread = (0.8 + z**2 / 20) / (1 + z**2 / 10), z * np.sqrt(0.016 + z**2 / 400) / (1 + z**2 / 10)
    assert_allclose([found["low"], found["high"]], [centre - spread, centre + spread], rtol=1e-5)
    assert_allclose(found["sigma"], 0.12 / np.sqrt(0.68 * 0.32 / 10))


@pytest.mark.parametrize("name", list(BASELINES))
def test_baselines_learn_a_simple_law(name):
    """Better than the mean by far."""
    x = RNG.normal(size=(300, 4))
    predicted = BASELINES[name](x[:200], x[:200, 0] * 2 + 5, 0)(x[200:])
    assert np.std(predicted - (x[200:, 0] * 2 + 5)) < 1.3
