"""From a question to rows: the same rows that the command line prints, with refusals beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from spectrove.errors import DatasetError, Refusal
from spectrove.pipeline.verbs import VERBS, Verb
from spectrove.reach import within
from spectrove.serve.batches import BATCH
from spectrove.serve.output import refusal_line
from spectrove.serve.run import methods_of
from spectrove.serve.service import given
from spectrove.serve.service.given import Files
from spectrove.serve.service.limits import Limits
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import Data, OfSpectra, asked_model, options_of
from spectrove.serve.service.shelf import Served
from spectrove.serve.text import count
from spectrove.work import advance, doing

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline.answers import Answers
    from spectrove.spectra import Batch


class Item(NamedTuple):
    """One thing that is said: an answer, a refusal, a figure, or at the end where all of it comes from."""

    kind: Literal["answer", "refusal", "figure", "about"]
    row: dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked of a base.

    Attributes:
        base: The base.
        asked: Of the model of the task.
        files: What came with it.
        limits: How much it may ask for.
        spectra: Spectra that were read before, in place of those that `asked` names; or else
        read: Reads them when the question is answered, from the copy of the base that answers it.
        each: Further keys of each answer, made of the answers to a batch.
        wait: Seconds for which a copy of the base is waited for; None for as long as the question may take.
    """

    base: Served
    asked: Any
    files: Files = field(default_factory=Files)
    limits: Limits = field(default_factory=Limits)
    spectra: Batch | None = None
    read: Callable[[KnowledgeBase], Batch] | None = None
    each: Callable[[Answers], Sequence[Mapping[str, Any]]] | None = None
    wait: float | None = None

    @contextmanager
    def asking(self) -> Iterator[KnowledgeBase]:
        """A copy of the base at one version, with nothing in reach of text but the files that came."""
        with self.base.asked(self.wait) as base, within(self.files.folder), base.one_version():
            yield base


@dataclass(frozen=True)
class Task:
    """Something that can be asked for, as doors offer it.

    Attributes:
        name: In addresses and as the name of a tool.
        model: What may be asked.
        summary: What it does, in a sentence.
        columns: Keys of an answer.
        run: From a question to what is said, piece by piece.
        files: Parts in which files may come with it.
    """

    name: str
    model: type[Data]
    summary: str
    columns: tuple[str, ...]
    run: Callable[[Question], Iterator[Item]]
    files: tuple[str, ...] = ()


def task_of(verb: Verb) -> Task:
    """A verb as a task."""
    model = asked_model(verb)
    parts = [part for part in ("like", "unlike") if part in model.model_fields]
    files = () if verb.of_base else ("spectra", *parts)
    return Task(
        verb.name, model, verb.summary, verb.columns, lambda question: answered(verb, question), files
    )


#: Every verb of the table.
TASKS: dict[str, Task] = {name: task_of(verb) for name, verb in VERBS.items()}


def answered(verb: Verb, question: Question) -> Iterator[Item]:
    """What a verb says to a question, batch by batch."""
    with question.asking() as base:
        said = Said(base, question)
        last = None
        for answers, spectra in _asked(verb, base, question, said):
            last = answers
            yield from said.answers(answers, spectra)
            yield from said.refused()
        yield from said.refused()
        if last is not None:
            yield said.about(last)


def _asked(verb: Verb, base: KnowledgeBase, question: Question, said: Said) -> Iterator[tuple[Answers, Any]]:
    """Answers to each batch of the spectra, with the batch; without spectra those about the base."""
    subject, options = subject_and_options(verb, base, question)
    if "encoder" in verb.options.model_fields:
        options["encoder"] = question.base.encoders(base)
    if verb.of_base:
        yield verb.ask(base, *subject, **options), None
        return
    spectra = spectra_of(verb, base, question, said)
    if spectra is None:
        yield verb.ask(base, None, *subject, **options), None
        return
    for batch in _batches(verb, spectra):
        batch, redshifts = given.with_redshifts(base, batch, question.asked)
        if "redshifts" in verb.options.model_fields:
            options["redshifts"] = redshifts
        yield verb.ask(base, batch, *subject, **options), batch
        advance(len(batch))


def _batches(verb: Verb, spectra: Any) -> Iterator[Any]:
    """The spectra in the batches of the command line; all of them at once where they are compared."""
    from spectrove.pipeline import in_batches

    with doing(f"answering {count(len(spectra), 'spectrum', 'spectra')}", len(spectra)):
        yield from [spectra] if verb.together else in_batches(spectra, BATCH)


def spectra_of(verb: Verb, base: KnowledgeBase, question: Question, said: Said) -> Any:
    """The spectra of a question; None where it names none and need not.

    Raises:
        DatasetError: None are named, and the verb needs some.
        Problem: None of those that are named can be read; the reasons are beside it.
    """
    if question.spectra is not None:
        return question.spectra
    if question.read is not None:
        return question.read(base)
    asked: OfSpectra = question.asked
    spectra, refusals = given.read(base, asked, question.files, question.limits)
    said.waiting += [reading_refusal(one, question.files) for one in refusals]
    if spectra is None and not verb.or_base:
        raise DatasetError(
            f"{verb.name}: no spectra were given. Upload files, or name objects of the base, or give arrays."
        )
    if spectra is not None and not len(spectra):
        refused = [item.row for item in said.refused()]
        if refused and asked.queries is None:
            raise Problem(422, "No spectrum could be read.", "DatasetError", more={"refusals": refused})
        raise DatasetError(f"no spectrum meets queries {asked.queries!r}. Loosen the condition.")
    return spectra


def reading_refusal(refusal: Refusal, files: Files) -> dict[str, Any]:
    """A refusal of reading, of a file or of a spectrum that came in another way, without where files are kept."""
    of_file = refusal.name.startswith(str(files.folder))
    line = refusal_line(refusal, None if of_file else {})
    return {
        name: value.replace(f"{files.folder}/", "").replace(f" in {files.folder}", " among what came")
        if isinstance(value, str)
        else value
        for name, value in line.items()
    }


def subject_and_options(
    verb: Verb, base: KnowledgeBase, question: Question
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a verb is asked about beside the spectra, and its options, as Python takes them."""
    asked, files = question.asked, question.files
    options = options_of(asked, verb)
    for part in ("like", "unlike"):
        if part in type(asked).model_fields and part != verb.subject:
            found = given.examples(base, getattr(asked, part), files.of(part))
            options |= {part: found} if found else {}
    return _subject(verb, base, asked, files), options


def _subject(verb: Verb, base: KnowledgeBase, asked: Any, files: Files) -> tuple[Any, ...]:
    if not verb.subject:
        return ()
    if verb.subject == "target":
        return (target_of(asked.target),)
    if verb.subject == "like":
        return (given.examples(base, asked.like, files.of("like")),)
    return (getattr(asked, verb.subject),)


def target_of(named: str | Mapping[str, Any] | None) -> Any:
    """The target of a shipped name or of its keys; None for None."""
    from spectrove.pipeline import shipped

    if named is None:
        return None
    return shipped.load_target(named) if isinstance(named, str) else shipped.target_of(named)


class Said:
    """What is said to a question, without the places of files on this machine."""

    def __init__(self, base: KnowledgeBase, question: Question) -> None:
        self.waiting: list[dict[str, Any]] = []
        self._places = {f"{question.files.folder}/": "", str(question.files.folder): "the upload"}
        self._places |= {str(base.path): base.path.name}
        self._each = question.each

    def answers(self, answers: Answers, spectra: Any) -> Iterator[Item]:
        """The rows of answers; refusals wait for `refused`."""
        paths = {} if spectra is None else _paths(spectra)
        self.waiting += [refusal_line(one, paths) for one in answers.refusals]
        if answers.examples is not None:
            self.waiting += [refusal_line(one, {}) for one in answers.examples.unused]
        rows = answers.to_dicts()
        more = self._each(answers) if self._each is not None else [{}] * len(rows)
        yield from (Item("answer", {**row, **extra}) for row, extra in zip(rows, more, strict=True))

    def refused(self) -> Iterator[Item]:
        """The refusals that wait."""
        while self.waiting:
            yield Item("refusal", self.clean(self.waiting.pop(0)))

    def about(self, answers: Answers) -> Item:
        """Where answers come from, and how they were made, in sentences."""
        methods = [one.partition("; give another with --")[0] for one in methods_of(answers, answers.target)]
        told = {**answers.provenance, "methods": methods}
        return Item("about", self.clean(names_alone(told)))

    def clean(self, value: Any) -> Any:
        """The value with names of files in place of their paths."""
        if isinstance(value, str):
            for place, name in self._places.items():
                value = value.replace(place, name)
            return value
        if isinstance(value, Mapping):
            return {key: self.clean(one) for key, one in value.items()}
        return [self.clean(one) for one in value] if isinstance(value, list | tuple) else value


def names_alone(value: Any) -> Any:
    """The value with the names of files and folders in place of where they are on this machine."""
    if isinstance(value, str):
        return Path(value).name if value.startswith("/") and "\n" not in value else value
    if isinstance(value, Mapping):
        return {key: names_alone(one) for key, one in value.items()}
    return [names_alone(one) for one in value] if isinstance(value, list | tuple) else value


def _paths(spectra: Any) -> dict[str, str]:
    """The file of each spectrum, by its id."""
    names = spectra.object_id.tolist()
    if "path" not in spectra.rows.column_names:
        return {}
    return dict(zip(names, spectra.column("path"), strict=True))
