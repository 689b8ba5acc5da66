"""Texts as vectors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.literature.papers import abstracts

from spectrove.errors import KnowledgeError
from spectrove.literature.texts import SemanticEncoder, fit_texts


@pytest.fixture(scope="module")
def encoder() -> SemanticEncoder:
    return fit_texts(abstracts().texts())


def test_a_sentence_finds_the_abstract_that_says_the_same(encoder):
    """In other words and another order; TeX and case do not matter."""
    vectors = encoder.encode(abstracts().texts())
    assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    for text, paper in (("absorbed binaries with IRON lines", 4), ("dusty discs around young stars", 5)):
        assert np.argmax(vectors @ encoder.encode([text])[0]) == paper


def test_a_text_without_a_known_word_has_no_direction(encoder):
    assert not encoder.encode(["zzzz qqqq"]).any()
    assert not encoder.known("zzzz")
    assert encoder.known("an iron line")


def test_the_vector_of_a_text_depends_on_nothing_else(encoder):
    """Not on the texts that are encoded with it."""
    texts = abstracts().texts()
    assert_array_equal(encoder.encode(texts)[3:4], encoder.encode(texts[3:4]))
    assert encoder.fingerprint == fit_texts(texts).fingerprint != fit_texts(texts[:8]).fingerprint


def test_too_few_texts_are_refused_with_a_sentence():
    with pytest.raises(KnowledgeError, match="3 abstracts, expected 8 or more"):
        fit_texts(["a b", "b c", "c d"])
