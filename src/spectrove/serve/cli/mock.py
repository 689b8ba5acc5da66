"""spectrove mock: a simulated survey with known truth, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectrove.errors import DatasetError, RecipeError
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
Domain = Annotated[
    str | None, typer.Option("--domain", metavar="NAME", help="Kind of light: galaxies (default) or xray.")
]
Responses = Annotated[
    Path | None,
    typer.Option(
        "--responses", metavar="DIR", help="X-ray: use those of the PHA files in a folder; own: of ours."
    ),
]

#: Recipes that every domain's package has by these names.
RECIPES = tuple(map(Path, ("default", "train", "test")))

#: In place of a folder of responses: those that the package makes.
OWN = Path("own")


def mock(
    number: N,
    output: Folder,
    domain: Domain = None,
    seed: Seed = 0,
    recipe: Recipe = None,
    responses: Responses = None,
    workers: options.Workers = None,
    as_json: options.Json = False,
) -> None:
    """Simulate a survey with known truth, as files: SDSS files of galaxies, OGIP files of X-ray sources.

    The folder gets a catalog with labels and the truth. A recipe is train, test, default, or a file.
    """
    import os

    from spectrove.pipeline.domains import domain_called, domain_of, needed

    light = domain_called(domain, "--domain ") if domain else domain_of(None)
    survey = needed(light.mock, light, "mock", "mock survey")
    need_paths([path for path in (recipe, responses) if path and path not in (*RECIPES, OWN)])
    wanted = survey.recipe(str(recipe) if recipe in RECIPES else recipe) if recipe else None
    further = {"responses": str(responses)} if responses else {}
    if unknown := sorted(set(further) - survey.takes):
        raise RecipeError(
            f"--{unknown[0]}: a mock survey of {light.name} has no such option. Leave it out, or give --domain."
        )
    processes = workers or os.cpu_count() or 1
    try:
        with progress_bar("simulating", number) as advance:
            catalog = survey.write(
                number,
                output,
                recipe=wanted,
                seed=seed,
                workers=processes,
                progress=done_of(advance),
                **further,
            )
    except OSError as error:
        raise DatasetError(
            f"{output}: cannot be written ({error.strerror or error}). Make room or choose another folder."
        ) from error
    if as_json:
        print_json({"spectra": number, "folder": str(output), "catalog": str(catalog), "seed": seed})
    say(f" {number} spectra, seed {seed}   wrote {output}, {catalog}", as_json=as_json)
