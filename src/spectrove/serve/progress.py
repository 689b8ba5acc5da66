"""Progress bars on stderr; none are drawn if stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Tells the bar that so many more are done.
Advance = Callable[[int], None]


@contextmanager
def progress_bar(doing: str, total: int | None = None) -> Iterator[Advance]:
    """A function to call with the number of items just finished."""
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda n: bar.advance(task, n)


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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, total, text: bar.update(task, completed=done, total=total, description=text)
