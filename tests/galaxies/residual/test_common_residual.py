"""What many spectra leave of their reconstruction alike is taken off; what one alone has stays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.galaxies.residual.common import FEWEST, CommonResidual, fit_common_residual
from spectrove.galaxies.residual.reconstruction import Residual

N_PIXELS = 600
ERROR = 0.02


def residual(n, seed, amplitude=1.0, gap=False):
    """Noise, a feature that everybody has, and one whose strength differs."""
    rng = np.random.default_rng(seed)
    pixel = np.arange(N_PIXELS)
    everybody = 0.1 * np.exp(-0.5 * ((pixel - 200) / 6) ** 2)
    differs = np.exp(-0.5 * ((pixel - 400) / 8) ** 2)
    model = rng.uniform(0.8, 1.2, (n, N_PIXELS))
    strength = 0.08 * rng.normal(size=(n, 1))
    difference = model * amplitude * (everybody + strength * differs) + rng.normal(0, ERROR, (n, N_PIXELS))
    valid = np.ones((n, N_PIXELS))
    if gap:
        valid[:, 50:80] = 0
    variance = np.full_like(model, ERROR**2) * valid
    return Residual(difference / ERROR * valid, difference * valid, variance, valid, model, np.zeros((n, 1)))


@pytest.fixture(scope="module")
def common():
    return fit_common_residual(residual(300, 1))


def test_what_everybody_has_and_what_differs_in_strength_are_taken_off(common):
    left = common.taken_off(residual(200, 2))
    assert_allclose(np.mean(left.sigma**2, axis=0)[[200, 400, 100]], 1, atol=0.35)
    before = residual(200, 2)
    assert np.mean(before.sigma**2, axis=0)[200] > 10
    assert_allclose(left.difference, left.sigma * ERROR, rtol=1e-4, atol=1e-6)


def test_a_line_of_its_own_stays(common):
    own = residual(100, 3)
    line = 0.12 * np.exp(-0.5 * ((np.arange(N_PIXELS) - 300) / 3) ** 2)
    with_line = Residual(
        own.sigma + line / ERROR, own.difference + line, own.variance, own.valid, own.model, own.scores
    )
    gained = common.taken_off(with_line).difference - common.taken_off(own).difference
    assert_allclose(gained[:, 297:304].sum(axis=1), line[297:304].sum(), rtol=0.1)


def test_lines_that_some_have_at_places_of_their_own_are_not_common():
    left = residual(300, 4)
    rng = np.random.default_rng(5)
    for i in range(0, 300, 2):
        centre = rng.integers(20, 580)
        left.difference[i] += 0.4 * np.exp(-0.5 * ((np.arange(N_PIXELS) - centre) / 3) ** 2)
    common = fit_common_residual(left)
    away = np.abs(np.arange(N_PIXELS) - 200) > 30
    assert np.abs(common.mean[away]).max() < 0.01


def test_gaps_stay_gaps_and_do_not_spoil_the_rest():
    common = fit_common_residual(residual(300, 6, gap=True))
    left = common.taken_off(residual(50, 7, gap=True))
    assert (left.difference[:, 50:80] == 0).all()
    assert (common.mean[50:80] == 0).all()
    assert np.isfinite(left.sigma).all()
    assert np.mean(left.sigma[:, 200] ** 2) < 2


def test_few_spectra_have_nothing_in_common():
    assert fit_common_residual(residual(FEWEST - 1, 8)) is None
    assert fit_common_residual(residual(FEWEST, 8)) is not None


def test_it_is_the_same_after_it_was_kept(common):
    kept = CommonResidual.from_arrays(common.to_arrays("x."), "x.")
    asked = residual(5, 9)
    assert_allclose(kept.taken_off(asked).difference, common.taken_off(asked).difference, atol=1e-6)


def test_an_answer_does_not_depend_on_the_company(common):
    together = common.taken_off(residual(20, 10)).sigma
    alone = Residual(*(value[:1] for value in vars(residual(20, 10)).values()))
    assert_allclose(common.taken_off(alone).sigma[0], together[0], atol=1e-4)
