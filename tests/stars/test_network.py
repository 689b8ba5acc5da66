"""The network of labels: it learns, goes on after an interruption as it would have, and is the same when kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from spectrove.stars.continuum import lines
from spectrove.stars.network import training
from spectrove.stars.network.model import LabelsEstimator
from spectrove.stars.network.recipe import LabelsRecipe
from spectrove.stars.network.shown import JOINED, shown
from spectrove.stars.network.training import train, varied

N = 640
RECIPE = LabelsRecipe(channels=(4, 8), hidden=16, members=1, epochs=12, batch=16, cut=20)


def few(n=96, seed=0):
    """Stars whose two lines are as deep as their temperature and metallicity say."""
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.uniform(4500, 6500, n), rng.uniform(1, 5, n), rng.uniform(-1, 0.5, n)], axis=1)
    pixel = np.arange(N)
    deep = np.stack([(5040 / labels[:, 0] - 0.7), 0.3 + 0.15 * labels[:, 2], 0.05 * labels[:, 1]], axis=1)
    profiles = np.exp(-0.5 * ((pixel - np.array([[150], [320], [500]])) / 4) ** 2)
    return 1 - deep @ profiles, np.ones((n, N), bool), labels


def test_it_learns_what_lines_say():
    flux, used, labels = few(160)
    estimator = train(flux, used, labels, RECIPE.model_copy(update={"epochs": 40}))
    asked, seen, truth = few(60, seed=1)
    value, error = estimator(asked, seen)
    prior = labels.std(axis=0)
    assert ((value - truth).std(axis=0)[[0, 2]] < 0.5 * prior[[0, 2]]).all()
    assert (error > 0).all()


def test_a_training_that_was_interrupted_goes_on_as_it_would_have(tmp_path, monkeypatch):
    flux, used, labels = few()
    whole = train(flux, used, labels, RECIPE)
    monkeypatch.setattr(training, "KEPT", 5)

    def stop(done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(flux, used, labels, RECIPE, folder=tmp_path, progress=stop)
    told = []
    again = train(flux, used, labels, RECIPE, folder=tmp_path, progress=lambda done, total: told.append(done))
    assert told[0] == 6
    for one, other in zip(whole.members[0].parameters(), again.members[0].parameters(), strict=True):
        assert_allclose(one.detach(), other.detach(), atol=1e-6)


def test_states_of_other_stars_are_not_gone_on_with(tmp_path):
    flux, used, labels = few()
    train(flux, used, labels, RECIPE.model_copy(update={"epochs": 1}), folder=tmp_path)
    told = []
    recipe = RECIPE.model_copy(update={"epochs": 2})
    train(flux, used, labels + 0.1, recipe, folder=tmp_path, progress=lambda done, total: told.append(done))
    assert told == [1, 2]


def test_what_is_kept_says_the_same(tmp_path):
    flux, used, labels = few()
    made = train(flux, used, labels, RECIPE.model_copy(update={"epochs": 1, "members": 2}))
    made.widening = np.array([1.1, 1.2, 1.3])
    made.save(tmp_path / "labels.safetensors", {"credit": "made up"})
    again = LabelsEstimator.load(tmp_path / "labels.safetensors", N)
    for one, other in zip(made(flux, used), again(flux, used), strict=True):
        assert_allclose(one, other, rtol=1e-5)


def test_the_unit_of_the_flux_and_company_do_not_matter():
    flux, used, labels = few()
    made = train(flux, used, labels, RECIPE.model_copy(update={"epochs": 1}))
    whole = made(flux, used).value
    assert_allclose(made(flux * 1e-17, used).value, whole, rtol=1e-4)
    assert_allclose(made(flux[5:6], used[5:6]).value[0], whole[5], rtol=1e-4)


def test_lines_are_those_over_the_continuum():
    flux, used, _ = few(4)
    used[1, 100:140] = False
    seen = shown(torch.as_tensor(flux, dtype=torch.float32), torch.as_tensor(used, dtype=torch.float32))
    assert_allclose(seen.lines.numpy() / 4, lines(flux, used), atol=1e-4)


def test_dust_and_smooth_calibration_do_not_change_the_shape():
    flux, _, _ = few(3)
    x = np.linspace(-1, 1, N)
    reddened = flux * 10 ** (0.3 * x - 0.1 * x**2)
    one, other = (
        shown(torch.as_tensor(f, dtype=torch.float32), torch.ones(3, N)).shape.numpy()
        for f in (flux, reddened)
    )
    assert one.shape == (3, 2 * (N // JOINED))
    assert_allclose(one, other, atol=0.02)


def test_stars_are_shown_otherwise_every_time_and_their_labels_never_enter():
    flux, used, _ = (torch.as_tensor(a, dtype=torch.float32) for a in few(8))
    generator = torch.Generator().manual_seed(1)
    first, second = (varied(flux, used, RECIPE, generator) for _ in range(2))
    assert not torch.equal(first[0], second[0])
    assert set(first[2].unique().tolist()) <= {0.0, 1.0}
    assert (first[1] <= used).all()
