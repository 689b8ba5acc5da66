"""The flow learns, goes on after an interruption as it would have, and says the same when it is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from spectrove.errors import RecipeError
from spectrove.stars.emulator.network import predict
from spectrove.stars.flow import mocks as drawing
from spectrove.stars.flow import training
from spectrove.stars.flow.mocks import COMPARED, computed, differences, pool
from spectrove.stars.flow.model import N_ASKED, Flow
from spectrove.stars.flow.recipe import FlowRecipe
from spectrove.stars.flow.training import noisy, train

RECIPE = FlowRecipe(
    components=(24, 20), hidden=48, blocks=1, context=12, transforms=2, units=24, bins=4, pool=2000, compared=12,
    checked=60, steps=250, shaping=30, batch=64, shaped=48, learning_rate=5e-3, averaging=0.9,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _few():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "STARS", 250)
        patch.setattr(drawing, "DERIVED", 50)
        patch.setattr(training, "KEPT", 50)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow")
    return folder, *train(RECIPE, folder)


def asked(flow, folder, n=500):
    found = pool(flow.recipe, flow.basis, folder / "asked", first=700_000, n=n)
    generator = torch.Generator().manual_seed(3)
    return noisy(found["components"], found["level"], flow.basis, flow.recipe, generator), found["labels"]


def test_it_learns_labels_and_how_well_it_knows_them(trained):
    folder, flow, report = trained
    given, truth = asked(flow, folder)
    mean, covariance = flow.labels(given)
    off = (mean - truth)[:, :N_ASKED]
    assert (off.std(dim=0)[:3] < 0.8 * truth.std(dim=0)[:3]).all()
    pulls = off / covariance.diagonal(dim1=1, dim2=2).sqrt()[:, :N_ASKED]
    assert_allclose((pulls**2).mean(dim=0).sqrt(), 1, atol=0.35)
    assert report["log"][-1]["step"] == RECIPE.steps + RECIPE.shaping


def test_draws_are_the_same_whenever_they_are_asked_for(trained):
    folder, flow, _ = trained
    given, _ = asked(flow, folder, 20)
    draws = flow.draws(given, 50, range(20))
    assert draws.shape == (20, 50, N_ASKED)
    assert torch.equal(draws, flow.draws(given, 50, range(20)))
    assert (draws.std(dim=1) > 0).all()


def test_draws_of_spectra_are_independent_and_fill_each_posterior_evenly(trained):
    """The same points for all spectra would be off alike for all: intervals of many stars would be, too."""
    folder, flow, _ = trained
    one = asked(flow, folder, 1)[0]
    n, n_draws = 300, 64
    exact = flow.draws(one, 65_536, [99])[0].median(dim=0).values
    below = (flow.draws(one.expand(n, -1), n_draws, range(n)) < exact).double().mean(dim=1)
    spread = below.std(dim=0)
    assert (spread < 0.75 * 0.5 / n_draws**0.5).all(), "more even than independent samples"
    assert (abs(below.mean(dim=0) - 0.5) < 4 * spread / n**0.5 + 0.004).all()
    assert (np.abs(np.corrcoef(below[1:, 0], below[:-1, 0])[0, 1])) < 0.25


def test_company_does_not_matter(trained):
    folder, flow, _ = trained
    given, _ = asked(flow, folder, 100)
    assert_allclose(
        flow.draws(given, 8, range(100))[70:71], flow.draws(given[70:71], 8, [70]), rtol=1e-3, atol=1e-3
    )


def test_what_is_kept_says_the_same(trained, tmp_path):
    folder, flow, _ = trained
    flow.save(tmp_path / "flow.safetensors", {"seconds": 1})
    again = Flow.load(tmp_path / "flow.safetensors")
    given, truth = asked(flow, folder, 50)
    spread = truth.std(dim=0)
    assert_allclose(again.labels(given)[0] / spread, flow.labels(given)[0] / spread, atol=0.01)
    spread = spread[:N_ASKED]
    seeds = range(50)
    assert_allclose(again.draws(given, 16, seeds) / spread, flow.draws(given, 16, seeds) / spread, atol=0.05)


def test_a_training_that_was_interrupted_goes_on_as_it_would_have(trained, tmp_path):
    folder, flow, _ = trained
    (tmp_path / "mocks").symlink_to(folder / "mocks")
    (tmp_path / "computed").symlink_to(folder / "computed")

    def stop(done, total):
        if done == 262:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, tmp_path, stop)
    told = []
    again, _ = train(RECIPE, tmp_path, lambda done, total: told.append(done))
    assert told[0] == 251
    for one, other in zip(flow.network.parameters(), again.network.parameters(), strict=True):
        assert_allclose(one, other, atol=1e-5)


def test_what_the_emulator_is_off_by_is_that_at_computed_stars(trained):
    folder, flow, _ = trained
    known, flux = computed(folder / "computed", COMPARED, RECIPE.compared)
    off, near = differences(RECIPE, flow.basis, folder / "computed", known)
    assert near[:, 0].tolist() == list(range(RECIPE.compared)), "a star is most like itself"
    emulated = torch.from_numpy(predict(known.numpy()))
    expected = flow.basis.components(flux)[0] - flow.basis.components(emulated)[0]
    assert_allclose(off, expected, atol=1e-5)
    assert 1e-4 < float(off.norm(dim=1).mean()) < 0.2


def test_a_folder_of_another_recipe_is_refused(trained):
    folder, _, _ = trained
    with pytest.raises(RecipeError, match="another recipe"):
        train(RECIPE.model_copy(update={"steps": 260}), folder)
    with pytest.raises(RecipeError, match="another recipe"):
        train(RECIPE.model_copy(update={"mocks": "real"}), folder)
