"""From errors to one line and an exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

from spectrove.errors import DatasetError, RecipeError, SpectroveError, TargetError
from spectrove.serve.exits import DONE, FAILED, INTERRUPTED, WRONG_USAGE, UsageError, drop_stdout
from spectrove.serve.progress import work_shown
from spectrove.work import LOG

#: Where in its own source Lance says that it stumbled; nothing to act on.
RUST_PLACE = re.compile(r",? *\S+\.rs:\d+:\d+")

#: Errors that are wrong usage, wherever they are raised.
ALWAYS_USAGE = (TargetError, RecipeError)


class GuardedGroup(TyperGroup):
    """A group of commands that reports every error a user can correct in one line on stderr."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with work_shown():
                result = super().invoke(ctx)
            sys.stdout.flush()  # so that a closed pipe shows here and not at interpreter exit
            return result
        except UsageError as wrong:
            raise _ended(wrong.error, WRONG_USAGE) from wrong
        except SpectroveError as error:
            code = WRONG_USAGE if isinstance(error, ALWAYS_USAGE) else FAILED
            raise _ended(error, code) from error
        except KeyboardInterrupt as error:
            notes = getattr(error, "__notes__", ["interrupted; run the same command to continue"])
            typer.echo(" ".join(notes), err=True)
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
            raise _ended(refused, FAILED) from error


def _ended(error: SpectroveError, code: int) -> typer.Exit:
    sentence = " ".join(RUST_PLACE.sub("", str(error)).replace("?.", "?").split())
    typer.echo(f"{type(error).__name__}: {sentence}", err=True)
    return typer.Exit(code)


class _Notes(logging.Handler):
    """What the package itself warns of, a line each on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(record.getMessage(), err=True)


def quiet_libraries() -> None:
    """Keep log lines and warnings of other libraries off stderr, here and in worker processes; show those of ours.

    Called before they are imported. `RUST_LOG=...` or `python -W ...` turns them on.
    """
    # "off" is no level of Python's logging, which Lance hands it to where columns are written.
    for name, level in (("LANCE_LOG", "error"), ("RUST_LOG", "off")):
        os.environ.setdefault(name, level)
    if not sys.warnoptions and "PYTHONWARNINGS" not in os.environ:
        os.environ["PYTHONWARNINGS"] = "ignore"
        warnings.simplefilter("ignore")
        # Our own: a key of a target file that will not be read for ever.
        warnings.filterwarnings("default", "target ", FutureWarning)
    # A library that finds this one adds none of its own, and nothing is left to Python's last resort.
    logging.getLogger().addHandler(logging.NullHandler())
    if not any(isinstance(handler, _Notes) for handler in LOG.handlers):
        LOG.addHandler(_Notes(logging.WARNING))
