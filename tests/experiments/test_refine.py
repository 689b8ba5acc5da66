"""Refining goes on from where an encoder is, on the spectra that it is given and no others."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.encoders.refine import mock_share, refine
from spectrove.encoders import EncoderRecipe
from spectrove.encoders.recipe import MaskRecipe, NetworkRecipe, ObjectivesRecipe, TrainingRecipe
from spectrove.errors import RecipeError
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.mock import make_survey
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.training import train

RECIPE = EncoderRecipe(
    name="tiny", kind="cnn", preprocess=PreprocessRecipe(n_pixels=240, scale="continuum", continuum_width=0.02),
    mask=MaskRecipe(ratio=0.1),
    network=NetworkRecipe(patch=20, stride=20, channels=(8, 8), squeeze=4, bottleneck=16, decoder_width=16,
                          inputs="flux+valid+ivar", measurements=("ha_ew", "d4000n")),
    training=TrainingRecipe(n_mock=150, mock_seed=1990, mock_recipe="train", steps=120, warmup=5, batch_size=32,
                            learning_rate=4e-3, checkpoint_every=40,
                            objectives=ObjectivesRecipe(reconstruction=0.05, measurements=1.0, consistency=0.01)),
)  # fmt: skip


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return train(RECIPE, tmp_path_factory.mktemp("weights"), domain=GALAXIES, workers=1)


@pytest.fixture(scope="module")
def catalog():
    """Spectra with a catalog and no truth, as real ones have."""
    survey = make_survey(80, seed=1991)
    real = [c for c in survey.rows.column_names if not c.startswith("truth_")]
    return survey.with_rows(survey.rows.select(real))


def test_a_network_learns_to_measure(encoder):
    survey = make_survey(60, seed=1992)
    prepared, _ = prepare(survey, encoder.preprocess)
    read = encoder.measurements(prepared)
    truth = dict(zip(survey.object_id.tolist(), survey.column("truth_ha_ew"), strict=True))
    pairs = [(m, np.arcsinh(truth[i])) for m, i in zip(read["ha_ew"], prepared.object_id.tolist(), strict=True)
             if truth[i] is not None]  # fmt: skip
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.6


def test_a_refined_encoder_has_other_weights_and_owns_up_to_what_it_saw(encoder, catalog):
    refined = refine(
        encoder, catalog, domain=GALAXIES, mocks=mock_share(encoder, 100, domain=GALAXIES), steps=8
    )
    assert refined.fingerprint != encoder.fingerprint
    assert refined.training_ids >= encoder.training_ids | set(catalog.object_id.tolist())


def test_the_units_of_measurements_stay_those_of_the_mocks(encoder, catalog):
    refined = refine(
        encoder, catalog, domain=GALAXIES, mocks=mock_share(encoder, 100, domain=GALAXIES), steps=4
    )
    for part in ("centre", "scale"):
        name = f"float32.measure_{part}"
        assert (refined.weights[name] == encoder.weights[name]).all()


def test_spectra_without_a_measurement_cannot_refine(encoder, catalog):
    bare = catalog.with_rows(catalog.rows.select(["object_id", "z"] if "object_id" in catalog.rows.column_names else
                                                 [c for c in catalog.rows.column_names if "_" not in c or c == "z_err"
                                                  or c in ("z_source", "flux_unit", "targetid")]))  # fmt: skip
    with pytest.raises(RecipeError, match="none of 80 spectra has a measurement"):
        refine(encoder, bare.with_rows(bare.rows.drop_columns([c for c in bare.rows.column_names if c in
               ("d4000n", "vdisp")])), domain=GALAXIES, mocks=mock_share(encoder, 100, domain=GALAXIES))  # fmt: skip
