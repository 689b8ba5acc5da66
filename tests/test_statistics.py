"""Folds by group, parts of equal classes, intervals of fractions."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold

from spectrove.explanation.scores import score
from spectrove.statistics import Deal, folds_by_group, thinned, wilson

RNG = np.random.default_rng(3)
GROUPS = np.array([f"plate {i}" for i in RNG.integers(0, 23, 400)])


@pytest.mark.parametrize("deal", get_args(Deal))
def test_no_group_is_in_two_folds_and_all_folds_are_used(deal):
    """Whatever the order of the objects."""
    fold = folds_by_group(GROUPS, 5, deal)
    assert {len(set(fold[g == GROUPS].tolist())) for g in set(GROUPS.tolist())} == {1}
    assert set(fold.tolist()) == set(range(5))
    order = RNG.permutation(len(GROUPS))
    assert_array_equal(folds_by_group(GROUPS[order], 5, deal), fold[order])


@pytest.mark.parametrize("groups", [GROUPS, RNG.integers(0, 12, 60)], ids=["text", "numbers"])
@pytest.mark.parametrize("seed", [0, 5])
def test_shuffled_folds_are_those_of_scikit_learn(groups, seed):
    fold = folds_by_group(groups, 5, seed=seed)
    splitter = GroupKFold(5, shuffle=True, random_state=seed)
    for f, (base, asked) in enumerate(splitter.split(groups, groups=groups)):
        assert_array_equal(np.flatnonzero(fold == f), asked)
        assert_array_equal(np.flatnonzero(fold != f), base)


def test_largest_first_fills_the_folds_evenly():
    """By hand: of 5, 4, 3, 3, 1 the folds get 5 + 3 and 4 + 3 + 1."""
    groups = np.repeat([0, 1, 2, 3, 4], [3, 5, 1, 4, 3])
    fold = folds_by_group(groups, 2, "largest first")
    assert [int(fold[groups == g][0]) for g in range(5)] == [1, 0, 1, 1, 0]


def test_in_turn_every_fold_has_as_many_groups():
    """With as many groups as folds no fold is empty, which a hash alone does not give."""
    assert sorted(folds_by_group([f"o{i}" for i in range(10)], 10, "in turn").tolist()) == list(range(10))


def test_thinning_takes_the_first_of_each_label():
    labels, order = np.array(["a", "b", "a", "a", "b"]), np.array([3, 4, 2, 1, 0])
    assert thinned(labels, order, 1).tolist() == [3, 4]
    assert thinned(labels, order, 2).tolist() == [1, 2, 3, 4]


def test_the_interval_of_a_fraction_is_wilson_s():
    """8 of 10: the textbook interval is 0.490 to 0.943."""
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0) is None
    assert score([]).precision_interval is None
