"""Addresses of a list of marks: what people say, two of them compared, a sheet brought, marks as labels of the base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spectrove.serve.page.bases import frame
from spectrove.serve.page.listing import who_of
from spectrove.serve.page.rendering import address, page
from spectrove.serve.service import handover
from spectrove.serve.service import marks as marking
from spectrove.serve.service.curves import sketches
from spectrove.serve.service.marks import Agreement, Plan, Read, Relabel, agreement
from spectrove.serve.service.problems import Problem, problem_of
from spectrove.serve.service.shelf import WAIT, Served
from spectrove.serve.web.desk import Desk, looked_up
from spectrove.serve.web.problems import wants_page
from spectrove.serve.web.uploads import drop, kept_file

Text = Annotated[str, Form(max_length=60)]

#: Labels that would change, and marks, the last ones, that are shown unless all are asked for.
MOST_CHANGES, MOST_MARKS = 200, 500

#: Spectra that are drawn where two people differ.
MOST_DRAWN = 200


class Shown:
    """What of a list somebody looks at.

    Args:
        listed: Name of the list.
        people: Two who are compared.
        column, yes, no: How marks would become labels.
        who: Who looks.
        cautions: What could not be used of what was brought, or why nothing was written.
        whole: Whether all changes and marks are shown, however many.
    """

    def __init__(
        self, listed: str, people: tuple[str, str] = ("", ""), column: str = "", yes: str = "", no: str = "",
        who: str = "", cautions: tuple[str, ...] = (), whole: bool = False,
    ) -> None:  # fmt: skip
        self.listed, self.people, self.column, self.yes, self.no = listed, people, column, yes, no
        self.who, self.cautions, self.whole = who, cautions, whole

    @property
    def query(self) -> dict[str, str]:
        """The same as the query part of an address."""
        pair = dict(zip(("first", "second"), self.people, strict=True))
        return {**pair, "column": self.column, "yes": self.yes, "no": self.no}


def _shown(request: Request, listed: str) -> Shown:
    """What an address says that somebody looks at."""
    said = {name: value.strip()[:60] for name, value in request.query_params.items()}
    column = said.get("other") or said.get("column", "")
    people = said.get("first", ""), said.get("second", "")
    return Shown(
        listed, people, column, said.get("yes", ""), said.get("no", ""), who_of(request),
        whole=said.get("whole") == "1",
    )  # fmt: skip


Showing = Annotated[Shown, Depends(_shown)]


def router(desk: Desk) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/kb/{name}/marks/{listed}", include_in_schema=False)

    @made.get("", response_model=None)
    async def marks(name: str, shown: Showing) -> Response:
        return await looked_up(marks_page, desk, desk.shelf.named(name), shown)

    @made.post("/apply", response_model=None)
    async def apply(
        request: Request,
        name: str,
        listed: str,
        column: Text,
        version: Annotated[int, Form()],
        yes: Text = "",
        no: Text = "",
        changes: Text = "",
    ) -> Response:
        served, who = desk.shelf.named(name), who_of(request)
        desk.need_write(served)
        relabel = Relabel(column=column, yes=yes, no=no)
        try:
            await looked_up(applied, desk, served, listed, relabel, version, changes, who)
        except Problem as problem:
            if problem.status != 409 or not wants_page(request.scope):
                raise
            shown = Shown(listed, column=column, yes=yes, no=no, who=who, cautions=(problem.detail,))
            return await looked_up(marks_page, desk, served, shown, 409)
        return RedirectResponse(address(name, f"marks/{listed}"), 303)

    @made.post("/undo", response_model=None)
    async def undo(request: Request, name: str, listed: str) -> Response:
        served = desk.shelf.named(name)
        desk.need_write(served)
        await looked_up(undone, desk, served, listed, who_of(request))
        return RedirectResponse(address(name, f"marks/{listed}"), 303)

    @made.post("/sheet", response_model=None)
    async def sheet(request: Request, name: str, listed: str, sheet: UploadFile) -> Response:
        served = desk.shelf.named(name)
        if not (who := who_of(request)):
            raise Problem(
                422, "Marks say who made them. Type your name on a page with a list first.", "Invalid"
            )
        files = await run_in_threadpool(kept_file, sheet, "sheet", desk.settings.limits)
        try:
            cautions = await looked_up(brought, desk, served, listed, files.of("sheet")[0], who)
        finally:
            await run_in_threadpool(drop, files)
        if cautions:
            return await looked_up(marks_page, desk, served, Shown(listed, who=who, cautions=cautions))
        return RedirectResponse(address(name, f"marks/{listed}"), 303)

    return made


def marks_page(desk: Desk, served: Served, shown: Shown, status: int = 200) -> Response:
    """What people say, and what can be done with it.

    Raises:
        Problem: There is no list of this name.
    """
    read = desk.marks(served).read(shown.listed)
    if not read.title and not read.lines:
        raise Problem(404, f"{shown.listed}: nobody has marked anything under this name.")
    with served.shown() as base:
        labels, version = base.info()["labels"], base.version
        plan, refused = planned(base, read, shown)
        places = handover.places_of(base, list(read.by_object()))
    people = read.people
    pair = shown.people if all(one in people for one in shown.people) else tuple(people[:2])
    compared: Agreement | None = agreement(read, *pair) if len(pair) == 2 and pair[0] != pair[1] else None
    differ = [one.object_id for one, _ in compared.differ[:MOST_DRAWN]] if compared is not None else []
    drawings = sketches(served, [name for name in differ if name in places])
    undoable = read.undoable
    return page(
        "marks.html", status=status, read=read, listed=shown.listed, labels=labels, plan=plan, refused=refused,
        most_changes=MOST_CHANGES, most_marks=MOST_MARKS, people=people, compared=compared, shown=shown,
        why_not=desk.why_read_only(served), known=set(places), drawings=drawings,
        undoable=undoable if undoable is not None and undoable.after == version else None, section="hunt",
        **frame(desk, served),
    )  # fmt: skip


def planned(base: Any, read: Read, shown: Shown) -> tuple[Plan | None, str]:
    """What would change, if it was asked for; or why that cannot be."""
    if not shown.column:
        return None, ""
    try:
        return marking.plan(base, read, Relabel(column=shown.column, yes=shown.yes, no=shown.no)), ""
    except Exception as error:
        problem = problem_of(error)
        if problem.status >= 500:
            raise
        return None, problem.detail


def applied(
    desk: Desk, served: Served, listed: str, relabel: Relabel, version: int, changes: str, who: str
) -> None:
    """Write marks to the base, if the changes are those that were shown.

    Raises:
        SpectroveError: A label is unknown.
        Problem: The base or the marks have changed since, nothing would change, or the journal cannot be written.
    """
    marks = desk.marks(served)
    with served.asked(WAIT) as base:
        read = marks.read(listed)
        with base.one_version():
            plan = marking.plan(base, read, relabel)
        if plan.version != version:
            raise Problem(
                409,
                f"The base is at version {plan.version}, the changes were shown for version {version}. Look at them "
                "again.",
            )
        marking.check_seal(changes, plan.seal, len(plan.changes))
        marking.noted(base, marks, listed, read.title, marking.apply(base, plan, who))


def undone(desk: Desk, served: Served, listed: str, who: str) -> None:
    """Take the last version back that these marks made.

    Raises:
        Problem: There is none, the base has changed since, or the journal cannot be written.
    """
    marks = desk.marks(served)
    with served.asked(WAIT) as base:
        read = marks.read(listed)
        if read.undoable is None:
            raise Problem(409, "These marks were not written to the base, or that was taken back already.")
        marking.noted(base, marks, listed, read.title, marking.undo(base, read.undoable, who))


def brought(desk: Desk, served: Served, listed: str, place: Path, who: str) -> tuple[str, ...]:
    """Add the marks of a sheet; what of it could not be used.

    Raises:
        SpectroveError: It is no sheet, or one of another hunt.
    """
    marks = desk.marks(served)
    read = marks.read(listed)
    found, cautions = handover.from_sheet(place, read.title, who)
    if found:
        marks.add(listed, read.title, found)
    return cautions
