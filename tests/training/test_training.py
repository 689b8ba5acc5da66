"""Training finds what is there, stops and goes on as if it had not stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.encoders import EncoderRecipe
from spectrove.encoders.recipe import MaskRecipe, NetworkRecipe, PcaRecipe, TrainingRecipe
from spectrove.errors import RecipeError
from spectrove.galaxies.domain import GALAXIES, MockSurvey
from spectrove.galaxies.mock import make_survey
from spectrove.pipeline.shipped import load_encoder
from spectrove.preprocess import PreprocessRecipe
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.training import data, fit_pca, train, training_data
from spectrove.training.empca import empca
from spectrove.training.loop import schedule

PREPROCESS = PreprocessRecipe(n_pixels=160, scale="none", systematic=0.0)


def toy_set(n=60, seed=0):
    """Spectra that are a mean and two smooth components, with noise and a gap each."""
    rng = np.random.default_rng(seed)
    wave = np.linspace(3600, 8800, 400)
    x = np.linspace(0, 1, 400)
    shapes = np.stack([np.sin(5 * x), np.cos(9 * x)])
    spectra = []
    for i in range(n):
        ivar = np.full(400, 100.0)
        start = rng.integers(300)
        ivar[start : start + 60] = 0
        flux = 3 + rng.normal(0, [2, 1]) @ shapes + rng.normal(0, 0.1, 400)
        spectra.append(Spectrum(f"s{i}", wave, flux, ivar, np.zeros(400), np.full(400, np.nan), {"z": 0.0}))
    return SpectrumSet.from_spectra(spectra), shapes


def network_recipe(steps=12, bottleneck=0, dropout=0.0):
    return EncoderRecipe(
        name="tiny", kind="masked_transformer", preprocess=PREPROCESS, mask=MaskRecipe(ratio=0.4),
        network=NetworkRecipe(patch=16, stride=16, width=16, depth=1, heads=2, bottleneck=bottleneck, whitening=0.5,
                              dropout=dropout),
        training=TrainingRecipe(n_mock=0, steps=steps, warmup=2, batch_size=16, checkpoint_every=4, learning_rate=3e-3),
    )  # fmt: skip


def test_empca_finds_the_components_behind_gaps():
    spectra, shapes = toy_set(200)
    recipe = EncoderRecipe(name="p", kind="pca", preprocess=PREPROCESS, pca=PcaRecipe(n_components=2),
                           training=TrainingRecipe(n_mock=0))  # fmt: skip
    prepared = training_data(recipe, [spectra]).prepared
    _, components, deviation = empca(prepared.flux.astype(float), prepared.ivar.astype(float), 2, 15)
    truth = np.stack([np.interp(prepared.wavelength, np.linspace(3600, 8800, 400), s) for s in shapes])
    spanned = truth @ components.T @ components
    assert_allclose(spanned, truth, atol=0.05)
    assert deviation[0] > deviation[1]
    assert_allclose(components @ components.T, np.eye(2), atol=1e-6)


def test_a_pca_with_more_components_than_spectra_is_refused():
    spectra, _ = toy_set(5)
    recipe = EncoderRecipe(name="p", kind="pca", preprocess=PREPROCESS, pca=PcaRecipe(n_components=9),
                           training=TrainingRecipe(n_mock=0))  # fmt: skip
    with pytest.raises(RecipeError, match="5 spectra for 9 components"):
        fit_pca(recipe, training_data(recipe, [spectra]).prepared)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_resumed_run_ends_where_an_unbroken_one_ends(tmp_path, dropout):
    spectra, _ = toy_set()
    recipe = network_recipe(dropout=dropout)
    whole = train(recipe, tmp_path / "whole", datasets=[spectra])

    class Stop(Exception):
        pass

    def stop_after_six(done, total, text):
        if "loss" in text and done == 6:
            raise Stop

    with pytest.raises(Stop):
        train(recipe, tmp_path / "broken", datasets=[spectra], progress=stop_after_six)
    resumed = train(recipe, tmp_path / "broken", datasets=[spectra], resume=True)
    for name, weights in whole.weights.items():
        assert_allclose(resumed.weights[name], weights, atol=2e-3, err_msg=name)


def test_a_resumed_run_reads_its_state_once_the_network_is_on_its_device(tmp_path, monkeypatch):
    """Moving a network takes its optimiser's state along on no device but the one it is on already."""
    from spectrove.training import loop

    class Watched(loop.Fabric):
        def setup(self, network, optimizer):
            assert not optimizer.state
            return super().setup(network, optimizer)

    def stop_at_the_end(done, total, text):
        if "loss" in text and done == 7:
            raise KeyboardInterrupt

    spectra, _ = toy_set()
    with pytest.raises(KeyboardInterrupt):
        train(network_recipe(8), tmp_path, datasets=[spectra], progress=stop_at_the_end)
    monkeypatch.setattr(loop, "Fabric", Watched)
    train(network_recipe(8), tmp_path, datasets=[spectra], resume=True)


@pytest.mark.parametrize("bottleneck", [0, 4])
def test_training_lowers_the_loss_and_records_whom_it_saw(tmp_path, bottleneck):
    import json

    spectra, _ = toy_set()
    encoder = train(network_recipe(60, bottleneck), tmp_path, datasets=[spectra])
    log = [json.loads(line) for line in (tmp_path / "tiny" / "run" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["validation"] < 0.8 * log[0]["validation"]
    assert (
        load_encoder(tmp_path / "tiny").training_ids
        == set(spectra.object_id.tolist())
        == encoder.training_ids
    )


def test_a_second_run_in_the_same_folder_says_resume(tmp_path):
    spectra, _ = toy_set()
    train(network_recipe(4), tmp_path, datasets=[spectra])
    with pytest.raises(RecipeError, match="--resume"):
        train(network_recipe(4), tmp_path, datasets=[spectra])
    with pytest.raises(RecipeError, match="another recipe"):
        train(network_recipe(8), tmp_path, datasets=[spectra], resume=True)


def test_mocks_that_were_made_before_a_stop_are_not_made_again(tmp_path, monkeypatch):
    recipe = network_recipe()
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"n_mock": 12})})
    made: list[int] = []

    def stopped(n, *, seed, **options):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(seed)
        return make_survey(n, seed=seed, **options)

    def unbroken(n, *, seed, **options):
        made.append(seed)
        return make_survey(n, seed=seed, **options)

    def galaxies(make):
        survey = MockSurvey()
        survey.make = make
        return replace(GALAXIES, mock=survey)

    monkeypatch.setattr(data, "_CHUNK", 4)
    with pytest.raises(KeyboardInterrupt):
        training_data(recipe, domain=galaxies(stopped), cache=tmp_path)
    resumed = training_data(recipe, domain=galaxies(unbroken), cache=tmp_path).prepared
    assert len(made) == len(set(made)) == 3
    whole = training_data(recipe, domain=GALAXIES).prepared
    assert resumed.object_id.tolist() == whole.object_id.tolist()
    assert_array_equal(resumed.flux, whole.flux)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["prepared.json", "prepared.safetensors"]


def test_a_measurement_that_the_domain_does_not_have_is_refused(tmp_path):
    recipe = network_recipe(bottleneck=4)
    network = recipe.network.model_copy(update={"measurements": ("ha_ew", "liner")})
    with pytest.raises(RecipeError, match=r"measurements names \['liner'\], expected some of \['ha_ew', "):
        train(recipe.model_copy(update={"network": network}), tmp_path, domain=GALAXIES)


def test_mocks_of_a_domain_that_has_none_are_refused(tmp_path):
    recipe = network_recipe()
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"n_mock": 12})})
    with pytest.raises(RecipeError, match="n_mock is 12, but datasets only has no mock survey"):
        train(recipe, tmp_path, datasets=[toy_set()[0]])


def test_validation_spectra_are_never_drawn():
    spectra, _ = toy_set()
    data = training_data(network_recipe(), [spectra])
    drawn = {int(i) for step in range(50) for i in data.draw(step, 16, 0)}
    assert drawn.isdisjoint(data.validation.tolist())
    assert len(data.validation) == 3


def test_the_learning_rate_rises_and_falls():
    plan = TrainingRecipe(steps=100, warmup=10)
    rates = [schedule(i, plan) for i in range(100)]
    assert rates[9] == max(rates) == 1.0
    assert rates[0] == 0.1
    assert rates[-1] < 0.001


def test_a_loss_that_is_not_finite_stops_the_run_with_a_sentence(tmp_path, monkeypatch):
    from spectrove.training import loop

    monkeypatch.setattr(loop, "validation_loss", lambda *_: float("nan"))
    with pytest.raises(RecipeError, match=r"the loss is nan at step 4.*learning_rate"):
        train(network_recipe(8), tmp_path, datasets=[toy_set()[0]])
