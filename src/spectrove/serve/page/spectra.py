"""Addresses about one spectrum: what was brought, its page, its curves, and its answer, part by part."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from spectrove.serve.page.look import Look, Looking
from spectrove.serve.page.parts import PARTS, Asked, Part, parts_of
from spectrove.serve.page.rendering import address, page, render
from spectrove.serve.service import curves as drawing
from spectrove.serve.service.asking import Item, Task
from spectrove.serve.service.problems import Problem, problem_of
from spectrove.serve.service.questions import OfSpectra
from spectrove.serve.service.shelf import Served
from spectrove.serve.service.tray import Trays
from spectrove.serve.web.bases import said
from spectrove.serve.web.desk import Desk, looked_up
from spectrove.serve.web.uploads import drop, question_of

LOG = logging.getLogger("spectrove.serve")

#: Others that are drawn over one spectrum at most.
MOST_OTHERS = 12


def _nothing(question: Any) -> Any:
    return iter(())


#: Bringing spectra, as a task: what may be said of files that are read.
BRING = Task("bring", OfSpectra, "Bring spectra.", (), _nothing, ("spectra",))


def router(desk: Desk, trays: Trays) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/kb/{name}", include_in_schema=False)
    _add_bringing(made, desk, trays)
    _add_pictures(made, desk, trays)

    @made.get("/spectrum", response_model=None)
    async def spectrum(name: str, look: Looking) -> Response:
        served = desk.shelf.named(name)
        return await looked_up(_spectrum_page, desk, served, look, trays)

    @made.get("/parts", response_model=None)
    async def parts(
        request: Request, name: str, look: Looking, part: Annotated[list[str] | None, Query()] = None
    ) -> Response:
        served = desk.shelf.named(name)
        spectra = await looked_up(look.spectra, served, trays)
        asked = Asked(served, look, spectra, desk.settings.limits)
        wanted = await looked_up(_wanted, served, part or [])
        return StreamingResponse(told(desk, asked, wanted), media_type="text/event-stream")

    return made


def _add_bringing(made: APIRouter, desk: Desk, trays: Trays) -> None:
    @made.post("/bring", response_model=None)
    async def bring(request: Request, name: str) -> Response:
        served = desk.shelf.named(name)
        limits = desk.settings.limits
        async with question_of(request, BRING, limits) as (asked, files):
            assert isinstance(asked, OfSpectra)
            try:
                tray = await looked_up(trays.bring, served, asked, files, limits)
            finally:
                await run_in_threadpool(drop, files)
        place = address(name, "spectrum", tray=tray.id, i=0)
        if "application/json" in request.headers.get("accept", ""):
            return said(
                {"tray": tray.id, "names": tray.names, "refusals": list(tray.refusals), "page": place}
            )
        return RedirectResponse(place, 303)


def _add_pictures(made: APIRouter, desk: Desk, trays: Trays) -> None:
    @made.get("/curves", response_model=None)
    async def curves(
        name: str, look: Looking, other: Annotated[list[str] | None, Query(max_length=MOST_OTHERS)] = None
    ) -> Response:
        served = desk.shelf.named(name)
        return said(await looked_up(_curves, served, look, trays, other or []))

    @made.get("/figure", response_model=None)
    async def figure(
        name: str, look: Looking, other: Annotated[list[str] | None, Query(max_length=MOST_OTHERS)] = None
    ) -> Response:
        served = desk.shelf.named(name)
        return Response(await looked_up(_figure, served, look, trays, other or []), media_type="image/png")


def _spectrum_page(desk: Desk, served: Served, look: Look, trays: Trays) -> Response:
    """The page of one spectrum: its frame at once, whatever has to be asked afterwards."""
    from spectrove.explanation.links import links
    from spectrove.explanation.report import named_links
    from spectrove.pipeline.domains import domain_of

    spectra = look.spectra(served, trays)
    row = spectra.rows.slice(0, 1).to_pylist()[0]
    tray = trays.named(look.tray, served.name) if look.tray else None
    with served.shown() as base:
        domain = domain_of(base)
        lines = sorted({drawing.element(line) for line in domain.lines})
    z = look.redshift(spectra)
    return page(
        "spectrum.html", base=served.name, bases=list(desk.shelf), look=look, id=str(spectra.object_id[0]),
        tray=tray, z=z if math.isfinite(z) else None, parts=parts_of(served), elements=lines,
        is_flux=domain.overlay is None, ra=row.get("ra"), dec=row.get("dec"), links=named_links(links(row)),
    )  # fmt: skip


def _others(served: Served, names: list[str]) -> list[Any]:
    return [_first(one) for one in served.stored(names)] if names else []


def _curves(served: Served, look: Look, trays: Trays, names: list[str]) -> dict[str, Any]:
    from spectrove.pipeline.domains import domain_of
    from spectrove.spectra import SpectrumSet

    spectra = look.spectra(served, trays)
    if not isinstance(spectra, SpectrumSet):
        raise Problem(406, f"{spectra.object_id[0]}: counts have no curve of flux. Its figure is at /figure.")
    with served.shown() as base:
        lines = domain_of(base).lines
    return drawing.curves(spectra[0], look.redshift(spectra), _others(served, names), lines)


def _figure(served: Served, look: Look, trays: Trays, names: list[str]) -> bytes:
    """The spectrum over others as a picture, as its kind of light draws it."""
    from spectrove.explanation.overlay import overlay_figure
    from spectrove.explanation.style import png
    from spectrove.pipeline.domains import domain_of
    from spectrove.serve.service.explaining import DRAWING

    spectra = look.spectra(served, trays)
    with served.shown() as base:
        draw = domain_of(base).overlay or overlay_figure
    others = _others(served, names)
    with DRAWING:
        return png(draw(_first(spectra), others, ""))


def _first(spectra: Any) -> Any:
    return next(iter(spectra))


def _wanted(served: Served, names: list[str]) -> list[Part]:
    """The parts of these names; without any all that are made at once.

    Raises:
        Problem: There is none of a name, or this base cannot answer it.
    """
    known = {part.name: part for part in parts_of(served)}
    if unknown := [name for name in names if name not in known]:
        why = "is nothing that this base can answer" if unknown[0] in PARTS else "is no part"
        raise Problem(404, f"{unknown[0]}: {why}, expected {', '.join(known)}.")
    return [known[name] for name in names] if names else [part for part in known.values() if not part.later]


async def told(desk: Desk, asked: Asked, parts: list[Part]) -> AsyncIterator[str]:
    """The parts as they are made, as server-sent events: "progress", "part" with its HTML, at last "end"."""
    for part in parts:
        try:
            job = desk.jobs.begin(part.name, asked.served.name, partial(part.ask, asked))
        except Problem as problem:
            yield _event("part", part, _failed(part, problem))
            continue
        items: list[Item] = []
        try:
            async with aclosing(job.follow()) as following:
                async for one in following:
                    if isinstance(one, Item):
                        items.append(one)
                    else:
                        yield f"event: progress\ndata: {json.dumps({'part': part.name, **one})}\n\n"
            if job.problem is not None:
                html = _failed(part, job.problem)
            else:
                html = await looked_up(_made, part, asked, items)
            yield _event("part", part, html)
        finally:
            job.stop()
    yield "event: end\ndata: {}\n\n"


def _made(part: Part, asked: Asked, items: list[Item]) -> str:
    try:
        return part.html(asked, items)
    except Exception as error:  # one part that fails leaves the others
        problem = problem_of(error)
        if problem.status >= 500:
            LOG.error("%s of %s failed", part.name, asked.served.name, exc_info=error)
        return _failed(part, problem)


def _failed(part: Part, problem: Problem) -> str:
    return render("part-failed.html", part=part, problem=problem.to_dict())


def _event(kind: str, part: Part, html: str) -> str:
    return f"event: {kind}\ndata: {json.dumps({'part': part.name, 'html': html})}\n\n"
