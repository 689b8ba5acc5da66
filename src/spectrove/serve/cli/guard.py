"""From errors to one line and an exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer
from typer.core import TyperGroup

from spectrove.errors import DatasetError, RecipeError, SpectroveError, TargetError

DONE, COULD_NOT, ASKED_WRONGLY, INTERRUPTED = 0, 1, 2, 130

#: Where in its own source Lance says that it stumbled; nothing to act on.
RUST_PLACE = re.compile(r",? *\S+\.rs:\d+:\d+")

#: Errors that are about the question, wherever they are raised.
ABOUT_THE_QUESTION = (TargetError, RecipeError)


class AskedWronglyError(Exception):
    """An error caused by wrong usage: it ends with exit code 2."""

    def __init__(self, error: SpectroveError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def asking() -> Iterator[None]:
    """Treat every error inside as wrong usage: a name, a column or a condition that does not exist."""
    try:
        yield
    except SpectroveError as error:
        raise AskedWronglyError(error) from error


class GuardedGroup(TyperGroup):
    """A group of commands that reports every error a user can correct in one line on stderr."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # so that a closed pipe shows here and not at interpreter exit
            return result
        except AskedWronglyError as asked:
            raise _ended(asked.error, ASKED_WRONGLY) from asked
        except SpectroveError as error:
            code = ASKED_WRONGLY if isinstance(error, ABOUT_THE_QUESTION) else COULD_NOT
            raise _ended(error, code) from error
        except KeyboardInterrupt as error:
            typer.echo("interrupted; run the same command to continue", err=True)
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:
            drop_stdout()  # the reader has seen enough (`| head -3`)
            raise typer.Exit(DONE) from error
        except OSError as error:
            drop_stdout()
            place = error.filename or "standard output or a temporary file"
            refused = DatasetError(
                f"{place}: {error.strerror or error}. Make room or check its rights, then run again."
            )
            raise _ended(refused, COULD_NOT) from error


def _ended(error: SpectroveError, code: int) -> typer.Exit:
    sentence = " ".join(RUST_PLACE.sub("", str(error)).replace("?.", "?").split())
    typer.echo(f"{type(error).__name__}: {sentence}", err=True)
    return typer.Exit(code)


def drop_stdout() -> None:
    """Discard buffered output, so that it does not fail again when the interpreter ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def quiet_libraries() -> None:
    """Keep log lines and warnings of other libraries off stderr, here and in worker processes.

    Called before they are imported. `RUST_LOG=...` or `python -W ...` turns them on.
    """
    import logging
    import warnings

    for name in ("LANCE_LOG", "RUST_LOG"):
        os.environ.setdefault(name, "off")
    if not sys.warnoptions and "PYTHONWARNINGS" not in os.environ:
        os.environ["PYTHONWARNINGS"] = "ignore"
        warnings.simplefilter("ignore")
        # Our own: a key of a target file that will not be read for ever.
        warnings.filterwarnings("default", "target ", FutureWarning)
    logging.disable(logging.WARNING)
