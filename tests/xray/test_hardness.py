"""Hardness ratios from few counts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.xray.hardness import flux_posterior, hardness_ratio


def ratio(hard, soft, background=(0, 0), scale=0.0, area=(1.0, 1.0)):
    return hardness_ratio(
        flux_posterior(hard, background[0], scale, area[0]),
        flux_posterior(soft, background[1], scale, area[1]),
    )


def sampled(counts, background, scale, n=400_000, seed=0):
    """The posterior of a band's flux by rejection: source and background below the sum of both."""
    rng = np.random.default_rng(seed)
    both, behind = rng.gamma(counts + 1, size=n), rng.gamma(background + 1, size=n) * scale
    return (both - behind)[both > behind]


@pytest.mark.parametrize(
    ("hard", "soft", "background", "scale"),
    [(4, 10, (20, 30), 0.1), (3, 0, (10, 5), 0.1), (50, 200, (0, 0), 0.2), (12, 20, (30, 40), 0.3)],
)
def test_the_posterior_mean_is_that_of_samples(hard, soft, background, scale):
    h, s = sampled(hard, background[0], scale), sampled(soft, background[1], scale, seed=1)
    n = min(len(h), len(s))
    expected = (h[:n] - s[:n]) / (h[:n] + s[:n])
    assert_allclose(ratio(hard, soft, background, scale), expected.mean(), atol=4e-3)


def test_without_background_it_is_the_mean_of_a_beta_distribution():
    """Two gamma posteriors of one area: (H + 1) / (H + S + 2) is the mean share of the hard band."""
    for hard, soft in ((0, 0), (3, 9), (400, 100)):
        assert_allclose(ratio(hard, soft), 2 * (hard + 1) / (hard + soft + 2) - 1, atol=2e-3)


def test_many_counts_give_the_plain_division():
    assert_allclose(ratio(60_000, 20_000), 0.5, atol=1e-3)
    assert_allclose(ratio(60_000, 40_000, (0, 200_000), 0.1), 0.5, atol=1e-3)


def test_bands_change_places_with_the_sign():
    assert_allclose(ratio(7, 2, (3, 9), 0.2), -ratio(2, 7, (9, 3), 0.2), atol=1e-12)


def test_area_is_divided_out():
    assert_allclose(ratio(6000, 2000, area=(3.0, 1.0)), 0, atol=2e-3)


def test_a_background_that_explains_all_counts_leaves_a_small_flux():
    value, probability = flux_posterior(10, 100, 0.1, 1.0)
    alone, its = flux_posterior(10, 0, 0.0, 1.0)
    assert value @ probability < 0.4 * (alone @ its)
