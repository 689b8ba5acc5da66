"""Questions that go on after the request: asked with `Prefer: respond-async`, looked at and stopped here."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from spectrove.serve.service.problems import Problem
from spectrove.serve.web.bases import said
from spectrove.serve.web.desk import Desk
from spectrove.serve.web.verbs import JSON, form_of, told


def router(desk: Desk) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @made.get("/{job_id}", response_model=None, summary="How far a question is.")
    async def job(job_id: str) -> Response:
        return said(desk.jobs.kept(job_id).to_dict())

    @made.get("/{job_id}/answers", response_model=None, summary="What a question has said.")
    async def answers(request: Request, job_id: str) -> Response:
        one = desk.jobs.kept(job_id)
        if not one.is_over and form_of(request) == JSON:
            raise Problem(
                409, f"{job_id}: not answered yet ({one.state}). Ask again, or accept text/event-stream."
            )
        return await told(one, request, desk.metrics, owned=False)

    @made.delete("/{job_id}", response_model=None, summary="Stop a question.")
    async def stop(job_id: str) -> Response:
        one = desk.jobs.kept(job_id)
        one.stop()
        return said(one.to_dict())

    return made
