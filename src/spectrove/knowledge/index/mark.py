"""The mark of an index that is being made, in the files of the base, so that others see it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any, Literal

from spectrove.knowledge.files import INDEX_MARK, Files
from spectrove.knowledge.heartbeat import alive, beating, now

#: Name of the mark.
MARK = INDEX_MARK


@dataclass(frozen=True)
class Making:
    """An index that is being made, or of which that came to nothing.

    Attributes:
        state: "running", "failed" or "interrupted".
        view, version: Of the base.
        started, beat: When it began, and when its process last said that it lives; UTC, ISO.
        process, machine: Where it runs or ran.
        error: Why it failed.
    """

    state: Literal["running", "failed", "interrupted"]
    view: str
    version: int
    started: str
    beat: str
    process: int
    machine: str
    error: str = ""

    @property
    def sentence(self) -> str:
        """The same in words."""
        what = f"of the view {self.view} at version {self.version}"
        ends = {
            "running": f"being made {what} since {self.started}, process {self.process} on {self.machine}",
            "interrupted": f"the last one {what} was interrupted; kb optimize makes it",
            "failed": f"the last one {what} failed: {self.error}",
        }
        return ends[self.state]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def making(files: Files) -> Making | None:
    """The index that is being made, or of which that came to nothing; None if there is none."""
    try:
        found = Making(**json.loads(files.read(MARK)))
    except (OSError, ValueError, TypeError):
        return None
    if found.state == "running" and not alive(found.process, found.machine, found.beat):
        return replace(found, state="interrupted")  # killed before it could say so
    return found


@contextmanager
def marked(files: Files, view: str, version: int) -> Iterator[None]:
    """Inside, the base has the mark; needs the lock of indices."""
    mark = Making("running", view, version, now(), now(), os.getpid(), socket.gethostname())
    lock = Lock()

    def write(**changes: Any) -> None:
        nonlocal mark
        with lock, suppress(OSError):
            mark = replace(mark, **changes)
            files.write(MARK, json.dumps(mark.to_dict()).encode())

    write()
    try:
        with beating(lambda at: write(beat=at)):
            yield
    except KeyboardInterrupt:
        write(state="interrupted")
        raise
    except BaseException as error:
        write(state="failed", error=str(error) or repr(error))
        raise
    files.remove(MARK)
