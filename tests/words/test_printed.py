"""What is printed of a sentence is what is computed."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spectrove.conditions import Condition
from spectrove.galaxies.words import WORDS
from spectrove.inference.numbers.words import _held
from spectrove.words.read import read
from spectrove.words.reading import All, Any_, Demand, Not, Reading, sql

#: Every combination of true, false and unknown for three comparisons.
VALUES = np.array(list(product((1.0, -1.0, np.nan), repeat=3))).T
COLUMNS = dict(zip("abc", VALUES, strict=True))

DEMANDS = [
    Demand(text, text, source="of (a OR b)")
    for text in (
        "a > 0", "b > 0", "c > 0", "a > 0 OR b > 0", "b > 0 AND c > 0", "NOT (a > 0)", "NOT (a > 0) AND c > 0",
        "(a > 0 OR b > 0) AND c > 0",
    )
]  # fmt: skip
PARTS = st.recursive(
    st.sampled_from(DEMANDS),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda parts: All(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda parts: Any_(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=7,
)


def printed_condition(reading: Reading) -> str:
    """The meanings as they stand below each other, where "and" is left out, as one condition."""
    meanings = [meaning.split("   (")[0] for _, meaning in reading.lines()]
    return "".join(
        text if not i else f" {text}" if text.startswith("OR ") else f" AND {text}"
        for i, text in enumerate(meanings)
    )


@settings(max_examples=300, deadline=None)
@given(PARTS)
def test_the_printed_meaning_has_the_truth_table_of_the_answer(tree):
    """With unknown values; so has the one condition of the machine-readable form."""
    computed = np.broadcast_to(_held(tree, COLUMNS, {}), VALUES.shape[1:])
    for text in (printed_condition(Reading("", tree)), sql(tree)):
        condition = Condition.parse(text)
        assert_array_equal(condition.holds({**COLUMNS}), computed, text)


@pytest.mark.parametrize(
    "text",
    ["no emission lines", "not (dusty or broad Hα)", "emission lines with z < 0.1", "LINERs or z < 0.1"],
)
def test_no_emission_lines_is_neither_of_two(text: str):
    """By hand for the first: a galaxy with one of the two lines has emission lines."""
    reading = read(text, WORDS)
    printed = printed_condition(reading)
    if text == "no emission lines":
        condition = Condition.parse(printed)
        columns = {name: np.full(4, 1.0) for name in condition.columns}
        columns |= {"ha_flux": np.array([9, 9, 1, 1.0]), "oiii_flux": np.array([9, 1, 9, 1.0])}
        assert_array_equal(condition.holds(columns), [0, 0, 0, 1])
    assert printed.count("(") == printed.count(")")
