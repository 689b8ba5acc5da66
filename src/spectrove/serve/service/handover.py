"""Candidates and marks as files for other programs: DESI's visual inspections, ECSV, VOTable, sheets of `--review`."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spectrove.errors import CatalogError
from spectrove.explanation.followup import Meaning, listed, meaning
from spectrove.serve.service.looking import Document
from spectrove.serve.service.marks import Mark, Marked

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

Format = Literal["desi", "ecsv", "votable", "sheet"]

#: Columns that the viewer of DESI writes and reads, in its order, each with what it writes where nothing is known.
#: Behind them stand ours, by which an object without a number of DESI is found.
DESI: Mapping[str, str] = {
    "TARGETID": "-1", "EXPID": "-1", "NIGHT": "-1", "TILEID": "-1", "Spec_version": "-1", "Redrock_version": "-1",
    "Template_version": "-1", "Redrock_spectype": "", "Redrock_z": "-1", "Redrock_deltachi2": "-1", "VI_scanner": " ",
    "VI_quality": "-1", "VI_issue": "", "VI_z": "", "VI_spectype": "", "VI_comment": "",
}  # fmt: skip
OURS = ("object_id", "target", "mark", "probability")

#: What columns of marks mean to other programs.
OF_MARKS: Mapping[str, Meaning] = {
    "mark": Meaning("yes, no, unsure, or disputed where people differ", ucd="meta.code.class"),
    "quality": Meaning(
        "Quality of the visual inspection, 0 (no signal) to 4 (certain); NaN unknown", ucd="meta.code.qual"
    ),
    "z_vi": Meaning("Redshift corrected by eye; NaN where it was not", ucd="src.redshift"),
    "class_vi": Meaning("Class corrected by eye", ucd="src.class"),
    "bad": Meaning("Whether somebody called the spectrum bad", ucd="meta.code.error"),
    "comment": Meaning("Comments, each with who made it", ucd="meta.note"),
    "who": Meaning("Who marked it, joined by ;", ucd="meta.id"),
    "when": Meaning("Time of the newest mark, UTC", ucd="time.creation"),
}


#: Columns that say something only where a whole list was ranked.
OF_A_RANKING = ("rank", "lo", "hi", "is_target", "calibrated", "reason", "flags")


@dataclass(frozen=True)
class Row:
    """A candidate, or a marked object, with the marks on it.

    Attributes:
        answer: Of the hunt, as plain values; at least "object_id".
        rank: Its place; 0 where it was only marked.
        place: What is known of the object: position, magnitudes, numbers of surveys.
        marks: Of every person.
    """

    answer: Mapping[str, Any]
    rank: int = 0
    place: Mapping[str, Any] = field(default_factory=dict)
    marks: Sequence[Marked] = ()

    @property
    def mark(self) -> str:
        """What people say of it, "disputed" where they differ; "" where nobody says anything."""
        said = {one.mark for one in self.marks if one.mark}
        return "disputed" if len(said) > 1 else next(iter(said), "")


def rows_of(
    base: KnowledgeBase, candidates: Sequence[Mapping[str, Any]], marks: Mapping[str, Sequence[Marked]]
) -> list[Row]:
    """Candidates with their marks, and behind them what was marked without being among them.

    Args:
        base: Where the place of marked objects is known.
        candidates: Ranked answers, with "rank" and "place".
        marks: By object.
    """
    rows = [
        Row(one, one["rank"], one.get("place") or {}, marks.get(one["object_id"], ())) for one in candidates
    ]
    listed_ids = {one["object_id"] for one in candidates}
    others = [name for name in marks if name not in listed_ids]
    known = places_of(base, others)
    for name in others:
        shown = {key: _newest(marks[name], key) for key in ("probability", "z_shown")}
        answer: dict[str, Any] = {
            "object_id": name,
            "probability": shown["probability"],
            "z": shown["z_shown"],
        }
        rows.append(Row(answer, 0, known.get(name, {}), marks[name]))
    return rows


def places_of(base: KnowledgeBase, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Position, magnitudes and numbers of surveys of objects of the base, by id."""
    from spectrove.explanation.followup import places

    if not names:
        return {}
    columns = list(dict.fromkeys(["object_id", *with_number(places(base.columns), base.columns)]))
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    table = base.rows(f"object_id IN ({quoted})", columns)
    return {row.pop("object_id"): row for row in table.to_pylist()}


def with_number(columns: Sequence[str], known: Sequence[str]) -> list[str]:
    """Columns, and the number of an object in DESI where it is known."""
    return [*columns, *(name for name in ("targetid",) if name in known)]


# ---- formats ----------------------------------------------------------------------------------------------------


def document(
    form: Format, rows: Sequence[Row], title: str, about: Mapping[str, Any], who: str | None = None
) -> Document:
    """The file.

    Args:
        form: Its format; of "desi" and "sheet" only what is marked is in it.
        rows: Candidates with their marks.
        title: What is sought.
        about: Where the answers come from, kept where a format has a place for it.
        who: The person whose marks it has; those of all where None.
    """
    if who is not None:
        rows = [Row(one.answer, one.rank, one.place, [m for m in one.marks if m.who == who]) for one in rows]
    name = "".join(c if c.isalnum() else "-" for c in title)[:60].strip("-") or "marks"
    if form == "desi":
        return Document(
            desi(rows, title).encode(), "text/csv", f"desi-vi_{name}{'_' + who if who else ''}.csv"
        )
    if form == "sheet":
        return Document(sheet(rows, title), "text/csv", f"{name}-review.csv")
    ending, media = {"ecsv": (".ecsv", "text/plain"), "votable": (".vot", "application/x-votable+xml")}[form]
    return Document(table(rows, title, about, ending), media, f"{name}{ending}")


def desi(rows: Sequence[Row], title: str) -> str:
    """A line for each object and person, with the columns of DESI's visual inspections."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [*DESI, *OURS], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        for mark in row.marks:
            said: dict[str, Any] = dict(DESI) | {
                "TARGETID": _number_of(row), "VI_scanner": mark.who, "VI_issue": issue(mark),
                "VI_comment": mark.comment, "VI_spectype": mark.kind, "object_id": row.answer["object_id"],
                "target": title, "mark": mark.mark,
                "probability": "" if mark.probability is None else f"{mark.probability:.6g}",
            }  # fmt: skip
            shown = mark.z_shown if mark.z_shown is not None else row.answer.get("z")
            if shown is not None:
                said["Redrock_z"] = f"{shown:.6f}"
            if mark.quality is not None:
                said["VI_quality"] = str(mark.quality)
            if mark.z is not None:
                said["VI_z"] = f"{mark.z:.6g}"
            writer.writerow(said)
    return out.getvalue()


def issue(mark: Mark) -> str:
    """What was wrong, in DESI's letters: R the redshift, C the class, S the spectrum."""
    return ("R" if mark.z is not None else "") + ("C" if mark.kind else "") + ("S" if mark.bad else "")


def _number_of(row: Row) -> str:
    """The number of an object in DESI, which is its name or a column of the base; -1 where it has none."""
    number = row.place.get("targetid")
    name = str(row.answer["object_id"])
    if number is not None and str(number) not in ("", "-1", "0"):
        return str(number)
    return name if name.isdecimal() and int(name) < 2**63 else DESI["TARGETID"]


def table(rows: Sequence[Row], title: str, about: Mapping[str, Any], ending: str) -> bytes:
    """A follow-up list with marks, as ECSV or VOTable, its columns with units and UCDs."""
    from spectrove.explanation.followup import is_magnitude

    magnitudes = list(dict.fromkeys(n for row in rows for n in row.place if is_magnitude(n)))
    made = []
    for row in rows:
        why = str(row.answer.get("why") or "")
        made.append(listed(row.answer, row.rank, row.place, magnitudes, why) | _of_marks(row))
    for key in {key for one in made for key in one}:  # what was only marked has no answer
        for one in made:
            one.setdefault(key, False)
    ranked = any(row.rank for row in rows)
    order = [key for key in (made[0] if made else ["object_id"]) if ranked or key not in OF_A_RANKING]
    ordered = [{key: one[key] for key in order} for one in made]
    return _written(lambda path: _write(path, ordered, {"target": title, **about}), f"list{ending}")


def _write(path: Path, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    from spectrove.serve.output import write_table

    notes = {key: value for key, value in about.items() if isinstance(value, str | int | float)}
    write_table(path, rows, notes, lambda name: OF_MARKS.get(name) or meaning(name))


def _of_marks(row: Row) -> dict[str, Any]:
    newest = max(row.marks, key=lambda one: one.when, default=None)

    quality, z = (_newest(row.marks, name) for name in ("quality", "z"))
    return {
        "mark": row.mark,
        "quality": math.nan if quality is None else float(quality),
        "z_vi": math.nan if z is None else float(z),
        "class_vi": _newest(row.marks, "kind") or "",
        "bad": any(one.bad for one in row.marks),
        "comment": "; ".join(f"{one.who}: {one.comment}" for one in row.marks if one.comment),
        "who": ";".join(one.who for one in row.marks),
        "when": "" if newest is None else newest.when,
    }


def _newest(marks: Sequence[Marked], name: str) -> Any:
    """What the newest mark says of a thing that says anything of it."""
    said = [getattr(one, name) for one in sorted(marks, key=lambda one: one.when)]
    return next((value for value in reversed(said) if value not in (None, "")), None)


def sheet(rows: Sequence[Row], title: str) -> bytes:
    """The marks as the sheet that `hunt --review` reads; where people differ an object is unsure."""
    from spectrove.inference.inspection.sheet import Sheet, write_sheet

    lines = []
    for row in rows:
        if not row.mark:
            continue
        probability = row.answer.get("probability")
        lines.append(
            {
                "object_id": str(row.answer["object_id"]), "mark": "unsure" if row.mark == "disputed" else row.mark,
                "comment": str(_of_marks(row)["comment"]), "round": "1", "proposed_because": "likely",
                "proposal_probability": "1", "score": "" if probability is None else f"{probability:.4g}",
                "target": title,
            }
        )  # fmt: skip
    return _written(lambda path: write_sheet(path, Sheet().with_rows(lines)), "sheet.csv")


def from_sheet(path: Path, title: str, who: str) -> tuple[list[Mark], tuple[str, ...]]:
    """The marks of a sheet of `hunt --review`, and what could not be used of it.

    Raises:
        CatalogError: It is no sheet, or one of another hunt.
    """
    from spectrove.inference.inspection.sheet import marked, read_sheet

    read = read_sheet(path)
    others = sorted({word for word in read.column("target") if word} - {title})
    if others:
        raise CatalogError(
            f"{path.name}: the sheet holds marks of {others[0]}, this list is of {title}. Bring it to the hunt for "
            f"{others[0]}."
        )
    said = marked(read)
    comments = dict(zip(read.column("object_id"), read.column("comment"), strict=True))
    marks = [
        Mark.model_validate({"object_id": name, "who": who, "mark": mark, "comment": comments.get(name, "")})
        for name, mark in said.marks.items()
    ]
    return marks, said.cautions


def _written(write: Callable[[Path], None], name: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="spectrove-") as folder:
        place = Path(folder) / name
        write(place)
        return place.read_bytes()
