"""The part `examples` of `ask`: methods on vectors of known truth, and the figures made of them."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.ask import examples
from experiments.ask.bench import Bench
from experiments.ask.labelled import target_of
from experiments.ask.methods import METHODS, Fold
from experiments.ask.told import tables


@pytest.fixture
def wanted():
    """A cluster of 30 in 200 objects on 20 plates."""
    rng = np.random.default_rng(3)
    truth = (np.arange(200) % 20 < 3).astype(int)
    shape, surprise = rng.normal(size=(200, 8)), rng.normal(size=(200, 5))
    surprise[:, 0] += 6 * truth
    plate = np.array([f"p{i}" for i in rng.integers(20, size=200)])
    return examples.Wanted("cluster", {"shape": shape, "surprise": surprise}, truth, plate, "real")


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
    rows, said = examples.measured(bench, (wanted, 0))
    table = examples.summarised(rows)
    row = next(r for r in table if (r["method"], r["yes"], r["no"]) == ("spectrove", 3, 0))
    assert row["ap"] > 0.8
    assert row["ap_ours_less_this"] == 0
    assert row["p20"] <= row["ceiling"] + 1e-12
    assert "cluster" in examples.text(table, bench)
    figures, text = tables(said, examples.SETTINGS)
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
    target = target_of(kind)
    assert target.positive == kind
    assert target.classes_of([kind, "none", None])[0] == kind
