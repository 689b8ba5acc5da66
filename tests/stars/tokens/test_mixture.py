"""What Gaussians say of wanted tokens, against formulas and sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from spectrove.stars.tokens.mixture import Mixture


def mixture(weight: list[float], mean: list[list[float]], covariance: list[np.ndarray]) -> Mixture:
    made = Mixture(len(weight), len(mean[0]))
    for name, value in (("weight", weight), ("mean", mean), ("covariance", np.array(covariance))):
        getattr(made, name).copy_(torch.as_tensor(value))
    return made


def test_of_two_numbers_that_go_together_one_tells_the_other():
    """By hand: correlation .8, a value of 1 with error .5."""
    made = mixture([1.0], [[0.0, 0.0]], [np.array([[1.0, 0.8], [0.8, 1.0]])])
    known = torch.tensor([[0]]), torch.tensor([[1.0]]), torch.tensor([[0.5]])
    mean, log_sigma = (a.numpy() for a in made(*known, torch.tensor([[1, 0]])))
    assert_allclose(mean, [[0.8 / 1.25, 1 / 1.25]], rtol=1e-5)
    assert_allclose(np.exp(2 * log_sigma), [[1 - 0.64 / 1.25, 1 - 1 / 1.25]], rtol=1e-4)


def test_two_kinds_of_stars_are_told_apart_by_what_is_known():
    """By Bayes: the shares of the components, and the spread between them in the error."""
    eye = np.eye(2)
    made = mixture([0.25, 0.75], [[-2.0, -1.0], [2.0, 3.0]], [eye, eye])
    value, error = 0.3, 0.4
    likely = np.array([0.25, 0.75]) * np.exp(-0.5 * (value - np.array([-2, 2])) ** 2 / (1 + error**2))
    share = likely / likely.sum()
    expected = share @ [-1.0, 3.0]
    mean, log_sigma = made(
        torch.tensor([[0]]), torch.tensor([[value]]), torch.tensor([[error]]), torch.tensor([[1]])
    )
    assert mean.item() == pytest.approx(expected, rel=1e-5)
    assert np.exp(2 * log_sigma.item()) == pytest.approx(
        share @ (1 + (np.array([-1, 3]) - expected) ** 2), rel=1e-4
    )


def test_what_is_absent_says_nothing():
    made = mixture([1.0], [[0.0, 0.0, 0.0]], [np.full((3, 3), 0.5) + 0.5 * np.eye(3)])
    known = torch.tensor([[0, 1]]), torch.tensor([[1.0, 9.0]]), torch.tensor([[0.5, 0.1]])
    masked = made(*known, torch.tensor([[2]]), torch.tensor([[True, False]]))
    alone = made(*(a[:, :1] for a in known), torch.tensor([[2]]))
    for one, other in zip(masked, alone, strict=True):
        assert_allclose(one, other, atol=1e-4)


def test_a_fit_finds_two_heaps():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(-3, 0.5, (300, 2)), rng.normal([3, 1], 0.5, (100, 2))])
    made = Mixture(2, 2)
    made.fit(values, seed=0)
    order = made.mean[:, 0].argsort()
    assert_allclose(made.mean[order], [[-3, -3], [3, 1]], atol=0.2)
    assert_allclose(made.weight[order], [0.75, 0.25], atol=0.02)
