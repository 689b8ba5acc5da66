"""What somebody typed into the one field: an id, a position, a condition, a part of a name, or words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spectrove.errors import SpectroveError
from spectrove.serve.describing import default_columns
from spectrove.serve.service.asking import TASKS, Question
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.shelf import WAIT, Served

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

How = Literal["auto", "id", "position", "condition", "words"]

#: Objects of a page of a list, and radius of a search around a position, arcsec.
PAGE, RADIUS = 50, 300.0

#: What makes a text a condition: a comparison, or a word of SQL between two others.
CONDITION = re.compile(r"[<>=]|\b(is|in|like|between)\b\s", re.IGNORECASE)

#: What no sentence has.
COMPARISON = re.compile(r"[<>=]")

#: Two numbers in degrees, or hours and degrees with minutes.
DEGREES = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)[\s,;]+([+-]?\d+(?:\.\d+)?)\s*")
SEXAGESIMAL = re.compile(r"\s*J?\d{1,2}[:h\s]\s*\d{1,2}[:m\s]\s*\d+(\.\d+)?s?[\s,]*[+-−]\s*\d{1,2}[:d°\s].*")


@dataclass(frozen=True)
class Listed:
    """Objects of a base, a page of them.

    Attributes:
        how: What the text was taken for.
        sentence: What was looked for, in words.
        rows: Objects with the columns shown.
        columns: Those columns.
        total: Objects in all.
        cautions: How a sentence was read, and what could not be.
    """

    how: str
    sentence: str
    rows: Sequence[dict[str, Any]]
    columns: Sequence[str]
    total: int
    cautions: Sequence[str] = ()


def found(served: Served, text: str, how: How = "auto", offset: int = 0, order: str = "") -> Listed:
    """The objects that a text means.

    Args:
        served: The base.
        text: What was typed; "" for every object.
        how: What it is; "auto" tries one after the other.
        offset: Objects before the page.
        order: Column by which a list is sorted, with "-" before it for falling values.

    Raises:
        SpectroveError: It is a condition or a sentence that cannot be read.
        Problem: It is no position, or no object is like it.
    """
    text = text.strip()
    if how == "words":
        return _by_words(served, text)
    with served.shown() as base:
        if not text or how == "condition" or (how == "auto" and CONDITION.search(text)):
            sentence = f"objects with {text}" if text else "objects"
            try:
                return _by_condition(base, text or None, "condition", sentence, offset, order)
            except SpectroveError:
                if how == "condition" or COMPARISON.search(text):
                    raise  # else it was a sentence with "in" or "like"
        place = position_of(text) if how in ("auto", "position") else None
        if place is not None:
            return _near(base, place)
        if how == "position":
            raise Problem(
                422, f"{text[:60]!r} is no position, expected degrees as 150.1 2.2, or 10:00:24 +02:12:00.", "Invalid"
            )  # fmt: skip
        quoted = text.replace("'", "''").replace("%", r"\%").replace("_", r"\_")
        named = " OR ".join(f"{column} LIKE '%{quoted}%'" for column in _names(base))
        listed = _by_condition(base, named, "id", f"objects whose name holds {text}", offset, order)
        if listed.total or how == "id":
            return listed
    return _by_words(served, text)


def exact(served: Served, text: str) -> str | None:
    """The id of the object that is called so; None if there is none."""
    from spectrove.pipeline.queries import known_ids

    with served.shown() as base:
        return text if text and known_ids(base, [text]) else None


def _names(base: KnowledgeBase) -> list[str]:
    return [name for name in ("object_id", "object") if name in base.columns]


def _by_condition(
    base: KnowledgeBase, where: str | None, how: str, sentence: str, offset: int, order: str
) -> Listed:
    columns = default_columns(base)
    by = order.removeprefix("-")
    if by and by not in base.columns:
        raise Problem(422, f"{by[:60]}: no column of this base to sort by.", "Invalid")
    more = [by] if by and by not in (*columns, "object_id") else []
    table = base.rows(where, ["object_id", *columns, *more])
    table = table.sort_by([(by or "object_id", "descending" if order.startswith("-") else "ascending")])
    rows = table.slice(offset, PAGE).to_pylist()
    return Listed(how, sentence, rows, [*columns, *more], table.num_rows)


def position_of(text: str) -> tuple[float, float] | None:
    """Right ascension and declination in degrees, ICRS; None where the text is no position."""
    if match := DEGREES.fullmatch(text):
        ra, dec = float(match[1]), float(match[2])
        return (ra % 360, dec) if 0 <= ra <= 360 and -90 <= dec <= 90 else None
    if not SEXAGESIMAL.fullmatch(text):
        return None
    from astropy.coordinates import SkyCoord

    try:
        place = SkyCoord(text.strip().removeprefix("J").replace("−", "-"), unit=("hourangle", "deg"))
    except ValueError:
        return None
    return float(place.ra.deg), float(place.dec.deg)


def _near(base: KnowledgeBase, place: tuple[float, float]) -> Listed:
    """Objects around a position, the nearest first."""
    from spectrove.knowledge.search import separation_arcsec

    if not {"ra", "dec"} <= set(base.columns):
        raise Problem(
            422, "Objects of this base have no position. Give an id, words or a condition.", "Invalid"
        )
    columns, strip = default_columns(base), RADIUS / 3600
    where = f"dec BETWEEN {place[1] - strip} AND {place[1] + strip} AND ra IS NOT NULL"
    rows = base.rows(where, ["object_id", "ra", "dec", *columns]).to_pylist()
    apart = separation_arcsec(
        *place, np.array([row["ra"] for row in rows], float), np.array([row["dec"] for row in rows], float)
    )
    order = [i for i in np.argsort(apart, kind="stable") if apart[i] <= RADIUS]
    near = [rows[i] | {"separation": float(apart[i])} for i in order]
    said = f"objects within {RADIUS / 60:g}′ of {place[0]:.5f} {place[1]:+.5f}"
    return Listed("position", said, near[:PAGE], ["separation", *columns], len(near))


def _by_words(served: Served, text: str) -> Listed:
    """Objects that a sentence describes, as `search --text` ranks them."""
    task = TASKS["search_text"]
    asked = task.model.model_validate({"text": text, "top": PAGE})
    items = list(task.run(Question(served, asked, wait=WAIT)))
    rows = [item.row for item in items if item.kind == "answer"]
    about = next((item.row for item in items if item.kind == "about"), {})
    shown = [
        {
            "object_id": row["object_id"],
            "rank": row["rank"],
            "probability": row["probability"],
            **{name: one["value"] for name, one in (row["values"] or {}).items()},
        }
        for row in rows
    ]
    columns = ["rank", "probability", *(rows[0]["values"] or {})] if rows else []
    cautions = list(about.get("methods", ()))
    best = "best of the objects that are" if len(shown) == PAGE else "objects that are"
    return Listed("words", f"{best} “{text}”", shown, columns, len(shown), cautions)
