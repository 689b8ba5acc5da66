"""Tokens on the scale that a network sees, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from spectrove.stars.tokens.vocabulary import N_BP, NAMES, PARALLAX_G, PLACE, TOKENS, Token


@pytest.mark.parametrize("token", TOKENS[N_BP:], ids=NAMES[N_BP:])
@given(st.floats(100, 9000), st.floats(0.01, 50))
def test_values_come_back(token: Token, value: float, error: float):
    value, error = (np.array([x]) for x in (value, error))
    assert_allclose(token.said(*token.seen(value, error)), (value, error), rtol=1e-9)


@pytest.mark.parametrize("name", ["teff", PARALLAX_G, "logg"])
def test_errors_follow_the_scale(name: str):
    """To first order they are the change of a value by its error."""
    token, value = TOKENS[PLACE[name]], np.array([4000.0])
    seen, error = token.seen(value, np.array([1.0]))
    assert_allclose(error, abs(token.seen(value + 1, error)[0] - seen), rtol=1e-3)


def test_negative_parallaxes_have_a_place():
    """Noise makes them; they are no error."""
    token = TOKENS[PLACE[PARALLAX_G]]
    seen, _ = token.seen(np.array([-100.0, 0.0, 100.0]), np.ones(3))
    assert_allclose(seen, [-np.arcsinh(2), 0, np.arcsinh(2)])
