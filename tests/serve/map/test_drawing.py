"""Points as an image: pixels are counted, few points are discs."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from spectrove.serve.service.map import drawing
from spectrove.serve.service.map.colours import CLASSES, coloured, plainly
from spectrove.serve.service.map.drawing import Window, image

WINDOW = Window(0, 10, 0, 5, 100, 50)


def pixels(content):
    """Colour and opacity, (height, width, 4)."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def by_class(names):
    return coloured("kind", pa.chunked_array([pa.array(list(names))]))


def rgb(color):
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def points(*places):
    return np.array(places, np.float32)


@pytest.fixture
def many(monkeypatch):
    """Any number of points is counted by pixels."""
    monkeypatch.setattr(drawing, "DISCS", 0)


def test_a_point_is_a_disc_of_its_colour_at_its_place():
    drawn = pixels(image(points([2.5, 4.0], [7.5, 1.0]), by_class("ab"), WINDOW))
    assert tuple(drawn[10, 25, :3]) == rgb(CLASSES[0])
    assert tuple(drawn[40, 75, :3]) == rgb(CLASSES[1])
    assert drawn[25, 50, 3] == 0
    rows, columns = np.nonzero(drawn[..., 3])
    assert (rows[columns < 50].min(), rows[columns < 50].max()) == (5, 15)


def test_of_overlapping_discs_the_last_is_on_top():
    drawn = pixels(image(points([5, 2.5], [5.2, 2.5]), by_class("ab"), WINDOW))
    assert tuple(drawn[25, 51, :3]) == rgb(CLASSES[1])
    assert tuple(drawn[25, 46, :3]) == rgb(CLASSES[0])


def test_a_disc_is_cut_at_the_edge_and_reaches_in_from_outside():
    drawn = pixels(image(points([-0.2, 2.5], [10.9, 2.5]), by_class("ab"), WINDOW))
    assert drawn[25, 0, 3] > 0
    assert drawn[25, 99, 3] == 0


def test_a_pixel_has_the_colour_of_most_of_its_points(many):
    at = points(*[[2.52, 4.02]] * 3, *[[2.57, 4.07]] * 2, [7.55, 1.05])
    drawn = pixels(image(at, by_class("aaabbb"), WINDOW))
    assert np.count_nonzero(drawn[..., 3]) == 2
    assert tuple(drawn[9, 25, :3]) == rgb(CLASSES[0])
    assert tuple(drawn[39, 75, :3]) == rgb(CLASSES[1])
    assert drawn[9, 25, 3] > drawn[39, 75, 3]


def test_every_point_in_view_is_counted_at_the_pixel_where_it_lies(many):
    """Beside a histogram by numpy, which knows nothing of pixels."""
    rng = np.random.default_rng(0)
    at = rng.uniform([-2, -2], [12, 7], (3000, 2)).astype(np.float32)
    drawn = pixels(image(at, plainly(3000), WINDOW))
    expected = np.histogram2d(at[:, 1], at[:, 0], (50, 100), ((0, 5), (0, 10)))[0][::-1] > 0
    different = (drawn[..., 3] > 0) != expected
    assert different.sum() <= 2  # points on an edge of two pixels


def test_a_scale_shows_the_mean_of_a_pixel(many):
    values = np.concatenate([np.arange(100.0), [20.0, 60.0]])
    at = points(*[[0.05, 0.05]] * 100, [5.05, 2.55], [5.05, 2.55])
    found = coloured("z", pa.chunked_array([pa.array(values)]))
    drawn = pixels(image(at, found, WINDOW))
    step = round((float(found.codes[100]) + float(found.codes[101])) / 2)
    assert tuple(drawn[24, 50, :3]) == rgb(found.colors[step])


@pytest.mark.parametrize("most", [20_000, 0])
def test_objects_that_a_condition_leaves_out_are_pale_and_below(most, monkeypatch):
    monkeypatch.setattr(drawing, "DISCS", most)
    at = points([2.5, 2.5], [7.5, 2.5], [7.5, 2.5])
    drawn = pixels(image(at, by_class("aaa"), WINDOW, np.array([False, True, False])))
    assert 0 < drawn[25, 25, 3] < 80
    assert tuple(drawn[25, 75, :3]) == rgb(CLASSES[0])
    assert drawn[25, 75, 3] > 200


def test_an_empty_part_is_an_empty_image():
    drawn = pixels(image(points([50, 50]), by_class("a"), WINDOW))
    assert drawn.shape == (50, 100, 4)
    assert not drawn[..., 3].any()
