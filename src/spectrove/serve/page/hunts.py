"""Addresses of hunts: what is hunted and among what, its progress, its candidates, and these as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from spectrove.serve.page.bases import frame
from spectrove.serve.page.listing import (
    Listing,
    Looks,
    Row,
    Seen,
    asked_again,
    begun,
    gone,
    progress,
    spectrum_query,
)
from spectrove.serve.page.rendering import page
from spectrove.serve.service import handover
from spectrove.serve.service.curves import sketch, sketches
from spectrove.serve.service.handover import Format
from spectrove.serve.service.hunting import OPTIONS, Candidates, Hunt, Searches
from spectrove.serve.service.jobs import Job
from spectrove.serve.service.looking import Document
from spectrove.serve.service.marks import Marked
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.shelf import Served
from spectrove.serve.service.tray import Tray, Trays
from spectrove.serve.web.bases import download
from spectrove.serve.web.desk import Desk, looked_up
from spectrove.serve.web.marks import lists_of

#: Fields of a hunt that are said several times.
SEVERAL = ("like", "unlike")


def _hunt(request: Request) -> Hunt:
    """The hunt that an address says.

    Raises:
        ValidationError: A part of it cannot be.
        Problem: Values of two columns are hunted.
    """
    said = request.query_params
    single = [name for name in Hunt.model_fields if name not in (*SEVERAL, "values", "label")]
    given: dict[str, Any] = {name: said[name].strip() for name in single if said.get(name, "").strip()}
    for name in SEVERAL:
        given[name] = tuple(
            dict.fromkeys(word for text in said.getlist(name) for word in text.replace(",", " ").split())
        )
    pairs = [one.partition("=") for one in said.getlist("value") if "=" in one]
    if len({column for column, _, _ in pairs}) > 1:
        raise Problem(422, "Values of two columns are chosen, expected those of one.", "Invalid")
    if pairs:
        given |= {"label": pairs[0][0], "values": tuple(value for _, _, value in pairs)}
    return Hunt.model_validate(given)


Hunting = Annotated[Hunt, Depends(_hunt)]


def said_by(hunt: Hunt) -> dict[str, Any]:
    """A hunt as the query part of its address."""
    said = {name: value for name, value in hunt.model_dump().items() if value not in ("", (), None)}
    values = said.pop("values", ())
    label = said.pop("label", "")
    return {**said, **({"value": [f"{label}={one}" for one in values]} if values else {})}


def router(desk: Desk, trays: Trays, searches: Searches) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/kb/{name}", include_in_schema=False)

    @made.get("/hunt", response_model=None)
    async def hunts(name: str, hunt: Hunting, seen: Looks) -> Response:
        served = desk.shelf.named(name)
        make = partial(hunt.question, served, trays, desk.settings.limits)
        job, refused = await begun(searches, served, hunt.verb, hunt, make, seen)
        if job is not None and seen.again:
            return RedirectResponse(asked_again(name, "hunt", said_by(hunt)), 303)
        return await looked_up(hunt_page, desk, trays, served, hunt, seen, job, refused)

    @made.get("/hunt/events", response_model=None)
    async def events(name: str, job: Annotated[str, Query(max_length=64)]) -> Response:
        return StreamingResponse(progress(desk.jobs.kept(job)), media_type="text/event-stream")

    @made.post("/hunt/stop", response_model=None)
    async def stop(name: str, hunt: Hunting) -> Response:
        served = desk.shelf.named(name)
        job = await looked_up(searches.found, hunt.verb, served, hunt)
        if job is not None:
            job.stop()
        return RedirectResponse(asked_again(name, "hunt", said_by(hunt)), 303)

    @made.get("/hunt/file", response_model=None)
    async def file(
        name: str, hunt: Hunting, seen: Looks, format: Format = "votable", mine: bool = False
    ) -> Response:
        served = desk.shelf.named(name)
        job = await looked_up(searches.found, hunt.verb, served, hunt)
        who = seen.who if mine else None
        return download(await looked_up(written, desk, trays, served, hunt, job, format, who))

    return made


def hunt_page(
    desk: Desk, trays: Trays, served: Served, hunt: Hunt, seen: Seen, job: Job | None, refused: Problem | None
) -> Response:
    """The form, and below it the progress or the candidates."""
    tray = trays.found(hunt.tray, served.name) if hunt.tray else None
    lost = gone(hunt.tray, tray)
    refused = refused or (lost if job is None else None)
    status = 200 if refused is None else refused.status
    listing = candidates = None
    is_over = job is not None and job.is_over  # asked once: it may end while the page is made
    if job is not None and is_over:
        candidates = candidates_of(job, hunt, trays, served)
        listing = listed(desk, served, hunt, seen, candidates)
    if job is not None and is_over and job.state == "failed":
        refused = job.problem
    targets = offered(served)
    return page(
        "hunt.html", status=status, lost=lost, hunt=hunt, said=said_by(hunt), job=job, is_over=is_over,
        listing=listing, candidates=candidates, tray=tray,
        refused=None if refused is None else refused.to_dict(), targets=targets, options=OPTIONS,
        drawings=drawings_of(served, listing, tray),
        lists_of_marks=lists_of(desk.marks(served)) if job is None else (), section="hunt",
        **about(served), **frame(desk, served),
    )  # fmt: skip


def drawings_of(served: Served, listing: Listing | None, tray: Tray | None = None) -> dict[str, str]:
    """The spectra of a list as small curves, by id, and the known ones beside them, as far as they are still there."""
    from spectrove.pipeline.domains import domain_of
    from spectrove.pipeline.queries import known_ids

    rows = listing.rows if listing is not None else ()
    names = list(
        dict.fromkeys(
            [row.query["object"] for row in rows if "object" in row.query]
            + [row.beside for row in rows if row.beside]
        )
    )
    try:
        drawn = sketches(served, names)
    except Problem:  # the base has changed since
        with served.shown() as base:
            known = known_ids(base, names)
        drawn = sketches(served, [name for name in names if name in known])
    if tray is not None:
        with served.shown() as base:
            draw = domain_of(base).sketch
        for row in rows:
            one: Any = tray.one(row.query["i"])
            drawn[row.id] = sketch(next(iter(one)), draw)
    return drawn


def about(served: Served) -> dict[str, Any]:
    """What the forms of a hunt offer: columns, labels, views, and whether spectra have curves of flux."""
    from spectrove.pipeline.domains import domain_of

    with served.shown() as base:
        return {
            "columns": [name for name in base.columns if name != "labels"], "labels": base.info()["labels"],
            "views": list(base.views), "objects": len(base), "is_flux": domain_of(base).overlay is None,
            "now": base.version,
        }  # fmt: skip


def offered(served: Served) -> list[dict[str, Any]]:
    """Targets that come with Spectrove: those that this base can be hunted with first, of the others why not."""
    from spectrove.errors import TargetError
    from spectrove.pipeline.shipped import load_target, shipped_targets

    found = []
    with served.shown() as base:
        for name in shipped_targets():
            target, why = load_target(name), ""
            try:
                target.check(
                    base.columns, base.label_values(target.label) if target.label in base.columns else None
                )
                target.weights(base.views)
            except TargetError as error:
                why = str(error)
            found.append({"name": name, "target": target, "why": why})
    return sorted(found, key=lambda one: (bool(one["why"]), one["name"]))


def candidates_of(job: Job, hunt: Hunt, trays: Trays, served: Served) -> Candidates:
    """The ranked answers of a hunt."""
    tray = trays.found(hunt.tray, served.name) if hunt.tray else None
    return Candidates.of(
        job, "score" if hunt.by == "like" else "probability", None if tray is None else tray.names
    )


def listed(desk: Desk, served: Served, hunt: Hunt, seen: Seen, candidates: Candidates) -> Listing:
    """A page of the candidates, with the marks on them."""
    read = desk.marks(served).read(hunt.sought)
    marks = read.by_object()
    rows = [_row(one, hunt, marks.get(one["object_id"], ())) for one in candidates.rows]
    return Listing.of(rows, read, hunt.sought, hunt.title, seen, candidates.about.get("version"))


def _row(one: Mapping[str, Any], hunt: Hunt, marks: Sequence[Marked]) -> Row:
    details = {"flags": ", ".join(flag.replace("_", " ") for flag in one.get("flags") or ())}
    if one.get("none_of_these"):
        details["caution"] = str(one["none_of_these"])
    return Row(
        one["object_id"], one["rank"], spectrum_query(hunt.tray, one["object_id"], one["i"]),
        [near["object_id"] for near in (one.get("neighbors") or ())[:2]], chance(one), str(one.get("why") or ""),
        details,
        numbers={"probability": one.get("probability"), "z": one.get("z")}, marks=marks,
    )  # fmt: skip


def chance(one: Mapping[str, Any]) -> str:
    """A probability with its interval, as the command line shows it."""
    if one.get("probability") is None:
        return "–"
    said = _share(float(one["probability"]))
    return (
        f"{said} [{' '.join(_share(float(end)) for end in one['interval'])}]" if one.get("interval") else said
    )


def _share(value: float) -> str:
    """A probability, with more digits where it is nearly certain or nearly excluded."""
    return (
        f"{value:.2f}"
        if 0.01 <= value <= 0.99
        else f"{value:.3f}"
        if 0.001 <= value <= 0.999
        else f"{value:.2g}"
    )


def written(
    desk: Desk, trays: Trays, served: Served, hunt: Hunt, job: Job | None, form: Format, who: str | None
) -> Document:
    """Candidates and marks as a file.

    Raises:
        Problem: The hunt is not answered.
    """
    if job is None or not job.is_over:
        raise Problem(409, "This hunt is not answered yet. Open its page, and wait for the list.")
    candidates = candidates_of(job, hunt, trays, served)
    marks = desk.marks(served).read(hunt.sought).by_object()
    with served.shown() as base:
        rows = handover.rows_of(base, candidates.rows, marks)
    title = next((one["target"] for one in candidates.rows if one.get("target")), hunt.title)
    return handover.document(form, rows, title, candidates.about, who)
