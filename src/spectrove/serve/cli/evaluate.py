"""spectrove evaluate: how good the answers are, measured by cross-validation."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from spectrove.errors import CatalogError, SpectroveError
from spectrove.serve.cli import options
from spectrove.serve.cli.asking import need_paths
from spectrove.serve.cli.guard import AskedWronglyError, asking
from spectrove.serve.cli.output import check_output, print_json, say, write_table
from spectrove.serve.cli.progress import stages

What = Annotated[str, typer.Argument(metavar="WHAT", help="What to measure: classes.")]
Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Labelled spectra.")]
Encoders = Annotated[
    str, typer.Option("--encoder", metavar="NAME,...", help="Encoders to compare, with commas.")
]
Folds = Annotated[int, typer.Option("--folds", metavar="N", min=2, help="Parts; each is asked about once.")]
Group = Annotated[str, typer.Option("--group", metavar="COLUMN", help="Objects equal here stay in one fold.")]
Seeds = Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Repetitions with other folds.")]

Normalise = Annotated[
    Literal["sum", "softmax"],
    typer.Option("--normalise", help="Votes are weights over their sum, or the softmax of the weights."),
]


def evaluate(
    what: What,
    dataset: Dataset,
    encoder: Encoders = "base",
    folds: Folds = 5,
    group: Group = "plate",
    seeds: Seeds = 1,
    k: options.K = 3,
    normalise: Normalise = "sum",
    as_json: options.Json = False,
    output: options.Output = None,
) -> None:
    """How good the answers are, by cross-validation."""
    check_output(output)
    need_paths([dataset])
    from spectrove.evaluation import EVALUATIONS
    from spectrove.evaluation import evaluate as measure

    if what not in EVALUATIONS:
        known = ", ".join(EVALUATIONS)
        raise AskedWronglyError(
            SpectroveError(f"evaluate {what}: this cannot be measured. Name one of {known}.")
        )
    with asking():
        need_column(dataset, group)
    names = [name.strip() for name in encoder.split(",") if name.strip()]
    with stages() as progress:
        measured = measure(
            what,
            dataset,
            encoders=names,
            folds=folds,
            group=group,
            seeds=seeds,
            k=k,
            normalise=normalise,
            progress=progress,
        )
    for row in measured.rows if as_json else ():
        print_json(row)
    if output:
        write_table(output, measured.rows, {"what": what, "dataset": dataset})
    say(measured.text, as_json=as_json)
    if output:
        say(f" wrote {output}", as_json=as_json)


def need_column(dataset: str, column: str) -> None:
    """Nothing, if the dataset has that column; called before anything is encoded."""
    from spectrove.ingest import iter_dataset

    first = next(iter_dataset(dataset, batch_size=1), None)
    if first is not None and column not in first.rows.column_names:
        raise CatalogError(
            f"{dataset}: no column {column!r} to group by, expected one of "
            f"{', '.join(first.rows.column_names)}. Name one of these with --group."
        )
