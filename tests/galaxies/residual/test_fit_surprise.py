"""The surprise encoder learns what is ordinary from ordinary galaxies, and only from them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.encoders import EncoderRecipe
from spectrove.encoders.recipe import TrainingRecipe
from spectrove.errors import RecipeError
from spectrove.galaxies.mock import inject_lens, make_survey
from spectrove.galaxies.mock import load_recipe as load_mock_recipe
from spectrove.galaxies.residual.encoder import FEATURES, SurpriseEncoder
from spectrove.galaxies.residual.recipe import SurpriseRecipe
from spectrove.galaxies.residual.training import fit_surprise, ordinary_spectra, ordinary_survey
from spectrove.pipeline.shipped import load_encoder, load_recipe
from spectrove.pipeline.train import train
from spectrove.preprocess import prepare
from spectrove.spectra import SpectrumSet

NAMES = list(FEATURES)


def recipe(**training):
    return EncoderRecipe(
        name="small-surprise", kind="surprise", preprocess=load_recipe("surprise").on_grid,
        surprise=SurpriseRecipe(n_components=6, iterations=3, score_groups=2, line_groups=2),
        training=TrainingRecipe(**{"n_mock": 180, "mock_seed": 1800, **training}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def galaxies():
    return ordinary_spectra(recipe())


@pytest.fixture(scope="module")
def encoder(galaxies):
    return fit_surprise(recipe(), galaxies)


def test_no_lens_and_no_outlier_is_among_the_galaxies_it_learns_from():
    survey = ordinary_survey(load_mock_recipe())
    made = make_survey(60, recipe=survey, seed=1800)
    assert set(made.column("lens")) == {"none"}
    assert set(made.column("outlier")) == {"none"}
    whole = load_mock_recipe().shares
    assert {k: v for k, v in whole.items() if k not in ("lens", "outlier")} == survey.shares


def test_everybody_it_saw_is_recorded(encoder, galaxies):
    assert encoder.training_ids == set(galaxies.object_id.tolist())
    assert len(encoder.training_ids) == 180


def test_ordinary_galaxies_surprise_little_and_lenses_do(encoder):
    """Red galaxies that were not seen, as they are and with a galaxy behind them."""
    red = load_mock_recipe().model_copy(update={"shares": {"red": 1.0}})
    hosts = make_survey(24, recipe=red, seed=1801)
    rng = np.random.default_rng(0)
    lenses = SpectrumSet.from_spectra([inject_lens(s, rng, line_sn=25.0) for s in hosts])
    plain, lensed = (
        encoder.encode(prepare(s, encoder.preprocess)[0]).vectors[:, NAMES.index("peak_1")]
        for s in (hosts, lenses)
    )
    assert np.median(plain) < 1
    assert np.median(lensed) > np.quantile(plain, 0.95)


def test_the_scale_of_the_flux_does_not_matter(encoder):
    spectra = make_survey(6, seed=1802)
    scaled = SpectrumSet(
        spectra.object_id, spectra.offsets, spectra.wavelength, spectra.flux * 64, spectra.ivar / 64**2,
        spectra.mask, spectra.lsf, spectra.rows,
    )  # fmt: skip
    one, other = (encoder.encode(prepare(s, encoder.preprocess)[0]).vectors for s in (spectra, scaled))
    assert_allclose(other, one, atol=2e-3)


def test_it_is_written_and_read_back(tmp_path):
    made = train(recipe(n_mock=120), tmp_path, workers=1)
    again = load_encoder(tmp_path / "small-surprise")
    assert again.fingerprint == made.fingerprint
    assert again.n_dimensions == len(FEATURES)
    assert (tmp_path / "small-surprise" / "training.json").is_file()


def test_fewer_galaxies_than_components_are_refused(galaxies):
    with pytest.raises(RecipeError, match="5 spectra for 6 components"):
        fit_surprise(recipe(), galaxies.take(np.arange(5)))


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(RecipeError, match="nothing to train on"):
        ordinary_spectra(recipe(n_mock=0))


def test_an_odd_number_of_pixels_is_refused():
    """Scores are found on pairs of pixels."""
    preprocess = recipe().preprocess.model_copy(update={"n_pixels": 5691})
    odd = EncoderRecipe(name="odd", kind="surprise", preprocess=preprocess, surprise=SurpriseRecipe())
    with pytest.raises(ValueError, match="even"):
        SurpriseEncoder.complete(odd)
