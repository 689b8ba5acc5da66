"""Columns as colours: the most frequent classes, numbers on a scale, whatever is unknown in grey."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.serve.service.map.colours import CLASSES, OTHERS, STEPS, UNKNOWN, coloured


def column(values, kind=None):
    return pa.chunked_array([pa.array(values, kind)])


def color(found, i):
    return found.colors[found.codes[i]]


def test_classes_by_how_many_they_are_and_unknown_ones_in_grey():
    found = coloured("kind", column(["b", "a", "b", None, ""]))
    assert [(e.name, e.objects) for e in found.legend] == [("b", 2), ("a", 1), ("no value", 2)]
    assert [color(found, i) for i in range(5)] == [CLASSES[0], CLASSES[1], CLASSES[0], UNKNOWN, UNKNOWN]
    assert found.ends is None


def test_more_classes_than_colours_share_one():
    values = [letter for i, letter in enumerate("abcdefghij") for _ in range(20 - i)]
    found = coloured("kind", column(values))
    assert found.legend[-1].name == "3 others"
    assert found.legend[-1].objects == 13 + 12 + 11
    assert color(found, len(values) - 1) == OTHERS
    assert sum(e.objects for e in found.legend) == len(values)


def test_numbers_lie_on_a_scale_whose_ends_no_stray_moves():
    values = np.concatenate([np.linspace(0, 1, 1000), [1e9, np.nan]])
    found = coloured("z", column(values))
    assert_allclose(found.ends, (0.02, 0.98), atol=0.01)
    assert found.codes[500] == STEPS // 2
    assert_array_equal(found.codes[[0, 999, 1000]], [0, STEPS - 1, STEPS - 1])
    assert color(found, 1001) == UNKNOWN
    assert [(e.name, e.objects) for e in found.legend] == [("no value", 1)]
    assert (np.diff(found.codes[:1000].astype(int)) >= 0).all()


def test_whole_numbers_of_few_values_are_classes_and_yes_or_no_too():
    assert [e.name for e in coloured("n", column([1, 1, 2])).legend] == ["1", "2"]
    assert [e.name for e in coloured("b", column([True, None, False, True])).legend] == [
        "true",
        "false",
        "no value",
    ]


def test_numbers_with_one_value_or_none_do_not_fail():
    assert [e.name for e in coloured("n", column([0.5, 0.5])).legend] == ["0.5"]
    assert [e.name for e in coloured("n", column([None, None], pa.float64())).legend] == ["no value"]
    many = coloured("n", column([0.0] * 990 + list(range(1, 11))))
    assert many.ends is not None
    assert many.ends[1] > many.ends[0]


def test_the_legend_is_plain():
    said = coloured("z", column(np.arange(100.0))).to_dict()
    assert said["column"] == "z"
    assert len(said["scale"]["colors"]) == STEPS
    assert coloured("k", column(["a"])).to_dict()["scale"] is None
