"""spectrove evaluate: the quality of the answers, measured by cross-validation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from spectrove.errors import CatalogError, DatasetError, SpectroveError
from spectrove.serve.cli import options
from spectrove.serve.cli.asking import need_paths
from spectrove.serve.cli.guard import AskedWronglyError, asking
from spectrove.serve.cli.output import check_output, print_json, say, write_table
from spectrove.serve.cli.progress import stages

What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT", help="What to measure: classes (of DATASET), encoders, noise, or a study named below."
    ),
]
Dataset = Annotated[
    str | None, typer.Argument(metavar="[DATASET]", help="Labelled spectra, for classes.", show_default=False)
]
Encoders = Annotated[
    str, typer.Option("--encoder", metavar="NAME,...", help="Encoders to compare, with commas (classes).")
]
Folds = Annotated[
    int,
    typer.Option("--folds", metavar="N", min=2, help="Number of folds; each is the test set once (classes)."),
]
Group = Annotated[
    str,
    typer.Option("--group", metavar="COLUMN", help="Objects with equal values stay in one fold (classes)."),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds", metavar="N", min=1, help="Repetitions with other folds and mocks: 1 for classes, else 3."
    ),
]
Only = Annotated[
    str | None,
    typer.Option(
        "--only", metavar="METHOD;...", help="Methods of the table, with semicolons (encoders, noise)."
    ),
]
NMock = Annotated[
    int, typer.Option("--n-mock", metavar="N", min=60, help="Spectra of each mock survey (not of classes).")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE|DIR",
        help="Table to write (classes), otherwise the folder for results, in which a run continues.",
    ),
]

Normalise = Annotated[
    Literal["sum", "softmax"],
    typer.Option("--normalise", help="Votes are weights over their sum, or the softmax of the weights."),
]


#: The folder that a table is made in where none is named.
DEFAULT_FOLDER = Path("evaluation")


def evaluate(
    what: What,
    dataset: Dataset = None,
    encoder: Encoders = "base",
    folds: Folds = 5,
    group: Group = "plate",
    seeds: Seeds = None,
    k: options.K = 3,
    normalise: Normalise = "sum",
    only: Only = None,
    n_mock: NMock = 1500,
    workers: options.Workers = None,
    as_json: options.Json = False,
    output: Output = None,
) -> None:
    """Measure the quality of answers by cross-validation.

    `encoders` is the table of every method, task and kind of spectra, mock and real; `noise` measures the loss at low
    S/N; calibration, composition, coverage, curation, lens, none, outliers and redshift are studies of the answers.
    They need no DATASET: mock surveys are made, and real spectra are taken from SPECTROVE_DATA. An interrupted run
    continues from the answers that it has stored.
    """
    from spectrove.evaluation import EVALUATIONS, STUDIES, TABLES

    if what not in (*EVALUATIONS, *TABLES, *STUDIES):
        known = ", ".join((*EVALUATIONS, *TABLES, *STUDIES))
        raise AskedWronglyError(
            SpectroveError(f"evaluate {what}: this cannot be measured. Name one of {known}.")
        )
    if what in (*TABLES, *STUDIES) and dataset:
        raise AskedWronglyError(
            SpectroveError(f"evaluate {what} takes no DATASET: its spectra are mocks and SPECTROVE_DATA.")
        )
    if what in TABLES:
        return _table(what, only, seeds or 3, n_mock, k, workers, output or DEFAULT_FOLDER, as_json)
    if what in STUDIES:
        return _study(what, seeds or 3, n_mock, k, workers, output or DEFAULT_FOLDER, as_json)
    if dataset is None:
        raise AskedWronglyError(
            SpectroveError(f"evaluate {what} needs a DATASET. Name one that ingest wrote.")
        )
    _classes(what, dataset, encoder, folds, group, seeds or 1, k, normalise, as_json, output)


def _table(
    what: str,
    only: str | None,
    seeds: int,
    n_mock: int,
    k: int,
    workers: int | None,
    folder: Path,
    as_json: bool,
) -> None:
    if folder.exists() and not folder.is_dir():
        raise AskedWronglyError(DatasetError(f"{folder}: this is a file, expected a folder. Name a folder."))
    from spectrove.evaluation import evaluate_encoders, table_text

    data = os.environ.get("SPECTROVE_DATA")
    with stages() as progress:
        table = evaluate_encoders(
            folder, what=what, only=[name.strip() for name in (only or "").split(";") if name.strip()],
            seeds=seeds, n_mock=n_mock, k=k, real=Path(data) if data else None, workers=workers, progress=progress,
            announce=lambda text: say(text, as_json=True),
        )  # fmt: skip
    for row in table.rows if as_json else ():
        print_json(row)
    say(table_text(table), as_json=as_json)
    say(f" wrote {folder / what}.md and .png", as_json=as_json)


def _study(
    what: str, seeds: int, n_mock: int, k: int, workers: int | None, folder: Path, as_json: bool
) -> None:
    if folder.exists() and not folder.is_dir():
        raise AskedWronglyError(DatasetError(f"{folder}: this is a file, expected a folder. Name a folder."))
    from spectrove.evaluation import Setting, make_study
    from spectrove.evaluation.studies import all_cores

    data = os.environ.get("SPECTROVE_DATA")
    if not data:
        say("no real spectra (set SPECTROVE_DATA): the real half is left out", as_json=True)
    with stages() as progress:
        setting = Setting(
            folder, Path(data) if data else None, seeds, n_mock, k, workers or all_cores(), progress
        )
        made = make_study(what, setting)
    for row in made.rows if as_json else ():
        print_json(row)
    say(made.text, as_json=as_json)
    say(f" wrote {folder / what}.md", as_json=as_json)


def _classes(
    what: str,
    dataset: str,
    encoder: str,
    folds: int,
    group: str,
    seeds: int,
    k: int,
    normalise: Literal["sum", "softmax"],
    as_json: bool,
    output: Path | None,
) -> None:
    check_output(output)
    need_paths([dataset])
    from spectrove.evaluation import evaluate as measure

    with asking():
        need_column(dataset, group)
    names = [name.strip() for name in encoder.split(",") if name.strip()]
    with stages() as progress:
        measured = measure(
            what, dataset, encoders=names, folds=folds, group=group, seeds=seeds, k=k, normalise=normalise,
            progress=progress,
        )  # fmt: skip
    for row in measured.rows if as_json else ():
        print_json(row)
    if output:
        write_table(output, measured.rows, {"what": what, "dataset": dataset})
    say(measured.text, as_json=as_json)
    if output:
        say(f" wrote {output}", as_json=as_json)


def need_column(dataset: str, column: str) -> None:
    """Refuse a grouping column unless the dataset has it; called before the spectra are encoded."""
    from spectrove.readers import iter_dataset

    first = next(iter_dataset(dataset, batch_size=1), None)
    if first is not None and column not in first.rows.column_names:
        raise CatalogError(
            f"{dataset}: no column {column!r} to group by, expected one of "
            f"{', '.join(first.rows.column_names)}. Name one of these with --group."
        )
