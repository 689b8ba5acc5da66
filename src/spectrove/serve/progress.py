"""Progress on stderr: bars if it is a terminal, else a sentence of what takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from spectrove.work import Notes, Work, listening

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Tells the bar that so many more are done.
Advance = Callable[[int], None]

#: The bars on the screen, below each other; rich can draw one set at a time.
_bars: list[Progress] = []


@contextmanager
def _screen() -> Iterator[Progress]:
    """The bars on the screen, begun unless there are some already."""
    if _bars:
        yield _bars[-1]
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        _bars.append(bars)
        try:
            yield bars
        finally:
            _bars.pop()


@contextmanager
def progress_bar(doing: str, total: int | None = None) -> Iterator[Advance]:
    """A function to call with the number of items just finished."""
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    with _screen() as bars:
        task = bars.add_task(doing, total=total)
        try:
            yield lambda n: bars.advance(task, n)
        finally:
            bars.remove_task(task)


def done_of(advance: Advance) -> Callable[[int, int], None]:
    """`advance` for callers that report (done, total) instead of increments."""
    last = 0

    def report(done: int, total: int) -> None:
        nonlocal last
        advance(done - last)
        last = done

    return report


@contextmanager
def stages() -> Iterator[Callable[[int, int, str], None]]:
    """A function to call with (done, total, text); each new text starts a new bar."""
    if not sys.stderr.isatty():
        yield lambda done, total, text: None
        return
    with _screen() as bars:
        task = bars.add_task("")
        try:
            yield lambda done, total, text: bars.update(task, completed=done, total=total, description=text)
        finally:
            bars.remove_task(task)


@contextmanager
def work_shown() -> Iterator[None]:
    """Long work inside is shown: a bar for each, or, where stderr is no terminal, a sentence after two seconds."""
    if not sys.stderr.isatty():
        with listening(Notes(_say)):
            yield
        return
    with listening(_Bars()):
        yield


class _Bars:
    """A bar for each piece of work, below that of the whole."""

    def __init__(self) -> None:
        self._shown: dict[int, tuple[AbstractContextManager[Progress], Progress, TaskID]] = {}

    def __call__(self, work: Work) -> None:
        """Begin the bar, move it, or take it away."""
        if work.state == "running" and id(work) not in self._shown:
            new = _screen()
            on = new.__enter__()
            self._shown[id(work)] = (new, on, on.add_task(work.sentence, total=work.total))
        screen, bars, task = self._shown[id(work)]
        if work.state == "running":
            bars.update(task, completed=work.done)
            return
        del self._shown[id(work)]
        bars.remove_task(task)
        screen.__exit__(None, None, None)


def _say(sentence: str) -> None:
    sys.stderr.write(f" {sentence}\n")
    sys.stderr.flush()
