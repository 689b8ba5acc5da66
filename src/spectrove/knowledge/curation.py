"""Review of labels: doubtful labels and duplicates of a base, and the decisions about them, applied as one version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spectrove.errors import KnowledgeError, did_you_mean
from spectrove.knowledge.base import KnowledgeBase
from spectrove.knowledge.relabel import Changes

#: Kinds of findings, each with its explanation.
KINDS: dict[str, str] = {
    "label": "the neighbourhood has another label",
    "lines": "the emission lines of the object exclude its label",
    "redshift": "the emission lines of the object do not fit its redshift",
    "duplicate": "the base holds the same spectrum under another id",
    "repeat": "another observation of the same position on the sky",
}

#: Effect of accepting a finding.
ACTIONS: dict[str, str] = {
    "relabel": "the label is replaced by the suggested value, or removed if that is empty",
    "remove": "the object is removed from the base",
    "keep": "nothing changes",
}

#: Values of the column `decision`.
DECISIONS = ("accept", "reject", "")

#: Columns that a review must have to be applied.
REVIEW_COLUMNS = ("object_id", "label", "current", "action", "suggested", "decision", "base_version")


@dataclass(frozen=True)
class Finding:
    """One finding, a row of a review.

    Attributes:
        object_id: The object concerned.
        kind: A key of `KINDS`.
        label: The label column.
        current: The present label, None if there is none.
        action: A key of `ACTIONS`, the effect of accepting the finding.
        suggested: The new label of a "relabel".
        confidence: 0 to 1.
        reason: A sentence.
        neighbors: Ids of the objects that are the evidence, nearest first.
    """

    object_id: str
    kind: str
    label: str
    current: str | None
    action: str
    suggested: str | None
    confidence: float
    reason: str
    neighbors: tuple[str, ...] = ()

    def to_dict(self, version: int) -> dict[str, Any]:
        """Plain values, with the version of the base and an open decision."""
        return {
            "object_id": self.object_id, "kind": self.kind, "label": self.label, "current": self.current,
            "action": self.action, "suggested": self.suggested, "confidence": round(self.confidence, 4),
            "reason": self.reason, "nearest": list(self.neighbors), "base_version": version, "decision": "",
        }  # fmt: skip


@dataclass(frozen=True)
class Applied:
    """Result of a review: new labels, objects removed, rows not accepted, and the new version."""

    relabelled: int
    removed: int
    left: int
    version: int


def apply_review(base: KnowledgeBase, rows: Sequence[Mapping[str, Any]]) -> Applied:
    """Counts of applied changes: the accepted rows of a review become one new version of the base.

    Everything is checked before anything is written. If no row is accepted, no version is made.

    Args:
        base: The base that was reviewed, at the version that was reviewed.
        rows: Rows from `Finding.to_dict` with the column `decision` filled in; `suggested` may be changed.

    Raises:
        KnowledgeError: A column is missing; an id, decision, action or value is unknown; two accepted rows
            contradict each other; or the base has changed since the review.
    """
    accepted = [row for row in _checked(base, rows) if _decision(row) == "accept"]
    changes, removed = _changes(base, accepted)
    version = base.version
    if changes or removed:
        version = base.curate(changes, removed, since=version)
    return Applied(len(changes), len(removed), len(rows) - len(accepted), version)


def _checked(base: KnowledgeBase, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    have = list(rows[0]) if rows else list(REVIEW_COLUMNS)
    if missing := [name for name in REVIEW_COLUMNS if name not in have]:
        raise KnowledgeError(
            f"review: no column {missing[0]}, expected {', '.join(REVIEW_COLUMNS)}. Give the table that kb curate "
            "wrote, with decisions filled in."
        )
    known = set(base.rows(columns=[]).column("object_id").to_pylist())
    for number, row in enumerate(rows, 1):
        name = _word(row, "object_id")
        for column, word, words in (
            ("decision", _decision(row), DECISIONS),
            ("action", _word(row, "action"), tuple(ACTIONS)),
        ):
            if word not in words:
                expected = ", ".join(w or "(empty)" for w in words)
                raise KnowledgeError(
                    f"review row {number} ({name}): {column} {word or '(empty)'!r}, expected one of {expected}. "
                    "Correct that row; nothing was written."
                )
        if (then := _word(row, "base_version")) != str(base.version):
            raise KnowledgeError(
                f"{base.path}: the review was made of version {then or '(empty)'}, the base is at version "
                f"{base.version} now. Review it again with kb curate, or go back with kb rollback."
            )
        if name not in known:
            raise KnowledgeError(
                f"review row {number}: {name or '(empty)'} is not in {base.path}. Give the base that was reviewed; "
                "nothing was written."
            )
    return list(rows)


def _changes(base: KnowledgeBase, accepted: Sequence[Mapping[str, Any]]) -> tuple[Changes, set[str]]:
    """New labels and removed ids of the accepted rows; refuse unknown values and contradictions."""
    changes: Changes = {}
    removed = {_word(row, "object_id") for row in accepted if _word(row, "action") == "remove"}
    values: dict[str, list[str]] = {}
    for row in accepted:
        if _word(row, "action") != "relabel":
            continue
        name, label, new = (_word(row, c) for c in ("object_id", "label", "suggested"))
        if label not in values:
            if label not in base.columns:
                raise KnowledgeError(
                    f"{base.path}: no column {label!r}{did_you_mean(label, base.columns)}. Nothing was written."
                )
            values[label] = list(base.label_values(label))
        if new and new not in values[label]:
            raise KnowledgeError(
                f"review ({name}): {new!r} is no value of {label}{did_you_mean(new, values[label])}. Nothing was "
                "written."
            )
        if name in removed or changes.get(name, (label, new or None)) != (label, new or None):
            raise KnowledgeError(
                f"review: two accepted rows contradict each other about {name}. Accept one; nothing was written."
            )
        changes[name] = (label, new or None)
    return changes, removed


def _decision(row: Mapping[str, Any]) -> str:
    """The decision in lower case, because spreadsheets capitalize words."""
    return _word(row, "decision").lower()


def _word(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def counted(findings: Sequence[Finding]) -> dict[str, int]:
    """Number of findings of each kind, in the order of `KINDS`."""
    counts = Counter(finding.kind for finding in findings)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}
