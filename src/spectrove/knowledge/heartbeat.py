"""Marks of long work on a base: whose it is, and a time written again and again, by which others see that it lives.

A process that is killed cannot say so. On the same machine it is missed at once; on another one when its time is old.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

#: Seconds between two times that are written, and after which a process that writes none is taken for dead.
BEAT, SILENT = 20.0, 300.0


def now() -> str:
    """The time, UTC, ISO, as a mark has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def alive(process: int, machine: str, beat: str) -> bool:
    """Whether a process still works, by its number, its machine and the last time that it wrote."""
    try:
        silence = abs((datetime.now(UTC) - datetime.fromisoformat(beat)).total_seconds())
    except (ValueError, TypeError):
        return False
    if silence > SILENT:
        return False
    if machine != socket.gethostname() or os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


@contextmanager
def beating(tell: Callable[[str], None]) -> Iterator[None]:
    """Inside, `tell` is called with the time every `BEAT` seconds, in another thread."""
    end = threading.Event()

    def beat() -> None:
        while not end.wait(BEAT):
            tell(now())

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
