"""The objects that fits learn from, and fits on a base that holds more than those."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.embeddings import Embeddings
from spectrove.inference import answer, calibration_for, classify, metric_for
from spectrove.inference import pool as pools
from spectrove.inference.numbers.trend import fit_trend
from spectrove.inference.pool import Pool
from spectrove.inference.sample import stratified
from spectrove.inference.terms import Terms
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.search import hashes_of
from spectrove.spectra import Spectrum, SpectrumSet

#: Objects of the base, and those that fits may learn from.
N, SIZE = 2400, 900
#: Gaussian classes 2.5 sigma apart, one of them rare.
SHARES = {"a": 0.5, "b": 0.485, "rare": 0.015}
TERMS = Terms(group="plate", groups="plates")


def names(n):
    return np.array([f"o{i:05d}" for i in range(n)])


def test_rare_classes_are_whole_and_frequent_ones_equal():
    labels = np.array(["a"] * 500 + ["b"] * 300 + ["rare"] * 20)
    chosen = stratified(hashes_of(names(820)), labels, 200)
    kept, counts = np.unique(labels[chosen], return_counts=True)
    assert dict(zip(kept.tolist(), counts.tolist(), strict=True)) == {"a": 90, "b": 90, "rare": 20}


def test_the_choice_goes_by_id_alone_and_most_of_it_stays_when_objects_are_added():
    ids, labels = names(1000), np.array(["a", "b"] * 500)
    chosen = set(ids[stratified(hashes_of(ids), labels, 300)].tolist())
    order = np.random.default_rng(0).permutation(1000)
    assert set(ids[order][stratified(hashes_of(ids[order]), labels[order], 300)].tolist()) == chosen
    more = names(1050)
    after = set(more[stratified(hashes_of(more), np.array(["a", "b"] * 525), 300)].tolist())
    assert len(after & chosen) > 270


def test_few_objects_are_all_taken():
    assert_array_equal(stratified(hashes_of(names(10)), np.array(["a"] * 10), 10), np.arange(10))


def test_each_of_more_classes_than_objects_keeps_one():
    assert len(stratified(hashes_of(names(40)), np.arange(40).astype(str), 10)) == 40


def drawn(n, seed):
    """Vectors and classes of n objects."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(list(SHARES), size=n, p=list(SHARES.values()))
    vectors = rng.normal(size=(n, 4)).astype(np.float32)
    for i, name in enumerate(SHARES):
        vectors[labels == name, i] += 2.5
    return vectors, labels


def embedded(ids, vectors):
    return Embeddings(vectors, ids, "f", np.tile([3700.0, 8700.0], (len(ids), 1)), "made")


def without_light(ids, labels=None):
    pixels = 4000.0 + np.arange(3), np.ones(3, "f4"), np.ones(3, "f4"), np.zeros(3, "i4"), np.ones(3, "f4")
    rows = [{} if labels is None else {"kind": str(labels[i]), "plate": i % 40} for i in range(len(ids))]
    return SpectrumSet.from_spectra(
        [Spectrum(str(n), *pixels, row=r) for n, r in zip(ids, rows, strict=True)]
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The path of a base that holds more objects than fits learn from."""
    vectors, labels = drawn(N, 1)
    path = tmp_path_factory.mktemp("large") / "a.kb"
    ids = names(N)
    KnowledgeBase.create(path, without_light(ids, labels), {"shape": embedded(ids, vectors)}, encoder="made")
    return path


@pytest.fixture
def small_samples(monkeypatch):
    monkeypatch.setattr(pools, "AMONG", SIZE)


def asked(path, ids, vectors):
    """Calibration of the base and its answers."""
    base = KnowledgeBase.open(path)
    pool = Pool.of(base, "kind")
    metric = metric_for(pool, "linear", group="plate")
    calibrated = calibration_for(pool, metric=metric, terms=TERMS)
    views, spectra = {"shape": embedded(ids, vectors)}, without_light(ids)
    near = base.search(views, 5, spectra=spectra, metric=metric.metrics, **pool.arguments)
    return calibrated, answer(classify(near, "kind"), calibrated, views, spectra)


def test_a_base_larger_than_the_sample_is_calibrated_and_equals_itself_after_reopening(large, small_samples):
    """On classes whose posterior is known: the shares are those of the whole base, though the sample holds others."""
    vectors, _ = drawn(600, 2)
    ids = np.array([f"q{i}" for i in range(600)])
    calibrated, answers = asked(large, ids, vectors)
    made = calibrated.calibration
    assert len(made.among.object_id) == SIZE
    assert made.counts.sum() == N
    rare = made.classes.index("rare")
    assert made.counts[rare] == (drawn(N, 1)[1] == "rare").sum()
    log = [2.5 * vectors[:, i] + np.log(share) for i, share in enumerate(SHARES.values())]
    true = np.exp(log - np.logaddexp.reduce(log))
    found = np.array([[p.probabilities[name] for name in SHARES] for p in answers])
    assert np.abs(found - true.T).mean() < 0.05
    assert_allclose(found.mean(axis=0), true.mean(axis=1), atol=0.02)
    again, same = asked(large, ids[:3], vectors[:3])
    assert again.calibration is not made
    assert_array_equal([list(p.probabilities.values()) for p in same], found[:3])


def test_an_object_of_the_sample_is_not_near_itself(large, small_samples):
    """Nor is a copy of it, so that its answer is that of a stranger at its place."""
    base = KnowledgeBase.open(large)
    calibrated, _ = asked(large, names(1), drawn(1, 3)[0])
    among = calibrated.calibration.among
    vectors = base.vectors_of(among.object_id[:20].tolist())
    found = base.search_by_class(vectors, 1, labelled="kind", among=among)
    assert found.distance.min(axis=(1, 2)).min() > 0
    stranger = embedded(np.array(["q"]), vectors.vectors[:1])
    assert base.search_by_class(stranger, 1, labelled="kind", among=among).distance.min() == 0


def test_a_trend_of_some_objects_tells_the_others_how_far_they_are_from_it():
    rng = np.random.default_rng(0)
    x, fold = rng.normal(size=(500, 3)), np.arange(500) % 5
    y = x @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=500)
    learned = np.arange(0, 500, 2)
    whole, some = fit_trend(x, y, np.zeros(500), fold), fit_trend(x, y, np.zeros(500), fold, learned)
    assert_allclose(some.coefficients, whole.coefficients, atol=0.05)
    others = np.arange(1, 500, 2)
    for model in range(6):
        at = some.at(x[others], np.full(len(others), model))
        assert_allclose(some.residual[model, others], y[others] - at, atol=1e-12)
