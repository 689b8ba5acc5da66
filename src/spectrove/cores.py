"""All cores for one answer: threads for what numpy computes, processes for what Python does step by step.

`processes` is for whole commands: it starts processes that import the script which was started, and takes a cluster.
What begins in the middle of an answer, perhaps in a notebook or a script of three lines, cannot ask for that.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from spectrove.errors import DatasetError
from spectrove.processes import spare_worker

T = TypeVar("T")
R = TypeVar("R")

#: Seconds after which a process without work ends, and between two looks whether its parent is there.
IDLE, WATCHED = 20, 2


def cores() -> int:
    """How many may compute: what OMP_NUM_THREADS says, else all that were given to this process."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    # A job of a cluster, or `taskset`, has some of the cores of its machine.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_cores(among: int) -> None:
    """Let each of so many answers that are made at one time have its part of the cores, in this process from now on.

    numpy's linear algebra takes all of them for each answer otherwise, and threads of one wait for those of another:
    of a redshift that took .31 s in a server of two cores, .12 were spent so.
    """
    # numpy and scipy bring a library each, and only those that are loaded are told.
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    threadpool_limits(max(1, cores() // among), user_api="blas")


def in_threads(function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """What a function gives for each task, in their order; a thread for each core.

    After an interruption no further task is begun.

    Args:
        function: It spends its time in numpy, which lets other threads run, and no task depends on another.
        tasks: They are taken a few ahead of the results.
    """
    if (n := cores()) == 1:
        yield from map(function, tasks)
        return
    with ThreadPoolExecutor(n) as pool:
        try:
            yield from _in_order(pool, function, iter(tasks), n + 1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def in_processes(function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """The same with a process for each core, which stay for the next call.

    Args:
        function: Of a module. It is sent with each task to a process that starts empty.
        tasks: As for `in_threads`.

    Raises:
        DatasetError: A process dies.
    """
    if (n := cores()) == 1:
        yield from map(function, tasks)
        return
    import loky

    pool = loky.get_reusable_executor(n, timeout=IDLE, initializer=_helping)
    try:
        yield from _in_order(pool, function, iter(tasks), 2 * n)
    except BrokenProcessPool as error:
        raise DatasetError(
            f"one of {n} processes that helped died, perhaps for want of memory. Run again with OMP_NUM_THREADS=1, "
            "which starts none: what was measured is kept."
        ) from error


def _helping() -> None:
    spare_worker()
    threading.Thread(target=_end_after, args=(os.getppid(),), daemon=True).start()


def _end_after(parent: int) -> None:
    """End this process, in the middle of its task, when its parent was killed: another process is its parent then."""
    while os.getppid() == parent:
        time.sleep(WATCHED)
    os._exit(1)


def _in_order(pool: Executor, function: Callable[[T], R], left: Iterator[T], ahead: int) -> Iterator[R]:
    waiting = deque(pool.submit(function, task) for task in islice(left, ahead))
    try:
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(function, task) for task in islice(left, 1))
    finally:
        for future in waiting:  # the pool may have work of others, and is not closed
            future.cancel()
