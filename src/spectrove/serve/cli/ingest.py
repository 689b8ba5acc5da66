"""spectrove ingest: files of spectra to a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.errors import DatasetError, FormatError
from spectrove.serve.cli import options, text
from spectrove.serve.cli.asking import need_paths
from spectrove.serve.cli.guard import COULD_NOT, DONE, AskedWronglyError, asking
from spectrove.serve.cli.output import print_json, print_refusals, say
from spectrove.serve.cli.progress import done_of, progress_bar

if TYPE_CHECKING:
    from spectrove.ingest import IngestReport

Paths = Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders or globs.")]
Dataset = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="DATASET", help="NAME.lance; added to if it exists."),
]
Catalogs = Annotated[
    list[Path] | None,
    typer.Option(
        "--catalog", metavar="TABLE", help="Catalog to join: FITS, CSV, Parquet, ECSV, VOTable. Repeatable."
    ),
]
Survey = Annotated[
    str, typer.Option("--survey", metavar="NAME", help="Which reader; auto looks at the file.")
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="a=B,...", help="Column names in tables, as wavelength=WAVE,flux=FLUX."
    ),
]
Medium = Annotated[str, typer.Option("--medium", metavar="auto|air|vacuum", help="What wavelengths are in.")]


def ingest(
    paths: Paths,
    output: Dataset,
    catalog: Catalogs = None,
    survey: Survey = "auto",
    columns: Columns = None,
    medium: Medium = "auto",
    workers: options.Workers = None,
    as_json: options.Json = False,
) -> None:
    """Read files of spectra into a dataset.

    Files that are there already and unchanged are skipped, so an interrupted run can be repeated.
    """
    need_paths([*paths, *(catalog or ())])
    from spectrove.ingest import READERS, Options, parse_columns
    from spectrove.ingest import ingest as ingest_files

    if survey not in ("auto", *READERS):
        known = ", ".join(("auto", *READERS))
        raise AskedWronglyError(FormatError(f"--survey {survey}: no such reader. Name one of {known}."))
    with asking():
        need_suffix(output)
        said = Options(columns=parse_columns(columns), medium=medium)
    with progress_bar("reading") as advance:
        report = ingest_files(
            paths, output, catalogs=catalog or (), survey=survey, workers=workers,
            progress=done_of(advance), columns=said.columns, medium=said.medium,
        )  # fmt: skip
    print_refusals(report.refusals)
    if as_json:
        print_json(as_row(report))
    for line in summary(report):
        say(line, as_json=as_json)
    raise typer.Exit(DONE if all(refusal.partial for refusal in report.refusals) else COULD_NOT)


def need_suffix(dataset: Path) -> None:
    """Nothing, if this can be the name of a dataset."""
    from spectrove.ingest.files import DATASET_SUFFIX, is_dataset

    if not is_dataset(dataset):
        raise DatasetError(f"{dataset}: a dataset's name ends in {DATASET_SUFFIX}. Add the suffix.")


def summary(report: IngestReport) -> list[str]:
    """What was read, what was not, and what the catalogs matched."""
    read = report.n_files - report.n_skipped
    parts = [
        f"{text.count(report.n_spectra, 'spectrum', 'spectra')} from {text.count(read, 'file', 'files')}",
        f"{len(report.refusals)} refused",
        f"{text.count(report.n_skipped, 'file', 'files')} already there",
    ]
    wrote = f"   wrote {report.dataset}" if report.n_spectra else ""
    return [f" {', '.join(parts)}{wrote}", *(f" {line}" for line in report.join.sentence().splitlines())]


def as_row(report: IngestReport) -> dict[str, object]:
    """The report as plain values."""
    return {
        "dataset": str(report.dataset),
        "spectra": report.n_spectra,
        "files": report.n_files,
        "already_there": report.n_skipped,
        "refused": len(report.refusals),
        "matched": {name: dict(keys) for name, keys in report.join.matched.items()},
        "disagreements": dict(report.join.disagreements),
    }
