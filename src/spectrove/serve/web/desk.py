"""What every address needs: the bases, the tasks, the questions that run, the numbers, the settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from spectrove.serve.service.asking import Task
from spectrove.serve.service.explaining import all_tasks
from spectrove.serve.service.jobs import Jobs
from spectrove.serve.service.marks import Marks
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.shelf import Served, Shelf
from spectrove.serve.web.metrics import Metrics
from spectrove.serve.web.settings import Settings
from spectrove.work import listening

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Desk:
    """The application, as addresses see it."""

    shelf: Shelf
    settings: Settings
    jobs: Jobs
    metrics: Metrics
    tasks: dict[str, Task] = field(default_factory=all_tasks)
    closing: list[Callable[[], None]] = field(default_factory=list)
    _marks: dict[str, Marks] = field(default_factory=dict)

    @classmethod
    def of(cls, shelf: Shelf, settings: Settings) -> Desk:
        """A desk for these bases."""
        limits = settings.limits
        jobs = Jobs(settings.threads, limits.waiting, limits.seconds)
        return cls(shelf, settings, jobs, Metrics(lambda: len(jobs)))

    def marks(self, served: Served) -> Marks:
        """The marks on objects of a base."""
        if served.name not in self._marks:
            self._marks.setdefault(served.name, Marks.of(served, self.settings.marks))
        return self._marks[served.name]

    def why_read_only(self, served: Served) -> str:
        """Why nothing is written to a base, a sentence; "" where marks may become a new version of it."""
        if not self.settings.write:
            return (
                "This server changes no base. Start it with --write to have marks written as a new version."
            )
        place = Path(served.path)
        if place.is_dir() and not os.access(place, os.W_OK):
            return f"{served.name} lies in a folder that the server may not write to."
        return ""

    def need_write(self, served: Served) -> None:
        """Refuse to write to a base unless that is allowed.

        Raises:
            Problem: It is not.
        """
        if why := self.why_read_only(served):
            raise Problem(403, why)


async def looked_up(what: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """The result of a look-up, made in another thread and without a word on its progress."""

    def quietly() -> T:
        with listening(lambda work: None):
            return what(*args, **options)

    return await run_in_threadpool(quietly)
