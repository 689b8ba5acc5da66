"""An address for every task: POST /v1/bases/NAME/VERB."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from spectrove.serve.output import json_line
from spectrove.serve.service.asking import Item, Question, Task
from spectrove.serve.service.jobs import Job
from spectrove.serve.service.problems import Problem
from spectrove.serve.web.desk import Desk
from spectrove.serve.web.metrics import Metrics
from spectrove.serve.web.problems import answer
from spectrove.serve.web.uploads import drop, question_of

LINES, EVENTS, JSON = "application/x-ndjson", "text/event-stream", "application/json"


def router(desk: Desk) -> APIRouter:
    """The addresses of all tasks."""
    made = APIRouter(prefix="/v1/bases/{name}", tags=["verbs"])
    for task in desk.tasks.values():
        made.add_api_route(
            f"/{task.name}", _endpoint(desk, task), methods=["POST"], name=task.name, summary=task.summary,
            openapi_extra={"x-task": task.name}, response_model=None,
        )  # fmt: skip
    return made


def _endpoint(desk: Desk, task: Task) -> Callable[..., Any]:
    async def ask(request: Request, name: str) -> Response:
        base = desk.shelf.named(name)
        async with question_of(request, task, desk.settings.limits) as (asked, files):
            later = "respond-async" in request.headers.get("prefer", "").lower()
            question = Question(base, asked, files, desk.settings.limits)
            say, after = partial(task.run, question), partial(drop, files)
            job = desk.jobs.begin(task.name, name, say, keep=later, after=after)
        request.state.note = {"task": task.name, "base": name, "job": job.id}
        if later:
            place = f"/v1/jobs/{job.id}"
            return Response(
                json.dumps(job.to_dict()), 202, media_type=JSON,
                headers={"Location": place, "Preference-Applied": "respond-async"},
            )  # fmt: skip
        return await told(job, request, desk.metrics, owned=True)

    ask.__name__, ask.__doc__ = task.name, task.summary
    return ask


def form_of(request: Request) -> str:
    """The form of the answer that a request wants.

    Raises:
        Problem: It takes none of those that there are.
    """
    accept = request.headers.get("accept", "*/*").lower()
    for media in (LINES, EVENTS):
        if media in accept:
            return media
    if not any(kind in accept for kind in (JSON, "application/*", "*/*", "application/problem+json")):
        raise Problem(406, f"{accept}: expected {JSON}, {LINES} or {EVENTS} among what is accepted.")
    return JSON


async def told(job: Job, request: Request, metrics: Metrics, owned: bool) -> Response:
    """What a question says, in the form that the request wants.

    Args:
        job: The question.
        request: Who waits for it.
        metrics: Where it is counted.
        owned: Whether it ends with the last request that waits for it, because nobody can come back for it.
    """
    reading = _Reader(job, metrics, owned)
    try:
        form = form_of(request)
    except Problem:
        with reading:
            raise
    if form != JSON:
        return _Stream((lines if form == LINES else events)(job), reading, form)
    with reading:
        async with aclosing(job.follow()) as said:
            async for _ in said:
                if owned and await request.is_disconnected():
                    break
    if job.problem is not None:
        return answer(job.problem, request.scope)
    return Response(json_line(whole(job)), media_type=JSON)


def whole(job: Job) -> dict[str, Any]:
    """Everything that was said: answers as the command line prints them, refusals, and where they come from."""
    about = job.rows("about")
    figures = {"figures": job.rows("figure")} if job.rows("figure") else {}
    return {
        "answers": job.rows("answer"), "refusals": job.rows("refusal"), **figures,
        "provenance": about[-1] if about else {},
    }  # fmt: skip


class _Reader:
    """Somebody reads what a question says, from now on; with the last who has gone it ends, if it is owned."""

    def __init__(self, job: Job, metrics: Metrics, owned: bool) -> None:
        self._job, self._metrics, self._owned = job, metrics, owned
        job.readers += 1

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        job = self._job
        job.readers -= 1
        if self._owned and not job.readers:
            job.stop()
            self._metrics.answers.labels(job.task).inc(len(job.rows("answer")))
            self._metrics.refusals.labels(job.task).inc(len(job.rows("refusal")))


class _Stream(StreamingResponse):
    """What a question says, to somebody who reads it or goes away."""

    def __init__(self, written: AsyncIterator[str], reading: _Reader, media: str) -> None:
        super().__init__(written, media_type=media)
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._reading:
            await super().__call__(scope, receive, send)


async def lines(job: Job) -> AsyncIterator[str]:
    """JSON Lines as the command line prints them: answers as they come, and refusals among them."""
    async with aclosing(job.follow()) as said:
        async for one in said:
            if isinstance(one, Item) and one.kind in ("answer", "refusal"):
                yield f"{json_line(one.row)}\n"
    if job.problem is not None:
        yield f"{json_line({'problem': job.problem.to_dict()})}\n"


async def events(job: Job) -> AsyncIterator[str]:
    """Server-sent events: progress, answer, refusal, figure, about; at the end "end" or "problem"."""
    async with aclosing(job.follow()) as said:
        async for one in said:
            kind, row = (one.kind, one.row) if isinstance(one, Item) else ("progress", one)
            yield _event(kind, row)
    yield (
        _event("problem", job.problem.to_dict()) if job.problem is not None else _event("end", job.to_dict())
    )


def _event(kind: str, row: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json_line(row)}\n\n"
