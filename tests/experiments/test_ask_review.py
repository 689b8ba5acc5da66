"""The simulated review: what it counts is what it says."""

from __future__ import annotations

import numpy as np

from experiments.ask.review import Population, curve, drawn, interval, looks_needed, one_draw


def population(seed: int) -> Population:
    """A cluster of targets among noise, five objects on each plate."""
    rng = np.random.default_rng(seed)
    truth = np.arange(200) < 40
    vectors = rng.normal(size=(200, 6)) + 3.0 * truth[:, None] * np.array([1, 1, 0, 0, 0, 0])
    order = rng.permutation(200)
    names = np.array([f"o{i:03d}" for i in range(200)])
    plates = np.array([f"p{i // 5}" for i in range(200)])
    return Population(names, {"shape": vectors[order]}, plates, truth[order])


def test_looks_are_counted_until_nine_targets_in_ten():
    """Ten targets: the ninth stands at the twelfth place."""
    truth = np.array([1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1], dtype=bool)
    assert truth.sum() == 10
    assert looks_needed(range(14), truth) == 12
    assert looks_needed(range(5), truth) == 14
    assert curve(truth)[[0, -1]].tolist() == [0.0, 1.0]


def test_examples_are_no_candidates_and_whole_plates_are_left_out():
    whole = population(1)
    draw = drawn(whole, 3)
    assert len(draw.truth) == 160 - 3
    assert len(draw.known.known_yes["shape"]) == 3
    kept = whole.plate[np.isin(whole.object_id, draw.candidates.object_id)]
    assert len(np.unique(kept)) == 32


def test_a_review_of_a_cluster_needs_few_looks_and_random_ones_nearly_all():
    found = one_draw(drawn(population(2), 0))
    assert found["looks"]["review"] < 0.4
    assert found["looks"]["random"] > 0.7
    assert found["found"] >= 0.9


def test_the_interval_of_a_ratio_holds_it():
    value, low, high = interval(np.array([1.0, 2, 3]), np.array([2.0, 4, 6]))
    assert value == low == high == 0.5
