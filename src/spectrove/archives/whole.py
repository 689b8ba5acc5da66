"""Whether what came is what was asked for, whole: servers say 200 to login pages, empty answers and halves of files."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import re
import warnings
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spectrove.errors import ArchiveError, FormatError
from spectrove.polite import Passing
from spectrove.readers.fitsfile import opened

#: Bytes that say what a file is.
_HEAD = 4096
_GZIP = b"\x1f\x8b"
_PAGE = re.compile(rb"^\s*(<!doctype\s+html|<html|<head|<\?xml[^>]*>\s*<!doctype\s+html)", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)

#: Headers with a sum of the whole file, each with its algorithm and the form of its value.
_SUMS = (
    ("repr-digest", "sha256", re.compile(r"sha-256=:([^:]+):", re.IGNORECASE)),
    ("digest", "sha256", re.compile(r"sha-256=([^,\s]+)", re.IGNORECASE)),
    ("content-md5", "md5", re.compile(r"^(\S+)$")),
)


def need_fits(path: Path, host: str) -> None:
    """Refuse a file unless it is FITS, plain or gzipped, with all the bytes that its headers promise.

    Raises:
        ArchiveError: It is something else, as the page of a login.
        Passing: It is empty, or breaks off.
    """
    head = _head(path)
    if not head:
        raise Passing(f"{host}: an empty answer in place of a FITS file")
    packed = head.startswith(_GZIP)
    size = _unpacked_size(path, host) if packed else path.stat().st_size
    start = _head(path, gzip.open) if packed else head
    need_no_page(start, host, "a FITS file")
    if not start.startswith(b"SIMPLE"):
        raise ArchiveError(
            f"{host}: what came is no FITS file; it begins with {start[:20]!r}, expected b'SIMPLE'."
        )
    if (needed := _needed_size(path)) > size:
        raise Passing(f"{host}: the FITS file breaks off after {size:,} of {needed:,} bytes")


def need_no_page(start: bytes, host: str, wanted: str) -> None:
    """Refuse bytes that begin a page for people.

    Raises:
        ArchiveError: They do; the sentence has the title of the page.
    """
    if not _PAGE.match(start):
        return
    title = _TITLE.search(start)
    named = html.unescape(" ".join(title[1].decode("utf-8", "replace").split()))[:80] if title else ""
    raise ArchiveError(
        f"{host}: the service answers with a web page{f' ({named!r})' if named else ''} in place of {wanted}. It may "
        "ask for a login, or the address is not that of the service."
    )


def need_sums(path: Path, headers: Mapping[str, str], host: str, part: bool = False) -> None:
    """Refuse a file unless its sum is what the headers of its answer say; a sum they lack is not asked for.

    Args:
        part: Whether the answer was a part of the file, of which some headers give the sum.

    Raises:
        Passing: It differs.
    """
    for name, algorithm, form in _SUMS:
        said = form.search(headers.get(name, ""))
        if not said or (part and name == "content-md5"):
            continue
        with open(path, "rb") as file:
            found = base64.b64encode(hashlib.file_digest(file, algorithm).digest()).decode()
        if found.rstrip("=") != said[1].rstrip("="):
            raise Passing(f"{host}: {algorithm} of what came is {found}, the service says {said[1]}")


def is_gzip(path: Path) -> bool:
    """Whether a file is gzipped."""
    return _head(path).startswith(_GZIP)


def _head(path: Path, opened: Callable[[Path, str], Any] = open) -> bytes:
    with opened(path, "rb") as file:
        return bytes(file.read(_HEAD))


def _unpacked_size(path: Path, host: str) -> int:
    """Bytes of a gzipped file, unpacked; reading it to the end checks its sum."""
    size = 0
    try:
        with gzip.open(path) as file:
            while block := file.read(1 << 20):
                size += len(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Passing(f"{host}: the gzipped file breaks off or is damaged ({error})") from error
    return size


def _needed_size(path: Path) -> int:
    """Bytes that a FITS file has by its headers, without the padding at the end."""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is truncated is what is asked here
        try:
            with opened(path, lazy_load_hdus=False) as hdus:
                last = hdus[len(hdus) - 1]
                return int(last.fileinfo()["datLoc"] + last.size)
        except (FormatError, OSError, ValueError, TypeError, KeyError) as error:
            raise ArchiveError(
                f"{path.name}: what came is no FITS file that can be read ({error})."
            ) from error
