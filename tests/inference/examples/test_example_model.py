"""The model of a few examples: what it finds, and what it does not depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import KnowledgeError
from spectrove.inference.examples.answer import Given, answers_of
from spectrove.inference.examples.background import Background, fit_axes
from spectrove.inference.examples.measured import Measured
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


def states(known, seed=5):
    """What the planted objects say themselves: that they are in the second of three states; the others in any."""
    rng = np.random.default_rng(seed)
    return np.where((np.arange(N) < PLANTED)[:, None], [0.05, 0.9, 0.05], rng.dirichlet(np.ones(3), N))


def test_what_spectra_say_themselves_finds_a_kind_that_vectors_do_not_show(planted):
    """Views of noise alone: the kind is found by its state, and the sentence of an answer says so."""
    rng = np.random.default_rng(4)
    noise = background({"shape": rng.normal(size=(N, 20)), "lines": rng.normal(size=(N, 10))})
    known = replace(noise, measured=Measured("own lines", ("a", "b", "c"), states(noise)))
    own = np.array([0, 1, 2])
    rest = np.arange(3, N)
    found = fit_examples(known, known.of(own), own=own).score(known.of(rest))
    blind = fit_examples(noise, noise.of(own), own=own).score(noise.of(rest))
    precision = [(np.argsort(-score)[:PLANTED] < PLANTED - 3).mean() for score in (found, blind)]
    assert precision[0] > 0.7 > 0.3 > precision[1]
    answers = answers_of(["x"], known.of(rest[:1]), fit_examples(known, known.of(own), own=own),
                         Given(("o0000", "o0001", "o0002"), (), {"shape": 1.0, "lines": 1.0}))  # fmt: skip
    assert "most alike in own lines (b 0.90, the examples 0.76)" in answers[0].why


def test_what_is_not_measured_says_nothing(planted):
    """A kind that the vectors show is found as well where no spectrum says anything, or no example does."""
    own = np.array([0, 1, 2])
    plain = fit_examples(planted, planted.of(own), own=own).score(planted.vectors)
    silent = replace(planted, measured=Measured("own lines", ("a", "b", "c"), np.full((N, 3), np.nan)))
    assert_allclose(fit_examples(silent, silent.of(own), own=own).score(silent.of(np.arange(N))), plain)
    some = states(planted)
    some[own] = np.nan
    mixed = replace(planted, measured=Measured("own lines", ("a", "b", "c"), some))
    assert_allclose(fit_examples(mixed, mixed.of(own), own=own).score(mixed.of(np.arange(N))), plain)


def test_states_that_do_not_tell_the_kind_leave_the_order_nearly_as_it_was(planted):
    """The vectors find the kind: a measurement in which the examples agree with everything counts little."""
    own = np.array([0, 1, 2])
    some = np.random.default_rng(9).dirichlet(np.ones(3), N)
    mixed = replace(planted, measured=Measured("own lines", ("a", "b", "c"), some))
    score = fit_examples(mixed, mixed.of(own), own=own).score(mixed.of(np.arange(N)))
    score[own] = -np.inf
    assert (np.argsort(-score)[: PLANTED - 3] < PLANTED).mean() > 0.8
