"""Room in memory for what is asked for again, up to so many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Room(Generic[T]):
    """What is kept; where it is full, what was not asked for the longest goes first. The newest always stays.

    Args:
        most: Bytes of all of it.
    """

    def __init__(self, most: int) -> None:
        self._most, self._used = most, 0
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, key: Hashable, value: T, size: int) -> None:
        """Keep a value of so many bytes."""
        with self._lock:
            if key in self._kept:
                self._used -= self._kept.pop(key)[1]
            self._kept[key] = value, size
            self._used += size
            while len(self._kept) > 1 and self._used > self._most:
                self._used -= self._kept.popitem(last=False)[1][1]

    def get(self, key: Hashable) -> T | None:
        """What is kept under this key; None if nothing is."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def __len__(self) -> int:
        return len(self._kept)
