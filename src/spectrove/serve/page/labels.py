"""Addresses of the care of labels: doubtful ones and duplicates, what people decide, and the base corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spectrove.serve.page.bases import frame
from spectrove.serve.page.hunts import about, drawings_of
from spectrove.serve.page.listing import Listing, Looks, Row, Seen, asked_again, begun, who_of
from spectrove.serve.page.marking import MOST_CHANGES
from spectrove.serve.page.rendering import page, sentence
from spectrove.serve.service import caring
from spectrove.serve.service import marks as marking
from spectrove.serve.service.caring import Care
from spectrove.serve.service.hunting import Candidates, Searches
from spectrove.serve.service.jobs import Job
from spectrove.serve.service.marks import Marked, Read
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.shelf import WAIT, Served
from spectrove.serve.web.desk import Desk, looked_up
from spectrove.serve.web.problems import wants_page

#: What a form says of the changes that it shows.
Seal = Annotated[str, Form(max_length=64)]


def _care(request: Request) -> Care:
    said = request.query_params
    given: dict[str, Any] = {
        name: said[name].strip() for name in ("label", "where") if said.get(name, "").strip()
    }
    return Care.model_validate(given | {name: said.get(name, "1") != "0" for name in ("lines", "copies")})


Caring = Annotated[Care, Depends(_care)]


def said_by(care: Care) -> dict[str, Any]:
    """A review as the query part of its address."""
    off = {name: 0 for name in ("lines", "copies") if not getattr(care, name)}
    return {name: getattr(care, name) for name in ("label", "where") if getattr(care, name)} | off


def router(desk: Desk, searches: Searches) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/kb/{name}/labels", include_in_schema=False)

    @made.get("", response_model=None)
    async def labels(name: str, care: Caring, seen: Looks) -> Response:
        served = desk.shelf.named(name)
        make, say = partial(care.check, served), partial(caring.review, served)
        job, refused = await begun(searches, served, "labels", care, make, seen, say)
        if job is not None and seen.again:
            return RedirectResponse(asked_again(name, "labels", said_by(care)), 303)
        return await looked_up(labels_page, desk, served, care, seen, job, refused)

    @made.post("/{what}", response_model=None)
    async def do(request: Request, name: str, what: str, care: Caring, changes: Seal = "") -> Response:
        served = desk.shelf.named(name)
        job = await looked_up(searches.found, "labels", served, care)
        if what == "stop" and job is not None:
            job.stop()
        if what in ("apply", "undo"):
            desk.need_write(served)
        who = who_of(request)
        if what == "undo":
            await looked_up(undone, desk, served, care, who)
        try:
            if what == "apply":
                await looked_up(written, desk, served, care, job, changes, who)
        except Problem as problem:
            if problem.status != 409 or not wants_page(request.scope):
                raise
            return await looked_up(labels_page, desk, served, care, Seen(who=who), job, problem)
        return RedirectResponse(
            asked_again(name, "labels", said_by(care), again=1 if what == "again" else None), 303
        )

    return made


def labels_page(
    desk: Desk, served: Served, care: Care, seen: Seen, job: Job | None, refused: Problem | None
) -> Response:
    """The form, and below it the progress or the findings with the decisions on them."""
    read = desk.marks(served).read(care.list)
    status = 200 if refused is None else refused.status
    is_over = job is not None and job.is_over  # asked once: it may end while the page is made
    listing, findings = None, list[dict[str, Any]]()
    candidates = None
    if job is not None and is_over:
        candidates = Candidates.of(job, "nothing")
        findings = caring.decided(job.rows("answer"), read)
        marks = read.by_object()
        rows = [_row(i + 1, one, caring.marks_on(one, marks)) for i, one in enumerate(findings)]
        listing = Listing.of(rows, read, care.list, care.title, seen, candidates.about.get("version"))
        refused = job.problem if job.state == "failed" else refused
    undoable = undoable_of(served, read)
    accepted = caring.accepted(findings)
    return page(
        "labels.html", status=status, care=care, said=said_by(care),
        job=job, is_over=is_over, listing=listing, candidates=candidates, undoable=undoable,
        accepted=accepted, changes=caring.seal_of(accepted), whole=seen.whole, most=MOST_CHANGES,
        why_not=desk.why_read_only(served), refused=None if refused is None else refused.to_dict(),
        drawings=drawings_of(served, listing), section="labels", **about(served), **frame(desk, served),
    )  # fmt: skip


def undoable_of(served: Served, read: Read) -> marking.Applied | None:
    """The version that these decisions made, if it is the newest."""
    with served.shown() as base:
        version = base.version
    last = read.undoable
    return last if last is not None and last.after == version else None


def _row(rank: int, one: Mapping[str, Any], marks: Sequence[Marked]) -> Row:
    now, then = one["current"] or "–", one["suggested"] or "none"
    what = {"relabel": f"{now} → {then}", "remove": "remove it", "keep": f"{now}: look at it"}[one["action"]]
    near = list(one["nearest"])
    return Row(
        one["object_id"], rank, {"object": one["object_id"]}, near[:2], f"{what} ({one['confidence']:.2f})",
        sentence(f"{one['kind']}: {one['reason']}"), about=caring.about_of(one),
        numbers={"probability": one["confidence"]}, marks=marks, beside=near[0] if near else "",
    )  # fmt: skip


def written(desk: Desk, served: Served, care: Care, job: Job | None, changes: str, who: str) -> None:
    """Write the accepted findings to the base, if they are those that were shown.

    Raises:
        SpectroveError: The base has changed since the review.
        Problem: There is no review, nothing or something else is accepted, or the journal cannot be written.
    """
    if job is None or job.state != "done":
        raise Problem(
            409,
            "The base has changed since this review, or the review is not finished or no longer kept. Review it again.",
        )
    marks = desk.marks(served)
    with served.asked(WAIT) as base:
        rows = caring.decided(job.rows("answer"), marks.read(care.list))
        if accepted := caring.accepted(rows):
            marking.check_seal(changes, caring.seal_of(accepted), len(accepted))
        done = caring.apply(base, rows, care.label, who)
        marking.noted(base, marks, care.list, care.title, done)


def undone(desk: Desk, served: Served, care: Care, who: str) -> None:
    """Take the last version back that decisions on these labels made.

    Raises:
        Problem: There is none, the base has changed since, or the journal cannot be written.
    """
    marks = desk.marks(served)
    with served.asked(WAIT) as base:
        last = marks.read(care.list).undoable
        if last is None:
            raise Problem(
                409, "These decisions were not written to the base, or that was taken back already."
            )
        marking.noted(base, marks, care.list, care.title, marking.undo(base, last, who))
