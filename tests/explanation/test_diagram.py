"""Two quantities against each other: contours hold their share, axes run as the field draws them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

from spectrove.domain import Diagram, Quantity
from spectrove.explanation import diagram as module
from spectrove.explanation.diagram import (
    Axis,
    Place,
    axes_over,
    axis_over,
    axis_title,
    ellipse,
    known_places,
    place_of_row,
)
from spectrove.explanation.diagram_plot import Point, diagram_figure

DIAGRAM = Diagram("plane", "mass", "age", "Mass", "Age", falling=("mass",))
QUANTITIES = {"mass": Quantity("mass", "kg", 0.0, logarithm=True), "age": Quantity("age", "dex(yr)")}


class Base:
    """A base with two columns."""

    def __init__(self, mass, age):
        self.table = pa.table({"mass": pa.array(mass, pa.float64()), "age": pa.array(age, pa.float64())})
        self.columns = self.table.column_names
        self.asked = []

    def rows(self, where, columns):
        self.asked.append(where)
        return self.table.select(columns)

    def remember(self, key, make):
        return make()


@pytest.mark.parametrize("level", [0.68, 0.9])
def test_a_contour_holds_its_share_of_samples(level):
    """Counted among samples of the normal distribution itself."""
    covariance = np.array([[4.0, 1.5], [1.5, 1.0]])
    rng = np.random.default_rng(1)
    samples = rng.multivariate_normal([3, -2], covariance, 20000)
    edge = ellipse((3, -2), covariance, level)
    reach = np.sqrt(np.einsum("ni,ij,nj->n", edge - [3, -2], np.linalg.inv(covariance), edge - [3, -2]))
    assert_allclose(reach, reach[0])
    inside = (
        np.einsum("ni,ij,nj->n", samples - [3, -2], np.linalg.inv(covariance), samples - [3, -2])
        < reach[0] ** 2
    )
    assert abs(inside.mean() - level) < 0.01


def test_a_falling_axis_has_high_values_first():
    axis = Axis(1000.0, 10000.0, logarithm=True, falling=True)
    assert_allclose(axis.share([10000, 1000, np.sqrt(1e7)]), [0, 1, 0.5])
    assert_allclose(Axis(0.0, 4.0).share([1.0]), [0.25])


@pytest.mark.parametrize("ends", [(0.1, 5.3), (4200, 4399), (-0.7, 0.02), (2800, 40000), (1e-3, 1.0)])
@pytest.mark.parametrize("logarithm", [False, True])
def test_ticks_are_round_few_and_on_the_axis(ends, logarithm):
    low, high = ends
    if logarithm and low <= 0:
        return
    ticks = Axis(low, high, logarithm).ticks(6)
    assert 1 <= len(ticks) <= 6
    assert all(low <= one <= high for one in ticks)
    assert all(float(f"{one:.3g}") == pytest.approx(one) for one in ticks)


def test_axes_hold_contours_whole_and_nearly_all_of_the_base():
    rng = np.random.default_rng(2)
    known = module.Known(10 ** rng.normal(3, 0.1, 2000), rng.normal(9, 0.3, 2000), 2000)
    far = Place(1e5, 3.0, np.diag([1e8, 1.0]))
    x, y = axes_over(DIAGRAM, QUANTITIES, known, [far])
    assert (x.share(far.contour(0.9)[:, 0]) >= 0).all()
    assert (x.share(far.contour(0.9)[:, 0]) <= 1).all()
    assert y.low < far.contour(0.9)[:, 1].min()
    shares = x.share(known.x)
    assert ((shares > 0) & (shares < 1)).mean() > 0.98
    assert x.logarithm
    assert x.falling
    assert not y.falling


def test_an_axis_of_one_value_has_a_width():
    axis = axis_over([5.0], Quantity("age"))
    assert axis.low < 5 < axis.high


def test_objects_of_a_base_are_thinned_and_those_without_a_value_left_out(monkeypatch):
    monkeypatch.setattr(module, "MOST_KNOWN", 100)
    mass = [None if i % 10 == 0 else float(i) for i in range(1000)]
    known = known_places(Base(mass, [1.0] * 1000), DIAGRAM, QUANTITIES)
    assert known is not None
    assert known.n_objects == 900
    assert 90 <= len(known.x) <= 100
    assert np.isfinite(known.x).all()


def test_limits_of_quantities_are_asked_for():
    base = Base([1.0], [2.0])
    known_places(base, DIAGRAM, QUANTITIES)
    assert "mass > 0" in base.asked[0]


def test_a_base_without_the_columns_has_no_places():
    assert known_places(SimpleNamespace(columns=("mass",)), DIAGRAM, QUANTITIES) is None
    assert known_places(Base([None], [1.0]), DIAGRAM, QUANTITIES) is None
    assert place_of_row({"mass": 3.0, "age": None}, DIAGRAM) is None


def test_titles_say_the_unit_of_what_a_logarithm_is_of():
    assert axis_title("Mass", QUANTITIES["mass"]) == "Mass (kg)"
    assert axis_title("log age", QUANTITIES["age"]) == "log age (yr)"
    assert axis_title("Ratio", None) == "Ratio"


def test_a_figure_has_the_axes_of_its_field_and_says_who_is_missing():
    points = [
        Point("query", Place(2000.0, 9.0, np.diag([1e4, 0.1])), "#111111", "*"),
        Point("known (A)", None, "#D55E00", "o", number="1", absent="no mass in the base"),
    ]
    figure = diagram_figure(DIAGRAM, QUANTITIES, None, points, notes=["A note."])
    [ax] = figure.axes
    assert ax.get_xlim()[0] > ax.get_xlim()[1], "mass falls to the right"
    assert ax.get_ylim()[0] < ax.get_ylim()[1]
    texts = [one.get_text() for one in figure.texts]
    assert any("no mass in the base" in one for one in texts)
    assert any("A note." in one for one in texts)
