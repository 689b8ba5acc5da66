"""spectrove kb prepare: Fit whatever some questions need, before they are asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.errors import KnowledgeError
from spectrove.serve.bases import open_base
from spectrove.serve.cli import options
from spectrove.serve.output import print_json, say

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

#: Variable of the environment that tells a process in the background where its output goes.
LOG = "SPECTROVE_PREPARE_LOG"

Targets = Annotated[
    list[str], typer.Option("--target", metavar="NAME|FILE", help="What is hunted. Repeatable.")
]
Labels = Annotated[
    list[str], typer.Option("--label", metavar="COLUMN", help="By which is classified. Repeatable.")
]
Quantities = Annotated[
    list[str], typer.Option("--estimate", metavar="COLUMN", help="What is estimated. Repeatable.")
]
Outliers = Annotated[bool, typer.Option("--outliers", help="Outliers are looked for.")]
Background = Annotated[
    bool, typer.Option("--background", help="Go on in the background; kb info says how far it is.")
]


def prepare(
    kb: options.Base,
    target: Targets = [],  # noqa: B006 (typer reads it, nobody changes it)
    label: Labels = [],  # noqa: B006
    estimate: Quantities = [],  # noqa: B006
    outliers: Outliers = False,
    background: Background = False,
    as_json: options.Json = False,
) -> None:
    """Fit what some questions need, before they are asked.

    Without any it is done for those that the base was prepared for before. What is finished is kept: an interrupted
    command goes on where it stopped when it is repeated.
    """
    base = open_base(kb)
    from spectrove.pipeline.prepare import planned
    from spectrove.pipeline.prepare import prepare as prepared

    if background:
        # What is refused is refused here, and not in a file that nobody reads.
        planned(base, targets=target, labels=label, quantities=estimate, outliers=outliers)
        named = {"--target": target, "--label": label, "--estimate": estimate}
        words = [word for option, values in named.items() for value in values for word in (option, value)]
        _detach(base, [str(kb), *words, *(["--outliers"] if outliers else [])], as_json)
        return
    done = prepared(
        base,
        targets=target,
        labels=label,
        quantities=estimate,
        outliers=outliers,
        log=os.environ.get(LOG, ""),
    )
    if as_json:
        print_json(done.to_dict())
    say(f" {kb} is prepared, {done.sentence}", as_json=as_json)


def _detach(base: KnowledgeBase, words: list[str], as_json: bool) -> None:
    """The same command in a process of its own, which outlives this one."""
    if not isinstance(base.path, Path):
        raise KnowledgeError(f"{base.path}: --background needs a base in a local folder. Leave it out.")
    log = base.path / "prepare.log"
    told = {**os.environ, LOG: str(log)}
    with open(log, "ab") as out:
        begun = subprocess.Popen(
            [sys.executable, "-P", "-m", "spectrove", "kb", "prepare", *words],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=told,
        )  # fmt: skip
    if as_json:
        print_json({"process": begun.pid, "log": str(log)})
    say(
        f" process {begun.pid} prepares {base.path}; kb info says how far it is, {log} what it says",
        as_json=as_json,
    )
