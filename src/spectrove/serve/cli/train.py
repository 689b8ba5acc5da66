"""spectrove train: train an encoder from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectrove.serve.batches import need_paths
from spectrove.serve.cli import options
from spectrove.serve.exits import INTERRUPTED, usage_errors
from spectrove.serve.output import print_json, say
from spectrove.serve.progress import stages

Recipe = Annotated[
    str,
    typer.Argument(metavar="RECIPE.toml", help="Recipe: a file, or the name of a shipped one."),
]
Folder = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the encoder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data", metavar="DATASET", help="Spectra to learn from besides the recipe's mocks. Repeatable."
    ),
]
Queries = Annotated[str | None, typer.Option("--queries", metavar="SQL", help="Condition on --data.")]


def train(
    recipe: Recipe,
    output: Folder,
    resume: Resume = False,
    data: Data = None,
    queries: Queries = None,
    workers: options.Workers = None,
    as_json: options.Json = False,
) -> None:
    """Train an encoder from a recipe.

    No target classes are needed or read.
    """
    need_paths(data or [])
    from spectrove.pipeline.shipped import load_recipe
    from spectrove.pipeline.train import train as run
    from spectrove.readers import read_dataset

    wanted = load_recipe(recipe)
    with usage_errors():
        datasets = [read_dataset(path, queries) for path in data or ()]
    try:
        with stages() as progress:
            encoder = run(
                wanted, output, resume=resume, datasets=datasets, workers=workers, progress=progress
            )
    except KeyboardInterrupt as error:
        say("interrupted; run the same command with --resume to continue", as_json=True)
        raise typer.Exit(INTERRUPTED) from error
    done = {
        "encoder": encoder.name,
        "fingerprint": encoder.fingerprint,
        "dimensions": encoder.n_dimensions,
        "trained_on": len(encoder.training_ids),
    }
    if as_json:
        print_json(done)
    say(
        f" {wanted.name}: {done['dimensions']} dimensions, learned from {done['trained_on']} spectra, "
        f"fingerprint {done['fingerprint']}   wrote {encoder.name}",
        as_json=as_json,
    )
