"""train: from a recipe to a folder that `load_encoder` reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from spectrove.encoders import Encoder, NetworkEncoder, load_encoder, load_recipe, save_encoder
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError
from spectrove.spectra import SpectrumSet
from spectrove.training.data import training_data
from spectrove.training.empca import fit_pca
from spectrove.training.loop import fit_network

Progress = Callable[[int, int, str], None]


def train(
    recipe: EncoderRecipe | Path | str,
    out: Path | str,
    *,
    resume: bool = False,
    datasets: Sequence[SpectrumSet] = (),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Encoder:
    """Train what a recipe describes and write it to `out/<name>`.

    Args:
        recipe: A recipe, its file, or the name of one that comes along.
        out: Folder; the encoder goes to a folder of its name within, the run's state to `<name>/run`.
        resume: Go on with a run that was stopped; a finished one is returned as it is.
        datasets: Spectra to learn from besides the recipe's mocks. Their ids are recorded, and `evaluate` refuses
            to score them.
        workers: Processes that make mocks; all cores if None.
        progress: Told (done, total, text).
    """
    recipe = recipe if isinstance(recipe, EncoderRecipe) else load_recipe(recipe)
    folder = Path(out) / recipe.name
    run = folder / "run"

    def tell(stage: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(done, total, stage) if progress else None

    if recipe.kind == "surprise":
        from spectrove.galaxies.residual.training import fit_surprise, ordinary_spectra

        galaxies = ordinary_spectra(
            recipe, datasets, workers=workers or os.cpu_count() or 1, progress=tell("mock spectra")
        )
        surprise = fit_surprise(recipe, galaxies, source=str(folder), progress=tell("EM-PCA"))
        return load_encoder(save_encoder(surprise, folder, report={"n_spectra": len(galaxies)}))
    data = training_data(
        recipe, datasets, cache=run, workers=workers or os.cpu_count() or 1, progress=tell("mock spectra")
    )
    if recipe.kind == "pca":
        encoder: Encoder = fit_pca(recipe, data.prepared, source=str(folder), progress=tell("EM-PCA"))
        report = {"n_spectra": len(data.prepared)}
    else:
        start = load_encoder(recipe.training.start_from) if recipe.training.start_from else None
        if start is not None and not isinstance(start, NetworkEncoder):
            raise RecipeError(
                f"recipe {recipe.name}: training.start_from is {start.name}, an encoder of kind {start.recipe.kind}; "
                "expected one with a network. Name another, or leave it out."
            )
        encoder, report = fit_network(recipe, data, run, resume=resume, start_from=start, progress=progress)
    return load_encoder(save_encoder(encoder, folder, report=report))
