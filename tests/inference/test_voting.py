"""Votes: by hand, by symmetry, in the limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import beta

from spectrove.errors import ShapeError
from spectrove.inference import NORMALISE, WEIGHTS, share_interval, vote
from spectrove.inference.neighbors.voting import EPSILON, effective_number, neighbor_weights

EVERY_RULE = [(w, n) for w in WEIGHTS for n in NORMALISE]


def labels(*rows):
    return np.array(rows, dtype=object)


@st.composite
def ballots(draw, labelled=False):
    """Distances and labels of one query's neighbours; some have no label."""
    k = draw(st.integers(1, 8))
    distance = draw(st.lists(st.floats(0, 50, allow_subnormal=False), min_size=k, max_size=k))
    values = st.sampled_from(["a", "b", "c"] if labelled else ["a", "b", "c", None])
    names = draw(st.lists(values, min_size=k, max_size=k))
    return np.array([distance]), labels(names)


def test_the_papers_four_weights_by_hand():
    """At distances 1 and 3, scale 1: 1/x gives 3:1, 1/x^2 9:1, e^-x e^2:1, and -x reflected 3:1."""
    expected = {"inverse": 3, "inverse_square": 9, "exp": np.exp(2), "negative": 3}
    for weighting, ratio in expected.items():
        weight = vote(np.array([[1.0, 3.0]]), labels(["a", "b"]), weighting=weighting).weight[0]
        assert_allclose(weight[0] / weight[1], ratio, rtol=1e-5)


def test_the_second_reading_is_the_softmax_of_the_weights():
    for weighting, function in WEIGHTS.items():
        x = np.array([[0.7, 1.1, 2.0]])
        weight = vote(x, labels(["a", "b", "a"]), weighting=weighting, normalise="softmax").weight
        assert_allclose(weight, np.exp(function(x)) / np.exp(function(x)).sum(), rtol=1e-12)


def test_two_of_three_agreeing_under_softmax_come_near_the_papers_case():
    """The paper's LINER: share 68.12% for two of three. softmax(e^-x) cannot leave two thirds far behind."""
    near = vote(np.array([[0.9, 1.0, 1.2]]), labels(["L", "L", "S"]), normalise="softmax").share[0]
    assert 0.667 < near[0] < 0.70


@given(ballots())
def test_softmax_of_minus_x_is_e_to_the_minus_x_over_its_sum(ballot):
    distance, names = ballot
    voting = names != None  # noqa: E711 (elementwise)
    one = neighbor_weights(distance, voting, weighting="negative", normalise="softmax")
    other = neighbor_weights(distance, voting, weighting="exp", normalise="sum")
    assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize(("weighting", "normalise"), EVERY_RULE)
@given(ballot=ballots())
def test_shares_and_weights_sum_to_one_and_silence_gives_none(weighting, normalise, ballot):
    result = vote(*ballot, weighting=weighting, normalise=normalise)
    assert (result.weight >= 0).all()
    if result.winner[0] is None:
        assert np.isnan(result.share).all()
        assert not result.weight.any()
        assert result.n_effective[0] == 0
    else:
        assert_allclose([result.share.sum(), result.weight.sum()], 1, rtol=1e-9)
        assert 1 - 1e-9 <= result.n_effective[0] <= np.sum(ballot[1] != None) + 1e-9  # noqa: E711


@pytest.mark.parametrize(("weighting", "normalise"), EVERY_RULE)
@given(ballot=ballots(), random=st.randoms(use_true_random=False))
def test_the_order_of_the_neighbours_does_not_matter(weighting, normalise, ballot, random):
    """To the last bit, the winner included."""
    distance, names = ballot
    order = list(range(distance.shape[1]))
    random.shuffle(order)
    one = vote(distance, names, weighting=weighting, normalise=normalise)
    other = vote(distance[:, order], names[:, order], weighting=weighting, normalise=normalise)
    assert np.array_equal(one.share, other.share, equal_nan=True)
    assert np.array_equal(one.weight[:, order], other.weight)
    assert one.winner == other.winner


@pytest.mark.parametrize(("weighting", "normalise"), EVERY_RULE)
@given(ballot=ballots(), factor=st.sampled_from([1e-3, 0.5, 7.0, 1e4]), scale=st.floats(0.1, 10))
def test_scaling_all_distances_leaves_scaled_votes_unchanged(weighting, normalise, ballot, factor, scale):
    distance, names = ballot
    one = vote(distance, names, weighting=weighting, normalise=normalise, scale=scale)
    other = vote(distance * factor, names, weighting=weighting, normalise=normalise, scale=scale * factor)
    # Softmax of 1/x near a copy turns the last bit of x into a factor of e^(1/x^2 * 1e-16).
    assert_allclose(one.share, other.share, atol=1e-4 if normalise == "softmax" else 1e-8)


@pytest.mark.parametrize(("weighting", "normalise"), EVERY_RULE)
@given(ballot=ballots(labelled=True))
def test_those_without_a_label_do_not_vote_and_take_no_weight(weighting, normalise, ballot):
    distance, names = ballot
    silent = np.concatenate([distance, [[0.0, 0.1, np.inf]]], axis=1)
    with_silent = labels([*names[0], None, None, "a"])  # the last has a label, but is no neighbour
    one = vote(distance, names, classes="abc", weighting=weighting, normalise=normalise)
    other = vote(silent, with_silent, classes="abc", weighting=weighting, normalise=normalise)
    assert np.array_equal(one.share, other.share)
    assert one.winner == other.winner
    assert not other.weight[0, -3:].any()


@pytest.mark.parametrize(("weighting", "normalise"), EVERY_RULE)
@pytest.mark.parametrize("distance", [0.0, 1.0, 1e6])
def test_one_neighbour_has_all_the_weight(weighting, normalise, distance):
    result = vote(np.array([[distance]]), labels(["a"]), weighting=weighting, normalise=normalise)
    assert (result.winner, result.share.tolist(), result.n_effective.tolist()) == (("a",), [[1.0]], [1.0])


@pytest.mark.parametrize(("weighting", "normalise"), EVERY_RULE)
def test_copies_at_distance_zero_share_the_vote(weighting, normalise):
    """Weights stay finite; two exact copies with different labels count the same."""
    result = vote(
        np.array([[0.0, 0.0, 1.0]]), labels(["a", "b", "a"]), weighting=weighting, normalise=normalise
    )
    assert np.isfinite(result.weight).all()
    assert_allclose(result.weight[0, 0], result.weight[0, 1], rtol=1e-12)
    assert result.weight[0, 0] > result.weight[0, 2]
    all_copies = vote(
        np.zeros((1, 4)), labels(["a", "b", "b", "b"]), weighting=weighting, normalise=normalise
    )
    assert_allclose(all_copies.share, [[0.25, 0.75]])


def test_an_exact_copy_outweighs_by_one_over_epsilon():
    weight = vote(np.array([[0.0, 1.0]]), labels(["a", "b"]), weighting="inverse").weight[0]
    assert_allclose(weight[0] / weight[1], 1 / EPSILON, rtol=1e-5)


@pytest.mark.parametrize(("weighting", "normalise"), EVERY_RULE)
@given(distance=st.lists(st.floats(0, 50, allow_subnormal=False), min_size=2, max_size=8))
def test_a_nearer_neighbour_never_weighs_less(weighting, normalise, distance):
    """The naive reading of -x over its sum breaks this: it gives the farthest the most."""
    x = np.sort(distance)[None]
    weight = vote(x, labels(["a"] * x.size), weighting=weighting, normalise=normalise).weight[0]
    assert (np.diff(weight) <= 1e-12).all()


def test_neighbours_far_beyond_the_range_of_floats_still_vote():
    """e^-2000 is zero in floating point; the ratio of two such weights is not."""
    result = vote(np.array([[2000.0, 2001.0]]), labels(["a", "b"]))
    assert_allclose(result.share, [[1 / (1 + np.exp(-1)), 1 / (1 + np.e)]])


def test_ties_go_to_the_nearest_neighbour_then_to_the_alphabet():
    even = np.array([[1.0, 2.0, 2.0, 1.0]])
    assert vote(even, labels(["b", "a", "b", "a"])).winner == ("a",)
    assert vote(even[:, ::-1], labels(["b", "a", "b", "a"])).winner == ("a",)
    reflected = vote(np.array([[1.0, 2.0, 3.0]]), labels(["b", "b", "a"]), weighting="negative")
    assert reflected.winner == ("b",)
    # 1/x: one at 1 against two at 2. Equal sums; the nearer side wins although it comes later.
    split = np.array([[1.0, 2.0, 2.0]])
    assert vote(split, labels(["z", "a", "a"]), weighting="inverse", classes="az").share[0, 1] >= 0.5 - 1e-6
    twice = vote(np.zeros((1, 2)), labels(["z", "a"]), weighting="inverse")
    assert twice.winner == ("a",)


def test_wrong_input_is_refused_in_words():
    with pytest.raises(ShapeError, match=r"distances \(1, 2\), labels \(1, 1\)"):
        vote(np.ones((1, 2)), labels(["a"]))
    with pytest.raises(ValueError, match="inverse, inverse_square, negative, exp"):
        vote(np.ones((1, 1)), labels(["a"]), weighting="cube")
    with pytest.raises(ValueError, match="one of sum, softmax"):
        vote(np.ones((1, 1)), labels(["a"]), normalise="max")
    with pytest.raises(ValueError, match=r"\['b'\] are not among the classes \['a'\]"):
        vote(np.ones((1, 1)), labels(["b"]), classes=["a"])


def test_the_effective_number_of_voters_by_hand():
    """Equal weights count fully; (.5, .25, .25) counts as 1 / .375."""
    assert_allclose(effective_number(np.array([[1, 1, 1], [1, 0, 0], [0.5, 0.25, 0.25]])), [3, 1, 1 / 0.375])


@given(share=st.floats(0, 1), n=st.floats(1, 100), level=st.sampled_from([0.68, 0.95]))
def test_the_interval_holds_the_share_and_lies_between_zero_and_one(share, n, level):
    low, high = share_interval(share, n, level)
    assert 0 <= low <= share <= high <= 1
    assert low < high


def test_the_interval_is_jeffreys():
    """Against scipy's beta distribution: 2 of 3 votes."""
    expected = beta(2.5, 1.5).ppf([0.16, 0.84])
    assert_allclose(share_interval(2 / 3, 3), expected, rtol=1e-9)


@given(n=st.integers(1, 30))
def test_more_votes_narrow_the_interval(n):
    few, many = share_interval(0.5, n), share_interval(0.5, n + 1)
    assert many[1] - many[0] < few[1] - few[0]


def test_the_interval_covers_about_as_often_as_it_says():
    """Of simulated votes of 20 equal neighbours, averaged over true probabilities from 0 to 1."""
    rng = np.random.default_rng(5)
    truth = rng.uniform(0, 1, 3000)
    shares = rng.binomial(20, truth) / 20
    ends = np.array([share_interval(share, 20) for share in shares])
    covered = np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
    assert_allclose(covered, 0.68, atol=0.03)
