"""Processes that help: none outlives the one that started it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import Any


def end_with_parent() -> None:
    """Called in a helping process: it ends when its parent does, even by a signal that nobody can catch.

    A worker of a pool waits for its next task forever else, with everything it holds in memory.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: Any) -> None:
    parent.join()
    os._exit(1)
