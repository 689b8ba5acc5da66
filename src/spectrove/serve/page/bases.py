"""Addresses of a base: what it is, and lists of its objects."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spectrove.errors import SpectroveError
from spectrove.serve.describing import default_columns
from spectrove.serve.page.finding import PAGE, How, exact, found
from spectrove.serve.page.rendering import address, page
from spectrove.serve.service import looking
from spectrove.serve.service.curves import sketches
from spectrove.serve.service.problems import Problem, problem_of
from spectrove.serve.service.shelf import Served
from spectrove.serve.web.bases import said
from spectrove.serve.web.desk import Desk, looked_up
from spectrove.serve.web.problems import wants_page


def router(desk: Desk) -> APIRouter:
    """The addresses."""
    made = APIRouter(include_in_schema=False)

    @made.get("/", response_model=None)
    async def home() -> Response:
        if len(desk.shelf) == 1:
            return RedirectResponse(address(next(iter(desk.shelf))), 303)
        bases = await looked_up(looking.bases, desk.shelf)
        return page("home.html", bases=bases, base=None)

    @made.get("/kb", response_model=None)
    async def chosen(name: str = "") -> Response:
        return RedirectResponse(address(desk.shelf.named(name).name), 303)

    @made.get("/kb/{name}", response_model=None)
    async def base(name: str) -> Response:
        return await looked_up(_base_page, desk, desk.shelf.named(name))

    @made.get("/kb/{name}/find", response_model=None)
    async def find(
        request: Request,
        name: str,
        q: Annotated[str, Query(max_length=2000)] = "",
        how: How = "auto",
        offset: Annotated[int, Query(ge=0)] = 0,
        order: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        served = desk.shelf.named(name)
        return await looked_up(_find, desk, served, q, how, offset, order, wants_page(request.scope))

    @made.get("/kb/{name}/version", response_model=None)
    async def version(name: str) -> Response:
        return said(await looked_up(looking.version, desk.shelf.named(name)))

    @made.get("/kb/{name}/about", response_model=None)
    async def about(name: str) -> Response:
        return await looked_up(_about_page, desk, desk.shelf.named(name))

    return made


def frame(desk: Desk, served: Served) -> dict[str, Any]:
    """What the frame of every page about a base needs."""
    return {"base": served.name, "bases": list(desk.shelf)}


def _base_page(desk: Desk, served: Served) -> Response:
    about = looking.about_base(served)
    with served.shown() as base:
        some = base.some_ids(12)
    return page(
        "base.html", about=about, columns=_columns(served), some=some, section="", **frame(desk, served)
    )


def _about_page(desk: Desk, served: Served) -> Response:
    about, versions = looking.about_base(served), looking.versions(served)
    return page(
        "about.html", about=about, versions=list(reversed(versions)), section="about", **frame(desk, served)
    )


def _find(
    desk: Desk, served: Served, text: str, how: How, offset: int, order: str, is_page: bool
) -> Response:
    text = text.strip()
    if how in ("auto", "id") and (name := exact(served, text)):
        return RedirectResponse(address(served.name, "spectrum", object=name), 303)
    refused = None
    try:
        listed = found(served, text, how, offset, order)
    except (SpectroveError, Problem) as error:  # said below what was typed, to be mended there
        if not is_page:
            raise
        listed, refused = None, problem_of(error)
    drawings = sketches(served, [row["object_id"] for row in listed.rows]) if listed else {}
    return page(
        "list.html", status=refused.status if refused else 200, listed=listed, refused=refused, drawings=drawings,
        q=text, how=how, offset=offset, order=order, size=PAGE, columns=_columns(served), **frame(desk, served),
    )  # fmt: skip


def _columns(served: Served) -> list[str]:
    """Columns that a condition may name, those that are shown in lists first."""
    with served.shown() as base:
        usual = default_columns(base)
        return [*usual, *(name for name in base.columns if name not in ("labels", *usual))]
