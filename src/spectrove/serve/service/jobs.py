"""Questions that run in the background: what they have said so far, how far they are, and a way to stop them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from spectrove.serve.service.asking import Item
from spectrove.serve.service.limits import MB
from spectrove.serve.service.problems import Problem, problem_of
from spectrove.work import Work, listening

LOG = logging.getLogger("spectrove.serve")

State = Literal["waiting", "running", "done", "failed", "stopped"]

#: Seconds between two tellings of progress, and between two looks at the clock.
TELL, LOOK = 0.1, 0.5

#: Finished questions that are kept for whoever comes back for the answer, and bytes of what they have said; names that
#: are remembered of those that were kept.
KEPT, ROOM, NAMES = 100, 256 * MB, 10_000


class Stopped(BaseException):
    """Raised inside a question whose answer nobody waits for any more; passes through whatever catches errors."""


@dataclass
class Job:
    """A question that is being answered.

    Attributes:
        task: What is asked for.
        base: Name of the base.
        seconds: How long it may take, from the beginning of its time in the queue.
        id: Its name, which nobody guesses.
        items: What it has said so far.
        progress: How far it is: what is done now, how much of it, of how much.
        problem: Why there is no answer, or no whole one.
        ended: When it ended, on the clock of `time.monotonic`.
        size: Bytes of what it has said, roughly.
        readers: How many wait for what it says.
    """

    task: str
    base: str
    seconds: float
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = "waiting"
    items: list[Item] = field(default_factory=list)
    progress: dict[str, Any] | None = None
    problem: Problem | None = None
    begun: float = field(default_factory=time.monotonic)
    ended: float | None = None
    size: int = 0
    readers: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _bells: list[Callable[[], None]] = field(default_factory=list)
    _told: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.state in ("done", "failed", "stopped")

    @property
    def too_long(self) -> bool:
        """Whether it has had its time."""
        return not self.is_over and time.monotonic() - self.begun > self.seconds

    def to_dict(self) -> dict[str, Any]:
        """Its state as plain values, without what it has said."""
        return {
            "id": self.id,
            "task": self.task,
            "base": self.base,
            "state": self.state,
            "progress": self.progress,
            "said": len(self.items),
            "seconds": round((self.ended or time.monotonic()) - self.begun, 3),
            "problem": None if self.problem is None else self.problem.to_dict(),
        }

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """What it has said of one kind."""
        return [item.row for item in self.items if item.kind == kind]

    def stop(self, why: Problem | None = None) -> None:
        """Let it end at its next step; what waits for it goes on at once."""
        if not self.is_over:
            self._stop.set()
            self._over("stopped", why or Problem(409, "The question was stopped."))

    def _over(self, state: State, problem: Problem | None = None) -> None:
        if self.is_over:
            return
        self.problem, self.ended = problem, time.monotonic()
        self.state = state
        self._ring()

    def _ring(self) -> None:
        for bell in list(self._bells):
            with suppress(RuntimeError):  # the loop of somebody who has gone
                bell()

    def run(self, say: Callable[[], Iterator[Item]]) -> None:
        """Answer; in a thread of its own."""
        if self.is_over:
            return
        self.state = "running"
        try:
            with listening(self._listen), closing(say()) as items:  # type: ignore[type-var]
                for item in items:
                    self._check()
                    self.items.append(item)
                    self.size += size_of(item.row)
                    self._ring()
            self._over("done")
        except Stopped:
            pass
        except BaseException as error:
            problem = problem_of(error)
            if problem.status >= 500:
                LOG.error("%s of %s failed", self.task, self.base, exc_info=error)
            self._over("failed", problem)

    def _listen(self, work: Work) -> None:
        """Told of all long work inside; the place where it may be stopped."""
        if work.state != "running":
            return
        self._check()
        now = time.monotonic()
        if now - self._told > TELL or work.done == 0:
            self._told = now
            self.progress = {"doing": work.sentence, "done": work.done, "total": work.total}
            self._ring()

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped
        if self.too_long:
            self.stop(late(self.seconds))
            raise Stopped

    async def follow(self) -> AsyncGenerator[Item | dict[str, Any], None]:
        """Everything that it says, from the beginning, and its progress as dictionaries in between."""
        loop, rang = asyncio.get_running_loop(), asyncio.Event()

        def bell() -> None:
            loop.call_soon_threadsafe(rang.set)

        self._bells.append(bell)
        seen, told = 0, None
        try:
            while True:
                over = self.is_over  # before what was said is read, so that nothing is missed
                while seen < len(self.items):
                    seen += 1
                    yield self.items[seen - 1]
                if over:
                    return
                if self.progress is not told and self.progress is not None:
                    told = self.progress
                    yield dict(told)
                with suppress(TimeoutError):
                    await asyncio.wait_for(rang.wait(), LOOK)
                rang.clear()
                if self.too_long:
                    self.stop(late(self.seconds))
        finally:
            self._bells.remove(bell)


def late(seconds: float) -> Problem:
    """A question that takes too long."""
    return Problem(
        503,
        f"The question took longer than {seconds:g} seconds, and was stopped. Ask about fewer spectra, or prepare the "
        "base for it (kb prepare).",
    )


def size_of(value: Any) -> int:
    """Bytes of plain values in memory, roughly."""
    if isinstance(value, str | bytes):
        return 50 + len(value)
    if isinstance(value, Mapping):
        return 64 + sum(100 + size_of(one) for one in value.values())
    if isinstance(value, list | tuple):
        return 56 + sum(8 + size_of(one) for one in value)
    return 32


class Jobs:
    """All questions that run, wait, or are kept after they ended.

    Args:
        threads: Questions that run at one time.
        waiting: Questions that may run or wait at one time.
        seconds: How long each may take.
    """

    def __init__(self, threads: int, waiting: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="spectrove")
        self._waiting, self._seconds = waiting, seconds
        self._open: set[str] = set()
        self._kept: OrderedDict[str, Job] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._joined: dict[Hashable, Job] = {}
        self._lock, self._joining = threading.Lock(), threading.Lock()

    def begin(
        self,
        task: str,
        base: str,
        say: Callable[[], Iterator[Item]],
        *,
        keep: bool = False,
        after: Callable[[], None] | None = None,
    ) -> Job:
        """A question, begun as soon as there is room for it.

        Args:
            task, base: What is asked for, and of which base.
            say: The answer, made in another thread.
            keep: Whether somebody comes back for the answer later.
            after: Called when nothing of it runs any more, also where it was stopped before it began.

        Raises:
            Problem: Too many wait already.
        """
        job = Job(task, base, self._seconds)
        with self._lock:
            if len(self._open) >= self._waiting:
                raise Problem(
                    503, f"{len(self._open)} questions are being answered or wait. Ask again in a while.",
                    headers={"Retry-After": "5"},
                )  # fmt: skip
            self._open.add(job.id)
            if keep:
                self._kept[job.id] = job
                self._forget()
        begun = self._pool.submit(self._run, job, say)
        if after is not None:
            begun.add_done_callback(lambda _: after())
        return job

    def joined(self, key: Hashable, task: str, base: str, say: Callable[[], Iterator[Item]]) -> Job:
        """The question of this key that runs or waits, else a new one: who asks the same waits for the same answer.

        Args:
            key: What is asked.
            task, base, say: As in `begin`, which raises the same.
        """
        with self._joining:
            self._joined = {known: job for known, job in self._joined.items() if not job.is_over}
            if key not in self._joined:
                self._joined[key] = self.begin(task, base, say)
            return self._joined[key]

    def _run(self, job: Job, say: Callable[[], Iterator[Item]]) -> None:
        try:
            job.run(say)
        finally:
            with self._lock:
                self._open.discard(job.id)
                self._forget()

    def _forget(self) -> None:
        """Drop those that ended first, if too many are kept or they hold too much; the last one stays."""
        over = sorted((job for job in self._kept.values() if job.is_over), key=lambda job: job.ended or 0.0)
        room = sum(job.size for job in over)
        for job in over[:-1]:
            if len(self._kept) <= KEPT and room <= ROOM:
                return
            room -= job.size
            del self._kept[job.id]
            self._gone[job.id] = None
            if len(self._gone) > NAMES:
                self._gone.popitem(last=False)

    def kept(self, name: str) -> Job:
        """A question that was kept.

        Raises:
            Problem: There is none of this name, or no more.
        """
        with self._lock:
            if name in self._gone:
                raise Problem(
                    410,
                    f"{name}: this answer is no longer kept. Of the answers that ended last {KEPT} are, up to "
                    f"{ROOM / MB:g} MB. Ask the question again, and fetch the answer when it has ended.",
                )
            if name not in self._kept:
                raise Problem(404, f"{name}: no question of this name is kept. Ask it again.")
            return self._kept[name]

    def __len__(self) -> int:
        """Questions that run or wait."""
        return len(self._open)

    def close(self) -> None:
        """Stop what is kept and runs, and take no more."""
        for job in list(self._kept.values()):
            job.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)
