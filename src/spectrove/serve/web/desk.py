"""What every address needs: the bases, the tasks, the questions that run, the numbers, the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from spectrove.serve.service.asking import Task
from spectrove.serve.service.explaining import all_tasks
from spectrove.serve.service.jobs import Jobs
from spectrove.serve.service.shelf import Shelf
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

    @classmethod
    def of(cls, shelf: Shelf, settings: Settings) -> Desk:
        """A desk for these bases."""
        limits = settings.limits
        jobs = Jobs(settings.threads, limits.waiting, limits.seconds)
        return cls(shelf, settings, jobs, Metrics(lambda: len(jobs)))


async def looked_up(what: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """The result of a look-up, made in another thread and without a word on its progress."""

    def quietly() -> T:
        with listening(lambda work: None):
            return what(*args, **options)

    return await run_in_threadpool(quietly)
