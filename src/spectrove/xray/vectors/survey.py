"""The mock surveys that encoders of X-ray spectra learn from. No class of a source is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectrove.domain import Progress
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.mock import Instrument, MockRecipe, draw, instruments, load_recipe, observe
from spectrove.xray.mock.instruments import analytic

#: Sources that are made at once.
CHUNK = 4096


def recipe_of(name: str) -> MockRecipe:
    """The mock survey that `training.mock_recipe` of an encoder names; the packaged "train" where it names none."""
    return load_recipe("train" if name == "default" else name)


def training_instruments(recipe: MockRecipe) -> tuple[Instrument, ...]:
    """The recipe's half of those made here, and of the real ones where they are at hand: no test survey has these."""
    made = analytic(recipe.responses)
    names = {one.name for one in made}
    return (*made, *(one for one in instruments(half=recipe.responses) if one.name not in names))


def source_ids(recipe: MockRecipe, seed: int, n: int) -> list[str]:
    """Ids of the sources of a training survey."""
    return [f"xmock-{recipe.stream}-{seed}-{i:06d}" for i in range(n)]


def training_spectra(
    recipe: EncoderRecipe, datasets: Sequence[CountSet], *, workers: int = 1, progress: Progress | None = None
) -> CountSet:
    """Spectra of the recipe's mock survey, and the datasets.

    Raises:
        RecipeError: There is nothing to learn from.
    """
    plan = recipe.training
    survey = recipe_of(plan.mock_recipe)
    found = training_instruments(survey)
    parts = list(datasets)
    for i, begin in enumerate(range(0, plan.n_mock, CHUNK)):
        n = min(CHUNK, plan.n_mock - begin)
        parts.append(_seen(n, survey, plan.mock_seed + i, found))
        if progress:
            progress(begin + n, plan.n_mock)
    if not sum(map(len, parts)):
        raise RecipeError(
            f"recipe {recipe.name}: nothing to train on. Set training.n_mock, or give a dataset."
        )
    return CountSet.concatenate(parts)


def _seen(n: int, survey: MockRecipe, seed: int, found: Sequence[Instrument]) -> CountSet:
    sources = draw(n, survey, seed)
    ids = source_ids(survey, seed, n)
    spectra = []
    for seen in observe(sources, survey, seed, found):
        quality = np.zeros(seen.instrument.response.n_channels, np.int16)
        spectra += [
            Counts(
                ids[place], seen.counts[i], seen.background[i], quality, float(seen.scale[i]), float(seen.exposure[i]),
                seen.instrument.response, {"survey": "mock", "flags": []},
            )
            for i, place in enumerate(seen.index.tolist())
        ]  # fmt: skip
    return CountSet.from_counts(spectra)
