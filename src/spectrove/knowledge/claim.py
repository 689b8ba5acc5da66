"""One maker for what is made at a place over hours: a second one is refused, a killed one is not waited for.

The claim is a small file, .NAME.making.json beside the place, with the process, its machine, when it began and a time
that is written again and again. It holds on a disk that several machines share.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from spectrove.errors import KnowledgeError, SpectroveError
from spectrove.knowledge.files import Folder
from spectrove.knowledge.heartbeat import SILENT, alive, beating, now


class Claim:
    """The claim of this process on a place.

    Args:
        place: What is made.
        error: Class of the errors that tell of another maker.
    """

    def __init__(self, place: Path, error: type[SpectroveError] = KnowledgeError) -> None:
        self.place, self._error = place, error
        self._files, self._name = Folder(place.absolute().parent), _name(place)
        self._own = {
            "process": os.getpid(), "machine": socket.gethostname(), "started": now(), "token": uuid4().hex
        }  # fmt: skip

    def confirm(self) -> None:
        """Refuse to go on if another process has taken the place meanwhile: this one was silent for too long."""
        other = _read(self._files, self._name)
        if other is not None and other.get("token") != self._own["token"]:
            raise self._error(
                f"{self.place}: this process gave no sign of life for {SILENT:g} s, and {_who(other)} went on. Look "
                "at what it makes before you repeat this."
            )

    def _take(self) -> None:
        try:
            self._files.path.mkdir(parents=True, exist_ok=True)
            with _alone(self._files.path):
                other = _read(self._files, self._name)
                if other is None or not _works(other):
                    self._write(now())
                    return
        except OSError as error:
            raise self._error(
                f"{self.place}: nothing can be written in its folder ({error.strerror}). Make room or check its "
                "rights, or choose another place."
            ) from error
        raise self._error(
            f"{self.place}: {_who(other)} is making it, since {other['started']}. Wait until that has ended, or "
            "choose another name."
        )

    def _write(self, beat: str) -> None:
        self._files.write(self._name, json.dumps({**self._own, "beat": beat}).encode())

    def _beat(self, beat: str) -> None:
        with suppress(OSError), _alone(self._files.path):
            if (_read(self._files, self._name) or self._own).get("token") == self._own["token"]:
                self._write(beat)

    def _leave(self) -> None:
        with suppress(OSError), _alone(self._files.path):
            if (_read(self._files, self._name) or {}).get("token") == self._own["token"]:
                self._files.remove(self._name)


@contextmanager
def claimed(place: Path, error: type[SpectroveError] = KnowledgeError) -> Iterator[Claim]:
    """Inside, this process alone makes what is going to be at the place.

    Args:
        place: What is made; the folder in which it will be is made if there is none.
        error: Class of the errors that tell of another maker.

    Raises:
        SpectroveError: Of this class: another process makes it, or nothing can be written in its folder.
    """
    claim = Claim(place, error)
    claim._take()
    try:
        with beating(claim._beat):
            yield claim
    finally:
        claim._leave()


def _name(place: Path) -> str:
    return f".{place.name}.making.json"


def _read(files: Folder, name: str) -> dict[str, Any] | None:
    """What a claim says; None if there is none, or it cannot be read."""
    try:
        found = json.loads(files.read(name))
        return {key: found[key] for key in ("process", "machine", "started", "beat", "token")}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _works(claim: Mapping[str, Any]) -> bool:
    return alive(claim["process"], claim["machine"], claim["beat"])


def _who(claim: Mapping[str, Any]) -> str:
    return f"process {claim['process']} on {claim['machine']}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else on this machine reads or writes claims in the folder; held for an instant."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some shared disks lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
