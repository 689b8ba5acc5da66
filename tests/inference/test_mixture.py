"""Measurements of which some are of the wrong model, weighed with neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.inference.numbers.mixture import Mixture, fit_mixture


@pytest.mark.parametrize("measured", [0.6, 2.5, 6.0])
def test_mean_and_deviation_are_those_of_the_product_of_both_densities(measured):
    """By sums over a fine grid of what the number may be."""
    mixture = Mixture(0.2, 0.1, 1.5, 0.3, -1.5, 0.8, 2.0)
    told = mixture.weigh((np.array([measured]), np.array([0.2])), (np.array([0.5]), np.array([0.25])))
    grid = np.linspace(-12, 12, 200_001)

    def normal(centre, sigma):
        return np.exp(-0.5 * ((grid - centre) / sigma) ** 2) / sigma

    right = np.hypot(0.1, 1.5 * 0.2)
    own = 0.7 * normal(measured + 0.2, right) + 0.3 * normal(measured - 1.5, np.hypot(right, 0.8))
    density = own * normal(0.5, 0.5)
    density /= density.sum()
    mean = (grid * density).sum()
    assert_allclose(told.centre, mean, atol=1e-4)
    assert_allclose(told.width, np.sqrt((density * (grid - mean) ** 2).sum()), rtol=1e-3)


def test_without_a_measurement_the_neighbours_alone_are_told():
    mixture = Mixture(0.2, 0.1, 1.5, 0.3, -1.5, 0.8, 2.0)
    own = np.array([np.nan, 1.0]), np.array([np.nan, 0.1])
    told = mixture.weigh(own, (np.array([0.5, np.nan]), np.array([0.25, np.nan])))
    assert_allclose(told.centre, [0.5, np.nan])
    assert_allclose(told.width, [0.5, np.nan])
    assert told.measured.tolist() == [False, False]


def test_strays_are_recovered_and_no_longer_spoil_estimates():
    """Three measurements of ten are 1.8 too high, as a power law through a softer source of two components is."""
    rng = np.random.default_rng(0)
    n = 2000
    truth, error = rng.normal(size=n), rng.uniform(0.05, 0.3, n)
    stray = rng.random(n) < 0.3
    own = truth + np.where(stray, 1.8 + 0.6 * rng.normal(size=n), error * rng.normal(size=n))
    near = truth + 0.5 * rng.normal(size=n), np.full(n, 0.25)
    found = fit_mixture(truth, (own, error), near)
    assert_allclose([found.share, found.stray_offset, found.stray_width], [0.3, -1.8, 0.6], atol=0.1)
    assert_allclose([found.offset, found.factor], [0.0, 1.0], atol=0.1)
    told = found.weigh((own, error), near)
    off = told.centre - truth
    assert off.std() < 0.75 * 0.5
    assert abs(off.mean()) < 3 * off.std() / np.sqrt(n)
    # The factor of the neighbours is that of a Student's t, whose scale is .77 of a Gaussian's: widths are too small by
    # less than that, which intervals make up for.
    assert 1 < (off / told.width).std() < 1 / 0.77


def test_too_few_objects_with_both_leave_the_measurements_out():
    truth = np.arange(10.0)
    found = fit_mixture(truth, (truth, np.full(10, 0.1)), (truth + 0.1, np.full(10, 0.1)))
    assert found.factor == 0
    told = found.weigh((np.array([9.0]), np.array([0.1])), (np.array([1.0]), np.array([0.1])))
    assert told.centre.tolist() == [1.0]
