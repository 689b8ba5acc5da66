"""Scores agree with scikit-learn, and intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import precision_recall_fscore_support

from spectrove.encoders import EncoderRecipe
from spectrove.encoders.recipe import PcaRecipe
from spectrove.errors import LeakError
from spectrove.evaluation.metrics import class_scores
from spectrove.evaluation.protocol import check_groups, group_folds, not_trained_on
from spectrove.spectra import Spectrum, SpectrumSet


def draw(n_groups, rng, classes=("a", "b", "c"), noise=0.3):
    groups = np.repeat(np.arange(n_groups), 4)
    truth = rng.choice(classes, len(groups))
    wrong = rng.random(len(groups)) < noise
    return truth, np.where(wrong, rng.choice(classes, len(groups)), truth), groups


def test_figures_are_those_of_scikit_learn():
    truth, predicted, groups = draw(60, np.random.default_rng(0))
    scores = class_scores([truth], [predicted], [groups], ["a", "b", "c"])
    p, r, f, _ = precision_recall_fscore_support(truth, predicted, labels=["a", "b", "c"])
    assert_allclose([scores[c]["precision"].value for c in "abc"], p)
    assert_allclose([scores[c]["recall"].value for c in "abc"], r)
    assert_allclose(scores["macro"]["f1"].value, f.mean())


def test_a_class_nobody_calls_scores_zero_not_nan():
    scores = class_scores([["a", "b"]], [["b", "b"]], [[0, 1]], ["a", "b"])
    assert scores["a"]["f1"].value == scores["a"]["precision"].value == 0


def test_intervals_hold_the_long_run_figure_as_often_as_they_say():
    rng = np.random.default_rng(1)
    long_run = class_scores(*[[x] for x in draw(20000, rng)], ["a", "b", "c"])["macro"]["f1"].value
    inside = 0
    for _ in range(120):
        score = class_scores(*[[x] for x in draw(60, rng)], ["a", "b", "c"])["macro"]["f1"]
        inside += score.low <= long_run <= score.high
    assert 0.88 <= inside / 120 <= 0.99


def test_wider_groups_give_wider_intervals():
    """The same objects in fewer, alike groups are worth less."""
    rng = np.random.default_rng(2)
    truth, _, groups = draw(100, rng)
    right = rng.random(10) < 0.7
    clumped = np.where(right[groups // 10], truth, "b")
    narrow, wide = (
        class_scores([truth], [clumped], [g], ["a", "b", "c"])["macro"]["f1"]
        for g in (np.arange(400), groups // 10)
    )
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def plates(n=40):
    x = np.arange(10.0) + 4000
    one = np.ones(10)
    return SpectrumSet.from_spectra(
        [Spectrum(f"s{i}", x, one, one, 0 * one, one, {"plate": None if i == 7 else i % 8}) for i in range(n)]
    )


def test_no_plate_is_on_both_sides_and_everyone_is_asked_once():
    spectra = plates()
    folds = group_folds(spectra, "plate", 4, seed=0)
    names = np.array([str(p) for p in spectra.column("plate")])
    for fold in folds:
        check_groups(names[fold.base].tolist(), names[fold.queries].tolist())
    assert sorted(np.concatenate([f.queries for f in folds]).tolist()) == list(range(40))


def test_a_shared_plate_is_refused():
    with pytest.raises(LeakError, match="266"):
        check_groups(["266", "267"], ["266"])


class Seen:
    name = "net"
    recipe = EncoderRecipe(name="net", kind="pca", pca=PcaRecipe())
    training_ids = frozenset({"a", "b"})


def test_objects_that_were_trained_on_are_not_scored():
    assert not_trained_on(Seen(), np.array(["a", "c"])).tolist() == [False, True]
    with pytest.raises(LeakError, match="trained on all 2"):
        not_trained_on(Seen(), np.array(["a", "b"]))
