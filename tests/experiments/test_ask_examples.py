"""The part `examples` of `ask`: methods on vectors of known truth, and the figures made of them."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.ask import examples
from experiments.ask.bench import Bench
from experiments.ask.methods import METHODS, Fold


@pytest.fixture
def wanted():
    """A cluster of 30 in 200 objects on 20 plates."""
    rng = np.random.default_rng(3)
    truth = (np.arange(200) % 20 < 3).astype(int)
    shape, surprise = rng.normal(size=(200, 8)), rng.normal(size=(200, 5))
    surprise[:, 0] += 6 * truth
    plate = np.array([f"p{i}" for i in rng.integers(20, size=200)])
    return examples.Wanted("cluster", {"shape": shape, "surprise": surprise}, truth, plate)


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
    table = examples.summarised(examples.measured(wanted, 0, bench))
    row = next(r for r in table if (r["method"], r["yes"], r["no"]) == ("spectrove", 3, 0))
    assert row["ap"] > 0.8
    assert row["ap_ours_less_this"] == 0
    assert row["p20"] <= row["ceiling"] + 1e-12
    assert "cluster" in examples.text(table, bench)
