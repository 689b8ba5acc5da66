"""spectrove embed: the vectors of all spectra of a dataset, for a base that is made later."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.serve import text
from spectrove.serve.batches import need_paths
from spectrove.serve.cli import options
from spectrove.serve.cli.create import Encoder, View, encoders_of
from spectrove.serve.exits import usage_errors
from spectrove.serve.output import print_json, print_refusals, say
from spectrove.serve.progress import progress_bar

if TYPE_CHECKING:
    from spectrove.errors import Refusal
    from spectrove.pipeline.vectors import Vectors

Dataset = Annotated[Path, typer.Argument(metavar="DATASET", help="Dataset that spectrove ingest made.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="VECTORS",
        help="NAME.lance; by default DATASET with .vectors before .lance.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Processes that embed; by default one, on a cluster one per core.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace other vectors of that name.")]


def embed(
    dataset: Dataset,
    output: Output = None,
    encoder: Encoder = None,
    view: View = [],  # noqa: B006 (typer reads it, nobody changes it)
    cluster: options.Cluster = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Vectors of every spectrum of a dataset, in a file.

    An interrupted command goes on where it was when it is repeated. kb create --vectors makes a base of them.
    """
    need_paths([dataset])
    from spectrove.knowledge import DEFAULT_VIEW
    from spectrove.pipeline.embedding import embed_dataset
    from spectrove.pipeline.kinds import domain_of_spectra
    from spectrove.readers.dataset import dataset_version

    with usage_errors():
        rows = dataset_version(dataset).rows
    encoders = encoders_of(domain_of_spectra([dataset]), encoder, view)
    network = encoders.pop(DEFAULT_VIEW)
    how: dict[str, Any] = {"workers": workers, "cluster": cluster, "overwrite": overwrite}
    with progress_bar("embedding", rows) as advance:
        made = embed_dataset(dataset, output, network, views=encoders, progress=advance, **how)
    refusals = made.refusals()
    print_refusals(refusals, {refusal.name: str(dataset) for refusal in refusals}, as_json=as_json)
    if as_json:
        print_json(as_row(made, refusals))
    say(summary(made, refusals), as_json=as_json)


def as_row(made: Vectors, refusals: list[Refusal]) -> dict[str, Any]:
    """What was made, as plain values."""
    counts = made.counts()
    views = {
        view: {
            "encoder": name,
            "fingerprint": fingerprint,
            "dimensions": made.dimensions(view),
            "rows": counts[view],
        }
        for view, (name, fingerprint) in made.about.views.items()
    }
    return {"vectors": str(made.path), "spectra": len(made), "views": views, "refused": len(refusals)}


def summary(made: Vectors, refusals: list[Refusal]) -> str:
    """How many spectra have a vector in each view."""
    counts = made.counts()
    views = ", ".join(f"{counts[view]} in {view} by {name}" for view, (name, _) in made.about.views.items())
    refused = f"; {text.count(len(refusals), 'refusal', 'refusals')}" if refusals else ""
    return f" {text.count(len(made), 'spectrum', 'spectra')}: vectors of {views}{refused}   wrote {made.path}"
