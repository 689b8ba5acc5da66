"""Expected purity and probability of a hunt by example: intervals that hold the truth for every kind."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove.inference.examples.background import Background, fit_axes
from spectrove.inference.examples.model import fit_examples
from spectrove.inference.examples.share import estimate_share

N, DRAWS, FIRST = 600, 12, 20

#: Share of the base and distance from the others, in their scatter, of kinds that are easy, hard, rare and frequent.
KINDS = ((0.03, 6.0), (0.08, 2.5), (0.08, 1.5), (0.15, 3.0), (0.3, 2.0), (0.02, 3.0))


def hunts(count, draws=DRAWS):
    """Of each kind and draw of some examples: the expected purity of the first twenty, and the true one."""
    found = {}
    for number, (share, distance) in enumerate(KINDS):
        rng = np.random.default_rng(number)
        kind = np.arange(N) < share * N
        vectors = {view: rng.normal(size=(N, 12)) for view in ("shape", "lines")}
        vectors["lines"][kind, 0] += distance
        names = np.array([f"o{i:04d}" for i in range(N)])
        known = Background(names, vectors, {view: fit_axes(x) for view, x in vectors.items()})
        for _ in range(draws):
            own = rng.choice(np.flatnonzero(kind), count, replace=False)
            model = fit_examples(known, {v: x[own] for v, x in vectors.items()}, own=own)
            score = model.background_score.copy()
            score[own] = -np.inf
            best = np.argsort(-score)[:FIRST]
            found.setdefault(number, []).append((model.purity_at(score[best]), float(kind[best].mean())))
    return found


@pytest.fixture(scope="module")
def hunted():
    """From three examples of each kind."""
    return hunts(3)


def test_the_true_purity_is_inside_for_every_kind(hunted):
    """From three examples each, even of a kind that hardly differs from the rest, for which too much is easily said."""
    inside = {k: np.mean([p.low <= true <= p.high for p, true in rows]) for k, rows in hunted.items()}
    assert np.mean(list(inside.values())) > 0.88
    assert min(inside.values()) >= 0.7


def test_one_number_would_not_do(hunted):
    """Why it is an interval: the mean is off by more than the chance of twenty objects for most kinds."""
    off = [abs(np.mean([p.value - true for p, true in rows])) for rows in hunted.values()]
    assert np.mean(np.array(off) > 0.1) >= 0.5


def test_ten_examples_tell_kinds_apart():
    """The expected purity is higher for kinds of which more is found; from three it hardly is."""
    expected, true = np.array([(p.value, true) for rows in hunts(10, 6).values() for p, true in rows]).T
    assert np.corrcoef(expected, true)[0, 1] > 0.4


def test_more_examples_narrow_it():
    """The same ranks from three and from twelve examples."""
    ranks = np.log([0.002, 0.01, 0.04])
    few, many = (estimate_share(np.tile(ranks, k)) for k in (1, 4))
    asked = np.log((np.arange(FIRST) + 0.5) / N)
    assert few.purity(asked).high - few.purity(asked).low > many.purity(asked).high - many.purity(asked).low


def test_a_probability_is_within_its_interval_and_falls_with_the_rank():
    share = estimate_share(np.log([0.002, 0.01, 0.04]))
    ranks = np.linspace(-7, 0, 50)
    p, (low, high) = share.probability(ranks), share.interval(ranks)
    assert (np.diff(p) <= 1e-12).all()
    assert ((low <= high) & (low <= p + 1e-9)).all()
    assert (p[:25] <= high[:25] + 0.05).all()
