"""What a vector is: the mean of the tokens that were observed, and scores, whitened by the power asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from spectrove.encoders import EncoderRecipe
from spectrove.encoders.masked_transformer import MaskedTransformer
from spectrove.encoders.network_encoder import whitening
from spectrove.encoders.pca import PcaEncoder
from spectrove.encoders.recipe import NetworkRecipe, PcaRecipe
from spectrove.preprocess import Prepared, PreprocessRecipe


def test_patches_without_a_good_pixel_have_no_part_in_the_mean():
    """A spectrum of six patches, the first two unobserved: the mean of the other four tokens, one by one."""
    torch.manual_seed(1)
    network = MaskedTransformer(NetworkRecipe(patch=10, stride=10, width=8, depth=1, heads=2), 60).eval()
    flux, ivar = torch.randn(1, 60), (torch.arange(60)[None] >= 20).float()
    with torch.inference_mode():
        tokens = network.tokens(flux, ivar, network.observed(ivar > 0))[0]
        assert_allclose(network.pool(flux, ivar)[0], sum(tokens[2:]) / 4, atol=1e-6)


@pytest.mark.parametrize(("power", "widths"), [(0.0, (9, 4, 1)), (0.5, (3, 2, 1)), (1.0, (1, 1, 1))])
def test_a_network_is_whitened_by_the_power_asked_for(power, widths):
    """Three directions of deviation 9, 4 and 1, turned: whitening finds them again."""
    rng = np.random.default_rng(4)
    drawn = rng.normal(size=(400, 3))
    white = (
        np.linalg.qr(drawn - drawn.mean(axis=0))[0] * 20
    )  # columns of mean 0 and deviation 1, uncorrelated
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pooled = white * [9, 4, 1] @ turn + 5
    _, axes = whitening(pooled, power)
    deviations = np.linalg.svd((pooled - pooled.mean(axis=0)) @ axes)[1] / 20
    assert_allclose(deviations, widths, rtol=1e-4)


@pytest.mark.parametrize(("power", "widths"), [(0.0, (9, 4)), (0.5, (3, 2)), (1.0, (1, 1))])
def test_a_pca_is_whitened_by_the_power_asked_for(power, widths):
    preprocess = PreprocessRecipe(n_pixels=8)
    recipe = EncoderRecipe(
        name="p", kind="pca", preprocess=preprocess, pca=PcaRecipe(n_components=2, whitening=power)
    )
    weights = {"mean": np.zeros(8), "components": np.eye(2, 8), "deviation": np.array([9.0, 4.0])}
    encoder = PcaEncoder(recipe, weights)
    flux = np.zeros((2, 8), np.float32)
    flux[0, 0], flux[1, 1] = 9, 4  # one deviation along each component
    ivar, ids = np.ones((2, 8), np.float32), np.array(["a", "b"])
    vectors = encoder.encode(
        Prepared(ids, preprocess.wavelength, flux, ivar, ivar > 0, np.zeros(2), np.zeros((2, 2)), ((), ()),
                 preprocess.fingerprint, ())
    ).vectors  # fmt: skip
    assert_allclose(np.diag(vectors), widths, rtol=2e-3)  # the ridge takes a thousandth
