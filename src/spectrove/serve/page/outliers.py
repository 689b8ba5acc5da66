"""Addresses of searches for outliers, among objects of the base or spectra that were brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spectrove.serve.page.bases import frame
from spectrove.serve.page.hunts import about, drawings_of
from spectrove.serve.page.listing import Listing, Looks, Row, Seen, asked_again, begun, gone, spectrum_query
from spectrove.serve.page.rendering import number, page, sentence
from spectrove.serve.service.hunting import Candidates, Oddities, Searches
from spectrove.serve.service.jobs import Job
from spectrove.serve.service.marks import Marked
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.shelf import Served
from spectrove.serve.service.tray import Trays
from spectrove.serve.web.desk import Desk, looked_up

#: The list of marks on outliers.
LIST, TITLE = "outliers", "outliers"


def _oddities(request: Request) -> Oddities:
    said = request.query_params
    return Oddities.model_validate(
        {name: said[name].strip() for name in ("tray", "among") if said.get(name, "").strip()}
    )


Odd = Annotated[Oddities, Depends(_oddities)]


def said_by(asked: Oddities) -> dict[str, Any]:
    """A search as the query part of its address."""
    return {name: value for name, value in asked.model_dump().items() if value}


def router(desk: Desk, trays: Trays, searches: Searches) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/kb/{name}/outliers", include_in_schema=False)

    @made.get("", response_model=None)
    async def outliers(name: str, asked: Odd, seen: Looks) -> Response:
        served = desk.shelf.named(name)
        question = partial(asked.question, served, trays, desk.settings.limits)
        job, refused = await begun(searches, served, "outliers", asked, question, seen)
        if job is not None and seen.again:
            return RedirectResponse(asked_again(name, "outliers", said_by(asked)), 303)
        return await looked_up(outliers_page, desk, trays, served, asked, seen, job, refused)

    @made.post("/stop", response_model=None)
    async def stop(name: str, asked: Odd) -> Response:
        job = await looked_up(searches.found, "outliers", desk.shelf.named(name), asked)
        if job is not None:
            job.stop()
        return RedirectResponse(asked_again(name, "outliers", said_by(asked)), 303)

    return made


def outliers_page(
    desk: Desk,
    trays: Trays,
    served: Served,
    asked: Oddities,
    seen: Seen,
    job: Job | None,
    refused: Problem | None,
) -> Response:
    """The form, and below it the progress or the most unusual spectra."""
    tray = trays.found(asked.tray, served.name) if asked.tray else None
    lost = gone(asked.tray, tray)
    refused = refused or (lost if job is None else None)
    status = 200 if refused is None else refused.status
    is_over = job is not None and job.is_over  # asked once: it may end while the page is made
    listing = candidates = None
    if job is not None and is_over:
        candidates = Candidates.of(job, "p_value", None if tray is None else tray.names)
        read = desk.marks(served).read(LIST)
        marks = read.by_object()
        rows = [_row(one, asked, marks.get(one["object_id"], ())) for one in candidates.rows]
        listing = Listing.of(rows, read, LIST, TITLE, seen, candidates.about.get("version"))
        refused = job.problem if job.state == "failed" else refused
    return page(
        "outliers.html", status=status, lost=lost, asked=asked, said=said_by(asked),
        job=job, is_over=is_over, listing=listing, candidates=candidates, tray=tray,
        drawings=drawings_of(served, listing, tray),
        refused=None if refused is None else refused.to_dict(), section="outliers", **about(served),
        **frame(desk, served),
    )  # fmt: skip


def _row(one: Mapping[str, Any], asked: Oddities, marks: Sequence[Marked]) -> Row:
    regions = ", ".join(f"{low:.0f}–{high:.0f}" for low, high in one.get("regions") or ())
    details = {"regions": f"Regions, observed Å: {regions}." if regions else ""}
    return Row(
        one["object_id"], one["rank"], spectrum_query(asked.tray, one["object_id"], one["i"]),
        value=f"p {number(one['p_value'], 2)}, {str(one['reason']).replace('_', ' ')}",
        why=sentence(str(one["why"] or "")), details=details, numbers={"probability": None}, marks=marks,
    )  # fmt: skip
