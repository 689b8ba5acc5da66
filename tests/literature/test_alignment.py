"""Spectra and texts in one space, and recall on links left out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.literature.alignment import Alignment, components, fit_alignment
from spectrove.literature.retrieval import Ranks, folds_of, interval, left_out, per_part, ranked, recall

KINDS = ("contrastive", "cca", "ridge")


@pytest.fixture(scope="module")
def related() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texts that are a rotation of spectra with noise; a pair for each."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(150, 4))
    spectra = hidden @ rng.normal(size=(4, 8)) + 0.1 * rng.normal(size=(150, 8))
    texts = hidden @ rng.normal(size=(4, 20)) + 0.1 * rng.normal(size=(150, 20))
    return spectra, texts, np.column_stack([np.arange(150)] * 2)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_linked_is_found_where_no_link_was_learned(related, kind):
    """Ten times as often as chance; with links that mean nothing as often as chance."""
    spectra, texts, pairs = related
    strangers = np.random.default_rng(1).permutation(150)

    def found(texts: np.ndarray) -> float:
        def method(train: np.ndarray, seed: int) -> np.ndarray:
            space = fit_alignment(spectra, texts, train, kind, seed=seed, epochs=20, hidden=64)
            return (space.spectra(spectra) @ space.texts(texts).T).astype(float)

        return recall(left_out(pairs, method, 3, 1), 0.05).mean()

    assert found(texts) > 0.5
    assert found(texts[strangers]) < 0.15


@pytest.mark.parametrize("kind", KINDS)
def test_a_space_is_kept_as_it_was_fitted(related, kind):
    """From its bytes, and the same for the same seed; another seed gives another network."""
    spectra, texts, pairs = related
    space = fit_alignment(spectra, texts, pairs, kind, epochs=3)
    again = Alignment.from_bytes(space.to_bytes())
    assert again.kind == kind
    assert_array_equal(again.spectra(spectra), space.spectra(spectra))
    assert_array_equal(again.texts(texts), space.texts(texts))
    assert_array_equal(fit_alignment(spectra, texts, pairs, kind, epochs=3).texts(texts), space.texts(texts))
    assert_allclose(np.linalg.norm(space.texts(texts), axis=1), 1, rtol=1e-5)


def test_links_that_share_an_object_or_a_text_are_one_part():
    """Also through others; and no part lies on both sides of a fold."""
    pairs = np.array([(0, 0), (0, 1), (1, 1), (2, 2), (3, 3), (4, 3)])
    assert components(pairs).tolist() == [0, 0, 0, 1, 2, 2]
    rng = np.random.default_rng(2)
    many = np.unique(rng.integers(60, size=(70, 2)), axis=0)
    part = components(many)
    fold = folds_of(part, 4, 1)
    for i in range(4):
        chosen = many[fold == i], many[fold != i]
        for side in (0, 1):
            assert not set(chosen[0][:, side]) & set(chosen[1][:, side])


def test_places_are_those_counted_by_hand():
    """Other texts of the same object do not count, and equal likeness is shared."""
    likeness = np.array([[0.9, 0.8, 0.7, 0.7], [0.1, 0.2, 0.3, 0.0]])
    linked = np.array([[False, True, True, False], [False, False, False, True]])
    first, ties = ranked(likeness, np.array([(0, 1), (0, 2)]), linked)
    assert first.tolist() == [[2, 1], [2, 1]]
    assert ties.tolist() == [[0, 0], [1, 0]]
    ranks = Ranks(first, ties, np.array([0, 0]), (40, 40))
    assert recall(ranks, 0.05).tolist() == [[0.75, 1.0]]


def test_where_nothing_is_known_recall_is_that_of_chance():
    pairs = np.column_stack([np.arange(200)] * 2)
    ranks = left_out(pairs, lambda train, seed: np.zeros((200, 200)), 5, 1)
    assert_allclose(recall(ranks, 0.05), 0.05)
    assert_allclose(ranks.place, 100.5)


def test_an_object_with_many_papers_counts_once():
    values = np.array([[1.0], [1.0], [1.0], [0.0]])
    assert per_part(values, np.array([0, 0, 0, 1])).tolist() == [[1.0], [0.0]]
    assert interval(np.array([1.0, 0.0]))[0] == 0.5
