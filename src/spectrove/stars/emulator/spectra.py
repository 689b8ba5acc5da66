"""Spectra that an emulator learns: computed once, in files that a stopped run goes on from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import RecipeError
from spectrove.provenance import canonical_json
from spectrove.stars.labels import kept_lte_spectra
from spectrove.stars.mock.recipe import MockRecipe, load_recipe
from spectrove.stars.mock.stars import draw_labels

#: Stars that are learned, after mock stars, spread wider.
STARS = Path(__file__).with_name("stars.toml")

#: Spectra of one file.
PART = 100

#: Random numbers of stars to learn and of stars to test with.
SEEDS = {"learn": 0, "test": 1}

Progress = Callable[[int, int], None]


def learning_recipe() -> MockRecipe:
    """The recipe of the stars that the shipped emulator learned."""
    return load_recipe(STARS)


def labels_of(kind: str, n: int, recipe: MockRecipe) -> NDArray[np.float64]:
    """Labels of stars to learn or to test with, (n, n_labels): of fewer stars the first of more."""
    parts = [
        draw_labels(PART, recipe, np.random.default_rng([recipe.stream, SEEDS[kind], i]))
        for i in range(-(-n // PART))
    ]
    return np.concatenate(parts)[:n]


def computed(
    folder: Path, kind: str, n: int, recipe: MockRecipe, progress: Progress = lambda done, total: None
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Labels and spectra of n stars in local thermodynamic equilibrium; what the folder has is not computed again.

    Args:
        folder: For files of a hundred spectra each, 3 MB.
        kind: "learn" or "test".
        n: Number of stars.
        recipe: What they are like.
        progress: Told how many spectra are there.

    Returns:
        (n, n_labels) and (n, n_pixels).

    Raises:
        RecipeError: The folder holds spectra of another recipe.
        ShapeError: A file of it holds other spectra.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about, wanted = folder / "recipe.json", canonical_json(recipe.model_dump())
    if about.exists() and about.read_text("utf-8") != wanted:
        raise RecipeError(f"{folder}: holds spectra of another recipe. Choose another folder, or remove it.")
    about.write_text(wanted, "utf-8")
    labels, parts = labels_of(kind, -(-n // PART) * PART, recipe), []
    for i in range(0, n, PART):
        parts.append(
            kept_lte_spectra(
                folder / f"{kind}-{i // PART:04d}.npy",
                labels[i : i + PART],
                lambda done, _, i=i: progress(min(i + done, n), n),  # type: ignore[misc]
            )
        )
        progress(min(i + PART, n), n)
    return labels[:n], np.concatenate(parts)[:n]
