"""Classes from neighbours."""

from __future__ import annotations

import json

import pytest
from numpy.testing import assert_allclose

from spectrove.errors import KnowledgeError
from spectrove.inference import classify, share_interval


def test_two_near_neighbours_outvote_one(make_neighbors):
    """By hand: e^-1, e^-1, e^-2 over their sum."""
    found = make_neighbors([[1.0, 1.0, 2.0]], [["SF", "SF", "LINER"]])
    answer = classify(found, "class_derived")[0]
    near, far = 0.36787944, 0.13533528
    assert answer.value == "SF"
    assert_allclose(answer.probabilities["SF"], 2 * near / (2 * near + far), rtol=1e-6)
    assert answer.interval == share_interval(answer.probability, answer.n_effective)
    assert answer.interval[0] < answer.probability < answer.interval[1]
    assert_allclose(sum(answer.weights), 1)


def test_distances_count_in_units_of_the_bases_scale(make_neighbors):
    one = classify(make_neighbors([[1.0, 2.0]], [["a", "b"]], scale=1.0), "class_derived")[0]
    other = classify(make_neighbors([[5.0, 10.0]], [["a", "b"]], scale=5.0), "class_derived")[0]
    assert one.probabilities == other.probabilities


def test_without_a_labelled_neighbour_there_is_no_answer_and_a_reason(make_neighbors):
    answer = classify(make_neighbors([[1.0, 2.0]], [[None, ""]]), "class_derived")[0]
    assert (answer.value, answer.probabilities, answer.interval, answer.probability) == (None, {}, None, None)
    assert "No neighbour has a usable label in class_derived" in answer.reason_no_interval
    assert answer.flags == ("few_neighbors",)
    assert answer.weights == (0.0, 0.0)


def test_unlabelled_neighbours_do_not_vote_and_are_shown(make_neighbors):
    answer = classify(make_neighbors([[0.1, 1.0, 2.0]], [[None, "SF", "SF"]]), "class_derived")[0]
    assert answer.probabilities == {"SF": 1.0}
    assert [v.label for v in answer.neighbors] == [None, "SF", "SF"]
    assert answer.neighbors[0].weight == 0
    assert answer.flags == ("few_neighbors",)


def test_classes_that_were_searched_and_not_found_have_probability_zero(make_neighbors):
    found = make_neighbors([[1.0]], [["SF"]], pool={"LINER": 4, "SF": 9})
    assert classify(found, "class_derived")[0].probabilities == {"LINER": 0.0, "SF": 1.0}


def test_values_outside_the_asked_classes_do_not_vote(make_neighbors):
    found = make_neighbors([[1.0, 2.0]], [["Composite", "SF"]])
    assert classify(found, "class_derived", classes=["SF", "LINER"])[0].probabilities == {
        "SF": 1.0,
        "LINER": 0.0,
    }


def test_a_column_that_no_neighbour_has_is_an_error(make_neighbors):
    with pytest.raises(
        KnowledgeError, match=r"no neighbour has a column 'lens'; their columns are class_derived"
    ):
        classify(make_neighbors([[1.0]], [["SF"]]), "lens")


def test_missing_neighbours_are_left_out_of_the_list(make_neighbors):
    found = make_neighbors(
        [[1.0, 2.0, 3.0], [1.0]], [["SF", "SF", "LINER"], ["LINER"]], flags=((), ("few_neighbors",))
    )
    answers = classify(found, "class_derived")
    assert [len(a.neighbors) for a in answers] == [3, 1]
    assert answers[1].flags == ("few_neighbors",)
    assert answers[1].value == "LINER"


def test_what_classify_prints_has_the_documented_shape(make_neighbors):
    found = make_neighbors([[1.0, 2.0], [1.0, 2.0]], [["SF", "SF"], [None, None]])
    for answer in classify(found, "class_derived"):
        line = answer.to_dict()
        told = ["metric", "calibrated", "p_distance", "set", "witnesses", "none_of_these"]
        assert list(line) == ["object_id", "label", "value", "probabilities", *told, "neighbors", "flags"]
        assert list(line["neighbors"][0]) == ["object_id", "distance", "weight", "label"]
        json.dumps(line, allow_nan=False)


def test_numbers_can_be_labels(make_neighbors):
    answer = classify(make_neighbors([[1.0, 1.0, 1.0]], [[1.0, 1, 2]]), "class_derived")[0]
    assert answer.value == "1"
    assert_allclose(answer.probabilities["1"], 2 / 3)
