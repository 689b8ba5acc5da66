"""train: from a recipe to a folder that `load_encoder` reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from spectrove.domain import Domain
from spectrove.encoders import Encoder, NetworkEncoder, load_encoder, save_encoder
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError
from spectrove.spectra import SpectrumSet
from spectrove.training.data import DATASETS_ONLY, training_data
from spectrove.training.empca import fit_pca
from spectrove.training.loop import fit_network

Progress = Callable[[int, int, str], None]


def train(
    recipe: EncoderRecipe,
    out: Path | str,
    *,
    domain: Domain = DATASETS_ONLY,
    resume: bool = False,
    datasets: Sequence[SpectrumSet] = (),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Encoder:
    """Train what a recipe describes and write it to `out/<name>`.

    Args:
        recipe: Of the encoder.
        out: Folder; the encoder goes to a folder of its name within, the run's state to `<name>/run`.
        domain: The kind of light, with its mock survey, its measurements and its kinds of encoders.
        resume: Go on with a run that was stopped; a finished one is returned as it is.
        datasets: Spectra to learn from besides the recipe's mocks. Their ids are recorded, and `evaluate` refuses
            to score them.
        workers: Processes that make mocks; all cores if None.
        progress: Told (done, total, text).
    """
    folder = Path(out) / recipe.name
    run = folder / "run"
    processes = workers or os.cpu_count() or 1

    def tell(stage: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(done, total, stage) if progress else None

    if recipe.kind in domain.trainers:
        fit = domain.trainers[recipe.kind]
        own, report = fit(recipe, datasets, source=str(folder), workers=processes, tell=tell)
        return load_encoder(save_encoder(own, folder, report=report), kinds=domain.kinds)
    data = training_data(
        recipe, datasets, domain=domain, cache=run, workers=processes, progress=tell("mock spectra")
    )
    if recipe.kind == "pca":
        encoder: Encoder = fit_pca(recipe, data.prepared, source=str(folder), progress=tell("EM-PCA"))
        report = {"n_spectra": len(data.prepared)}
    else:
        start, teacher = starting(recipe, domain), teaching(recipe, domain)
        encoder, report = fit_network(
            recipe, data, run, resume=resume, start_from=start, teacher=teacher, progress=progress
        )
    return load_encoder(save_encoder(encoder, folder, report=report))


def starting(recipe: EncoderRecipe, domain: Domain) -> NetworkEncoder | None:
    """The encoder whose weights a recipe begins with, if any.

    Raises:
        RecipeError: It has no network.
    """
    if not recipe.training.start_from:
        return None
    start = load_encoder(recipe.training.start_from, domain.folders("weights"), domain.kinds)
    if not isinstance(start, NetworkEncoder):
        raise RecipeError(
            f"recipe {recipe.name}: training.start_from is {start.name}, an encoder of kind {start.recipe.kind}; "
            "expected one with a network. Name another, or leave it out."
        )
    return start


def teaching(recipe: EncoderRecipe, domain: Domain) -> Encoder | None:
    """The encoder whose vectors a recipe learns to give, if any."""
    plan = recipe.training
    if not plan.teacher or not plan.objectives.distillation:
        return None
    return load_encoder(plan.teacher, domain.folders("weights"), domain.kinds)
