"""Small encoders, each the same recipe with one change; trained once and kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from experiments.samples.bench import Bench, digest
from experiments.samples.recipes import Mock, merged
from spectrove.encoders import Encoder, EncoderRecipe
from spectrove.pipeline.shipped import load_encoder, load_recipe
from spectrove.pipeline.train import train

HERE = Path(__file__).resolve().parent


def small_recipe(changes: dict[str, Any], *, fast: bool = False) -> EncoderRecipe:
    """small.toml with changes; the recipe's own rules are checked again."""
    values = merged(load_recipe(HERE / "small.toml").model_dump(), changes)
    if fast:
        tiny = {"n_mock": 120, "steps": 4, "warmup": 1, "batch_size": 16, "checkpoint_every": 2}
        values = merged(values, {"training": tiny})
    return EncoderRecipe.model_validate(values | {"name": "small"})


def encoder_of(bench: Bench, recipe: EncoderRecipe) -> Encoder:
    """The trained encoder of a recipe; mocks are made once for all recipes that ask for the same ones."""
    folder = bench.out / "encoders" / digest(recipe.model_dump_json())
    done = folder / recipe.name
    if not (done / "weights.safetensors").exists():
        plan = recipe.training
        mocks = bench.workshop.mock_spectra(Mock(recipe=plan.mock_recipe, n=plan.n_mock), plan.mock_seed)
        # The mocks come as a dataset, so that they are not made again for every recipe; nothing else differs.
        given = recipe.model_copy(update={"training": plan.model_copy(update={"n_mock": 0})})
        bench.say(f"    train {recipe.kind}, {plan.steps} steps of {plan.batch_size}")
        train(given, folder, datasets=[mocks], resume=True, workers=1)
        shutil.rmtree(done / "run", ignore_errors=True)
    return load_encoder(str(done))
