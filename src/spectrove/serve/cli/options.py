"""Arguments and options that have the same meaning in every command."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer

Base = Annotated[Path, typer.Argument(metavar="KB", help="Folder of the knowledge base.")]
Spectra = Annotated[
    list[str],
    typer.Argument(metavar="SPECTRA", help="Files, folders, globs or a DATASET."),
]
K = Annotated[int, typer.Option("-k", metavar="N", min=1, help="Neighbours per spectrum.")]
TargetK = Annotated[
    int | None,
    typer.Option(
        "-k", metavar="N", min=1, help="Neighbours per spectrum; by default those of the target (3)."
    ),
]
Where = Annotated[str | None, typer.Option("--where", metavar="SQL", help="Condition on the base's objects.")]
Queries = Annotated[str | None, typer.Option("--queries", metavar="SQL", help="Condition on SPECTRA.")]
AllowSelf = Annotated[
    bool,
    typer.Option("--allow-self", help="Let an object be its own neighbour."),
]
QueryEncoder = Annotated[
    str | None,
    typer.Option("--encoder", metavar="NAME|DIR", help="Place of the base's encoder, if it has moved."),
]
Metric = Annotated[
    Literal["auto", "linear", "none"],
    typer.Option(
        "--metric", help="Distances in a metric fitted on the base's labels; auto: if it improves the vote."
    ),
]
TargetMetric = Annotated[
    Literal["auto", "linear", "none"] | None,
    typer.Option(
        "--metric", help="Distances in a fitted metric, as in the target; by default its own setting (auto)."
    ),
]
Calibration = Annotated[
    Literal["auto", "none"],
    typer.Option(
        "--calibration",
        help="Probabilities calibrated on the base's labels; auto: if it has enough; none: shares of the vote.",
    ),
]
WitnessOption = Annotated[
    Literal["auto", "none", "bpt_nii"],
    typer.Option(
        "--witness",
        help="Use a spectrum's own lines with its neighbours; auto: if target or label name a diagram; none: never.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON Lines on stdout.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write a table: .parquet .fits .ecsv .vot .csv."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Processes; by default one per core.")
]


def redshift_value(value: float | None) -> float | None:
    """A redshift that a spectrum can have."""
    from spectrove.preprocess.prepare import Z_RANGE

    if value is not None and not (math.isfinite(value) and Z_RANGE[0] <= value <= Z_RANGE[1]):
        raise typer.BadParameter(f"{value:g}, expected a redshift from {Z_RANGE[0]:g} to {Z_RANGE[1]:g}")
    return value


def unit(name: str, of: str) -> Any:
    """The option for a unit that files do not give."""
    return typer.Option(f"--{name}-unit", metavar="UNIT", help=f"Unit of {of}, if files do not give it.")


@dataclass(frozen=True)
class Reading:
    """How files of spectra are read: the same in every command that reads them."""

    survey: Annotated[
        str, typer.Option("--survey", metavar="NAME", help="Reader; auto chooses one for each file.")
    ] = "auto"
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns", metavar="a=B,...", help="Column names in tables, as wavelength=WAVE,flux=FLUX."
        ),
    ] = None
    medium: Annotated[
        str,
        typer.Option("--medium", metavar="auto|air|vacuum", help="Whether wavelengths are in air or vacuum."),
    ] = "auto"
    wavelength_unit: Annotated[str | None, unit("wavelength", "wavelengths")] = None
    flux_unit: Annotated[str | None, unit("flux", "the flux")] = None
    error_unit: Annotated[str | None, unit("error", "the errors, if not that of the flux")] = None
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", min=1, help="Processes that read files; by default one per core."
        ),
    ] = None

    @property
    def said(self) -> list[str]:
        """The names of the options that were given; they apply only to files that are read now."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return [f"--{name.replace('_', '-')}" for name, value in given.items() if value not in (None, "auto")]

    def keywords(self) -> dict[str, Any]:
        """The keyword arguments for `read_spectra` and `ingest`.

        Raises:
            FormatError: A reader, column, medium or unit is not known.
        """
        from spectrove.errors import FormatError
        from spectrove.readers import READERS, Options, parse_columns

        if self.survey not in ("auto", *READERS):
            known = ", ".join(("auto", *READERS))
            raise FormatError(f"--survey {self.survey}: no such reader. Name one of {known}.")
        units = {name: getattr(self, name) for name in ("wavelength_unit", "flux_unit", "error_unit")}
        options = {"columns": parse_columns(self.columns), "medium": self.medium}
        options |= {name: value for name, value in units.items() if value is not None}
        Options.of(options)
        return {"survey": self.survey, "workers": self.workers, **options}


@dataclass(frozen=True)
class Redshift:
    """How missing redshifts are supplied: the same in every command that uses redshifts."""

    missing_z: Annotated[
        Literal["refuse", "estimate"],
        typer.Option("--missing-z", help="Spectra without a redshift: refuse them, or estimate it first."),
    ] = "refuse"
    z: Annotated[
        float | None,
        typer.Option(
            "-z", metavar="Z", help="Redshift of a single spectrum; overrides its file.",
            callback=redshift_value,
        ),
    ] = None  # fmt: skip

    @property
    def advice(self) -> str:
        """Advice on a spectrum without a redshift, for the same command."""
        ways = ["-z Z (one spectrum)"] if self.z is None else []
        ways.append("column z of a catalog (ingest --catalog)")
        estimated = "; or have it estimated with --missing-z estimate" if self.missing_z == "refuse" else ""
        return f"Give it with {' or '.join(ways)}{estimated}."


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with each parameter that is a group of options replaced by these options.

    A group is a dataclass such as `Reading` whose fields are annotated like parameters of commands. The command
    receives the object.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    def parameters() -> Iterator[inspect.Parameter]:
        for name, plain in inspect.signature(command).parameters.items():
            if name in groups:
                yield from _of_group(groups[name])
            else:
                yield plain.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)

    def run(**said: Any) -> None:
        made = {
            name: group(**{field.name: said.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**said, **made)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(list(parameters()))  # type: ignore[attr-defined]
    run.__annotations__ = {}
    return run


def _of_group(group: Any) -> Iterator[inspect.Parameter]:
    kinds = get_type_hints(group, include_extras=True)
    for field in fields(group):
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=kinds[field.name]
        )
