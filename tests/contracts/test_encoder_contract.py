"""One contract, run over every kind of encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.encoders import ENCODERS, EncoderRecipe, load_encoder, save_encoder
from spectrove.encoders.network import build_network
from spectrove.encoders.recipe import MaskRecipe, NetworkRecipe, PcaRecipe
from spectrove.errors import FingerprintError, RecipeError
from spectrove.galaxies.residual.encoder import FEATURES
from spectrove.galaxies.residual.own_lines import MEASURED
from spectrove.galaxies.residual.recipe import SurpriseRecipe
from spectrove.preprocess import Prepared, PreprocessRecipe

PREPROCESS = PreprocessRecipe(n_pixels=120)
RECIPES = {
    "pca": EncoderRecipe(name="small-pca", kind="pca", preprocess=PREPROCESS, pca=PcaRecipe(n_components=6)),
    "surprise": EncoderRecipe(
        name="small-surprise", kind="surprise", preprocess=PREPROCESS,
        surprise=SurpriseRecipe(n_components=3, score_groups=2, line_groups=2),
    ),
    "masked_transformer": EncoderRecipe(
        name="small-net", kind="masked_transformer", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, width=16, depth=2, heads=2),
    ),
    "masked_transformer with a bottleneck": EncoderRecipe(
        name="small-net", kind="masked_transformer", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, width=16, depth=2, heads=2, bottleneck=5),
    ),
    "masked_transformer that joins its places": EncoderRecipe(
        name="small-net", kind="masked_transformer", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, width=16, depth=1, heads=2, bottleneck=5, pooling="places"),
    ),
    "cnn": EncoderRecipe(
        name="small-cnn", kind="cnn", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, channels=(4, 8), bottleneck=5, inputs="flux+valid+ivar",
                              measurements=("ha_ew", "log_nii_ha")),
    ),
    "hybrid": EncoderRecipe(
        name="small-hybrid", kind="hybrid", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, channels=(4, 8), depth=1, heads=2, bottleneck=5),
    ),
}  # fmt: skip


def prepared(n=9, seed=0, preprocess=PREPROCESS):
    rng = np.random.default_rng(seed)
    flux = rng.normal(0, 1, (n, preprocess.n_pixels)).astype(np.float32)
    ivar = rng.uniform(0.5, 2, flux.shape).astype(np.float32)
    ivar[:, :15] = 0
    flux[ivar == 0] = 0
    return Prepared(
        np.array([f"s{i}" for i in range(n)]), preprocess.wavelength, flux, ivar, ivar > 0, np.full(n, 0.1),
        np.tile(preprocess.wavelength[[15, -1]], (n, 1)), ((),) * n, preprocess.fingerprint, (),
    )  # fmt: skip


def make(case):
    rng = np.random.default_rng(3)
    recipe = RECIPES[case]
    if case == "pca":
        axes = np.linalg.qr(rng.normal(size=(120, 6)))[0].T
        weights = {"mean": rng.normal(size=120), "components": axes, "deviation": np.linspace(3, 1, 6)}
    elif case == "surprise":
        weights = surprise_weights(rng)
    else:
        torch.manual_seed(3)
        module = build_network(recipe)
        weights = {n: t.numpy() for n, t in module.state_dict().items()}
        weights |= {
            "float32.whiten_mean": np.zeros(module.n_dimensions, np.float32),
            "float32.whiten_axes": np.eye(module.n_dimensions, dtype=np.float32),
        }
        for part in ("centre", "scale") if recipe.network.measurements else ():
            weights[f"float32.measure_{part}"] = np.ones(len(recipe.network.measurements), np.float32)
    return ENCODERS[recipe.kind](recipe, weights, training_ids=frozenset({"t1", "t2"}))


def surprise_weights(rng):
    weights = {"mean": np.ones(120), "components": rng.normal(size=(3, 120)), "noise": np.ones(120)}
    weights |= {"band": np.array([-1.0, 0.0, 1.0])[:, None] * np.ones(len(FEATURES))}
    for name, d in (("score", 3), ("line", len(MEASURED))):
        weights[f"float32.{name}_mean"] = rng.normal(size=(2, d))
        weights[f"float32.{name}_covariance"] = np.tile(np.eye(d), (2, 1, 1))
    return weights


@pytest.fixture(params=sorted(RECIPES))
def encoder(request):
    return make(request.param)


def test_every_kind_is_in_this_test():
    assert {r.kind for r in RECIPES.values()} == set(ENCODERS)


def test_a_vector_per_spectrum_with_its_id_and_fingerprint(encoder):
    embeddings = encoder.encode(prepared())
    assert embeddings.vectors.shape == (9, encoder.n_dimensions)
    assert embeddings.vectors.dtype == np.float32
    assert np.isfinite(embeddings.vectors).all()
    assert embeddings.object_id.tolist() == [f"s{i}" for i in range(9)]
    assert embeddings.fingerprint == encoder.fingerprint


def test_company_and_batch_size_do_not_matter(encoder):
    whole = encoder.encode(prepared()).vectors
    encoder.batch_size = 2
    assert_allclose(encoder.encode(prepared()).vectors, whole, atol=1e-5)
    assert_allclose(encoder.encode(prepared().take(np.array([7]))).vectors[0], whole[7], atol=1e-5)


def test_values_behind_the_mask_do_not_matter(encoder):
    clean = prepared()
    spoiled = prepared()
    spoiled.flux[:, :15] = 1e3
    assert_allclose(encoder.encode(spoiled).vectors, encoder.encode(clean).vectors, atol=1e-5)


def test_no_spectra_give_no_vectors(encoder):
    assert encoder.encode(prepared(0)).vectors.shape == (0, encoder.n_dimensions)


def test_a_saved_encoder_is_the_same_encoder(encoder, tmp_path):
    again = load_encoder(save_encoder(encoder, tmp_path / "e"))
    assert again.fingerprint == encoder.fingerprint
    assert again.training_ids == {"t1", "t2"}
    assert_array_equal(again.encode(prepared()).vectors, encoder.encode(prepared()).vectors)


def test_a_moved_encoder_keeps_its_fingerprint(encoder, tmp_path):
    first = load_encoder(save_encoder(encoder, tmp_path / "here"))
    second = load_encoder(save_encoder(encoder, tmp_path / "there"))
    assert first.fingerprint == second.fingerprint


def test_spectra_of_another_preparation_are_refused(encoder):
    with pytest.raises(FingerprintError, match="prepared with recipe"):
        encoder.encode(prepared(preprocess=PreprocessRecipe(n_pixels=120, softening=0.5)))


def test_a_damaged_file_is_named(encoder, tmp_path):
    folder = save_encoder(encoder, tmp_path / "e")
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    with pytest.raises(RecipeError, match="damaged file"):
        load_encoder(folder)


def test_weights_of_another_shape_are_refused(encoder):
    weights = {name: array[..., :-1] for name, array in encoder.weights.items() if array.ndim}
    with pytest.raises(RecipeError, match="do not fit the recipe"):
        type(encoder)(encoder.recipe, weights)


def test_bf16_finds_the_same_neighbours():
    """Number format is provenance: the three nearest stay the three nearest."""
    encoder = make("masked_transformer")
    full = encoder.encode(prepared(60)).vectors
    encoder.compute_dtype = torch.bfloat16
    half = encoder.encode(prepared(60)).vectors

    def nearest(vectors):
        d = np.linalg.norm(vectors[:, None] - vectors[None], axis=2) + 1e9 * np.eye(60)
        return [set(row[:3]) for row in d.argsort(axis=1)]

    shared = np.mean([len(a & b) / 3 for a, b in zip(nearest(full), nearest(half), strict=True)])
    assert shared > 0.9


def test_no_such_encoder_lists_those_there_are():
    with pytest.raises(RecipeError, match="no such encoder"):
        load_encoder("nonesuch")
