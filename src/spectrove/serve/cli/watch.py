"""spectrove watch: hunt among the files that arrive in a folder, and add them to a base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from spectrove.serve import text
from spectrove.serve.bases import open_base
from spectrove.serve.cli import options
from spectrove.serve.exits import DONE, FAILED, usage_errors
from spectrove.serve.output import print_lines, print_refusals, say
from spectrove.serve.reading import Reading

if TYPE_CHECKING:
    from spectrove.pipeline.watch import Watched

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder in which files of spectra arrive.")]
Kb = Annotated[Path, typer.Option("--kb", metavar="KB", help="The base that answers and gets the spectra.")]
Targets = Annotated[
    list[str],
    typer.Option("--target", metavar="NAME|FILE", help="Target: a name or a TOML file. Repeatable."),
]
Results = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Results, JSON Lines; DIR.found.jsonl beside DIR by default."
    ),
]
Once = Annotated[bool, typer.Option("--once", help="End when all files that are there are done.")]
Every = Annotated[
    float, typer.Option("--every", metavar="SECONDS", min=0.01, help="Time between two looks into DIR.")
]
Refit = Annotated[
    int | None,
    typer.Option(
        "--refit",
        metavar="N",
        min=1,
        help="After N additions the newest version answers; by default that of the start.",
    ),
]
MissingZ = Annotated[
    Literal["refuse", "estimate"],
    typer.Option("--missing-z", help="Spectra without a redshift: refuse them, or estimate it first."),
]


@options.grouped
def watch(
    folder: Folder,
    kb: Kb,
    target: Targets,
    output: Results = None,
    once: Once = False,
    every: Every = 10.0,
    refit: Refit = None,
    missing_z: MissingZ = "refuse",
    as_json: options.Json = False,
    *,
    reading: Reading,
) -> None:
    """Hunt among files as they arrive, and add them.

    Each file once, whatever stops the command; start it again to go on. Ctrl-C ends it.
    """
    with usage_errors():
        keywords = {name: value for name, value in reading.keywords().items() if value is not None}
    base = open_base(kb)
    from spectrove.pipeline.watch import watch as watched

    done: Watched | None = None
    told = 0

    def refused(so_far: Watched) -> None:
        """Print the refusals that were not printed yet."""
        nonlocal told
        print_refusals(so_far.refusals[told:], as_json=as_json)
        told = len(so_far.refusals)

    def each(rows: list[dict[str, Any]], so_far: Watched) -> None:
        nonlocal done
        done = so_far
        refused(so_far)
        if as_json:
            print_lines(rows)
        for row in rows:
            if row.get("is_target"):
                say(found(row), as_json=as_json)

    say(f" watching {folder} for {', '.join(target)}; {answers(refit)}; Ctrl-C ends it", as_json=True)
    asked = {"output": output, "once": once, "every": every, "refit": refit, "missing_z": missing_z}
    try:
        done = watched(base, folder, target, each=each, **asked, **keywords)
    except KeyboardInterrupt:
        if done is None:
            raise
    refused(done)
    say(summary(done), as_json=as_json)
    lacking = done.waiting or any(not refusal.partial for refusal in done.refusals)
    raise typer.Exit(FAILED if lacking else DONE)


def answers(refit: int | None) -> str:
    """Which version of the base answers."""
    if refit is None:
        return "the base as it is now answers (--refit N: anew after N additions)"
    return f"the base as it is now answers, anew after every {refit} additions"


def found(row: dict[str, Any]) -> str:
    """A line about a spectrum that is a target."""
    return f" {row['target']} {row['probability']:.2f}  {row['object_id']}  {row['file']}  {row['seconds']:.1f} s"


def summary(done: Watched) -> str:
    """What a watch has done, and how long its answers took."""
    targets = ", ".join(f"{n} {name}" for name, n in done.found.items())
    median, late = done.latency
    took = f"; seconds from arrival to result: median {median:.1f}, 95% {late:.1f}" if done.seconds else ""
    left = f"; still being written: {', '.join(done.unfinished)}" if done.unfinished else ""
    waiting = "; ".join(f"{name} waits for {others}" for name, others in done.waiting.items())
    left += f"; not read yet: {waiting}" if waiting else ""
    return (
        f" {text.count(done.spectra, 'spectrum', 'spectra')} of {text.count(done.files, 'file', 'files')}: {targets}, "
        f"{done.added} added{took}{left}   wrote {done.results}"
    )
