"""Recipes say all there is to say, and nothing else."""

from __future__ import annotations

import math

import pytest
import torch

from spectrove.encoders.masked_transformer import MaskedTransformer
from spectrove.encoders.masking import draw_mask
from spectrove.encoders.network_encoder import build_network
from spectrove.encoders.recipe import MaskRecipe, recipe_toml
from spectrove.errors import RecipeError
from spectrove.pipeline.shipped import load_recipe, shipped_recipes


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_recipe_written_out_in_full_is_the_same_recipe(name, tmp_path):
    recipe = load_recipe(name)
    path = tmp_path / "full.toml"
    path.write_text(recipe_toml(recipe))
    assert load_recipe(path) == recipe


def test_the_papers_encoder_has_the_papers_numbers():
    recipe = load_recipe("galspecencoder.toml")
    net = recipe.network
    assert (net.patch, net.stride, net.width, net.depth, net.heads) == (15, 5, 768, 6, 6)
    assert net.width // net.heads == 128
    assert (recipe.mask.ratio, recipe.training.steps, recipe.training.warmup) == (0.25, 500_000, 2000)
    # Nothing of ours is added to what the paper does.
    assert recipe.preprocess.clip == (-math.inf, math.inf)
    assert (recipe.preprocess.softening, recipe.preprocess.systematic) == (0, 0)
    assert recipe.training.gradient_clip == math.inf
    with torch.device("meta"):
        assert MaskedTransformer(net, recipe.preprocess.n_pixels).n_patches == 735


def test_the_large_recipe_is_large_and_learns_from_a_million_mocks():
    recipe = load_recipe("large")
    with torch.device("meta"):
        network = build_network(recipe)
    assert sum(p.numel() for p in network.parameters()) >= 40_000_000
    assert recipe.training.n_mock >= 1_000_000


def test_no_shipped_recipe_learns_from_the_mocks_that_encoders_are_judged_on():
    assert "test" not in {load_recipe(name).training.mock_recipe for name in shipped_recipes()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name='x'\nkind='cnn'\n[mask]\n[network]\n", "needs network.bottleneck"),
        (
            "name='x'\nkind='masked_transformer'\n[mask]\n[network]\nmeasurements=['ha_ew']",
            "need a bottleneck",
        ),
        ("name = 'x'\nkind = 'pca'\n[pca]\nn_component = 3", "pca.n_component"),
        ("name = 'x'\nkind = 'pca'", "needs the tables"),
        ("name = 'x'\nkind = 'forest'", "kind is 'forest', expected one of cnn, .*surprise"),
        ("name = 'x'\nkind = 'surprise'\n[surprise]\nn_component = 3\n[preprocess]", "surprise.n_component"),
        ("name = 'x'\nkind = 'surprise'\n[surprise]\n[preprocess]\nn_pixels = 5691", "even"),
        ("name = 'x'\nkind = 'surprise'\n[surprise]", "prepares its own input"),
        ("name = 'x'\nkind = 'surprise'\n[preprocess]", "needs the tables"),
        ("name = 'x'\nkind = 'pca'\n[pca]\n[surprise]", "surprise"),
        ("name = ", "not TOML"),
        ("name='x'\nkind='masked_transformer'\n[mask]\n[network]\nwidth=10\nheads=3", "divisible"),
    ],
)
def test_a_wrong_recipe_is_a_sentence(text, words, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=words):
        load_recipe(path)


@pytest.mark.parametrize("shape", ["patch", "span"])
def test_the_share_of_hidden_patches_is_the_recipes(shape):
    observed = torch.ones(40, 90, dtype=torch.bool)
    observed[:, 60:] = False
    hidden = draw_mask(observed, MaskRecipe(ratio=0.5, shape=shape, span=3), torch.Generator().manual_seed(0))
    assert not (hidden & ~observed).any()
    assert (hidden.sum(dim=1) == 30).all()


def test_a_spectrum_of_one_patch_keeps_it():
    observed = torch.zeros(1, 9, dtype=torch.bool)
    observed[0, 4] = True
    assert not draw_mask(observed, MaskRecipe(ratio=0.9), torch.Generator().manual_seed(0)).any()


def test_spans_hide_runs():
    observed = torch.ones(200, 90, dtype=torch.bool)
    chance = torch.Generator().manual_seed(0)
    runs = {
        s: _run_length(draw_mask(observed, MaskRecipe(ratio=0.3, shape=s, span=6), chance))
        for s in ("patch", "span")
    }
    assert runs["span"] > 2 * runs["patch"]


def _run_length(hidden):
    begins = (hidden[:, 1:] & ~hidden[:, :-1]).sum() + hidden[:, 0].sum()
    return float(hidden.sum() / begins)
