"""The map of a served base: what lies within a line, what is nearest, where others lie."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spectrove.errors import KnowledgeError
from spectrove.readers import read_dataset
from spectrove.serve.service.map import charts
from spectrove.serve.service.map.charts import Charts
from spectrove.serve.service.map.drawing import Window
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.shelf import Served


@pytest.fixture(scope="module")
def served(survey, tmp_path_factory):
    """A copy without the map that another test may have made."""
    import shutil

    place = tmp_path_factory.mktemp("map") / "mock.kb"
    shutil.copytree(survey.base, place, ignore=shutil.ignore_patterns("maps"))
    return Served(place)


@pytest.fixture(scope="module")
def known():
    return Charts()


@pytest.fixture(scope="module")
def chart(served, known):
    assert known.of(served) is None
    with pytest.raises(Problem, match="has not been made"):
        known.needed(served)
    [said] = list(known.make(served))
    assert said.row["objects"] == len(known.needed(served).made)
    return known.needed(served)


def test_it_is_kept_while_the_base_is_what_it_was(served, known, chart):
    assert known.of(served) is chart
    assert len(Charts().needed(served).made) == len(chart.made)


def test_what_is_said_of_it_is_plain(served, chart):
    said = json.loads(json.dumps(charts.about(served, chart, "class_derived", "")))
    assert said["objects"] == said["chosen"] == len(chart.made)
    assert sum(e["objects"] for e in said["legend"]["classes"]) == len(chart.made)
    assert "axes have no meaning" in said["caution"]
    x, y = chart.made.places.T
    assert said["bounds"]["left"] == pytest.approx(x.min())
    assert said["bounds"]["top"] == pytest.approx(y.max())


def test_every_column_that_is_offered_colours_it(served, chart):
    left, right, bottom, top = chart.made.bounds
    window = Window(left, right, bottom, top, 80, 60)
    assert {"z", "class_derived", "sn_median"} <= set(chart.columns)
    assert not {"object_id", "labels", "flags", "path"} & set(chart.columns)
    for column in ["", *chart.columns]:
        assert charts.image(served, chart, window, column, "").startswith(b"\x89PNG")


def test_colours_are_those_of_the_objects_and_not_of_the_rows_of_the_table(served, chart):
    with served.shown() as base:
        rows = base.rows(None, ["class_derived"]).to_pylist()
    kind = {row["object_id"]: row["class_derived"] for row in rows}
    found = charts.colouring_of(served, chart, "class_derived")
    names = [entry.name for entry in found.legend if entry.name not in ("no value",)]
    for name, code in zip(chart.made.object_id.tolist(), found.codes.tolist(), strict=True):
        assert (names[code] if code < len(names) else None) == kind[name]


def test_a_lasso_finds_what_lies_within(served, chart):
    """A triangle, beside the areas of the three that a point makes with its sides."""
    places = chart.made.places.astype(float)
    low, high = places.min(0), places.max(0)
    a, b, c = low, np.array([high[0], low[1]]), np.array([low[0], high[1]])

    def area(p, q, r):
        return np.abs(
            (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1])
            - (r[..., 0] - p[..., 0]) * (q[..., 1] - p[..., 1])
        )

    parts = area(places, a, b) + area(places, b, c) + area(places, c, a)
    expected = set(chart.made.object_id[parts <= area(a, b, c) * (1 + 1e-9)].tolist())
    found = charts.inside(served, chart, [tuple(a - 1e-4), tuple(b), tuple(c)], "", 1000)
    assert found["total"] == len(found["objects"])
    assert len(set(found["objects"]) ^ expected) <= 2  # on an edge
    assert len(expected) > 3


def test_a_lasso_keeps_the_condition_and_names_no_more_than_it_is_asked_for(served, chart):
    left, right, bottom, top = chart.made.bounds
    box = [(left - 1, bottom - 1), (right + 1, bottom - 1), (right + 1, top + 1), (left - 1, top + 1)]
    with served.shown() as base:
        n = base.count("z < 0.1")
    assert 0 < n < len(chart.made)
    found = charts.inside(served, chart, box, "z < 0.1", 2)
    assert (found["total"], len(found["objects"])) == (n, 2)
    assert charts.about(served, chart, "", "z < 0.1")["chosen"] == n
    assert charts.inside(served, chart, box, "z < -5", 2) == {"total": 0, "objects": []}


@pytest.mark.parametrize(
    "corners", [[], [(0, 0), (1, 1)], [(0, 0)] * 1001, [(0, 0), (1, 1), (float("nan"), 0)]]
)
def test_a_line_that_encloses_nothing_is_refused(served, chart, corners):
    with pytest.raises(Problem, match="lasso"):
        charts.inside(served, chart, corners, "", 10)


def test_the_nearest_object_and_its_value(served, chart):
    x, y = chart.made.places[7].tolist()
    found = charts.nearest(served, chart, x, y, 0.01, "z", "")
    with served.shown() as base:
        [row] = base.rows(f"object_id = '{chart.made.object_id[7]}'", ["z"]).to_pylist()
    assert found == {
        "object_id": row["object_id"], "x": pytest.approx(x), "y": pytest.approx(y), "column": "z", "value": row["z"],
    }  # fmt: skip
    assert charts.nearest(served, chart, x + 1e4, y, 1.0, "z", "") is None
    assert charts.nearest(served, chart, x, y, 1e-3, "z", "z > 1e6") is None


def test_a_spectrum_lies_where_its_vector_says_whatever_its_row_says(survey, served, chart):
    """The spectrum of an object under another id and without its row lies on the object."""
    spectra = read_dataset(survey.dataset, "split = 'train'").take([0, 1])
    names = spectra.object_id.tolist()
    there = charts.place_of_object(chart, names[0])
    [one, _] = charts.place_of_spectra(served, chart, spectra)
    assert (one["x"], one["y"]) == (pytest.approx(there["x"], abs=0.3), pytest.approx(there["y"], abs=0.3))
    assert charts.place_of_object(chart, "nobody") is None


def test_wrong_columns_conditions_and_windows_are_refused_in_words(served, chart):
    window = Window(0, 1, 0, 1, 10, 10)
    with pytest.raises(KnowledgeError, match="cannot be coloured by 'nothing'"):
        charts.image(served, chart, window, "nothing", "")
    with pytest.raises(KnowledgeError, match="cannot be used"):
        charts.image(served, chart, window, "", "no such thing (")
    for wrong in (Window(1, 1, 0, 1, 10, 10), Window(0, float("nan"), 0, 1, 10, 10)):
        with pytest.raises(Problem, match="empty"):
            charts.image(served, chart, wrong, "", "")
    with pytest.raises(Problem, match="pixels at most"):
        charts.image(served, chart, Window(0, 1, 0, 1, 4000, 4000), "", "")
