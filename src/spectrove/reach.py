"""Which files text may name: any where a person types, none but those of one folder where a request comes from outside.

A path, a target or the response in the header of a file is text. A server puts what it does for a request inside
`within(folder)`; whatever turns text into a place asks `reachable` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_FOLDER: ContextVar[Path | None] = ContextVar("folder that text may name files of", default=None)


@contextmanager
def within(folder: Path) -> Iterator[None]:
    """Inside, text names no file outside this folder, whatever it says.

    Args:
        folder: Where the files that came with a request are.
    """
    token = _FOLDER.set(folder.resolve())
    try:
        yield
    finally:
        _FOLDER.reset(token)


def is_confined() -> bool:
    """Whether what is done now is done for a request from outside."""
    return _FOLDER.get() is not None


def reachable(place: Path) -> bool:
    """Whether text may name this place; true of any unless inside `within`."""
    folder = _FOLDER.get()
    if folder is None:
        return True
    try:
        return place.resolve().is_relative_to(folder)
    except (OSError, ValueError):  # no name that a file can have
        return False
