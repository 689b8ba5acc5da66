"""Blocks of a long piece of work, kept in files until all are there.

A process that ends in the middle, even by kill -9, loses the blocks it was at: the next one for the same work goes on
after those that are kept. Nothing is used of them for other work.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from spectrove.knowledge.files import Files
from spectrove.provenance import canonical_json


class Blocks:
    """The blocks that are kept for a piece of work.

    Args:
        files: Where they are kept.
        folder: Name of their folder in it.
        work: All that they depend on, as plain values.
        suffix: Of their files, with the dot.

    Attributes:
        kept: Numbers of the blocks that are there already.
        others: Whether blocks of other work were there, which are removed.
    """

    def __init__(self, files: Files, folder: str, work: Any, suffix: str) -> None:
        self._files, self._folder, self._suffix = files, folder, suffix
        self._key = blake2b(canonical_json(work).encode(), digest_size=8).hexdigest()
        # A file that another process is just writing has another suffix, and is left to it.
        there = [name for name in files.names(folder) if name.endswith(suffix)]
        own = [name for name in there if name.startswith(f"{self._key}-")]
        self.kept = {int(name.removeprefix(f"{self._key}-").removesuffix(suffix)) for name in own}
        self.others = len(own) < len(there)
        for name in set(there) - set(own):
            files.remove(f"{folder}/{name}")

    def read(self, number: int) -> bytes:
        """Content of a block that is kept."""
        return self._files.read(self._name(number))

    def write(self, number: int, content: bytes) -> None:
        """Keep a block."""
        self._files.write(self._name(number), content)
        self.kept.add(number)

    def clear(self) -> None:
        """Remove everything in the folder."""
        for name in self._files.names(self._folder):
            self._files.remove(f"{self._folder}/{name}")
        self.kept.clear()

    def _name(self, number: int) -> str:
        return f"{self._folder}/{self._key}-{number:07d}{self._suffix}"
