"""Hunts, and searches for outliers, among spectra that were brought or objects of the base: question and list."""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from spectrove.serve.service.asking import TASKS, Item, Question, target_of
from spectrove.serve.service.jobs import Job, Jobs
from spectrove.serve.service.limits import Limits
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import LONGEST, Data
from spectrove.serve.service.shelf import Served
from spectrove.serve.service.tray import Trays

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline.answers import Answers
    from spectrove.spectra import Batch

Word = Annotated[str, Field(max_length=LONGEST)]
Condition = Annotated[str, Field(max_length=2000)]
Ids = Annotated[tuple[Word, ...], Field(max_length=200)]

#: Options of a hunt that can be edited, each as it is typed; the model of the verb says what they may be.
OPTIONS = ("k", "prevalence", "threshold", "where", "view")

#: What may be looked for.
By = Literal["target", "label", "condition", "text", "like"]


class Over(Data):
    """The spectra that are looked through.

    Attributes:
        tray: Those that somebody brought; or else
        among: SQL condition on the objects of the base; "" for all of them.
    """

    tray: Word | None = None
    among: Condition = ""

    def reader(self, served: Served, trays: Trays, limits: Limits) -> Callable[[KnowledgeBase], Batch]:
        """Reads the spectra when the question is answered; what is wrong with them is said now.

        Raises:
            SpectroveError: The condition cannot be read.
            Problem: There are none, or more than one question may be about.
        """
        if self.tray is not None:
            brought = trays.named(self.tray, served.name).spectra
            return lambda base: brought
        with served.shown() as base:
            self._check_number(base.count(self.among or None), served, limits)

        def read(base: KnowledgeBase) -> Batch:
            names = base.rows(self.among or None, ["object_id"]).column("object_id").to_pylist()
            self._check_number(len(names), served, limits)  # the base may have changed since
            return base.spectra(names)

        return read

    def _check_number(self, n: int, served: Served, limits: Limits) -> None:
        if not n:
            raise Problem(
                422, f"No object of {served.name} meets {self.among!r}. Loosen the condition.", "Invalid"
            )
        if n > limits.spectra:
            raise Problem(
                413,
                f"{n:,} objects would be looked through, expected {limits.spectra:,} at most. Say more in the "
                "condition on them, or start the server with a larger --max-spectra.",
            )


class Hunt(Over):
    """A hunt as a page asks for it: every field is text that was typed, or names that were chosen.

    Attributes:
        by: What it is described by.
        target: Name of a target that comes with Spectrove.
        label, values: Column of the base, and which of its values are wanted.
        condition: Condition over measured columns.
        text: Sentence.
        like, unlike: Ids of the base, examples of what is wanted and what is not.
        k, prevalence, threshold, where, view: Options of the verb, where they differ from what the target says.
    """

    by: By = "target"
    target: Word = ""
    label: Word = ""
    values: Ids = ()
    condition: Condition = ""
    text: Condition = ""
    like: Ids = ()
    unlike: Ids = ()
    k: Word = ""
    prevalence: Word = ""
    threshold: Word = ""
    where: Condition = ""
    view: Word = ""

    @property
    def verb(self) -> str:
        """The verb that answers it."""
        return "hunt_like" if self.by == "like" else "hunt"

    @property
    def title(self) -> str:
        """What is hunted, in the words of the sheet of `hunt --review`."""
        if self.by == "like":
            from spectrove.pipeline.inspection import examples_named

            return examples_named(self.like, self.unlike)
        said = {
            "target": self.target, "label": " or ".join(self.values), "condition": self.condition, "text": self.text,
        }  # fmt: skip
        return said[self.by]

    def subject(self, served: Served) -> dict[str, Any]:
        """What the verb is asked about, by the names of its model.

        Raises:
            TargetError: There is no target of this name.
            Problem: Something that has to be said is missing.
        """
        needed: dict[str, tuple[Any, str]] = {
            "target": (self.target, "Choose a target."),
            "label": (self.label and self.values, "Choose a column, and the values that are hunted."),
            "condition": (self.condition, "Type a condition over measured columns, such as hdelta_a > 4."),
            "text": (self.text, "Type a sentence."),
            "like": (self.like, "Name one or more objects of the base as examples."),
        }
        given, sentence = needed[self.by]
        if not given:
            raise Problem(422, sentence, "Invalid")
        if self.by == "like":
            return {"like": list(self.like), "unlike": list(self.unlike) or None}
        if self.by == "label":
            return {"target": self._by_label(served)}
        if self.by == "target":
            target_of(self.target)  # refused here and now, if there is none of this name
        return {self.by: given}

    def _by_label(self, served: Served) -> dict[str, Any]:
        from spectrove.targets.target import REST

        with served.shown() as base:
            views = list(base.space().views)
        return {
            "name": self.title, "label": self.label, "positive": self.title, "views": views,
            "classes": {self.title: list(self.values), "other": [REST]},
        }  # fmt: skip

    @property
    def options(self) -> dict[str, Any]:
        """Options that were given, as far as the verb has them; a comma is taken for a decimal point."""
        known = TASKS[self.verb].model.model_fields
        typed = {name: getattr(self, name).strip() for name in OPTIONS if name in known}
        numbers = ("prevalence", "threshold")
        return {name: v.replace(",", ".") if name in numbers else v for name, v in typed.items() if v}

    @property
    def sought(self) -> str:
        """Name of the list of marks: that of whoever hunts the same thing, whatever the options and the spectra."""
        said = {
            "target": [self.target], "label": [self.label, *sorted(self.values)], "condition": [self.condition.strip()],
            "text": [self.text.strip().lower()], "like": [*sorted(self.like), "/", *sorted(self.unlike)],
        }[self.by]  # fmt: skip
        return list_name(self.title, [self.by, *said])

    def question(self, served: Served, trays: Trays, limits: Limits) -> Question:
        """The question to the verb, with its spectra.

        Raises:
            Problem: Something is missing, or there are too many spectra.
            ValidationError: An option is not of its kind.
        """
        said: dict[str, Any] = {"missing_z": "estimate", **self.subject(served), **self.options}
        model = TASKS[self.verb].model
        if (
            self.by == "like" and self.tray is None
        ):  # the base ranks its own objects by the vectors that it has
            return Question(
                served,
                model.model_validate(said | {"where": self.among or None}),
                limits=limits,
                each=described,
            )
        asked = model.model_validate(said)
        return Question(served, asked, limits=limits, read=self.reader(served, trays, limits), each=described)


class Oddities(Over):
    """A search for outliers among spectra or objects."""

    def question(self, served: Served, trays: Trays, limits: Limits) -> Question:
        """The question to the verb `outliers`."""
        asked = TASKS["outliers"].model.model_validate({"missing_z": "estimate"})
        return Question(served, asked, limits=limits, read=self.reader(served, trays, limits))


def list_name(title: str, said: Sequence[str]) -> str:
    """A name for a list of marks, harmless as that of a file: words of the title, and a hash of what is sought."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-") or "hunt"
    return f"{words}-{hashlib.sha256(json.dumps(said).encode()).hexdigest()[:8]}"


def described(answers: Answers) -> list[dict[str, Any]]:
    """What a list of candidates says of each beside its answer: why, and its row for a follow-up list."""
    from spectrove.explanation.argument import reason
    from spectrove.explanation.followup import places
    from spectrove.pipeline.domains import domain_of
    from spectrove.serve.service.handover import with_number

    table = answers.spectra.rows
    table = answers.spectra.rows
    rows = table.select(with_number(places(table.column_names), table.column_names)).to_pylist()
    known = dict(zip(answers.spectra.object_id.tolist(), rows, strict=True))
    panels = domain_of(answers.base).panels if answers.base is not None else None
    names, scale = panels.names if panels else {}, answers.neighbors.scale
    return [
        {"why": getattr(one, "why", None) or reason(one, scale, names), "place": known.get(one.object_id, {})}
        for one in answers.predictions
    ]


@dataclass(frozen=True)
class Candidates:
    """The ranked answers of a hunt or of a search for outliers.

    Attributes:
        rows: Answers, best first, each with its "rank" and in "i" its place among the spectra.
        refusals: Spectra without an answer.
        about: Where the answers come from.
    """

    rows: Sequence[dict[str, Any]]
    refusals: Sequence[dict[str, Any]]
    about: Mapping[str, Any]

    @classmethod
    def of(cls, job: Job, by: str, names: Sequence[str] | None = None) -> Candidates:
        """What a question has said so far.

        Args:
            job: The question.
            by: Key by which answers are ranked: the largest "probability" or "score", or the smallest "p_value".
            names: Of the spectra, if they were brought; answers then say in "i" which they are about.
        """
        falling = by == "p_value"
        place = {name: i for i, name in enumerate(names or ())}

        def order(row: Mapping[str, Any]) -> tuple[float, str]:
            value = row.get(by)
            if value is None:
                return math.inf, row["object_id"]
            return (value if falling else -value), row["object_id"]

        ranked = sorted(job.rows("answer"), key=order)
        rows = [row | {"rank": i + 1, "i": place.get(row["object_id"])} for i, row in enumerate(ranked)]
        about: Mapping[str, Any] = next(iter(reversed(job.rows("about"))), {})
        return cls(rows, job.rows("refusal"), about)

    def named(self, object_id: str) -> dict[str, Any] | None:
        """The row of an object; None without one."""
        return next((row for row in self.rows if row["object_id"] == object_id), None)


@dataclass
class Searches:
    """Questions that are found again by what they ask: their address is the question itself.

    Attributes:
        jobs: Where they run and are kept.
    """

    jobs: Jobs
    _by_key: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def found(self, task: str, served: Served, asked: Data) -> Job | None:
        """The question that is or was answered; None if nobody asked it of this version of the base."""
        with self._lock:
            return self._kept(_key(task, served, asked))

    def job(
        self,
        task: str,
        served: Served,
        asked: Data,
        say: Callable[[], Iterator[Item]],
        *,
        again: bool = False,
    ) -> Job:
        """The question that is or was answered, begun if there is none yet.

        Args:
            task: What it is called.
            served: The base; another version of it is another question.
            asked: What is asked.
            say: The answer, made in another thread.
            again: Whether one that was answered or stopped is asked anew.

        Raises:
            Problem: Too many questions wait.
        """
        key = _key(task, served, asked)
        with self._lock:
            job = self._kept(key)
            if job is not None and not (again and job.is_over):
                return job
            job = self.jobs.begin(task, served.name, say, keep=True)
            self._by_key[key] = job.id
            self._by_key.move_to_end(key)
            while len(self._by_key) > MOST_KEPT:
                self._by_key.popitem(last=False)
            return job

    def _kept(self, key: str) -> Job | None:
        try:
            return self.jobs.kept(self._by_key[key]) if key in self._by_key else None
        except Problem:  # forgotten, because others came after it
            return None


#: Questions that are found again by what they ask.
MOST_KEPT = 200


def _key(task: str, served: Served, asked: Data) -> str:
    with served.shown() as base:
        return json.dumps([task, served.name, base.version, asked.model_dump_json()])
