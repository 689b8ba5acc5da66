"""Arguments and options that have the same meaning in every command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from spectrove.errors import SpectroveError
from spectrove.serve.batches import QueryBatches
from spectrove.serve.exits import UsageError
from spectrove.serve.output import RefusalLines

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline.verbs import Verb

Base = Annotated[Path, typer.Argument(metavar="KB", help="Folder of the knowledge base.")]
Spectra = Annotated[
    list[str],
    typer.Argument(metavar="SPECTRA", help="Files, folders, globs or a DATASET."),
]
SomeSpectra = Annotated[
    list[str] | None,
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
Views = Annotated[
    str | None,
    typer.Option(
        "--view",
        metavar="NAME=WEIGHT,...",
        help="The views to search; one of catalog columns (kb view) only if named.",
    ),
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
        help="Use a spectrum's own lines with its neighbours; auto: by example, or if target or label name a diagram.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON Lines on stdout.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write a table: .parquet .fits .ecsv .vot .csv."),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--domain",
        metavar="NAME",
        help="Kind of light: galaxies, stars or xray; by default what the spectra say.",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Processes; by default one per core.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="local|ADDRESS",
        help="Workers of dask: on this machine, or those of a scheduler.",
    ),
]


def query_batches(typed: Any) -> QueryBatches:
    """The spectra that a command is about, read as its options say."""
    lines = RefusalLines(typed.as_json)
    return QueryBatches(
        typed.spectra, typed.queries, reading=typed.reading, redshift=typed.redshift, refusals=lines,
        kind=getattr(typed, "domain", None),
    )  # fmt: skip


def given(typed: Any, verb: Verb, **others: Any) -> dict[str, Any]:
    """The options of a verb as they were typed, and `others` in their place; the encoder is that of the request."""
    names = [name for name in verb.options.model_fields if name != "encoder" and hasattr(typed, name)]
    return {name: getattr(typed, name) for name in names} | others


def searched(base: KnowledgeBase, view: str | None) -> tuple[str, ...]:
    """The views that `--view` names; the default view without it.

    Raises:
        UsageError: The base lacks one of them, or a weight is no positive number.
    """
    from spectrove.pipeline.options import weights_of

    try:
        return base.space(weights_of(view)).views
    except (SpectroveError, ValueError) as error:
        raise UsageError(SpectroveError(f"--view {view}: {error}")) from error


def refuse_where(spectra: list[str] | None, where: str | None) -> None:
    """Refuse --where, which chooses objects of the base to rank, beside spectra that are ranked.

    Raises:
        UsageError: Both are given.
    """
    if spectra and where is not None:
        raise UsageError(
            SpectroveError(
                f"--where ({where}) chooses objects of the base to rank, and SPECTRA are given. Leave it out, or "
                "choose among SPECTRA with --queries."
            )
        )


def named(typed: str | None) -> list[str]:
    """Ids and files of a list with commas; a file whose name holds a comma is one file."""
    if typed and "," in typed and Path(typed).is_file():
        return [typed]
    return [word.strip() for word in (typed or "").split(",") if word.strip()]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with each parameter that is a group of options replaced by these options.

    A group is a dataclass such as `Reading` whose fields are annotated like parameters of commands, or are groups. The
    command receives the object.
    """
    hints = get_type_hints(command, include_extras=True)

    def parameters() -> Iterator[inspect.Parameter]:
        for name, plain in inspect.signature(command).parameters.items():
            if is_dataclass(hints[name]):
                yield from _of_group(hints[name])
            else:
                yield plain.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)

    def run(**typed: Any) -> None:
        made = {name: _made(hint, typed) for name, hint in hints.items() if is_dataclass(hint)}
        command(**typed, **made)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(list(parameters()))  # type: ignore[attr-defined]
    run.__annotations__ = {}
    return run


def _of_group(group: Any) -> Iterator[inspect.Parameter]:
    """The parameters of a group, those of groups inside it in their place."""
    kinds = get_type_hints(group, include_extras=True)
    for field in fields(group):
        if is_dataclass(kinds[field.name]):
            yield from _of_group(kinds[field.name])
            continue
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kinds[field.name]
        )


def _made(group: Any, typed: dict[str, Any]) -> Any:
    """The group with the values that were typed, which are taken out of `typed`."""
    kinds = get_type_hints(group, include_extras=True)
    values = {
        field.name: _made(kinds[field.name], typed)
        if is_dataclass(kinds[field.name])
        else typed.pop(field.name)
        for field in fields(group)
    }
    return group(**values)
