"""The care of labels: findings about doubtful labels, redshifts and duplicates, and what people decide about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from spectrove.serve.service.asking import Item
from spectrove.serve.service.hunting import Condition, list_name
from spectrove.serve.service.marks import Applied, Marked, Read, seal
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import LONGEST, Data
from spectrove.serve.service.shelf import Served
from spectrove.work import advance, doing

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase


class Care(Data):
    """A review of labels, as `kb curate` makes it.

    Attributes:
        label: Column of classes.
        where: SQL condition on the objects.
        lines: Whether the stored spectra are measured, too.
        copies: Whether duplicates are looked for, too.
    """

    label: str = Field("", max_length=LONGEST)
    where: Condition = ""
    lines: bool = True
    copies: bool = True

    @property
    def title(self) -> str:
        """What the decisions are about."""
        return f"labels of {self.label}"

    @property
    def list(self) -> str:
        """Name of the list of decisions."""
        return list_name(self.title, ["labels", self.label])

    def check(self, served: Served) -> Care:
        """The review, refused unless the column and the condition can be.

        Raises:
            SpectroveError: The column or the condition is wrong.
            Problem: No column is named.
        """
        from spectrove.pipeline import check_label

        if not self.label:
            raise Problem(422, "Choose a column of labels.", "Invalid")
        with served.shown() as base:
            check_label(base, self.label)
            if self.where and not base.count(self.where):
                raise Problem(
                    422, f"No object of {served.name} meets {self.where!r}. Loosen the condition.", "Invalid"
                )
        return self


def review(served: Served, care: Care) -> Iterator[Item]:
    """The findings, as `kb curate --json` prints them, and at the end which version was reviewed."""
    from spectrove.pipeline.curate import curate

    with served.asked() as base, base.one_version():
        n = base.count(care.where or None)
        with doing(f"reviewing {n:,} labels of {care.label}", n if care.lines else None):
            found = curate(
                base,
                care.label,
                where=care.where or None,
                lines=care.lines,
                copies=care.copies,
                progress=advance,
            )
        yield from (Item("answer", row) for row in found.to_dicts())
        yield Item(
            "about",
            {
                "version": found.version,
                "counts": found.counts,
                "labels": found.n_labelled,
                "wrong": found.n_wrong,
            },
        )


def decided(rows: Sequence[Mapping[str, Any]], read: Read) -> list[dict[str, Any]]:
    """The findings with the decision on each: "accept" where all who decided say yes, "reject" where they say no.

    Args:
        rows: Findings.
        read: The list of decisions.
    """
    said: dict[tuple[str, str], set[str]] = {}
    for one in read.now():
        if one.mark:
            said.setdefault((one.object_id, one.about), set()).add(one.mark)
    words = {"yes": "accept", "no": "reject"}

    def decision(row: Mapping[str, Any]) -> str:
        marks = said.get((row["object_id"], about_of(row)), set())
        return words.get(next(iter(marks)), "") if len(marks) == 1 else ""

    return [{**row, "decision": decision(row)} for row in rows]


def accepted(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of `decided` that are accepted."""
    return [row for row in rows if row["decision"] == "accept"]


def seal_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """By which a form says that it means these accepted findings and no others."""
    version = rows[0]["base_version"] if rows else 0
    return seal(
        version, ([row[name] for name in ("object_id", "action", "current", "suggested")] for row in rows)
    )


def about_of(row: Mapping[str, Any]) -> str:
    """What a decision is about: the kind of finding, and the label that is suggested."""
    return f"{row['kind']} {row['suggested'] or ''}".strip()[:60]


def marks_on(row: Mapping[str, Any], marks: Mapping[str, Sequence[Marked]]) -> list[Marked]:
    """The decisions on a finding."""
    return [one for one in marks.get(row["object_id"], ()) if one.about == about_of(row)]


def apply(base: KnowledgeBase, rows: Sequence[Mapping[str, Any]], label: str, who: str) -> Applied:
    """Write the accepted findings as one new version of the base.

    Raises:
        KnowledgeError: The base has changed since the review, or two accepted findings contradict each other.
        Problem: None is accepted.
    """
    from spectrove.knowledge.curation import apply_review

    if not accepted(rows):
        raise Problem(422, "No finding is accepted.", "Invalid")
    before = base.version
    done = apply_review(base, rows)
    return Applied(
        what="applied", who=who, when=datetime.now(UTC).isoformat(timespec="milliseconds"), column=label,
        before=before, after=done.version, changed=done.relabelled + done.removed,
    )  # fmt: skip
