"""Commands on a base that go on in the background."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spectrove.errors import KnowledgeError
from spectrove.serve.output import print_json, say

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

#: Variable of the environment that tells a process in the background where its output goes.
LOG = "SPECTROVE_PREPARE_LOG"


def begin(base: KnowledgeBase, words: Sequence[str], what: str, as_json: bool) -> None:
    """The same command in a process of its own, which outlives this one.

    Args:
        base: The base.
        words: The command, as `kb`, `prepare`, and its words.
        what: What it does, "prepares"; its output goes to the end of a file in the base, named after the command.
        as_json: Whether stdout carries JSON.

    Raises:
        KnowledgeError: The base is not in a local folder.
    """
    from spectrove.processes import detached

    if not isinstance(base.path, Path):
        raise KnowledgeError(f"{base.path}: --background needs a base in a local folder. Leave it out.")
    log = base.path.absolute() / f"{words[1]}.log"
    begun = detached(["-m", "spectrove", *words], log, {**os.environ, LOG: str(log)})
    if as_json:
        print_json({"process": begun.pid, "log": str(log)})
    say(
        f" process {begun.pid} {what} {base.path}; kb info says how far it is, {log} what it says",
        as_json=as_json,
    )
