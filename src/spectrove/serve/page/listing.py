"""Lists in which people mark what they see: the questions behind them, and their rows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends
from starlette.requests import Request

from spectrove.serve.page.rendering import address
from spectrove.serve.service.asking import TASKS, Item
from spectrove.serve.service.hunting import Searches
from spectrove.serve.service.jobs import Job
from spectrove.serve.service.marks import Marked, Read
from spectrove.serve.service.problems import Problem, problem_of
from spectrove.serve.service.questions import Data
from spectrove.serve.service.shelf import Served
from spectrove.serve.service.tray import Tray
from spectrove.serve.web.desk import looked_up

#: Rows of a page of a list.
PAGE = 50

#: Spectra without an answer that are named unless all are asked for.
MOST_REFUSALS = 50

#: The cookie with the name of whoever marks, which a script of the page sets.
COOKIE = "spectrove-who"

#: What may be shown of a list: a word, and whether a row with these marks is.
SHOWN: Mapping[str, Callable[[Sequence[Marked], str], bool]] = {
    "all": lambda marks, who: True,
    "open": lambda marks, who: not any(one.mark and (not who or one.who == who) for one in marks),
    "yes": lambda marks, who: any(one.mark == "yes" for one in marks),
    "no": lambda marks, who: any(one.mark == "no" for one in marks),
    "unsure": lambda marks, who: any(one.mark == "unsure" for one in marks),
    "disputed": lambda marks, who: len({one.mark for one in marks if one.mark}) > 1,
}


@dataclass(frozen=True)
class Row:
    """A row of a list, as its template shows it.

    Attributes:
        id: The object.
        rank: Its place in the whole list.
        query: By which the page is told which spectrum it is; nothing where it is no longer kept.
        others: Known objects that are drawn beside it.
        value: What is said of it first: a probability, a p-value, a label.
        why: In a sentence.
        details: Further things, by name.
        about: What it is about, where an object is listed for several reasons.
        numbers: Probability and redshift, to be kept with a mark.
        marks: Of everybody.
        beside: A known object that is shown beside it.
    """

    id: str
    rank: int
    query: Mapping[str, Any]
    others: Sequence[str] = ()
    value: str = ""
    why: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    marks: Sequence[Marked] = ()
    beside: str = ""

    def mine(self, who: str) -> Marked | None:
        """The mark of a person."""
        return next((one for one in self.marks if one.who == who), None)

    def of_others(self, who: str) -> list[Marked]:
        """The marks of everybody else."""
        return [one for one in self.marks if one.who != who]

    def page(self, base: str, more: Mapping[str, Any] | None = None) -> str:
        """The page of the spectrum; "" where it is no longer kept."""
        return address(base, "spectrum", **self.query, **(more or {})) if self.query else ""

    def data(self, base: str, who: str, more: Mapping[str, Any] | None = None) -> str:
        """What the script of the page needs of it, as JSON."""
        mine = self.mine(who)
        said = {
            "id": self.id, "about": self.about, "numbers": dict(self.numbers), "isKnown": "object" in self.query,
            "page": self.page(base, more),
            "curves": address(base, "curves", **self.query, other=list(self.others)),
            "figure": address(base, "figure", **self.query, other=list(self.others)),
            "mine": None if mine is None else mine.model_dump(exclude_defaults=True),
        }  # fmt: skip
        return json.dumps(said)


@dataclass(frozen=True)
class Listing:
    """A page of a list.

    Attributes:
        rows: Those that are shown.
        total: Rows in all, of those that are chosen.
        offset: Rows before them.
        show: Which are chosen, a key of `SHOWN`.
        read: The marks.
        name: Of the list of marks.
        title: What is sought.
        who: Who looks, as far as is known.
        version: Of the base.
        whole: Whether tables beside the list are shown whole.
    """

    rows: Sequence[Row]
    total: int
    offset: int
    show: str
    read: Read
    name: str
    title: str
    who: str
    version: int | None = None
    whole: bool = False

    @classmethod
    def of(
        cls, rows: Sequence[Row], read: Read, name: str, title: str, seen: Seen, version: int | None = None
    ) -> Listing:
        """A page of these rows."""
        chosen = [row for row in rows if SHOWN[seen.show](row.marks, seen.who)]
        offset = min(seen.offset, max(0, (len(chosen) - 1) // PAGE * PAGE))
        shown = chosen[offset : offset + PAGE]
        return cls(shown, len(chosen), offset, seen.show, read, name, title, seen.who, version, seen.whole)

    @property
    def size(self) -> int:
        """Rows of a page."""
        return PAGE

    @property
    def most(self) -> int:
        """Spectra without an answer that are named unless all are asked for."""
        return MOST_REFUSALS


@dataclass(frozen=True)
class Seen:
    """Which part of a list somebody looks at, and who.

    Attributes:
        offset: Rows before it.
        show: A key of `SHOWN`.
        who: The name that was typed.
        begin: Whether the question behind it is asked; `again`, even if it was answered.
        whole: Whether tables beside the list are shown whole, however long.
    """

    offset: int = 0
    show: str = "all"
    who: str = ""
    begin: bool = False
    again: bool = False
    whole: bool = False

    @classmethod
    def of(cls, request: Request) -> Seen:
        """What an address and a cookie say."""
        said = request.query_params
        offset = said.get("offset", "0")
        show = said.get("show", "all")
        return cls(
            int(offset) if offset.isdecimal() and len(offset) < 9 else 0, show if show in SHOWN else "all",
            who_of(request), said.get("go") == "1", said.get("again") == "1", said.get("whole") == "1",
        )  # fmt: skip


Looks = Annotated[Seen, Depends(Seen.of)]


def who_of(request: Request) -> str:
    """The name of whoever looks, from the cookie; "" where none was typed."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return " ".join(unquote(found.value).split())[:60] if found else ""


def spectrum_query(tray: str | None, object_id: str, place: int | None) -> dict[str, Any]:
    """By which the page is told which spectrum a row is about; nothing where it is no longer kept."""
    if tray is not None and place is None:
        return {}
    return {"tray": tray, "i": place} if tray is not None else {"object": object_id}


def asked_again(base: str, what: str, said: Mapping[str, Any], /, **changed: Any) -> str:
    """The address of a list, or of another part of it."""
    return address(base, what, **{**said, "go": 1, **changed})


async def begun(
    searches: Searches, served: Served, task: str, asked: Data, make: Callable[[], Any], seen: Seen,
    say: Callable[[Any], Iterator[Item]] | None = None,
) -> tuple[Job | None, Problem | None]:  # fmt: skip
    """The question behind a list, begun unless it was asked before; or why there is none.

    Args:
        searches: Where it is found again.
        served, task, asked: The base, what is asked for, and what stands in the address.
        make: The question itself, unless it is or was answered: what is wrong with it is said at once, not in the
            background, where its spectra are read.
        seen: Whether it is to be asked.
        say: From the question to what is said; that of the verb where None.
    """
    if not seen.begin:
        return None, None

    def begin() -> Job:
        known = searches.found(task, served, asked)
        if known is not None and not seen.again:
            return known
        return searches.job(task, served, asked, partial(say or TASKS[task].run, make()), again=seen.again)

    try:
        return await looked_up(begin), None
    except Exception as error:
        problem = problem_of(error)
        if problem.status >= 500 and not isinstance(error, Problem):
            raise
        return None, problem


def gone(tray: str | None, kept: Tray | None) -> Problem | None:
    """What is said where spectra that were brought are no longer kept; None where they are, or none were."""
    if not tray or kept is not None:
        return None
    return Problem(
        404,
        "The spectra that you brought are no longer kept. What was found stays, without their curves; drop the files "
        "once more to look at them, or to ask again.",
    )


async def progress(job: Job) -> AsyncIterator[str]:
    """How far a question is, as server-sent events: "progress" with the number of answers, at last "end"."""
    answers = 0
    async with aclosing(job.follow()) as following:
        async for one in following:
            if isinstance(one, Item):
                answers += one.kind == "answer"
            else:
                yield f"event: progress\ndata: {json.dumps({**one, 'answers': answers})}\n\n"
    yield f"event: end\ndata: {json.dumps({'state': job.state, 'answers': answers})}\n\n"
