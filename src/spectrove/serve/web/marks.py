"""Marks on candidates, below /v1/bases/NAME/marks. A list holds the marks of all who look for one thing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from spectrove.serve.service import handover
from spectrove.serve.service.handover import Format
from spectrove.serve.service.looking import Document, version
from spectrove.serve.service.marks import Agreement, Mark, Marked, Marks, Read, agreement
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import LONGEST, Data
from spectrove.serve.service.shelf import Served
from spectrove.serve.web.bases import download, said
from spectrove.serve.web.desk import Desk, looked_up

#: Marks that come at one time.
MOST = 2000

Who = Annotated[str | None, Query(max_length=60, description="Only the marks of this person.")]


class Marking(Data):
    """Marks that are set.

    Attributes:
        title: What is sought, in words.
        marks: The marks.
    """

    title: str = Field("", max_length=LONGEST)
    marks: list[Mark] = Field(min_length=1, max_length=MOST)


def router(desk: Desk) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/v1/bases/{name}/marks", tags=["marks"])

    @made.get("", response_model=None, summary="Every list of marks.")
    async def lists(name: str) -> Response:
        return said({"lists": await looked_up(lists_of, desk.marks(desk.shelf.named(name)))})

    @made.get("/{listed}", response_model=None, summary="What people say of the objects of a list.")
    async def marks(name: str, listed: str, who: Who = None) -> Response:
        read = await looked_up(desk.marks(desk.shelf.named(name)).read, listed)
        chosen = [one for one in read.now() if who is None or one.who == who]
        return said(
            {
                "title": read.title,
                "people": read.people,
                "torn": read.torn,
                "marks": [plain(one) for one in chosen],
            }
        )

    @made.post("/{listed}", response_model=None, summary="Set marks.")
    async def mark(name: str, listed: str, marking: Marking) -> Response:
        served = desk.shelf.named(name)
        kept = await looked_up(desk.marks(served).add, listed, marking.title, marking.marks)
        now = await looked_up(version, served)
        return said({"marks": [plain(one) for one in kept], **now})

    @made.get("/{listed}/agreement", response_model=None, summary="How far two people agree.")
    async def compared(
        name: str,
        listed: str,
        first: Annotated[str, Query(max_length=60, description="One of the two.")],
        second: Annotated[str, Query(max_length=60, description="The other.")],
    ) -> Response:
        read = await looked_up(desk.marks(desk.shelf.named(name)).read, listed)
        return said(told(agreement(read, first, second)))

    @made.get("/{listed}/file", response_model=None, summary="Marks as a file for other programs.")
    async def file(name: str, listed: str, format: Format = "desi", who: Who = None) -> Response:
        served = desk.shelf.named(name)
        return download(await looked_up(exported, served, desk.marks(served).read(listed), format, who))

    return made


def plain(mark: Marked) -> dict[str, Any]:
    """A mark without what it does not say."""
    return mark.model_dump(exclude_defaults=True)


def lists_of(marks: Marks) -> list[dict[str, Any]]:
    """Name, title and number of marked objects of each list, and who marked."""
    found = []
    for name in marks.names():
        read = marks.read(name)
        found.append(
            {"name": name, "title": read.title, "objects": len(read.by_object()), "people": read.people}
        )
    return found


def told(one: Agreement) -> dict[str, Any]:
    """Agreement as plain values."""
    differ = [
        {"object_id": a.object_id, one.people[0]: plain(a), one.people[1]: plain(b)} for a, b in one.differ
    ]
    return {
        "people": list(one.people),
        "both": one.both,
        "alike": one.alike,
        "kappa": one.kappa,
        "differ": differ,
    }


def exported(served: Served, read: Read, form: Format, who: str | None) -> Document:
    """The marked objects of a list as a file.

    Raises:
        Problem: Nobody, or not this person, has marked any.
    """
    if not read.now() or (who is not None and who not in read.people):
        raise Problem(
            404, f"{who or 'Nobody'} has marked nothing in this list{' yet' if who is None else ''}."
        )
    with served.shown() as base:
        rows = handover.rows_of(base, (), read.by_object())
        about = {"base": served.name, "version": base.version}
    return handover.document(form, rows, read.title, about, who)
