"""The direction from one set of vectors to another."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove.inference.differences.direction import find_direction


def test_ends_of_the_line_are_zero_and_one():
    """Whatever the scatter is measured in."""
    rng = np.random.default_rng(0)
    known = rng.normal(size=(200, 5)) * [1, 2, 3, 4, 5]
    like, unlike = known[:4] + [3, 0, 0, 0, 0], known[4:9]
    direction = find_direction(like, unlike, known)
    ends = np.stack([unlike.mean(axis=0), like.mean(axis=0)])
    np.testing.assert_allclose(direction.along(ends), [0, 1], atol=1e-9)
    np.testing.assert_allclose(direction.off_line(ends), [0, 0], atol=1e-5)
    np.testing.assert_allclose(direction.score(ends), [-1, 0.3], atol=1e-9)


def test_without_scatter_of_the_base_it_is_the_plain_difference():
    direction = find_direction(np.eye(3)[:1], np.zeros((1, 3)), np.zeros((0, 3)))
    np.testing.assert_allclose(direction.along(np.array([[0.25, 9, 9]])), [0.25])


def test_dimensions_in_which_neighbours_scatter_count_less():
    """Two clouds differ by one unit in each of two dimensions, and neighbours scatter ten times more in the second."""
    rng = np.random.default_rng(2)
    known = np.concatenate(
        [rng.normal(size=(300, 2)) * [0.1, 3.0], rng.normal(size=(300, 2)) * [0.1, 3.0] + [5, 0]]
    )
    direction = find_direction(np.array([[1.0, 1.0]]), np.zeros((1, 2)), known, shrinkage=0.05)
    first, second = direction.along(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert first > 3 * second


def test_the_error_is_that_of_means_and_unknown_of_single_examples():
    rng = np.random.default_rng(3)
    like, unlike = rng.normal(size=(50, 2)) + [10, 0], rng.normal(size=(50, 2))
    direction = find_direction(like, unlike, np.zeros((0, 2)))
    assert direction.error == pytest.approx(np.sqrt(2 / 50) / 10, rel=0.25)
    assert direction.left_out() == (50, 50)
    assert np.isnan(find_direction(like[:1], unlike[:1], np.zeros((0, 2))).error)
