"""Work on several cores in one process: for functions that spend their time in numpy, which lets other threads run."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """How many threads may compute: what OMP_NUM_THREADS says, else all cores."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() and int(told) > 0 else os.cpu_count() or 1


def in_threads(function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """What a function gives for each task, in their order; a thread for each core.

    What it computes must not depend on other tasks. After an interruption no further task is begun.
    """
    if (n := cores()) == 1:
        yield from map(function, tasks)
        return
    with ThreadPoolExecutor(n) as pool:
        left = iter(tasks)
        waiting = deque(pool.submit(function, task) for _, task in zip(range(n + 1), left, strict=False))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(function, task) for _, task in zip(range(1), left, strict=False))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
