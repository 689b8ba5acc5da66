"""Arguments and options that mean the same in every command, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Base = Annotated[Path, typer.Argument(metavar="KB", help="Folder of the knowledge base.")]
Spectra = Annotated[
    list[str],
    typer.Argument(metavar="SPECTRA", help="Files, folders, globs or a DATASET."),
]
K = Annotated[int, typer.Option("-k", metavar="N", min=1, help="Neighbours per spectrum.")]
TargetK = Annotated[
    int | None,
    typer.Option("-k", metavar="N", min=1, help="Neighbours per spectrum; the target says how many (3)."),
]
Where = Annotated[str | None, typer.Option("--where", metavar="SQL", help="Condition on the base's objects.")]
Queries = Annotated[str | None, typer.Option("--queries", metavar="SQL", help="Condition on SPECTRA.")]
AllowSelf = Annotated[
    bool,
    typer.Option("--allow-self", help="Let an object be its own neighbour."),
]
QueryEncoder = Annotated[
    str | None,
    typer.Option(
        "--encoder", metavar="NAME|DIR", help="Where the base's encoder is, if not where the base says."
    ),
]
Metric = Annotated[
    Literal["auto", "linear", "none"],
    typer.Option("--metric", help="Distances in a metric fitted on the base's labels; auto: where it helps."),
]
TargetMetric = Annotated[
    Literal["auto", "linear", "none"] | None,
    typer.Option("--metric", help="The same as in the target; by default what the target says (auto)."),
]
Calibration = Annotated[
    Literal["auto", "none"],
    typer.Option(
        "--calibration",
        help="Probabilities calibrated on the base's labels; auto: where it has enough; none: shares of votes.",
    ),
]
WitnessOption = Annotated[
    Literal["auto", "none", "bpt_nii"],
    typer.Option(
        "--witness",
        help="A spectrum's own lines beside its neighbours; auto: where target or label name a diagram; none: never.",
    ),
]
MissingZ = Annotated[
    Literal["refuse", "estimate"],
    typer.Option("--missing-z", help="Spectra without a redshift: refuse them, or estimate it first."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON Lines on stdout.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write a table: .parquet .fits .ecsv .vot .csv."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Processes; by default one per core.")
]
