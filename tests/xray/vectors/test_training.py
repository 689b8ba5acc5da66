"""Training the encoders of X-ray spectra: small ones, from recipes to vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.encoders import EncoderRecipe
from spectrove.errors import RecipeError
from spectrove.xray.counts import CountSet
from spectrove.xray.domain import XRAY
from spectrove.xray.mock import GRID, draw, instruments, load_recipe
from spectrove.xray.vectors import survey, training
from spectrove.xray.vectors.bank import Bank, after_fluxes
from spectrove.xray.vectors.network import SourceNetwork, SourceNetworkRecipe, log_flux_of

SMALL = {"n_bins": 16, "width": 16, "depth": 1, "decoder_width": 16, "n_dimensions": 5}
PLAN = {
    "n_mock": 512,
    "steps": 6,
    "warmup": 1,
    "batch_size": 64,
    "checkpoint_every": 3,
    "learning_rate": 2e-3,
}
QUANTITIES = ("nh", "gamma", "kt")


@pytest.fixture(scope="module", autouse=True)
def own_instruments():
    """Two instruments made here, whether real ones are at hand or not."""
    chosen = instruments("own")[:2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey, "training_instruments", lambda recipe: chosen)
        patch.setattr(training, "training_instruments", lambda recipe: chosen)
        patch.setattr(training, "MEASURED", 256)
        yield chosen


def recipe(kind, own, **plan):
    values = EncoderRecipe(name="small", kind=kind, training=PLAN | plan, **{kind: own})
    return XRAY.kinds[kind]().complete(values)


def trained(made, folder, datasets=()):
    return XRAY.trainers[made.kind](
        made, datasets, source=str(folder), workers=1, tell=lambda _: lambda *_: None
    )


@pytest.fixture(scope="module")
def bank(own_instruments):
    settings = SourceNetworkRecipe(n_bins=16)
    chosen = load_recipe("train")
    return Bank(draw(512, chosen, 5), own_instruments, chosen, settings, QUANTITIES)


@pytest.fixture(scope="module")
def spectra(own_instruments):
    made = recipe("count_pca", {}, n_mock=96, mock_seed=7)
    return survey.training_spectra(made, [])


@pytest.mark.parametrize(
    ("kind", "own", "n"),
    [
        ("count_pca", {"n_bins": 16, "n_components": 3}, 3),
        ("count_autoencoder", {"n_bins": 24, "patch": 6, "width": 8, "heads": 2, "n_dimensions": 4}, 4),
        ("source_network", SMALL, 5),
    ],
)
def test_every_recipe_gives_an_encoder_of_its_length(kind, own, n, spectra, tmp_path):
    encoder, report = trained(recipe(kind, own), tmp_path)
    prepared, _ = encoder.prepare(spectra)
    vectors = encoder.encode(prepared).vectors
    assert vectors.shape == (len(prepared), n)
    assert (vectors.std(axis=0) > 0).all()
    assert report["n_spectra"] > 400
    assert len(encoder.training_ids) == report["n_spectra"]


def test_a_run_that_was_stopped_goes_on_to_the_same_network(tmp_path):
    whole, _ = trained(recipe("source_network", SMALL), tmp_path / "a")
    stop = training.fit

    def stopped(module, loss, made, folder, progress):
        def until_four(done, total):
            if done == 4:
                raise KeyboardInterrupt

        return stop(module, loss, made, folder, until_four)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            trained(recipe("source_network", SMALL), tmp_path / "b")
    again, report = trained(recipe("source_network", SMALL), tmp_path / "b")
    assert [line["step"] for line in report["log"]] == [3, 6]
    assert again.fingerprint == whole.fingerprint
    with pytest.raises(RecipeError, match="run of another recipe"):
        trained(recipe("source_network", SMALL | {"width": 24}), tmp_path / "b")


def test_no_class_is_read(tmp_path):
    """The same sources with their classes taken away give the same network."""

    def without_class(n, made, seed):
        sources = draw(n, made, seed)
        del sources.truth["class"], sources.truth["model"]
        return sources

    one, _ = trained(recipe("source_network", SMALL), tmp_path / "a")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "draw", without_class)
        other, _ = trained(recipe("source_network", SMALL), tmp_path / "b")
    assert one.fingerprint == other.fingerprint


def test_spectra_without_truth_cannot_teach_the_network(spectra, tmp_path):
    with pytest.raises(RecipeError, match="96 spectra of datasets and 512 mock sources"):
        trained(recipe("source_network", SMALL), tmp_path, [spectra])


def test_nothing_to_train_on_is_said(tmp_path):
    with pytest.raises(RecipeError, match="nothing to train on"):
        trained(recipe("count_pca", {"n_bins": 16}, n_mock=0), tmp_path)
    with pytest.raises(RecipeError, match="spectra with counts for 64 energy bins"):
        trained(recipe("count_pca", {"n_bins": 64}, n_mock=40), tmp_path)


def test_the_bank_draws_the_counts_that_a_fold_expects(bank):
    """The mean of many draws without background is the fold of the photons through one of the instruments."""
    rows = np.full(400, 11)
    drawn = bank.draw(rows, np.random.default_rng(2))
    rate = ((drawn.counts - drawn.unwanted) / drawn.exposed).mean(axis=0)
    expected = np.mean([bank.sources.photons[11] @ seen.fold / seen.area for seen in bank.seen], axis=0)
    strong = drawn.counts.mean(axis=0) > 5
    assert strong.sum() > 3
    assert_allclose(rate[strong], expected[strong], atol=0.05 * expected.max())


def test_counts_after_fluxes_keep_fluxes_and_signal(bank):
    drawn = bank.draw(np.arange(256), np.random.default_rng(3))
    seen, scale = bank.seen[0], np.full(256, 0.05)
    flat = np.tile(seen.flat, (256, 1))
    parts = drawn.counts, drawn.behind, drawn.exposed, drawn.unwanted
    counts, behind, exposed, _ = after_fluxes(parts, scale, flat, seen.band)
    bright = drawn.counts.sum(axis=1) > 1000
    before = ((drawn.counts - drawn.behind).sum(axis=1) / drawn.exposed.mean(axis=1))[bright]
    assert_allclose((counts.sum(axis=1) / exposed.mean(axis=1))[bright], before, rtol=0.05)
    assert_array_equal(behind, 0)
    assert (counts.sum(axis=1) <= drawn.counts.sum(axis=1) + 2).all()


def test_the_flux_of_a_decoded_spectrum_is_that_of_the_source(bank):
    """With the true shares of photons the flux is the truth but for Poisson noise."""
    settings = SourceNetworkRecipe(n_bins=16)
    drawn = bank.draw(np.arange(512), np.random.default_rng(4))
    bright = np.flatnonzero(drawn.counts.sum(axis=1) > 3000)
    low, high = (
        np.maximum(GRID[:-1, None], settings.edges[:-1]),
        np.minimum(GRID[1:, None], settings.edges[1:]),
    )
    share = bank.sources.photons[bright] @ (np.clip(high - low, 0, None) / np.diff(GRID)[:, None])
    log_share = np.log(np.maximum(share / share.sum(axis=1, keepdims=True), 1e-12))
    found = log_flux_of(
        drawn.counts[bright], drawn.behind[bright], drawn.exposed[bright], log_share, settings
    )
    assert len(bright) > 10
    assert_allclose(found, np.log10(bank.sources.truth["flux"][bright]), atol=0.06)


def test_the_poisson_loss_is_least_for_the_expected_spectrum(bank):
    drawn = bank.draw(np.arange(200), np.random.default_rng(5))
    share = np.maximum(drawn.counts - drawn.unwanted, 0.05) / drawn.exposed
    good = torch.from_numpy(np.log(share / share.sum(axis=1, keepdims=True)).astype(np.float32))
    flat = torch.full_like(good, -np.log(16))
    assert training.poisson(good, drawn).mean() < 0.5 * training.poisson(flat, drawn).mean()


def test_a_vector_has_flux_first_and_estimates_have_errors(tmp_path, spectra):
    encoder, _ = trained(recipe("source_network", SMALL | {"flux_weight": 0.25}), tmp_path)
    prepared, _ = encoder.prepare(spectra)
    brighter = CountSet(**{**vars(spectra), "exposure": spectra.exposure / 10})
    change = encoder.encode(encoder.prepare(brighter)[0]).vectors - encoder.encode(prepared).vectors
    spread = encoder.weights["float32.flux"][1]
    assert_allclose(change[:, 0], 0.25 / spread, rtol=1e-3)
    assert_allclose(change[:, 1:], 0, atol=1e-3)
    found = encoder.quantities(prepared)
    assert set(found) == set(SourceNetworkRecipe().quantities)
    for mean, error in found.values():
        assert mean.shape == error.shape == (len(prepared),)
        assert (error > 0).all()


def test_a_network_of_other_features_is_refused():
    with pytest.raises(ValueError, match="features of version"):
        SourceNetworkRecipe(version=99)
    with pytest.raises(ValueError, match="divisible by 16"):
        SourceNetworkRecipe(n_bins=20)
    assert SourceNetwork(SourceNetworkRecipe(n_bins=16)).n_targets == 8 + 16
