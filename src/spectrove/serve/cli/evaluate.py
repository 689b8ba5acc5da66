"""spectrove evaluate: the quality of the answers, measured by cross-validation."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import typer

from spectrove.errors import CatalogError, DatasetError, SpectroveError
from spectrove.serve.batches import need_paths
from spectrove.serve.cli import options
from spectrove.serve.exits import UsageError, usage_errors
from spectrove.serve.output import check_output, print_json, say, write_table
from spectrove.serve.progress import stages

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
    from spectrove.evaluation import EVALUATIONS

    if what not in EVALUATIONS:
        sizes = {"seeds": seeds or 3, "n_mock": n_mock, "k": k, "workers": workers or os.cpu_count() or 1}
        _experiment(what, dataset, sizes | {"only": _names(only, ";")}, output or DEFAULT_FOLDER, as_json)
        return
    if dataset is None:
        raise UsageError(SpectroveError(f"evaluate {what} needs a DATASET. Name one that ingest wrote."))
    protocol = {"folds": folds, "group": group, "seeds": seeds or 1, "k": k, "normalise": normalise}
    _on_dataset(what, dataset, protocol | {"encoders": _names(encoder, ",")}, output, as_json)


def _on_dataset(
    what: str, dataset: str, protocol: dict[str, Any], output: Path | None, as_json: bool
) -> None:
    """Measure on the user's own labelled spectra."""
    check_output(output)
    need_paths([dataset])
    from spectrove.evaluation import evaluate as measure

    with usage_errors():
        need_column(dataset, protocol["group"])
    with stages() as progress:
        measured = measure(what, dataset, progress=progress, **protocol)
    for row in measured.rows if as_json else ():
        print_json(row)
    if output:
        write_table(output, measured.rows, {"what": what, "dataset": dataset})
    say(measured.text, as_json=as_json)
    if output:
        say(f" wrote {output}", as_json=as_json)


def _experiment(what: str, dataset: str | None, sizes: dict[str, Any], folder: Path, as_json: bool) -> None:
    """Make a table or a study of the checkout: on mock surveys, and on the real spectra of SPECTROVE_DATA."""
    names = checkout(what, "table")
    _check_experiment(what, dataset, (*names.TABLES, *names.STUDIES), folder)
    data = os.environ.get("SPECTROVE_DATA")
    with stages() as progress:
        setting = checkout(what, "studies.setting").Setting(
            folder, Path(data) if data else None, progress=progress,
            announce=lambda text: say(text, as_json=True), **sizes,
        )  # fmt: skip
        measured = checkout(what, "measure").measure(what, setting)
    for row in measured.rows if as_json else ():
        print_json(row)
    say(measured.text, as_json=as_json)
    say(f" wrote {folder / what}.md" + " and .png" * (what in names.TABLES), as_json=as_json)


def checkout(what: str, module: str) -> ModuleType:
    """A module of the package `experiments`, which a checkout of Spectrove has and the wheel has not."""
    try:
        return import_module(f"experiments.{module}")
    except ModuleNotFoundError as error:
        if error.name not in ("experiments", f"experiments.{module}"):
            raise
        raise UsageError(
            SpectroveError(
                f"evaluate {what}: only classes are measured by the installed package; tables and studies are in a "
                f"checkout of Spectrove. Get one and run `python -m experiments {what}` in it."
            )
        ) from error


def _check_experiment(what: str, dataset: str | None, names: tuple[str, ...], folder: Path) -> None:
    """Refuse names that nothing has, a dataset that would not be read, and a file as folder."""
    from spectrove.evaluation import EVALUATIONS

    refused: SpectroveError | None = None
    if what not in names:
        known = ", ".join((*EVALUATIONS, *names))
        refused = SpectroveError(f"evaluate {what}: this cannot be measured. Name one of {known}.")
    elif dataset:
        refused = SpectroveError(
            f"evaluate {what} takes no DATASET: its spectra are mocks and SPECTROVE_DATA."
        )
    elif folder.exists() and not folder.is_dir():
        refused = DatasetError(f"{folder}: this is a file, expected a folder. Name a folder.")
    if refused:
        raise UsageError(refused)


def _names(text: str | None, separator: str) -> list[str]:
    """The names in a text with separators."""
    return [name.strip() for name in (text or "").split(separator) if name.strip()]


def need_column(dataset: str, column: str) -> None:
    """Refuse a grouping column unless the dataset has it; called before the spectra are encoded."""
    from spectrove.readers import iter_dataset

    first = next(iter_dataset(dataset, batch_size=1), None)
    if first is not None and column not in first.rows.column_names:
        raise CatalogError(
            f"{dataset}: no column {column!r} to group by, expected one of "
            f"{', '.join(first.rows.column_names)}. Name one of these with --group."
        )
