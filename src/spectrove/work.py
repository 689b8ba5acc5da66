"""Long work says what it does while it does it.

Whatever takes long is put inside `doing(...)`, and tells `advance(...)` how far it is. Nobody hears of it unless
somebody listens: the command line shows bars, a notebook or a session at the prompt gets a note if the work takes more
than two seconds, and a script may listen with `listening` or read the log "spectrove" at the level INFO.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

#: Work that lasts longer is worth a note, seconds.
LONG = 2.0

#: What an interruption of work for a base leaves.
LEFT = "the base is whole, and what was not finished begins anew the next time"

LOG = logging.getLogger("spectrove")


@dataclass
class Work:
    """One piece of work.

    Attributes:
        doing: What it does, in words: "measuring the lines of 4,000 objects".
        total: Number of things it is done for; None where it cannot be counted.
        expected: About how many seconds it takes; None where that is unknown.
        done: How many of them are done.
        within: The work that it is a part of; None if it is the whole.
        started: When it began, on the clock of `time.monotonic`.
        state: "running", "done", "interrupted" or "failed".
    """

    doing: str
    total: int | None = None
    expected: float | None = None
    within: Work | None = None
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    state: Literal["running", "done", "interrupted", "failed"] = "running"

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return time.monotonic() - self.started

    @property
    def sentence(self) -> str:
        """What it does, and about how long that takes where it is known and long."""
        about = "" if self.expected is None or self.expected < LONG else f" (about {roughly(self.expected)})"
        return f"{self.doing}{about}"


#: Called with a work when it begins, when it has advanced, and when it has ended, as its `state` says.
Listener = Callable[[Work], None]

_current: ContextVar[Work | None] = ContextVar("spectrove work", default=None)
_listener: ContextVar[Listener | None] = ContextVar("spectrove listener", default=None)


@contextmanager
def doing(
    what: str, total: int | None = None, *, expected: float | None = None, left: str = LEFT
) -> Iterator[Work]:
    """What is done inside is said to whoever listens.

    An interruption passes through, with a note of what was interrupted.

    Args:
        what: In words, beginning with a verb: "fitting a metric on class, 20,600 objects".
        total: Number of things it is done for, if `advance` is called.
        expected: About how many seconds it takes, on a common machine.
        left: What an interruption leaves, in words.
    """
    work = Work(what, total, expected, _current.get())
    token = _current.set(work)
    listener = _listener.get() or _default
    listener(work)
    try:
        yield work
        work.state = "done"
    except KeyboardInterrupt as error:
        work.state = "interrupted"
        if work.within is None:
            error.add_note(f"interrupted while {work.doing}, after {work.seconds:.0f} s; {left}")
        raise
    except BaseException:
        work.state = "failed"
        raise
    finally:
        _current.reset(token)
        listener(work)


def advance(n: int = 1) -> None:
    """Say that so many more things are done, to the innermost work; nothing happens outside of any."""
    work = _current.get()
    if work is not None:
        work.done += n
        (_listener.get() or _default)(work)


def counted(what: str, total: int, step: int = 1) -> Iterator[int]:
    """0, step, 2 step, ... below the total, as one piece of work that advances with each.

    Args:
        what: In words, as in `doing`.
        total: Number of things.
        step: Number of them that are done together.
    """
    with doing(what, total):
        for start in range(0, total, step):
            yield start
            advance(min(step, total - start))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Inside, the listener is told of all long work, in place of the log and of notes.

    Args:
        listener: Called with a `Work` when it begins, advances and ends. It may be called thousands of times.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class Notes:
    """A listener that says a sentence of each whole work that lasts longer than `after` seconds, while it lasts.

    Args:
        say: Called with the sentence, in another thread.
        after: Seconds; `LONG` if None.
    """

    def __init__(self, say: Callable[[str], None], after: float | None = None) -> None:
        self._say, self._after = say, LONG if after is None else after
        self._waiting: dict[int, threading.Timer] = {}
        self._said: set[int] = set()

    def __call__(self, work: Work) -> None:
        """Begin to wait, or stop waiting."""
        if work.state == "running":
            if work.done == 0 and id(work) not in self._waiting:
                timer = threading.Timer(self._after, self._speak, (work,))
                timer.daemon = True
                self._waiting[id(work)] = timer
                timer.start()
            return
        if id(work) in self._waiting:
            self._waiting.pop(id(work)).cancel()
        if id(work) in self._said:
            self._said.discard(id(work))
            if work.state == "done" and work.within is None:
                self._say(f"{work.doing}: {roughly(work.seconds)}")

    def _speak(self, work: Work) -> None:
        if work.state == "running":
            self._said.add(id(work))
            self._say(f"{work.sentence} ...")


def roughly(seconds: float) -> str:
    """A time in words: "8 s", "40 s", "2 minutes"."""
    if seconds < 10:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    return f"{seconds / 60:.0f} minutes"


def _default(work: Work) -> None:
    """Where nobody listens: the log, and notes for who sits at a prompt or a notebook."""
    if work.state != "running":
        LOG.info("%s: %s after %.1f s", work.doing, work.state, work.seconds)
    elif work.done == 0:
        LOG.info("%s", work.sentence)
    if hasattr(sys, "ps1"):
        _NOTES(work)


def _print(sentence: str) -> None:
    print(f"spectrove: {sentence}", file=sys.stderr, flush=True)


_NOTES = Notes(_print)
