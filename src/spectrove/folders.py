"""Folders that are written beside their place and put there in one step, as a file is by a rename.

A folder cannot be renamed over another that is full. Linux and macOS exchange two names in one step, so that a kill
leaves the old folder or the new one under the name. Where the system or the disk cannot do that, the old one is moved
aside first, and is put back by the next writer if a kill came in between.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Of Linux (`renameat2`): the present folder, and "exchange"; of macOS (`renamex_np`): "swap".
_HERE, _EXCHANGE, _SWAP = -100, 2, 2

#: Seconds after which what a process wrote, which does not run on this machine, is taken for left over.
SILENT = 300.0


def part_of(place: Path) -> Path:
    """Where a folder is written that is going to be at a place: .NAME.part beside it."""
    return place.with_name(f".{place.name}.part")


def put(written: Path, place: Path) -> None:
    """Put a folder in its place; the one that was there, if any, is removed.

    Args:
        written: The folder, on the same disk.
        place: Its place.

    Raises:
        OSError: It cannot be put there; what was there before is there still.
    """
    if not place.exists():
        written.rename(place)
        return
    if _exchanged(written, place):
        remove(written)
        return
    aside = _aside(place)
    remove(aside)
    place.rename(aside)
    try:
        written.rename(place)
    except BaseException:
        with suppress(OSError):
            aside.rename(place)
        raise
    remove(aside)


def recover(place: Path) -> None:
    """Undo what a kill inside `put` left; called by the one writer of this place, before it looks what is there.

    A folder that was moved aside is put back if nothing took its place, and removed otherwise.
    """
    aside = _aside(place)
    if aside.exists() and not place.exists():
        aside.rename(place)
    remove(aside)


def remove_parts(place: Path) -> None:
    """Remove what killed writers left beside a place, as .NAME.PROCESS.part or .NAME.PROCESS.old."""
    for end in (".part", ".old"):
        for left in left_over(place.parent, f".{place.name}.", end):
            remove(left)


def left_over(folder: Path, start: str, end: str) -> Iterator[Path]:
    """What has a name of this start and end with the number of a process between, which is gone."""
    for path in folder.iterdir() if folder.is_dir() else ():
        number = path.name.removeprefix(start).removesuffix(end)
        if path.name == f"{start}{number}{end}" and number.isdecimal() and _is_left(path, int(number)):
            yield path


def remove(path: Path) -> None:
    """Remove a folder with all in it, a file or a link, if it is there and can be removed."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_left(path: Path, process: int) -> bool:
    """Whether a process does not run here, nor writes from another machine: nothing in the path is young."""
    if _runs(process):
        return False
    try:
        youngest = max(p.lstat().st_mtime for p in (path, *path.rglob("*")))
    except OSError:  # it is just going
        return False
    return time.time() - youngest > SILENT


def _runs(process: int) -> bool:
    if os.name != "posix":
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the two have exchanged their names; False where that cannot be done."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        names = os.fsencode(one), os.fsencode(other)
        if sys.platform == "darwin":
            done = library.renamex_np(*names, ctypes.c_uint(_SWAP))
        else:
            done = library.renameat2(_HERE, names[0], _HERE, names[1], ctypes.c_uint(_EXCHANGE))
    except (OSError, AttributeError, TypeError):  # another system
        return False
    return done == 0
