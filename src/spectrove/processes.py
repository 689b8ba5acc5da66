"""Chunks of work done by other processes, on this machine or on a cluster: none outlives the one that started it.

Results come in the order of the tasks, so that what is made of them does not depend on who worked, or how fast.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from itertools import islice
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

from spectrove.errors import DatasetError
from spectrove.version import __version__

R = TypeVar("R")

#: Tasks that are given out or wait for their turn, by worker: no more results in memory than can be used soon.
AHEAD = 3

#: Seconds in which the scheduler of a cluster has to answer.
PATIENCE = 30


def map_chunks(
    function: Callable[..., R], tasks: Iterator[tuple], workers: int | None = None, cluster: str | None = None
) -> Iterator[R]:
    """What a function of a module gives for each task, in their order.

    Args:
        function: Called with the values of a task, which are sent to the process that does it, as its result is back.
        tasks: Values of each task; they are made a few ahead of the results.
        workers: Processes on this machine; one per core if None. A cluster at an address has its own.
        cluster: None for a pool of processes; "local" for a cluster of dask on this machine, or the address of the
            scheduler of one, such as "tcp://10.0.0.1:8786". There the task whose worker dies is done again by another,
            and of those before it only one whose result was not fetched yet.

    Raises:
        DatasetError: A process of a pool dies, there is no cluster, or dask is not installed; or a task ends four
            workers of a cluster.
    """
    n = workers or os.cpu_count() or 1
    if cluster is None:
        yield from _in_pool(function, tasks, n)
    else:
        yield from _on_cluster(function, tasks, n, cluster)


def _in_pool(function: Callable[..., R], tasks: Iterator[tuple], workers: int) -> Iterator[R]:
    waiting: deque[Future] = deque()
    with guarded(workers) as submit:
        for task in tasks:
            waiting.append(submit(function, *task))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def guarded(
    workers: int, begin: Callable[[], None] | None = None, *, patient: bool = True
) -> Iterator[Callable[..., Future]]:
    """A pool of processes, as the function that gives them something to do: a function of a module and its values.

    Ctrl-C is for this process alone, and no process outlives it or the pool.

    Args:
        workers: Number of processes.
        begin: Called in each before its first task.
        patient: Whether tasks that run are finished when an error or Ctrl-C ends the pool. Where they take minutes they
            are better ended with it.

    Raises:
        DatasetError: A process dies.
    """
    # Spawned, not forked: the parent may hold threads of torch, Lance or Arrow, which a fork would break.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(begin,))

    def submit(function: Callable[..., R], *values: Any) -> Future:
        with _interrupt_later():  # it starts processes
            return pool.submit(function, *values)

    try:
        yield submit
    except BrokenProcessPool as error:
        raise DatasetError(
            f"one of {workers} worker processes died (out of memory, or started from a script without "
            '`if __name__ == "__main__":`). Run again with fewer, --workers 1: what was stored is kept.'
        ) from error
    except BaseException:
        if not patient:
            for process in list((pool._processes or {}).values()):
                process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _on_cluster(
    function: Callable[..., R], tasks: Iterator[tuple], workers: int, address: str
) -> Iterator[R]:
    with _client(address, workers) as (client, at_work):
        import cloudpickle
        from distributed import as_completed

        ahead = AHEAD * max(at_work, 1)
        left = enumerate(tasks)
        places: dict[Any, int] = {}
        ready: dict[int, R] = {}
        # Results are fetched as soon as they are there: a worker that dies later takes none with it.
        arriving = as_completed(with_results=True, raise_errors=False)
        turn = 0
        while True:
            for place, task in islice(left, max(ahead - len(places) - len(ready), 0)):
                # As bytes: the scheduler would unpack them, and stand still while it imports what they name.
                packed = cloudpickle.dumps((function, task))
                future = client.submit(_same_version, __version__, packed, pure=False)
                places[future] = place
                arriving.add(future)
            if not places and not ready:
                return
            while turn not in ready:
                future, result = next(arriving)
                if future.status == "error":
                    raise _explained(result[1], address) from result[1]
                if future.status != "finished":
                    raise DatasetError(
                        f"--cluster {address}: the scheduler is gone (a chunk is {future.status}). Start it, and run "
                        "again: what was stored is kept."
                    )
                ready[places.pop(future)] = result
            yield ready.pop(turn)
            turn += 1


def _same_version(version: str, packed: bytes) -> Any:
    """The result of a task, by a worker that has the same version as who asks, so that results are the same."""
    if version != __version__:
        raise DatasetError(
            f"a worker of the cluster has spectrove {__version__}, expected {version}. Install that one on all workers."
        )
    # From our own process by way of the scheduler, as everything that dask sends is: the cluster has to be trusted.
    function, task = pickle.loads(packed)
    return function(*task)


@contextmanager
def _client(address: str, workers: int) -> Iterator[tuple[Any, int]]:
    """A client of the cluster, and the number of its workers."""
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise DatasetError(
            f"--cluster {address}: needs dask, which is not installed. Install the extra: pip install "
            "'spectrove[cluster]'."
        ) from error
    with ExitStack() as stack:
        place: Any = address
        if address == "local":
            place = stack.enter_context(
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, memory_limit=0, dashboard_address=None,
                    silence_logs=50,
                )
            )  # fmt: skip
        try:
            client = stack.enter_context(Client(place, timeout=PATIENCE))
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"--cluster {address}: no scheduler of dask answers there ({error}). Start `dask scheduler` and "
                "`dask worker`, name the address that it prints, or say local."
            ) from error
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise DatasetError(
                f"--cluster {address}: its scheduler has no worker. Start `dask worker {address}`."
            ) from error
        yield client, len(client.scheduler_info(n_workers=-1)["workers"])


def _explained(error: BaseException, address: str) -> BaseException:
    """An error of a task; a sentence where it is that its workers die."""
    if type(error).__name__ != "KilledWorker":
        return error
    return DatasetError(
        f"--cluster {address}: one chunk ended four workers in turn, probably for want of memory. Give each worker "
        "more, and run again: what was stored is kept."
    )


@contextmanager
def _interrupt_later() -> Iterator[None]:
    """Ctrl-C waits until this is over, and does not reach processes that are started meanwhile.

    A terminal sends it to children too. One that has not come to ignore it dies, and its pool is broken before the
    parent, which is interrupted as well, can say so.
    """
    if not hasattr(
        signal, "pthread_sigmask"
    ):  # Windows has none, nor a group of processes that gets Ctrl-C so early
        yield
        return
    resource_tracker.ensure_running()  # it takes the signal off the mask when it starts
    usual = signal.getsignal(signal.SIGINT)
    noted: list[Any] = []
    # Where other threads run, one of them takes the signal, and Python raises it here all the same.
    deferred = threading.current_thread() is threading.main_thread() and callable(usual)
    if deferred:
        signal.signal(signal.SIGINT, lambda *happened: noted.append(happened))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if deferred:
            signal.signal(signal.SIGINT, usual)
    if noted and callable(usual):
        usual(*noted[0])


#: Processes that may outlive this one.
_DETACHED: list[subprocess.Popen[bytes]] = []


@atexit.register
def _leave() -> None:
    """Leave them without the warning that they still run."""
    for process in _DETACHED:
        if process.poll() is None:
            process.returncode = 0


def detached(
    words: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Python in a process of its own, which goes on when this one has ended or is interrupted.

    Args:
        words: For Python: "-m", a module and its words; or "-c", a program and its words.
        log: File to whose end goes what it says.
        environment: Its variables; those of this process if None.
    """
    with open(log, "ab") as out:
        begun = subprocess.Popen(
            [sys.executable, "-P", *words],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=environment,
        )  # fmt: skip
    _DETACHED.append(begun)
    return begun


def _begin_worker(begin: Callable[[], None] | None) -> None:
    """A worker of a pool, which ends with its parent if that is killed."""
    spare_worker()
    end_with_parent()
    if begin is not None:
        begin()


def spare_worker() -> None:
    """Called in a process that helps: Ctrl-C is for the parent, which lets its children finish.

    One thread each, where nobody says otherwise: two workers whose linear algebra takes both cores are slower than one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # read when the libraries are loaded
        os.environ.setdefault(name, "1")


def end_with_parent() -> None:
    """Called in a helping process: it ends when its parent does, even by a signal that nobody can catch.

    A worker of a pool waits for its next task forever else, with everything it holds in memory.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: Any) -> None:
    parent.join()
    os._exit(1)
