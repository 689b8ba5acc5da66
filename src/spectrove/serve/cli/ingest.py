"""spectrove ingest: files of spectra to a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.errors import DatasetError
from spectrove.serve import text
from spectrove.serve.batches import need_paths
from spectrove.serve.cli import options
from spectrove.serve.exits import DONE, FAILED, usage_errors
from spectrove.serve.output import print_json, print_refusals, say
from spectrove.serve.progress import done_of, progress_bar
from spectrove.serve.reading import Reading

if TYPE_CHECKING:
    from spectrove.readers import IngestReport

Paths = Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders or globs.")]
Dataset = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="DATASET", help="NAME.lance; added to if it exists."),
]
Catalogs = Annotated[
    list[Path] | None,
    typer.Option(
        "--catalog",
        metavar="TABLE",
        help="Catalog to join: FITS, CSV, Parquet, ECSV, VOTable, HATS. Repeatable.",
    ),
]


@options.grouped
def ingest(
    paths: Paths,
    output: Dataset,
    catalog: Catalogs = None,
    cluster: options.Cluster = None,
    as_json: options.Json = False,
    *,
    reading: Reading,
) -> None:
    """Read files of spectra into a dataset.

    Files that are there already and unchanged are skipped, so an interrupted run can be repeated. Without --catalog, a
    folder's own catalog.csv with a column object_id is joined.
    """
    need_paths([*paths, *(catalog or ())])
    from spectrove.pipeline.kinds import domain_of_spectra
    from spectrove.readers import ingest as ingest_files
    from spectrove.readers.files import catalogs_in

    with usage_errors():
        need_suffix(output)
        keywords = reading.keywords()
    light = domain_of_spectra(paths).files
    with progress_bar("reading") as advance:
        report = ingest_files(
            paths,
            output,
            catalogs=catalog or catalogs_in(paths),
            progress=done_of(advance),
            light=light,
            cluster=cluster,
            **keywords,
        )
    print_refusals(report.refusals, as_json=as_json)
    if as_json:
        print_json(as_row(report))
    for line in summary(report):
        say(line, as_json=as_json)
    raise typer.Exit(DONE if all(refusal.partial for refusal in report.refusals) else FAILED)


def need_suffix(dataset: Path) -> None:
    """Refuse a path unless it can be the name of a dataset."""
    from spectrove.readers.files import DATASET_SUFFIX, is_dataset

    if not is_dataset(dataset):
        raise DatasetError(f"{dataset}: a dataset's name ends in {DATASET_SUFFIX}. Add the suffix.")


def summary(report: IngestReport) -> list[str]:
    """The numbers of spectra and files read and refused, and the matches of the catalogs."""
    read = report.n_files - report.n_skipped
    partial = sum(refusal.partial for refusal in report.refusals)
    parts = [
        f"{text.count(report.n_spectra, 'spectrum', 'spectra')} from {text.count(read, 'file', 'files')}",
        f"{len(report.refusals) - partial} refused",
        *([f"{partial} left out of files that were read"] if partial else []),
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
        "refused": sum(not refusal.partial for refusal in report.refusals),
        "left_out": sum(refusal.partial for refusal in report.refusals),
        "matched": {name: dict(keys) for name, keys in report.join.matched.items()},
        "disagreements": dict(report.join.disagreements),
        "unplaced": dict(report.join.unplaced),
    }
