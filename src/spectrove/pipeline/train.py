"""train: an encoder from a recipe, with the mocks and the measurements of its kind of light."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spectrove.domain import Domain
from spectrove.encoders import Encoder, EncoderRecipe
from spectrove.pipeline.domains import DEFAULT_DOMAIN, DOMAINS
from spectrove.pipeline.shipped import load_recipe
from spectrove.spectra import SpectrumSet
from spectrove.training import run
from spectrove.training.run import Progress


def train(
    recipe: EncoderRecipe | Path | str,
    out: Path | str,
    *,
    resume: bool = False,
    datasets: Sequence[SpectrumSet] = (),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Encoder:
    """Train what a recipe, its file or the name of a shipped one describes, and write it to `out/<name>`.

    Args:
        resume, datasets, workers, progress: As in `training.train`.
    """
    recipe = recipe if isinstance(recipe, EncoderRecipe) else load_recipe(recipe)
    return run.train(
        recipe, out, domain=domain_for(recipe), resume=resume, datasets=datasets, workers=workers, progress=progress
    )  # fmt: skip


def domain_for(recipe: EncoderRecipe) -> Domain:
    """The domain that brings the kind of a recipe; that of a new base for a general kind."""
    own = (domain for domain in DOMAINS.values() if recipe.kind in domain.kinds)
    return next(own, DOMAINS[DEFAULT_DOMAIN])
