"""Exit codes, and the errors that end with the one for wrong usage."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from spectrove.errors import SpectroveError

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class UsageError(Exception):
    """An error caused by wrong usage: it ends with exit code 2."""

    def __init__(self, error: SpectroveError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def usage_errors() -> Iterator[None]:
    """Treat every error inside as wrong usage: a name, a column or a condition that does not exist."""
    try:
        yield
    except SpectroveError as error:
        raise UsageError(error) from error


def drop_stdout() -> None:
    """Discard buffered output, so that it does not fail again when the interpreter ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
