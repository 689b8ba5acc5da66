"""Options of every command that reads spectra: how files are read, and where missing redshifts come from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import typer


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
    response: Annotated[
        list[str] | None,
        typer.Option(
            "--response",
            metavar="PATH",
            help="RMF or ARF for counts that name none, or a folder of those they name. Repeatable.",
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="Processes that read (one per core by default) and, in kb create and kb add, embed (one).",
        ),
    ] = None

    @property
    def given(self) -> list[str]:
        """The names of the options that were given; they apply only to files that are read now."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return [
            f"--{name.replace('_', '-')}"
            for name, value in values.items()
            if value not in (None, "auto", []) and name != "workers"  # it never changes what is read
        ]

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
        options |= {"response": tuple(self.response)} if self.response else {}
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
