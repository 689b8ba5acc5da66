"""The recipes of mock stars are frozen: what was trained and measured with them stays comparable."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.provenance import canonical_json
from spectrove.stars.mock import RECIPES, draw_labels, load_recipe

#: First digits of the hash of each recipe, and the labels of its first star (seed 0).
FROZEN: dict[str, tuple[str, list[float]]] = {
    "default": (
        "1f5fac47a06e0888",
        [4465.1338, 1.9572, 0.176, -0.1519, -0.2325, -0.0586, 0.0288, 0.1366, 0.0723, 1.5588, 2.915],
    ),
    "train": (
        "fccb49fb57d65c39",
        [5393.3852, 4.2563, -0.2842, 0.085, 0.0258, 0.1275, -0.0547, 0.052, -0.1274, 0.8474, 7.2968],
    ),
    "real": (
        "6467c4d3888219d4",
        [4284.3301, 1.5706, -0.655, 0.5134, 0.2011, 0.1521, 0.067, 0.338, 0.1917, 1.3813, 2.1707],
    ),
    "test": (
        "0cfe5d6fd65a29e2",
        [4569.642, 2.4416, -0.2314, -0.026, 0.0481, 0.0568, 0.0089, 0.0836, -0.008, 0.7395, 4.6514],
    ),
}


@pytest.mark.parametrize("name", list(FROZEN))
def test_a_recipe_is_what_it_was(name):
    found = hashlib.sha256(canonical_json(load_recipe(name).model_dump()).encode()).hexdigest()
    assert found.startswith(FROZEN[name][0])


@pytest.mark.parametrize("name", list(FROZEN))
def test_its_first_star_is_what_it_was(name):
    recipe = load_recipe(name)
    labels = draw_labels(3, recipe, np.random.default_rng([recipe.stream, 0, 0]))
    assert_allclose(labels[0], FROZEN[name][1], atol=2e-4)


def test_every_recipe_of_the_package_is_frozen():
    assert set(FROZEN) == set(RECIPES)


def test_training_and_test_differ_in_random_numbers_alone():
    train, test = (load_recipe(name).model_dump() for name in ("train", "test"))
    assert train.pop("stream") != test.pop("stream")
    assert train == test
