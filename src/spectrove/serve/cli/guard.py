"""From errors to one line and an exit code: 0 done, 1 could not, 2 asked wrongly, 130 interrupted."""

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
    """An error whose cause is the question: it ends with exit code 2."""

    def __init__(self, error: SpectroveError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def asking() -> Iterator[None]:
    """Whatever is refused inside was asked wrongly: a name, a column or a condition that is not there."""
    try:
        yield
    except SpectroveError as error:
        raise AskedWronglyError(error) from error


class GuardedGroup(TyperGroup):
    """A group of commands that ends every error a user can act on with one line on stderr."""

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
    """What is still buffered must not fail once more when the interpreter ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def quiet_libraries() -> None:
    """Keep other people's log lines and warnings off stderr, here and in worker processes.

    Called before they are imported. Who has asked for them (`RUST_LOG=...`, `python -W ...`) gets them.
    """
    import logging
    import warnings

    for name in ("LANCE_LOG", "RUST_LOG"):
        os.environ.setdefault(name, "off")
    if not sys.warnoptions and "PYTHONWARNINGS" not in os.environ:
        os.environ["PYTHONWARNINGS"] = "ignore"
        warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
