"""Names of lines: short, joined, and never on each other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from spectrove.explanation.line_labels import line_labels, pretty, spread
from spectrove.galaxies.lines import LINES


def test_doublets_share_a_label_and_neighbours_of_other_ions_do_not():
    texts = [item.text for item in line_labels(3600, 7000, LINES)]
    assert "[O II] 3726, 3729" in texts
    assert "[S II] 6716, 6731" in texts
    assert "Na D 5890, 5896" in texts
    assert {"[N II] 6548", "Hα", "[N II] 6583"} <= set(texts)


def test_every_line_is_in_exactly_one_label():
    named = [w for item in line_labels(0, 1e5, LINES) for w in item.wavelengths]
    assert sorted(named) == sorted(line.wavelength for line in LINES)


def test_greek_letters_replace_their_names():
    assert [pretty(n) for n in ("H alpha", "H delta", "[O III] 5007")] == ["Hα", "Hδ", "[O III] 5007"]


def test_two_labels_at_one_place_move_apart_by_the_same_amount():
    assert_allclose(spread([5.0, 5.0], 1.0, 0, 10), [4.5, 5.5])


@given(st.lists(st.floats(0, 100), max_size=30).map(sorted), st.floats(0.1, 3))
def test_labels_keep_their_order_and_distance_and_stay_inside(wanted, gap):
    found = spread(wanted, gap, 0, 100)
    assert np.all(np.diff(found) >= gap * (1 - 1e-9))
    assert np.all((found > -1e-9) & (found < 100 + 1e-9))


def test_labels_with_room_stay_where_their_lines_are():
    assert_allclose(spread([1.0, 5.0, 9.0], 1.0, 0, 10), [1, 5, 9])
