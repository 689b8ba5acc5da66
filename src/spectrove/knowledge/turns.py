"""A lock in an object store, where nothing can be locked: writers take numbered turns.

A turn is taken by creating a table of its number, which of several writers only one can do: Lance commits by
creating an object that must not be there. The holder writes a sign of life again and again, and at the end that it is
done. The next turn begins when the last is done, or when its holder has given no sign of life for `LEASE` seconds: then
it was killed. A holder that was only suspended for so long finds at its end that it lost its turn.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Protocol
from uuid import uuid4

from spectrove.errors import KnowledgeError

#: Seconds without a sign of life after which a writer counts as killed.
LEASE = 30.0

#: Seconds between two looks of a writer that waits: the first and the longest.
FIRST_LOOK, LONGEST_LOOK = 0.05, 1.0

_DONE = b"done"


class Kept(Protocol):
    """Files in an object store; `files.ObjectStore`."""

    def read(self, name: str) -> bytes: ...

    def write(self, name: str, content: bytes) -> None: ...

    def names(self, folder: str) -> list[str]: ...

    def remove(self, name: str) -> None: ...

    def remove_folder(self, name: str) -> None: ...


@contextmanager
def turn(files: Kept, address: str, folder: str) -> Iterator[None]:
    """Inside, this is the only writer.

    Args:
        files: The files of the base.
        address: Of the base: s3://bucket/sdss.kb.
        folder: Folder of signs of life beside which that of the tables lies.

    Raises:
        KnowledgeError: At the end, if another writer took the next turn meanwhile.
    """
    number = _taken(files, address, folder)
    mine = f"{folder}/{_name(number)}"
    over = Event()
    life = Thread(target=_live, args=(files, mine, over), daemon=True)
    life.start()
    try:
        _forget(files, folder, number)
        yield
        if _latest(files, folder) != number:
            raise KnowledgeError(
                f"{address}: this writer gave no sign of life for {LEASE:g} s, and another went on. Look with kb "
                "versions whether the change was made before you repeat it."
            )
    finally:
        over.set()
        life.join()
        with suppress(OSError):  # the change is made; without this word others wait until the lease is over
            files.write(mine, _DONE)


def _taken(files: Kept, address: str, folder: str) -> int:
    """The number of a turn that is now this writer's, after waiting for those before it."""
    seen: tuple[int, bytes] | None = None
    since, pause = 0.0, FIRST_LOOK
    while True:
        last = _latest(files, folder)
        state = (last, _sign(files, folder, last))
        if state != seen:
            seen, since = state, time.monotonic()
        free = last == 0 or state[1] == _DONE or time.monotonic() - since > LEASE
        if free and (number := _created(files, address, folder, last)):
            return number
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_LOOK)


def _created(files: Kept, address: str, folder: str, last: int) -> int | None:
    """The number of the turn after the last, if this writer created it; None if another one did."""
    import lancedb
    import pyarrow as pa

    number = last + 1
    tables, token = lancedb.connect(f"{address}/{folder}.taken"), uuid4().hex
    try:
        tables.create_table(_name(number), pa.table({"holder": [token]}))
        made = tables.open_table(_name(number))
        made.checkout(1)  # of two that create at once the later may be told that it did, and made version 2
        mine = made.to_arrow().column("holder").to_pylist() == [token]
    except (ValueError, OSError, RuntimeError) as error:
        if not any(word in str(error).lower() for word in ("exist", "conflict", "not found")):
            raise
        mine = False
    if not mine:
        # Its creator may have died before its first sign of life: this one is written for it, and waited for.
        if _latest(files, folder) == last:
            files.write(f"{folder}/{_name(number)}", b"taken")
        return None
    if _latest(files, folder) > number:  # the table had been there, and was forgotten
        files.remove_folder(f"{folder}.taken/{_name(number)}.lance")
        return None
    files.write(f"{folder}/{_name(number)}", _alive())
    return number


def _live(files: Kept, name: str, over: Event) -> None:
    """Write signs of life until it is over."""
    while not over.wait(LEASE / 5):
        try:
            files.write(name, _alive())
        except OSError:  # the store does not answer now; the next sign may reach it
            continue


def _forget(files: Kept, folder: str, number: int) -> None:
    """Remove the turns before this one."""
    for name in files.names(folder):
        if int(name) < number:
            files.remove(f"{folder}/{name}")
            files.remove_folder(f"{folder}.taken/{name}.lance")


def _latest(files: Kept, folder: str) -> int:
    return max(map(int, files.names(folder)), default=0)


def _sign(files: Kept, folder: str, number: int) -> bytes:
    try:
        return files.read(f"{folder}/{_name(number)}") if number else b""
    except FileNotFoundError:
        return b""


def _name(number: int) -> str:
    return f"{number:08d}"


def _alive() -> bytes:
    return uuid4().hex.encode()
