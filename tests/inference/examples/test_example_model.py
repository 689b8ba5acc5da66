"""The model of a few examples: what it finds, and what it does not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import KnowledgeError
from spectrove.inference.examples.background import Background, fit_axes
from spectrove.inference.examples.model import fit_examples

N, PLANTED = 400, 30


@pytest.fixture(scope="module")
def planted():
    """A base of two views with a cluster in the second, the first objects of the base."""
    rng = np.random.default_rng(1)
    shape, lines = rng.normal(size=(N, 20)), rng.normal(size=(N, 10))
    lines[:PLANTED] += np.array([4.0, 4.0, *np.zeros(8)])
    return background({"shape": shape, "lines": lines})


def background(vectors):
    names = np.array([f"o{i:04d}" for i in range(len(vectors["shape"]))])
    return Background(names, vectors, {view: fit_axes(x) for view, x in vectors.items()})


def of(known, rows):
    return {view: x[rows] for view, x in known.vectors.items()}


def test_a_planted_cluster_is_found_in_the_view_that_shows_it(planted):
    """From three of its thirty objects, though most dimensions know nothing of it."""
    own = np.array([0, 1, 2])
    model = fit_examples(planted, of(planted, own), own=own)
    score = model.score(planted.vectors)
    score[own] = -np.inf
    assert (np.argsort(-score)[: PLANTED - 3] < PLANTED).mean() > 0.85
    least = {v: min(w.exponent for w in model.weighted if w.comparison.view == v) for v in planted.views}
    assert least["lines"] < 0.5 < least["shape"]


def test_the_order_of_the_base_is_irrelevant(planted):
    own = np.array([0, 1, 2])
    order = np.random.default_rng(2).permutation(N)
    shuffled = background({view: x[order] for view, x in planted.vectors.items()})
    one = fit_examples(planted, of(planted, own), own=own)
    other = fit_examples(shuffled, of(planted, own), own=np.argsort(order)[own])
    assert_allclose(one.score(planted.vectors), other.score(planted.vectors), rtol=1e-6, atol=1e-9)


def test_unlike_pushes_away(planted):
    """An object that is called unlike loses against the others that are like the examples."""
    own, no = np.array([0, 1, 2]), np.array([3])
    plain = fit_examples(planted, of(planted, own), own=own).score(planted.vectors)
    pushed = fit_examples(planted, of(planted, own), of(planted, no), own).score(planted.vectors)
    assert (plain[:PLANTED] >= plain[3]).sum() < (pushed[:PLANTED] >= pushed[3]).sum()


def test_a_score_does_not_depend_on_the_batch(planted):
    own = np.array([0, 1, 2])
    model = fit_examples(planted, of(planted, own), own=own)
    assert_allclose(model.score(planted.vectors)[7], model.score(of(planted, [7]))[0], rtol=1e-9)


def test_without_a_positive_nothing_is_fitted(planted):
    with pytest.raises(KnowledgeError, match="no positive example"):
        fit_examples(planted, of(planted, np.zeros(0, int)))
