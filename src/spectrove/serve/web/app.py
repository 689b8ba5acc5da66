"""The application: every door of HTTP to the bases, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.responses import Response

from spectrove.serve.page.router import router as page_router
from spectrove.serve.service.problems import kinds
from spectrove.serve.service.shelf import Shelf
from spectrove.serve.web import bases, jobs, marks, metrics, problems, schema, ssap, verbs
from spectrove.serve.web.bases import said
from spectrove.serve.web.desk import Desk
from spectrove.serve.web.guard import Guard
from spectrove.serve.web.settings import Settings
from spectrove.version import __version__

#: Below the title of the OpenAPI document.
ABOUT = "Ask knowledge bases about spectra. Every answer is what the command line prints with --json."


def create_app(shelf: Shelf, settings: Settings) -> FastAPI:
    """The application that serves some bases.

    Args:
        shelf: The bases.
        settings: How it is reached, and how much may be asked.
    """
    desk = Desk.of(shelf, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.jobs.close()
        for close in desk.closing:
            close()

    app = FastAPI(
        title="Spectrove", version=__version__, description=ABOUT, docs_url=None, redoc_url=None,
        lifespan=lifespan, redirect_slashes=False,
    )  # fmt: skip
    problems.register(app)
    for made in (verbs, bases, marks, jobs, ssap):
        app.include_router(made.router(desk))
    app.include_router(page_router(desk))
    _add_own(app, desk)
    app.openapi = lambda: schema.document(app, desk.tasks, list(shelf))  # type: ignore[method-assign]
    app.add_middleware(Guard, settings=settings, metrics=desk.metrics)
    app.state.desk = desk
    return app


def _add_own(app: FastAPI, desk: Desk) -> None:
    """Addresses about the server itself."""

    @app.get("/healthz", response_model=None, tags=["server"], summary="Whether the server is there.")
    async def healthz() -> Response:
        return said({"status": "ok", "version": __version__})

    @app.get("/metrics", response_model=None, tags=["server"], summary="Numbers for Prometheus.")
    async def numbers() -> Response:
        return Response(desk.metrics.page(), media_type=metrics.MEDIA)

    @app.get("/v1/problems", response_model=None, tags=["server"], summary="Every kind of problem.")
    async def every_kind() -> Response:
        return said({"problems": [{"kind": kind, "what": what} for kind, what in kinds().items()]})

    @app.get(
        "/v1/targets", response_model=None, tags=["server"], summary="Targets that a hunt knows by name."
    )
    async def targets() -> Response:
        from spectrove.pipeline.shipped import load_target, shipped_targets

        return said({"targets": [load_target(name).model_dump() for name in shipped_targets()]})
