"""spectrove mock: a simulated survey with known truth, as files in SDSS format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectrove.errors import DatasetError
from spectrove.serve.batches import need_paths
from spectrove.serve.cli import options
from spectrove.serve.output import print_json, say
from spectrove.serve.progress import done_of, progress_bar

N = Annotated[int, typer.Option("-n", "--number", metavar="N", min=1, help="How many spectra.")]
Folder = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the files.")]
Seed = Annotated[int, typer.Option("--seed", metavar="S", min=0, help="The same seed gives the same survey.")]
Recipe = Annotated[
    Path | None, typer.Option("--recipe", metavar="FILE", help="TOML file of what it contains.")
]


def mock(
    number: N,
    output: Folder,
    seed: Seed = 0,
    recipe: Recipe = None,
    workers: options.Workers = None,
    as_json: options.Json = False,
) -> None:
    """Simulate a survey with known truth, as SDSS files.

    The folder gets index.csv with the labels that a catalog would give, and the truth beside them.
    """
    need_paths([recipe] if recipe else [])
    import os

    from spectrove.pipeline.domains import domain_of, needed

    domain = domain_of(None)
    survey = needed(domain.mock, domain, "mock", "mock survey")
    wanted = survey.recipe(recipe) if recipe else None
    processes = workers or os.cpu_count() or 1
    try:
        with progress_bar("simulating", number) as advance:
            catalog = survey.write(
                number, output, recipe=wanted, seed=seed, workers=processes, progress=done_of(advance)
            )
    except OSError as error:
        raise DatasetError(
            f"{output}: cannot be written ({error.strerror or error}). Make room or choose another folder."
        ) from error
    if as_json:
        print_json({"spectra": number, "folder": str(output), "catalog": str(catalog), "seed": seed})
    say(f" {number} spectra, seed {seed}   wrote {output}, {catalog}", as_json=as_json)
