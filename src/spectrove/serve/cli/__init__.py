"""The command line: one file per command, put together here.

Nothing that computes is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from spectrove.serve.cli import (
    ask,
    classify,
    contrast,
    embed,
    epochs,
    estimate,
    evaluate,
    explain,
    fetch,
    hunt,
    ingest,
    kb,
    mcp,
    measure,
    mock,
    outliers,
    search,
    sed,
    sed_plan,
    serve,
    train,
    watch,
)
from spectrove.serve.cli.guard import GuardedGroup, quiet_libraries
from spectrove.version import __version__

#: Every command, in the order that --help shows.
COMMANDS: dict[str, Callable[..., None]] = {
    "ingest": ingest.ingest,
    "embed": embed.embed,
    "search": search.search,
    "hunt": hunt.hunt,
    "classify": classify.classify,
    "estimate": estimate.estimate,
    "measure": measure.measure,
    "contrast": contrast.contrast,
    "epochs": epochs.epochs,
    "outliers": outliers.outliers,
    "watch": watch.watch,
    "explain": explain.explain,
    "ask": ask.ask,
    "serve": serve.serve,
    "mcp": mcp.mcp,
    "mock": mock.mock,
    "train": train.train,
    "evaluate": evaluate.evaluate,
}

Version = Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)]


def top(context: typer.Context, version: Version = False) -> None:
    """A search engine for astronomical spectra: similar spectra, classes, redshifts, and the reasons."""
    if version:
        typer.echo(f"spectrove {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def build() -> typer.Typer:
    """The program, from the tables of commands."""
    plain = {"rich_markup_mode": None, "add_completion": False}
    program = typer.Typer(
        cls=GuardedGroup, invoke_without_command=True, pretty_exceptions_enable=False, **plain,  # type: ignore[arg-type]
        context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    program.callback()(top)
    bases = typer.Typer(no_args_is_help=True, help=kb.__doc__.partition(": ")[2], **plain)  # type: ignore[arg-type, union-attr]
    for name, command in kb.KB_COMMANDS.items():
        bases.command(name)(command)
    for name, command in COMMANDS.items():
        program.command(name)(command)
    program.add_typer(bases, name="kb")
    archives = typer.Typer(no_args_is_help=True, help=fetch.__doc__.partition(": ")[2], **plain)  # type: ignore[arg-type, union-attr]
    for name, command in fetch.FETCH_COMMANDS.items():
        archives.command(name)(command)
    program.add_typer(archives, name="fetch")
    photometry = typer.Typer(no_args_is_help=True, help=sed.__doc__.partition(": ")[2], **plain)  # type: ignore[arg-type, union-attr]
    for name, command in (sed.SED_COMMANDS | sed_plan.PLAN_COMMANDS).items():
        photometry.command(name)(command)
    program.add_typer(photometry, name="sed")
    return program


app = build()


def main() -> None:
    """The `spectrove` command."""
    quiet_libraries()
    app(prog_name="spectrove")
