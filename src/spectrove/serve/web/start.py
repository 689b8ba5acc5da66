"""Listening on a port until somebody ends it."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress

import uvicorn

from spectrove.cores import share_cores
from spectrove.errors import SpectroveError
from spectrove.serve.service.shelf import Shelf
from spectrove.serve.web.app import create_app
from spectrove.serve.web.guard import LOG, JsonLines
from spectrove.serve.web.settings import Settings
from spectrove.work import Work, listening

#: Connections at one time; more are told to come back.
MOST = 500

#: Seconds for which the end waits for what is being read ahead.
PATIENCE = 20


def listen(settings: Settings) -> socket.socket:
    """A socket at the place that the settings say.

    Raises:
        SpectroveError: It is taken, or not a place of this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(place)
            made.listen(128)
        except BaseException:
            made.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpectroveError(
            f"{settings.host} port {settings.port}: cannot be listened at ({reason}). Choose another with --port."
        ) from error
    return made


def write_log() -> None:
    """Lines of the log as JSON on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    LOG.handlers[:], LOG.propagate = [handler], False
    LOG.setLevel(logging.INFO)


class _Ended(BaseException):
    """Raised in what is read ahead when the server ends."""


def _warm(shelf: Shelf, ended: threading.Event) -> None:
    """Let the first question find everything read; what cannot be read is said to whoever asks."""

    def listen(work: Work) -> None:
        if ended.is_set():
            raise _Ended

    with suppress(_Ended), listening(listen):
        for served in shelf.values():
            if ended.is_set():
                return
            try:
                served.warm()
            except Exception as error:
                LOG.warning("%s is not ready: %s", served.name, error)


def serve(shelf: Shelf, settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C.

    Args:
        shelf: The bases.
        settings: Where, and for whom.
        ready: Called with the address as soon as it answers.
    """
    with closing(listen(settings)) as place:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        write_log()
        share_cores(settings.threads)
        app = create_app(shelf, settings)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, limit_concurrency=MOST,
            timeout_graceful_shutdown=5, ws="none",
        )  # fmt: skip
        ended = threading.Event()
        warming = threading.Thread(target=_warm, args=(shelf, ended), name="spectrove-warm", daemon=True)
        warming.start()
        ready(f"http://{host}:{place.getsockname()[1]}")
        try:
            uvicorn.Server(config).run(sockets=[place])
        finally:  # a thread that still reads while Python ends would abort the process
            ended.set()
            warming.join(PATIENCE)
