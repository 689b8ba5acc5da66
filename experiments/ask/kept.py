"""Results kept one by one, so that a run that was stopped goes on, and the processes that make them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from spectrove.processes import end_with_parent

J = TypeVar("J")
R = TypeVar("R")


def kept(path: Path, key: str, make: Callable[[], Any]) -> Any:
    """Plain values from a file if they were kept under this key; else they are made and kept, in one step."""
    if path.exists():
        content = json.loads(path.read_text("utf-8"))
        if content["key"] == key:
            return content["values"]
    values = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps({"key": key, "values": values}) + "\n", "utf-8")
    os.replace(part, path)
    return values


def spread(workers: int, function: Callable[[J], R], jobs: Sequence[J]) -> Iterator[R]:
    """The result of each job, in their order, by as many processes as there may be.

    The processes are fresh ones: a forked copy of a process that has opened a base inherits the threads of LanceDB and
    torch without their locks, and hangs or dies.
    """
    if min(workers, len(jobs)) < 2:
        yield from map(function, jobs)
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # which the new processes inherit: each has one core
    with ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn"), end_with_parent) as pool:
        yield from (future.result() for future in [pool.submit(function, job) for job in jobs])
