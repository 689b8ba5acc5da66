"""The continuum of stars: no quantity of the noise, and nothing behind masks."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from spectrove.stars.continuum import WIDTH, lines, means


def test_noise_does_not_raise_it():
    rng = np.random.default_rng(0)
    flux = 1 + rng.normal(0, [[0.01], [0.5]], (2, 20000))
    level = means(flux, np.ones(flux.shape, bool)).mean(axis=1)
    assert_allclose(level, 1, atol=0.01)


def test_it_is_the_mean_of_the_pixels_around():
    rng = np.random.default_rng(0)
    flux, used = rng.uniform(1, 2, (1, 300)), rng.random((1, 300)) > 0.2
    found = means(flux, used)
    for i in (0, 10, 150, 299):
        around = slice(max(0, i - WIDTH // 2), i + WIDTH // 2 + 1)
        assert_allclose(found[0, i], flux[0, around][used[0, around]].mean())


def test_what_is_masked_has_no_part():
    flux, used = np.ones((1, 400)), np.ones((1, 400), bool)
    flux[0, 100], used[0, 100] = 1e6, False
    found = lines(flux, used)
    assert_allclose(found, 0, atol=1e-12)


def test_nothing_is_known_where_nothing_is_used():
    used = np.ones((1, 400), bool)
    used[0, 100:300] = False
    assert np.isnan(means(np.ones((1, 400)), used)[0, 200])
    assert lines(np.ones((1, 400)), used)[0, 200] == 0
