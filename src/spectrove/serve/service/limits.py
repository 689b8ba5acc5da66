"""How much one question may ask for."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """The most of everything.

    Attributes:
        upload: Bytes that come with one question, and `unpacked` bytes of all its files once they are unpacked.
        files: Files that come with one question.
        spectra: Spectra that one question may be about.
        seconds: How long one question may take, its time in the queue included.
        waiting: Questions that run or wait at one time.
    """

    upload: int = 64 * MB
    unpacked: int = 256 * MB
    files: int = 500
    spectra: int = 2000
    seconds: float = 600.0
    waiting: int = 64
