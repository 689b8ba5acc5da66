"""Marks that people set on candidates: a journal on the server that only grows, and what follows from it.

Every mark is a line of JSON in a file of the base, marks/NAME.jsonl, which holds the marks of all people who look for
one thing. Nothing is overwritten: a mark that is changed or taken back is one more line, and the last line of a person
on an object is what that person says. A line that was torn by a crash is left out, and said.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from spectrove.errors import KnowledgeError
from spectrove.knowledge.files import Files, Folder
from spectrove.serve.service.limits import MB
from spectrove.serve.service.problems import Problem, problem_of
from spectrove.serve.service.questions import LONGEST, Data
from spectrove.serve.service.room import Room
from spectrove.serve.service.shelf import Served

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

LOG = logging.getLogger("spectrove.serve")

#: Folder of the journals among the files of a base, ending of their names, and the lock of whoever writes to one.
FOLDER, SUFFIX, LOCK = "marks", ".jsonl", ".marks.lock"

#: What a name of a list looks like; no other text becomes the name of a file.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,80}")

Said = Literal["yes", "no", "unsure", ""]

#: Bytes of journals that are kept in memory as they were read, roughly; read, a line takes some times its length.
ROOM, LARGER = 64 * MB, 8


class Mark(Data):
    """What a person says of an object; "" takes back what was said.

    Attributes:
        object_id: The object.
        who: Name of the person.
        mark: Whether it is one of those that are sought.
        comment: In the person's words.
        quality: As in visual inspections of DESI: 4 certain, 3 probable, 2 possible, 1 unlikely, 0 no signal.
        z: Corrected redshift.
        kind: Corrected or more precise class.
        bad: Whether the spectrum is bad, whatever the object is.
        z_shown: Redshift that was shown.
        probability: Probability that was shown.
        version: Version of the base that was asked.
        about: What it is about, where an object is listed for several reasons.
    """

    object_id: str = Field(min_length=1, max_length=LONGEST)
    who: str = Field(min_length=1, max_length=60)
    mark: Said = ""
    comment: str = Field("", max_length=2000)
    quality: Annotated[int, Field(ge=0, le=4)] | None = None
    z: Annotated[float, Field(ge=-0.05, le=20)] | None = None
    kind: str = Field("", max_length=60)
    bad: bool = False
    z_shown: float | None = None
    probability: float | None = None
    version: int | None = None
    about: str = Field("", max_length=60)

    @field_validator("who", "comment", "kind", mode="before")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        return " ".join(value.split()) if isinstance(value, str) else value

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said any more."""
        return (
            not (self.mark or self.comment or self.kind or self.bad)
            and self.quality is None
            and self.z is None
        )


class Marked(Mark):
    """A mark in the journal.

    Attributes:
        when: Time at which it came, UTC, ISO 8601.
        target: What is hunted.
    """

    when: str
    target: str = ""


class Applied(Data):
    """Marks that were written to the base as a new version, or that version taken back.

    Attributes:
        what: Which of the two.
        who, when: By whom, and when.
        column: The labels that changed.
        before, after: Versions.
        changed: Objects whose label changed.
    """

    what: Literal["applied", "undone"]
    who: str = ""
    when: str
    column: str = ""
    before: int
    after: int
    changed: int = 0


@dataclass(frozen=True)
class Read:
    """What a journal holds.

    Attributes:
        title: What is sought.
        lines: Every mark, the oldest first.
        applied: What was written to the base.
        torn: Lines that could not be read.
    """

    title: str = ""
    lines: Sequence[Marked] = ()
    applied: Sequence[Applied] = ()
    torn: int = 0

    def now(self) -> list[Marked]:
        """What each person says of each object now, in the order in which the objects were first marked."""
        return list(self._now)

    @cached_property
    def _now(self) -> list[Marked]:
        last: dict[tuple[str, str, str], Marked] = {}
        for line in self.lines:
            last[line.object_id, line.about, line.who] = line
        return [one for one in last.values() if not one.is_empty]

    def by_object(self, about: str | None = None) -> dict[str, list[Marked]]:
        """The same by object."""
        found: dict[str, list[Marked]] = {}
        for one in self.now():
            if about is None or one.about == about:
                found.setdefault(one.object_id, []).append(one)
        return found

    @property
    def people(self) -> list[str]:
        """Who has marked."""
        return sorted({one.who for one in self.now()})

    @property
    def undoable(self) -> Applied | None:
        """The last version that was made of these marks, unless it was taken back."""
        last = self.applied[-1] if self.applied else None
        return last if last is not None and last.what == "applied" else None


@dataclass
class Marks:
    """The journals of a base.

    Args:
        files: Where they are kept: those of the base, or of another folder.
    """

    files: Files
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _read: Room[tuple[Any, Read]] = field(default_factory=lambda: Room(ROOM))

    @classmethod
    def of(cls, served: Served, folder: Path | None = None) -> Marks:
        """Those of a base, kept with it or in a folder of that name below another one."""
        if folder is not None:
            return cls(Folder(folder / served.name))
        with served.shown() as base:
            return cls(base.files)

    def names(self) -> list[str]:
        """Every list, by name."""
        found = self.files.names(FOLDER)
        return sorted(one.removesuffix(SUFFIX) for one in found if one.endswith(SUFFIX))

    def read(self, name: str) -> Read:
        """A list; an empty one where nobody has marked yet. It is read again only when its file is another.

        Raises:
            Problem: This is no name of a list.
        """
        file, content = _file(name), b""
        try:
            place = self.files.place(file)
            if place is None:
                content = self.files.read(file)
                stamp: Any = hashlib.sha256(content).digest()
            else:
                about = place.stat()
                stamp = about.st_ino, about.st_size, about.st_mtime_ns
            if (known := self._read.get(name)) is not None and known[0] == stamp:
                return known[1]
            content = content if place is None else self.files.read(file)
        except FileNotFoundError:
            return Read()
        read = self._parsed(content)
        self._read.keep(name, (stamp, read), LARGER * len(content))
        return read

    @staticmethod
    def _parsed(content: bytes) -> Read:
        title, lines, applied, torn = "", list[Marked](), list[Applied](), 0
        for line in content.split(b"\n"):
            if not line.strip():
                continue
            try:
                said = json.loads(line)
                kind = said.pop("line")
                if kind == "list":
                    title = str(said["title"])
                elif kind == "mark":
                    lines.append(Marked.model_validate(said))
                else:
                    applied.append(Applied.model_validate(said))
            except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
                torn += 1
        return Read(title, lines, applied, torn)

    def add(self, name: str, title: str, marks: Sequence[Mark]) -> list[Marked]:
        """The marks as they are kept, when all of them are on the disk.

        Raises:
            Problem: This is no name of a list, or nothing can be written there.
        """
        when = _now()
        kept = [Marked(**one.model_dump() | {"when": when, "target": title}) for one in marks]
        self._append(name, title, [{"line": "mark", **one.model_dump(exclude_defaults=True)} for one in kept])
        return kept

    def note(self, name: str, title: str, applied: Applied) -> None:
        """Keep what was written to the base.

        Raises:
            Problem: Nothing can be written there.
        """
        line = {"line": "version", **applied.model_dump()}
        self._append(name, title, [line], what="The journal of the marks")

    def _append(
        self, name: str, title: str, lines: Sequence[Mapping[str, Any]], what: str = "The mark"
    ) -> None:
        file = _file(name)
        head = {"line": "list", "title": title}
        try:
            if isinstance(self.files, Folder):
                (self.files.path / FOLDER).mkdir(parents=True, exist_ok=True)
            with self._writing, self.files.locked(LOCK):
                new = f"{name}{SUFFIX}" not in self.files.names(FOLDER)
                for line in [head, *lines] if new else lines:
                    self.files.append(file, json.dumps(line, ensure_ascii=False, allow_nan=False).encode())
        except OSError as error:
            raise Problem(
                507,
                f"{what} could not be kept ({error.strerror or error}). Let the server write to the folder of the "
                "base, or start it with --marks FOLDER.",
            ) from error  # fmt: skip


def _file(name: str) -> str:
    if not NAME.fullmatch(name):
        raise Problem(404, f"{name[:80]}: no list of marks is called so.")
    return f"{FOLDER}/{name}{SUFFIX}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


# ---- two people's marks -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Agreement:
    """How far two people agree.

    Attributes:
        people: The two.
        both: Objects that both marked yes, no or unsure.
        alike: Of these, those that both marked the same.
        kappa: Cohen's kappa: 1 where they always agree, 0 where they agree as often as by chance; None where it has no
            meaning, because both gave one and the same mark to everything, or there is nothing.
        differ: Marks of the two where they differ.
    """

    people: tuple[str, str]
    both: int
    alike: int
    kappa: float | None
    differ: Sequence[tuple[Marked, Marked]]


def agreement(read: Read, first: str, second: str) -> Agreement:
    """How far two people agree in a list."""
    said = {
        who: {(m.object_id, m.about): m for m in read.now() if m.who == who and m.mark}
        for who in (first, second)
    }
    both = [key for key in said[first] if key in said[second]]
    pairs = [(said[first][key], said[second][key]) for key in both]
    differ = [pair for pair in pairs if pair[0].mark != pair[1].mark]
    return Agreement((first, second), len(both), len(both) - len(differ), _kappa(pairs), differ)


def _kappa(pairs: Sequence[tuple[Marked, Marked]]) -> float | None:
    from sklearn.metrics import cohen_kappa_score

    if len({mark.mark for pair in pairs for mark in pair}) < 2:
        return None
    return float(cohen_kappa_score([a.mark for a, _ in pairs], [b.mark for _, b in pairs]))


def agreed(read: Read) -> tuple[dict[str, Marked], dict[str, list[Marked]]]:
    """What all who said yes, no or unsure of an object say of it, and the objects of which they say different things.

    Returns:
        By object the newest mark, where all say the same, class included; and the marks of the others.
    """
    sure, open_ = dict[str, Marked](), dict[str, list[Marked]]()
    for name, marks in read.by_object().items():
        said = [one for one in marks if one.mark]
        if not said:
            continue
        if len({one.mark for one in said}) == 1 and len({one.kind for one in said if one.kind}) < 2:
            newest = max(said, key=lambda one: one.when)
            kind = next((one.kind for one in said if one.kind), "")
            sure[name] = newest.model_copy(update={"kind": kind})
        else:
            open_[name] = said
    return sure, open_


# ---- marks as labels of the base ---------------------------------------------------------------------------------


class Relabel(Data):
    """How marks become labels.

    Attributes:
        column: Column of the labels; a new one is made where there is none of this name.
        yes: Label of what is marked yes, unless the mark names a class.
        no: Label of what is marked no; "" leaves it as it is.
    """

    column: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    yes: str = Field("", max_length=60)
    no: str = Field("", max_length=60)


@dataclass(frozen=True)
class Change:
    """A label that changes."""

    object_id: str
    current: str | None
    suggested: str


@dataclass(frozen=True)
class Plan:
    """What applying marks would change; nothing is written.

    Attributes:
        relabel: How marks become labels.
        version: Of the base, of which the plan was made.
        changes: Labels that change.
        same: Objects that have the label already.
        strangers: Marked spectra that are no objects of the base.
        disputed: Objects of which people say different things.
        is_new: Whether the column is new.
    """

    relabel: Relabel
    version: int
    changes: Sequence[Change]
    same: int
    strangers: Sequence[str]
    disputed: Sequence[str]
    is_new: bool

    @property
    def seal(self) -> str:
        """By which a form says that it means these changes and no others."""
        changes = ([self.relabel.column, one.object_id, one.current, one.suggested] for one in self.changes)
        return seal(self.version, changes)


def seal(version: int, changes: Iterable[Sequence[str | None]]) -> str:
    """A hash of changes to a version of a base, in whatever order: what is written has to be what was shown.

    Args:
        version: Of the base.
        changes: Texts that say what changes.
    """
    said = [version, *sorted(json.dumps(list(one)) for one in changes)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def check_seal(given: str, shown: str, n: int) -> None:
    """Refuse to write unless the changes are those that were shown.

    Args:
        given, shown: What the form says, and what it would say now.
        n: Changes that there are now.

    Raises:
        Problem: They are others.
    """
    if given != shown:
        raise Problem(
            409,
            f"Somebody has marked since these changes were shown, and nothing was written. There "
            f"{'is' if n == 1 else 'are'} {n:,} now: look at {'it' if n == 1 else 'them'} again.",
        )


def plan(base: KnowledgeBase, read: Read, relabel: Relabel) -> Plan:
    """What applying the marks of a list would change.

    Raises:
        KnowledgeError: The column is none of labels.
        Problem: A label is missing.
    """
    from spectrove.pipeline.queries import known_ids
    from spectrove.targets import label_text

    if any(one.about for one in read.now()):
        raise Problem(
            422, "These are decisions on findings. The page Labels of that column writes them.", "Invalid"
        )
    if not (relabel.yes or relabel.no):
        raise Problem(422, "Type the label that objects marked yes, or no, shall have.", "Invalid")
    is_new = relabel.column not in base.columns
    if not is_new and relabel.column not in base.info()["labels"]:
        raise KnowledgeError(
            f"{relabel.column}: no column of labels, expected one of {', '.join(base.info()['labels'])}, or a new name."
        )
    sure, disputed = agreed(read)
    wanted = {name: _label(one, relabel) for name, one in sure.items()}
    wanted = {name: label for name, label in wanted.items() if label}
    known = set(known_ids(base, list(wanted)))
    have: dict[str, str | None] = {}
    if known and not is_new:
        quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(known))
        rows = base.rows(f"object_id IN ({quoted})", ["object_id", relabel.column]).to_pylist()
        have = {row["object_id"]: label_text(row[relabel.column]) for row in rows}
    changes = [
        Change(name, have.get(name), label)
        for name, label in wanted.items()
        if name in known and have.get(name) != label
    ]
    return Plan(
        relabel, base.version, changes, len(known) - len(changes), [name for name in wanted if name not in known],
        list(disputed), is_new,
    )  # fmt: skip


def _label(mark: Mark, relabel: Relabel) -> str:
    """The label that a mark means; "" for none."""
    if mark.mark == "yes":
        return mark.kind or relabel.yes
    return (mark.kind or relabel.no) if mark.mark == "no" else ""


def apply(base: KnowledgeBase, plan: Plan, who: str) -> Applied:
    """Write a plan as one new version of the base.

    Raises:
        KnowledgeError: The base has changed since, or a label is unknown in its column.
        Problem: Nothing changes.
    """
    from spectrove.knowledge.curation import apply_review

    if not plan.changes:
        raise Problem(422, "No label would change.", "Invalid")
    if plan.is_new:
        _add_column(base, plan, who)
    else:
        apply_review(base, [
            {"object_id": one.object_id, "label": plan.relabel.column, "current": one.current, "action": "relabel",
             "suggested": one.suggested, "decision": "accept", "base_version": plan.version}
            for one in plan.changes
        ])  # fmt: skip
    return Applied(
        what="applied", who=who, when=_now(), column=plan.relabel.column, before=plan.version, after=base.version,
        changed=len(plan.changes),
    )  # fmt: skip


def _add_column(base: KnowledgeBase, plan: Plan, who: str) -> None:
    import pyarrow as pa

    if base.version != plan.version:
        raise KnowledgeError(
            f"{base.path.name}: the base is at version {base.version}, the changes were shown for version "
            f"{plan.version}. Look at them again."
        )
    ids, labels = [one.object_id for one in plan.changes], [one.suggested for one in plan.changes]
    table = pa.table({"object_id": ids, plan.relabel.column: labels})
    base.add_columns(table, f"marks of {who}", operation="marks")


def undo(base: KnowledgeBase, applied: Applied, who: str) -> Applied:
    """Take back the version that marks made.

    Raises:
        Problem: The base has changed since.
    """
    if base.version != applied.after:
        raise Problem(
            409,
            f"The base is at version {base.version}, the marks made version {applied.after}: others have changed it "
            "since. Go back with kb rollback, which takes their changes back, too.",
        )  # fmt: skip
    after = base.rollback(applied.before)
    return Applied(
        what="undone", who=who, when=_now(), column=applied.column, before=applied.after, after=after,
        changed=applied.changed,
    )  # fmt: skip


def noted(base: KnowledgeBase, marks: Marks, name: str, title: str, applied: Applied) -> None:
    """Keep in a journal that a version was made of its marks; if that fails, the version is taken back.

    Raises:
        Problem: It failed; which version the base is at now, in a sentence.
    """
    try:
        marks.note(name, title, applied)
    except Exception as error:
        LOG.error("the marks %s did not note version %d", name, applied.after, exc_info=error)
        why = problem_of(error).detail
        raise Problem(507, f"{_taken_back(base, applied)} {why}") from error


def _taken_back(base: KnowledgeBase, applied: Applied) -> str:
    lead = f"kb rollback {base.path.name} {applied.before} leads back"
    if base.version != applied.after:
        return f"Version {applied.after} stands, because others have changed the base since; {lead}."
    try:
        after = base.rollback(applied.before)
    except Exception as error:  # as of a disk that is full: what the first error says stays the cause
        return f"Version {applied.after} stands, because it could not be taken back ({error}); {lead}."
    return f"Nothing is changed: version {after} of the base is as version {applied.before} was."
