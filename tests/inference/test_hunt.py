"""Hunts with a Target, and priors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from spectrove.errors import KnowledgeError, TargetError
from spectrove.inference import hunt
from spectrove.inference.neighbors.hunt import with_prior
from spectrove.pipeline.shipped import load_target
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.targets import Target

LINER = load_target("liner")


def changed(**update):
    return Target(**{**LINER.model_dump(), **update})


def test_a_hunt_counts_the_votes_for_the_positive_class(make_neighbors):
    found = make_neighbors([[1.0, 1.0, 1.0]] * 2, [["LINER", "LINER", "SF"], ["SF", "LINER", "quiescent"]])
    yes, no = hunt(found, LINER)
    assert_allclose([yes.probability, no.probability], [2 / 3, 1 / 3])
    assert (yes.is_target, no.is_target) == (True, False)
    assert (yes.value, no.value) == ("LINER", "other")
    assert [v.label for v in no.neighbors] == ["SF", "LINER", "quiescent"]
    assert [v.group for v in no.neighbors] == ["other", "LINER", "other"]


def test_the_threshold_decides_and_half_is_enough(make_neighbors):
    found = make_neighbors([[1.0, 1.0]], [["LINER", "SF"]])
    assert hunt(found, LINER)[0].is_target
    assert not hunt(found, changed(threshold=0.51))[0].is_target
    thirds = make_neighbors([[1.0, 1.0, 1.0]], [["LINER", "SF", "SF"]])
    assert hunt(thirds, changed(threshold=1 / 3))[0].is_target


def test_what_hunt_prints_has_the_documented_shape(make_neighbors):
    pixels = (np.arange(3) + 4000.0, *(np.ones(3, kind) for kind in ("f4", "f4", "i4", "f4")))
    spectra = SpectrumSet.from_spectra(
        [Spectrum("q1", *pixels, row={}), Spectrum("q0", *pixels, row={"z": 0.0668, "z_source": "catalog"})]
    )
    found = make_neighbors([[1.0, 2.0], [1.0, 2.0]], [["LINER", "SF"], [None, None]])
    answered, silent = (p.to_dict() for p in hunt(found, LINER, spectra=spectra))
    shape = [
        "object_id", "target", "probability", "interval", "is_target", "z", "z_source", "metric",
        "calibrated", "p_distance", "set", "witnesses", "none_of_these",
        "neighbors", "flags",
    ]  # fmt: skip
    assert list(answered) == shape
    assert list(answered["neighbors"][0]) == ["object_id", "distance", "weight", "label"]
    assert (answered["target"], answered["z"], answered["z_source"]) == ("liner", 0.0668, "catalog")
    assert list(silent) == [*shape, "reason_no_interval"]
    assert (silent["probability"], silent["interval"], silent["is_target"], silent["z"]) == (
        None,
        None,
        False,
        None,
    )
    for line in (answered, silent):
        json.dumps(line, allow_nan=False)


def test_equals_in_probability_rank_by_the_distance_of_their_voters(make_neighbors):
    """Three that are all sure: the one with the nearest neighbours first, and who has none last."""
    found = make_neighbors(
        [[2.0, 2.0], [0.5, 0.9], [1.0, 1.0], [0.1, 0.1]],
        [["LINER", "LINER"], ["LINER", "LINER"], ["LINER", "LINER"], [None, None]],
    )
    ranked = sorted(hunt(found, LINER), key=lambda p: p.rank, reverse=True)
    assert [p.object_id for p in ranked] == ["q1", "q2", "q0", "q3"]


def test_a_column_that_no_neighbour_has_is_an_error(make_neighbors):
    with pytest.raises(KnowledgeError, match="no neighbour has a column 'class_derived'"):
        hunt(make_neighbors([[1.0]], [["x"]], column="other"), LINER)


def test_a_prior_by_hand(make_neighbors):
    """The base is half LINERs, the survey one in ten: a share of 1/2 is worth 1/10."""
    found = make_neighbors([[1.0, 1.0]], [["LINER", "SF"]], pool={"LINER": 50, "other": 50})
    answer = hunt(found, changed(prior={"LINER": 0.1, "other": 0.9}))[0]
    assert_allclose(answer.probability, 0.1)
    assert not answer.is_target
    assert answer.value == "other"
    assert answer.interval[0] < 0.1 < answer.interval[1]


def test_a_prior_needs_to_know_what_was_searched(make_neighbors):
    with pytest.raises(TargetError, match=r"prior.*Search with target="):
        hunt(make_neighbors([[1.0]], [["LINER"]]), changed(prior={"LINER": 0.1, "other": 0.9}))


counts = st.integers(1, 10_000)


@given(p=st.floats(0, 1), a=counts, b=counts)
def test_a_prior_equal_to_the_base_changes_nothing(p, a, b):
    shares = {"LINER": p, "other": 1 - p}
    same = with_prior(shares, {"LINER": a / (a + b), "other": b / (a + b)}, {"LINER": a, "other": b})
    assert_allclose([same[k] for k in shares], [shares[k] for k in shares], atol=1e-9)


@given(p=st.floats(0, 1), a=counts, b=counts, prior=st.floats(0.001, 0.999))
def test_priors_give_probabilities_and_odds_that_follow_bayes(p, a, b, prior):
    result = with_prior({"x": p, "y": 1 - p}, {"x": prior, "y": 1 - prior}, {"x": a, "y": b})
    assert_allclose(sum(result.values()), 1, rtol=1e-9)
    if 0.01 < p < 0.99:
        odds = p / (1 - p) * (prior / (1 - prior)) * (b / a)
        assert_allclose(result["x"] / result["y"], odds, rtol=1e-6)


@given(
    distance=st.lists(st.floats(0, 5), min_size=1, max_size=6),
    prior=st.floats(0.01, 0.99),
    a=counts,
    data=st.data(),
)
def test_with_a_prior_the_interval_still_holds_the_probability(make_neighbors, distance, prior, a, data):
    values = data.draw(
        st.lists(st.sampled_from(["LINER", "SF"]), min_size=len(distance), max_size=len(distance))
    )
    found = make_neighbors([distance], [values], pool={"LINER": a, "other": 500})
    answer = hunt(found, changed(prior={"LINER": prior, "other": 1 - prior}))[0]
    assert 0 <= answer.interval[0] <= answer.probability <= answer.interval[1] <= 1
    assert_allclose(sum(answer.probabilities.values()), 1)


def test_three_classes_sum_to_one_and_composites_are_not_heard(make_neighbors):
    target = load_target("star_forming_agn_normal")
    found = make_neighbors([[0.5, 1.0, 1.0, 1.0]], [["Composite", "SF", "LINER", "Seyfert2-like"]])
    answer = hunt(found, target)[0]
    assert answer.value == "AGN"
    assert_allclose(list(answer.probabilities.values()), [1 / 3, 2 / 3, 0])
    assert answer.neighbors[0].weight == 0
    assert answer.neighbors[0].label == "Composite"


def test_no_query_gives_no_prediction(make_neighbors):
    assert hunt(make_neighbors([], []), LINER) == []
