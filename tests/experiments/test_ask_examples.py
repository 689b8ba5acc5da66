"""The part `examples` of `ask`: methods on vectors of known truth, and the figures made of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from experiments.ask import examples, ranking
from experiments.ask.bench import Bench
from experiments.ask.kept import kept
from experiments.ask.labelled import target_of
from experiments.ask.methods import METHODS, Fold
from experiments.ask.ranking import Kind, Wanted, average_precision
from experiments.ask.told import tables
from experiments.workers import spread

CLUSTER = Kind("cluster", "real", 0)


@pytest.fixture
def wanted():
    """A cluster of 30 in 200 objects on 20 plates."""
    rng = np.random.default_rng(3)
    truth = (np.arange(200) % 20 < 3).astype(int)
    shape, surprise = rng.normal(size=(200, 8)), rng.normal(size=(200, 5))
    surprise[:, 0] += 6 * truth
    plate = np.array([f"p{i}" for i in rng.integers(20, size=200)])
    return Wanted({"shape": shape, "surprise": surprise}, truth, plate)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_ranks_every_query(name, wanted):
    base, asked = ({v: x[part] for v, x in wanted.vectors.items()} for part in (slice(150), slice(150, None)))
    fold = Fold(base, asked, wanted.truth[:150])
    yes, no = np.flatnonzero(fold.truth == 1)[:3], np.flatnonzero(fold.truth == 0)[:2]
    for negatives in (no, no[:0]):
        score = METHODS[name](fold, yes, negatives, 0)
        assert score.shape == (50,)
        assert np.isfinite(score).all()


def test_a_cluster_is_found_and_the_table_says_so(wanted, tmp_path):
    """The paired difference of a method from itself is zero."""
    bench = Bench(tmp_path, None, draws=2)
    rows, said = ranking.measured(bench, CLUSTER, wanted)
    table = examples.summarised(rows)
    row = next(r for r in table if (r["method"], r["yes"], r["no"]) == ("spectrove", 3, 0))
    assert row["ap"] > 0.8
    assert row["ap_ours_less_this"] == 0
    assert row["p20"] <= row["ceiling"] + 1e-12
    assert "cluster" in examples.text(table, bench)
    figures, text = tables(said, ranking.SETTINGS)
    three = next(r for r in figures if (r["kind"], r["yes"], r["no"]) == ("cluster", 3, 0))
    assert three["low"] <= three["expected"] <= three["high"]
    assert three["n"] == len([r for r in rows if (r["method"], r["yes"]) == ("spectrove", 3)])
    assert "Reliability" in text


def test_the_ratio_to_a_labelled_hunt_is_of_the_same_folds():
    """Half of what it reaches, in the fold that has one; of the outlier kinds only one injection has."""
    ours = [
        {"kind": "a", "yes": 5, "no": 5, "injection": i, "fold": 0, "draw": 0, "method": m, "ap": ap}
        for i, m, ap in (
            (1, "spectrove", 0.4),
            (1, "all labels", 0.5),
            (2, "spectrove", 0.9),
            (2, "all labels", 1.0),
        )
    ]
    hunt = [{"kind": "a", "injection": 1, "fold": 0, "ap": 0.8, "labelled": 12, "calibrated": False}]
    (row,) = examples.against_labels(ours, hunt)
    assert row["hunt_ratio"] == pytest.approx(0.5)
    assert row["logistic_ratio"] == pytest.approx(0.8)
    assert "0.50 [0.50 0.50]" in examples.labels_text([row])


@pytest.mark.parametrize("kind", ["LINER", "lens", "dust"])
def test_every_kind_has_a_target_of_its_own_labels(kind):
    target = target_of(kind, [kind, "another"])
    assert target.positive == kind
    assert target.classes_of([kind, "none", None])[0] == kind


def test_average_precision_is_that_of_scikit_learn():
    """With ties, too."""
    rng = np.random.default_rng(0)
    for score in (rng.normal(size=80), rng.integers(5, size=80).astype(float)):
        truth = rng.random(80) < 0.3
        assert average_precision(truth, score) == pytest.approx(average_precision_score(truth, score))


def test_a_run_that_was_stopped_goes_on_with_what_it_kept(tmp_path, wanted, monkeypatch):
    """A kind is measured once, and again if the draws are others."""
    made = []
    monkeypatch.setattr(ranking, "wanted_of", lambda bench, kind: wanted)
    monkeypatch.setattr(
        ranking, "measured", lambda bench, kind, wanted: made.append(bench.draws) or ([made[:]], [])
    )
    bench = Bench(tmp_path, None, draws=1)
    assert ranking.ranked(bench, CLUSTER)[0] == ranking.ranked(bench, CLUSTER)[0] == [[1]]
    ranking.ranked(Bench(tmp_path, None, draws=2), CLUSTER)
    assert made == [1, 2]


def test_what_was_cut_off_while_it_was_written_is_made_again(tmp_path):
    """Nothing is under its name before it is whole."""
    with pytest.raises(ZeroDivisionError):
        kept(tmp_path / "a.json", "key", lambda: 1 / 0)
    assert not list(tmp_path.iterdir())
    assert (
        kept(tmp_path / "a.json", "key", lambda: [1]) == kept(tmp_path / "a.json", "key", lambda: [2]) == [1]
    )


def test_two_processes_give_results_in_the_order_of_the_jobs():
    assert list(spread(2, abs, [-3, 2, -1])) == list(spread(1, abs, [-3, 2, -1])) == [3, 2, 1]
