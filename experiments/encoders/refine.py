"""refine: go on with a trained network on real spectra and what a catalog measured on them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spectrove.domain import Domain
from spectrove.encoders import NetworkEncoder
from spectrove.errors import RecipeError
from spectrove.spectra import SpectrumSet
from spectrove.training.data import (
    MeasuredSpectra,
    TrainingData,
    join_prepared,
    prepare_measured,
    training_data,
)
from spectrove.training.loop import fit_network
from spectrove.training.run import teaching

Progress = Callable[[int, int, str], None]


def refine(
    encoder: NetworkEncoder,
    spectra: SpectrumSet,
    *,
    domain: Domain,
    mocks: TrainingData | None = None,
    steps: int = 600,
    learning_rate: float = 1e-3,
    real_share: float = 0.5,
    n_mock: int = 6000,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> NetworkEncoder:
    """The encoder after more training on these spectra and on mocks like those it began with.

    Its `training_ids` grow by those of the spectra, so that `evaluate` refuses to score them. Give it the training
    groups of one fold and nothing else.

    Args:
        encoder: A network encoder that reads measurements off its vectors.
        spectra: With catalog columns of line fluxes, equivalent widths and indices in their rows.
        domain: The kind of light, with its mock survey and its measurements.
        mocks: What `mock_share` made, to use again; made from the encoder's recipe if None.
        steps: Batches.
        learning_rate: At its peak.
        real_share: Of a batch that is real, on average.
        n_mock: Mocks to make where none are given.
        seed: Of the order of batches and of what is hidden.
        workers: Processes that make mocks.
        progress: Told (done, total, text).

    Raises:
        RecipeError: If the encoder has no measurements, or no spectrum has any.
    """
    recipe = encoder.recipe
    if recipe.network is None or not recipe.network.measurements:
        raise RecipeError(
            f"encoder {encoder.name}: reads no measurements, so there is nothing to refine. Train one whose recipe "
            "lists network.measurements."
        )
    real = prepare_measured(spectra, recipe, domain)
    if not np.isfinite(real.values).any():
        raise RecipeError(
            f"encoder {encoder.name}: none of {len(spectra)} spectra has a measurement to learn from (expected columns "
            "like ha_flux, ha_err, ha_ew, d4000n). Join a catalog that holds them."
        )
    if mocks is None:
        mocks = mock_share(encoder, n_mock, domain=domain, workers=workers)
    plan = recipe.training.model_copy(
        update={
            "steps": steps, "learning_rate": learning_rate, "warmup": min(50, steps // 4), "seed": seed,
            "checkpoint_every": max(1, steps // 4), "start_from": encoder.source, "real_share": real_share,
        }
    )  # fmt: skip
    refined = recipe.model_copy(update={"training": plan})
    data = _mixed(real, mocks, real_share, plan.validation, seed)
    with tempfile.TemporaryDirectory() as folder:
        result, _ = fit_network(
            refined,
            data,
            Path(folder),
            start_from=encoder,
            teacher=teaching(refined, domain),
            progress=progress,
        )
    result.source = f"{encoder.source}+{len(real.prepared)}"
    return result


def mock_share(encoder: NetworkEncoder, n: int = 6000, *, domain: Domain, workers: int = 1) -> TrainingData:
    """The first mocks that an encoder was trained on, for several calls of `refine`."""
    plan = encoder.recipe.training.model_copy(update={"n_mock": min(n, encoder.recipe.training.n_mock)})
    recipe = encoder.recipe.model_copy(update={"training": plan})
    return training_data(recipe, domain=domain, workers=workers)


def _mixed(
    real: MeasuredSpectra, mocks: TrainingData, real_share: float, validation: float, seed: int
) -> TrainingData:
    """Real spectra repeated until they are `real_share` of what is drawn; some of both kept for validation."""
    n_real, n_mock = len(real.prepared), int((mocks.counts > 0).sum())
    times = max(1, round(real_share / (1 - real_share) * n_mock / n_real))
    counts = np.full(n_real, times, dtype=np.int64)
    counts[np.random.default_rng(seed).permutation(n_real)[: max(1, round(validation * n_real))]] = 0
    return TrainingData(
        join_prepared([real.prepared, mocks.prepared]),
        np.concatenate([counts, mocks.counts]),
        np.concatenate([real.values, mocks.values]),
        np.concatenate([real.errors, mocks.errors]),
    )
