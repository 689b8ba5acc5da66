"""Addresses of bases, their objects and spectra: GET /v1/bases and what is below."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.responses import Response

from spectrove.serve.output import json_line
from spectrove.serve.service import looking
from spectrove.serve.service.looking import MOST, PAGE, Document
from spectrove.serve.web.desk import Desk, looked_up

Format = Literal["json", "fits", "votable"]


def said(value: Any) -> Response:
    """A value as the command line prints it with --json."""
    return Response(json_line(value), media_type="application/json")


def download(document: Document) -> Response:
    """A file, with a name to keep it under."""
    name = quote(document.name)
    kept = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
    headers = {} if document.media_type == "application/json" else kept
    return Response(document.content, media_type=document.media_type, headers=headers)


def router(desk: Desk) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/v1", tags=["bases"])

    @made.get("/bases", response_model=None, summary="Every base that is served.")
    async def bases() -> Response:
        return said({"bases": await looked_up(looking.bases, desk.shelf)})

    @made.get("/bases/{name}", response_model=None, summary="What a base holds.")
    async def base(name: str) -> Response:
        return said(await looked_up(looking.about_base, desk.shelf.named(name)))

    @made.get("/bases/{name}/versions", response_model=None, summary="Versions of a base.")
    async def versions(name: str) -> Response:
        return said({"versions": await looked_up(looking.versions, desk.shelf.named(name))})

    @made.get("/bases/{name}/objects", response_model=None, summary="Objects of a base, by id.")
    async def objects(
        name: str,
        where: Annotated[str | None, Query(description="SQL condition on the objects.")] = None,
        columns: Annotated[str | None, Query(description="Columns, with commas.")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = PAGE,
        offset: Annotated[int, Query(ge=0, le=2**40)] = 0,
    ) -> Response:
        served = desk.shelf.named(name)
        return said(await looked_up(looking.objects, served, where, columns, limit, offset))

    @made.get(
        "/bases/{name}/objects/{object_id:path}/spectrum", response_model=None,
        summary="The stored spectrum of an object.",
    )  # fmt: skip
    async def spectrum(name: str, object_id: str, format: Format = "json") -> Response:
        served = desk.shelf.named(name)
        return download(await looked_up(looking.spectrum, served, object_id, format))

    @made.get(
        "/bases/{name}/objects/{object_id:path}",
        response_model=None,
        summary="What a base holds about an object.",
    )
    async def an_object(name: str, object_id: str) -> Response:
        return said(await looked_up(looking.about_object, desk.shelf.named(name), object_id))

    return made
