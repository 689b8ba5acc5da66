"""Jobs of an experiment done by several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from spectrove.processes import guarded

J = TypeVar("J")
R = TypeVar("R")


def spread(workers: int, function: Callable[[J], R], jobs: Sequence[J]) -> Iterator[R]:
    """The result of each job, in their order, by as many processes as there may be.

    The processes are fresh ones: a forked copy of a process that has opened a base inherits the threads of LanceDB and
    torch without their locks, and hangs or dies. Ctrl-C ends them at once: what is finished is kept.
    """
    if min(workers, len(jobs)) < 2:
        yield from map(function, jobs)
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # which the new processes inherit: each has one core
    with guarded(min(workers, len(jobs)), patient=False) as submit:
        yield from (future.result() for future in [submit(function, job) for job in jobs])
