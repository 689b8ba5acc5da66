"""Every address of the page, put together."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from spectrove.serve.page import bases, entering, hunts, labels, maps, marking, outliers, programs, spectra
from spectrove.serve.page.rendering import files
from spectrove.serve.service.hunting import Searches
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.tray import Trays
from spectrove.serve.web.desk import Desk

#: A script has another address when it changes, so that browsers may keep it.
KEPT = {"cache-control": "public, max-age=31536000, immutable"}


def router(desk: Desk) -> APIRouter:
    """The addresses."""
    made = APIRouter(include_in_schema=False)
    trays = Trays()
    made.include_router(entering.router(desk.settings.token))
    made.include_router(bases.router(desk))
    made.include_router(spectra.router(desk, trays))
    searches = Searches(desk.jobs)
    made.include_router(hunts.router(desk, trays, searches))
    made.include_router(marking.router(desk))
    made.include_router(outliers.router(desk, trays, searches))
    made.include_router(labels.router(desk, searches))
    made.include_router(maps.router(desk, trays))
    made.include_router(programs.router(desk, trays, searches))

    @made.get("/static/{name:path}", response_model=None)
    async def static(name: str) -> Response:
        if name not in files():
            raise Problem(404, f"{name}: no such script or style.")
        content, media = files()[name]
        return Response(content, media_type=media, headers=KEPT)

    return made
