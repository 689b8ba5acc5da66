"""Label care: what a look through a base finds, and what people decided about it, applied as one version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from spectrove.errors import KnowledgeError, did_you_mean
from spectrove.knowledge import schema
from spectrove.targets import label_text

if TYPE_CHECKING:
    from spectrove.knowledge.base import KnowledgeBase
    from spectrove.knowledge.reading import Reader
    from spectrove.knowledge.store import Store

#: What is found, each with its sentence.
KINDS: dict[str, str] = {
    "label": "the neighbourhood has another label",
    "lines": "the object's own lines exclude its label",
    "redshift": "its own lines do not stand where its redshift puts them",
    "duplicate": "the same spectrum is there under another id",
    "repeat": "the same place in the sky was observed again",
}

#: What accepting a row does.
ACTIONS: dict[str, str] = {
    "relabel": "the label becomes the suggested value, or is taken away where that is empty",
    "remove": "the object leaves the base",
    "keep": "nothing changes",
}

#: Words of the column `decision`.
DECISIONS = ("accept", "reject", "")

#: The columns without which a review cannot be applied.
REVIEW_COLUMNS = ("object_id", "label", "current", "action", "suggested", "decision", "base_version")

#: The source that `labels` names for a value that a review set, and for one that had no source before.
SOURCE, BEFORE = "curation", "before curation"


@dataclass(frozen=True)
class Finding:
    """One row of a review.

    Attributes:
        object_id: Whom it is about.
        kind: A key of `KINDS`.
        label: The label column.
        current: The object's value there, None for none.
        action: A key of `ACTIONS`: what accepting it does.
        suggested: The new value of a "relabel".
        confidence: 0 to 1, how sure the finding is.
        reason: In words.
        neighbors: Ids of those it rests on, nearest first.
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
        """Plain values, with the base's version and a decision that is still open."""
        return {
            "object_id": self.object_id, "kind": self.kind, "label": self.label, "current": self.current,
            "action": self.action, "suggested": self.suggested, "confidence": round(self.confidence, 4),
            "reason": self.reason, "nearest": list(self.neighbors), "base_version": version, "decision": "",
        }  # fmt: skip


@dataclass(frozen=True)
class Applied:
    """What a review changed: new labels, objects removed, rows that were not accepted; and the version now."""

    relabelled: int
    removed: int
    left: int
    version: int


def apply_review(base: KnowledgeBase, rows: Sequence[Mapping[str, Any]]) -> Applied:
    """Apply the accepted rows of a review as one new version of the base.

    Everything is checked before anything is written; without an accepted change no version is made.

    Args:
        base: The base that was reviewed, still at the version that was reviewed.
        rows: What `Finding.to_dict` gave, with the column `decision` filled in, and perhaps other words in `suggested`.

    Raises:
        KnowledgeError: A column is missing; an id, a decision, an action or a value is not known; two accepted rows
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
                    "Mend that row; nothing was written."
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


#: Object to the label column and its new value, None for none.
Changes = dict[str, tuple[str, str | None]]


def _changes(base: KnowledgeBase, accepted: Sequence[Mapping[str, Any]]) -> tuple[Changes, set[str]]:
    """What accepted rows change, after a check of their values and of each against the others."""
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
    """In small letters: spreadsheets begin words with a capital."""
    return _word(row, "decision").lower()


def _word(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def rewrite(store: Store, reader: Reader, changes: Changes, removed: set[str], since: int) -> None:
    """Table `objects` without the removed and with the new labels, as one version; the lock is held."""
    if (now := reader.refresh()) != since:
        raise KnowledgeError(
            f"{store.path}: the base changed while the review was applied (version {since} then, {now} now). Nothing "
            "was written; review it again."
        )
    names = store.objects.schema.names
    table = reader.scan(names).select(names).cast(store.objects.schema)
    ids = table.column("object_id").to_pylist()
    table = table.filter(pa.array([name not in removed for name in ids]))
    # One write of everything: whoever reads sees the old labels or the new ones, never a part.
    store.objects.add(_relabelled(table, changes, since), mode="overwrite")


def _relabelled(table: pa.Table, changes: Changes, since: int) -> pa.Table:
    """The table with new values, each with its source; the old value stays in `labels`."""
    ids = table.column("object_id").to_pylist()
    said = table.column("labels").to_pylist()
    for label in sorted({label for label, _ in changes.values()}):
        place = table.schema.get_field_index(label)
        field, old = table.schema.field(place), table.column(label)
        values, texts = old.to_pylist(), [label_text(v) for v in old.to_pylist()]
        known = {text: value for text, value in zip(texts, values, strict=True) if text is not None}
        for i, name in enumerate(ids):
            if name not in changes or changes[name][0] != label:
                continue
            new = changes[name][1]
            own = list(said[i] or [])
            if texts[i] is not None and not any(entry["name"] == label for entry in own):
                own.append({"name": label, "value": texts[i], "source": BEFORE, "version": ""})
            own.append({"name": label, "value": new, "source": SOURCE, "version": f"of version {since}"})
            said[i], values[i] = own, None if new is None else known.get(new, new)
        table = table.set_column(place, field, pa.array(values, field.type))
    place = table.schema.get_field_index("labels")
    return table.set_column(place, table.schema.field(place), pa.array(said, schema.LABELS))


def counted(findings: Sequence[Finding]) -> dict[str, int]:
    """Kind to the number of findings, in the order of `KINDS`."""
    counts = Counter(finding.kind for finding in findings)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}
