"""The planner that needs no model: questions read by patterns, answered by fixed orders of tools."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spectrove.serve.agent.actions import LONGEST, Call, Reply, Stop
from spectrove.serve.agent.phrases import Clause, Subject, bare, clauses_of, same, subject_of
from spectrove.serve.agent.run import Plan
from spectrove.serve.agent.tools import Result, Tools

#: Objects that an answer names, and that one call may be about.
NAMED, MOST = 10, 2000

#: Longest question, characters, and letters of it that a sentence repeats.
LONGEST_QUESTION, REPEATED = 2000, 200

#: Words of "why is ID not called a LINER" that say nothing of the class.
SAYING = frozenset(
    ["is", "are", "was", "not", "no", "called", "classified", "considered", "as", "be", "said", "to"]
)

#: Words that make two names a comparison: "why is ID not like ID".
BESIDE = frozenset(["like", "near", "neighbour", "neighbor", "similar", "unlike"])

#: Columns that say when an object was observed, the first that a base has.
WHEN = ("mjd", "night", "date_obs", "obs_date", "date")

#: What can be asked, for who asked something else.
KNOWN = (
    "Questions that are understood: which (of tonight's spectra) are NAMES; how many NAMES are there; why is ID one; "
    "what kind is ID; what is the redshift of ID; which are unusual; what is like ID; compare ID with ID; what does "
    "the base hold."
)

#: Part of a plan: gives calls, is sent results, and returns sentences.
Part = Generator[Call, Result, list[str]]


@dataclass
class Memory:
    """What was found so far.

    Attributes:
        contents: What the base holds.
        names: Objects of the answer before, the best first.
        asked: Objects that the question before was about.
        target: The target that was hunted last; "" if none was.
    """

    contents: Mapping[str, Any] = field(default_factory=dict)
    names: Sequence[str] = ()
    asked: Sequence[str] = ()
    target: str = ""


class Rules:
    """Reads a question by patterns."""

    name = "rules"

    def plan(self, question: str, tools: Tools) -> Plan:
        """Each part of the question in turn; the reply joins what was found."""
        del tools
        result = yield Call(tool="contents")
        if result.error:
            yield Stop(reason=result.error[:LONGEST])
            return
        memory = Memory(result.rows[0])
        said: list[str] = []
        if len(question) > LONGEST_QUESTION:
            n = len(question)
            yield Stop(
                reason=f"the question has {n} characters, at most {LONGEST_QUESTION} are read. Ask less at once."
            )
            return
        clauses = clauses_of(question)
        if not any(isinstance(clause, Clause) for clause in clauses):
            yield Stop(reason=f"{question[:REPEATED]!r} is no question that is understood. {KNOWN}")
            return
        for clause in clauses:
            if isinstance(clause, str):
                said.append(Failed(f"Not understood: {clause[:REPEATED]!r}."))
                continue
            said += yield from _ANSWERS[clause.intent](clause, memory)
        text = "\n".join(said)[:LONGEST]
        if all(isinstance(sentence, Failed) for sentence in said):
            yield Stop(reason=text)
            return
        result = yield Reply(text=text)
        yield Stop(reason=result.error)


class Failed(str):
    """A sentence in place of an answer."""

    __slots__ = ()


class _Unanswered(Exception):
    """What is asked cannot be asked here; the message says why."""


def _part(make: Callable[[Clause, Memory], Part]) -> Callable[[Clause, Memory], Part]:
    """The part, with a sentence in place of an answer where it cannot be asked."""

    def made(clause: Clause, memory: Memory) -> Part:
        try:
            return (yield from make(clause, memory))
        except _Unanswered as error:
            return [Failed(f"{clause.text[:REPEATED]}: {error}")]

    return made


def _asked(result: Result) -> Result:
    """The result; what went wrong ends the part."""
    if result.error:
        raise _Unanswered(result.error)
    if not result.rows and result.refusals:
        raise _Unanswered(str(result.refusals[0].get("error")))
    return result


def _whom(
    subject: Subject, memory: Memory, *, named: bool = True
) -> Generator[Call, Result, tuple[list[str], str]]:
    """The objects that are meant, and the words for them; none where all objects of the base are.

    Args:
        subject: As it was read.
        memory: What was found before.
        named: Whether words like names must be names of objects; else they may belong to what is looked for.
    """
    if named and (rest := _rest(subject, memory)):
        raise _Unanswered(f"{rest!r} is not understood, and leaving it out would ask something else.")
    objects, words = yield from _meant(subject, memory, named)
    memory.asked = objects or memory.asked
    return objects, words


def _rest(subject: Subject, memory: Memory, words: str | None = None) -> str:
    """Words of a subject that are not understood; those for any object of the base are."""
    nouns = {form for noun in memory.contents["nouns"] for form in (noun, noun.removesuffix("s"))}
    said = [word for word in (subject.rest if words is None else words).split() if word.lower() not in nouns]
    while subject.names and said and said[-1].lower() in ("and", "or"):  # between names
        said.pop()
    return " ".join(said if not subject.names else [w for w in said if w.lower() not in ("and", "or")])


def _meant(subject: Subject, memory: Memory, named: bool) -> Generator[Call, Result, tuple[list[str], str]]:
    if subject.names:
        asked = {"where": _among(subject.names), "limit": MOST}
        found = _asked((yield Call(tool="objects", arguments=asked)))
        known = {str(row["object_id"]) for row in found.rows}
        names = [name for name in dict.fromkeys(subject.names) if name in known]
        lost = [name for name in subject.names if name not in known]
        if lost and (names or named):
            raise _Unanswered(f"no object of the base is called {' or '.join(lost)[:REPEATED]}.")
        if names:
            return names, " and ".join(names)
    if subject.newest:
        return (yield from _newest(memory))
    if subject.place is not None:
        if not -len(memory.names) <= subject.place < len(memory.names):
            raise _Unanswered("the answer before names no such object.")
        one = memory.names[subject.place]
        return [one], one
    if subject.before and (meant := list(memory.asked or memory.names)):
        return meant, " and ".join(meant) if len(meant) < 3 else "these"
    return [], "the base"


def _newest(memory: Memory) -> Generator[Call, Result, tuple[list[str], str]]:
    column = next((name for name in WHEN if name in memory.contents["columns"]), None)
    if column is None:
        raise _Unanswered(
            f"which spectra are the newest is not known, the base has none of the columns {', '.join(WHEN)}. Name some."
        )
    one = _asked((yield Call(tool="objects", arguments={"columns": [column], "order": column, "limit": 1})))
    if not one.rows or one.rows[0][column] is None:
        raise _Unanswered(f"which spectra are the newest is not known, no object has a value of {column}.")
    when = one.rows[0][column]
    where = f"{column} = {when!r}"
    found = _asked(
        (yield Call(tool="objects", arguments={"where": where, "columns": [column], "limit": MOST}))
    )
    names = [str(row["object_id"]) for row in found.rows]
    n = found.counts["objects"]
    spectra = "spectrum" if n == 1 else "spectra"
    return names, f"the {n} {spectra} of {column} {when}, the newest night of the base,"


def _target(thing: str, memory: Memory) -> str:
    """The name of the target that words mean; "" if they mean none."""
    wanted = bare(thing)
    for name, target in memory.contents["targets"].items():
        if same(wanted, name) or same(wanted, target["positive"]):
            return str(name)
    return ""


@_part
def _which(clause: Clause, memory: Memory) -> Part:
    objects, words = yield from _whom(clause.of, memory, named=False)
    known = set(objects) >= set(clause.of.names)
    target, rest = _target(clause.thing, memory), _rest(clause.of, memory, None if known else clause.of.words)
    if objects and target and not rest:
        return (yield from _hunted(target, objects, words, memory))
    where = {} if not objects else {"where": _among(objects)}
    # "LINERs with z > 0.1", of "which of those with z > 0.1 are LINERs"
    text = " ".join([bare(clause.thing), rest]).strip()
    found = _asked((yield Call(tool="search_text", arguments={"text": text, "top": NAMED, **where})))
    memory.names = [str(row["object_id"]) for row in found.rows]
    memory.target = target
    return _described(found, text, words)


def _hunted(target: str, objects: list[str], words: str, memory: Memory) -> Part:
    found = _asked((yield Call(tool="hunt", arguments={"target": target, "objects": objects})))
    ranked = sorted(found.rows, key=lambda row: -(row["probability"] or 0.0))
    hits = [row for row in ranked if row["is_target"]]
    memory.names, memory.target = [str(row["object_id"]) for row in hits or ranked], target
    positive = memory.contents["targets"][target]["positive"]
    n, of = len(hits), found.counts["answers"]
    listed = ", ".join(f"{row['object_id']} ({row['probability']:.2f})" for row in hits[:NAMED])
    more = f" and {n - NAMED} more" if n > NAMED else ""
    expected = f"{found.counts['expected']:.1f} are expected by probability"
    said = [f"Of {words} {n} {'is' if n == 1 else 'are'} {positive} by the target's threshold; {expected}."]
    said += [f"{listed}{more}."] if hits else []
    if not hits and ranked:
        said.append(f"The most probable is {ranked[0]['object_id']} ({ranked[0]['probability'] or 0.0:.2f}).")
    if lost := found.counts["refused"]:
        said.append(f"{lost} of {of + lost} could not be judged: {found.refusals[0].get('error')}")
    return said


def _described(found: Result, thing: str, words: str) -> list[str]:
    """What a search by words has found, with the number of all that match."""
    about = found.about
    n = about.get("matching", len(found.rows))
    listed = ", ".join(_with_probability(row) for row in found.rows)
    more = f", the first {len(found.rows)}" if n > len(found.rows) else ""
    read = f", read as {about['sentence']!r}" if about.get("sentence") else ""
    said = [f"In {words.rstrip(',')}: {n} match {thing!r}{read}{more}."]
    if lost := about.get("unknown"):
        said.append(f"Of {lost} more it is not known: they have no value or label that decides.")
    return (
        said
        + [f"{listed}."] * bool(listed)
        + [f"{_sentence(note)}" for note in about.get("notes", ())[:NAMED]]
    )


def _sentence(note: str) -> str:
    begun = (
        note if "_" in note.partition(" ")[0] else f"{note[:1].upper()}{note[1:]}"
    )  # names of columns stay
    return f"{begun.rstrip('.')}."


def _with_probability(row: Mapping[str, Any]) -> str:
    p = row.get("probability")
    return str(row["object_id"]) if p is None else f"{row['object_id']} ({p:.2f})"


def _among(objects: Sequence[str]) -> str:
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in objects)
    return f"object_id IN ({quoted})"


@_part
def _count(clause: Clause, memory: Memory) -> Part:
    nouns = {"objects", "spectra", "sources", "", *memory.contents["nouns"]}
    whole = not (clause.of.newest or clause.of.names or clause.of.before or _rest(clause.of, memory))
    if bare(clause.thing).lower() in nouns and whole and clause.of.place is None:
        n = memory.contents["objects"]
        return [f"The base {memory.contents['name']} holds {n} objects."]
    if bare(clause.thing).lower() in nouns and clause.of.newest and not _rest(clause.of, memory):
        names, words = yield from _newest(memory)
        memory.names = memory.asked = names
        return [f"{words[:1].upper()}{words[1:].rstrip(',')}."]
    return (yield from _which(clause, memory))


@_part
def _why(clause: Clause, memory: Memory) -> Part:
    subject = replace(clause.of, rest="")  # "is ... a LINER": read below
    if subject.place is None and not subject.names and not subject.before and memory.names:
        subject = Subject(place=0)
    objects, _ = yield from _whom(subject, memory)
    if not objects:
        raise _Unanswered("name the object that is meant.")
    said = [word for word in _rest(clause.of, memory).split() if word.lower() not in SAYING]
    asked: dict[str, Any] = {"objects": objects[:1], "figures": False}
    if len(subject.names) == 2 and {word.lower() for word in said} <= BESIDE:
        asked["against"], said = objects[1], []
    elif len(subject.names) > 1:
        raise _Unanswered(
            f"{len(subject.names)} objects are named, expected one. Ask for each, or compare two."
        )
    named = " ".join(said)
    target = _target(named, memory) if named else memory.target
    values = [str(value) for counts in memory.contents["labels"].values() for value in counts]
    if named and not target and not any(same(named, value) for value in values):
        targets = ", ".join(memory.contents["targets"])
        raise _Unanswered(f"{named!r} is neither a target ({targets}) nor a value of a label of the base.")
    asked |= {"target": target} if target else {}
    found = _asked((yield Call(tool="explain", arguments=asked)))
    return [" ".join(found.rows[0]["sentences"])]


@_part
def _class(clause: Clause, memory: Memory) -> Part:
    objects, words = yield from _whom(clause.of, memory)
    if not objects:
        raise _Unanswered("name the objects that are meant, or ask for tonight's.")
    label = (
        memory.contents["label"]
        if memory.contents["label"] in memory.contents["labels"]
        else next(iter(memory.contents["labels"]), "")
    )
    if not label:
        raise _Unanswered("the base has no labels.")
    found = _asked((yield Call(tool="classify", arguments={"label": label, "objects": objects})))
    memory.names, memory.target = [str(row["object_id"]) for row in found.rows], ""
    if len(found.rows) <= NAMED:
        return [_class_of(row, label) for row in found.rows]
    values = ", ".join(f"{n} {value}" for value, n in found.counts.get("values", {}).items())
    return [f"By {label}, {words} {'is' if len(objects) == 1 else 'are'}: {values}."]


def _class_of(row: Mapping[str, Any], label: str) -> str:
    if row["value"] is None:
        why = row.get("none_of_these") or row.get("reason_no_interval") or "no neighbour has a label"
        return f"{row['object_id']}: no {label}. {_sentence(why)}"
    return f"{row['object_id']}: {label} {row['value']}{_sure(row)}."


def _sure(row: Mapping[str, Any]) -> str:
    p = (row.get("probabilities") or {}).get(row["value"])
    return "" if p is None else f", probability {p:.2f}"


@_part
def _number(clause: Clause, memory: Memory) -> Part:
    objects, _ = yield from _whom(clause.of, memory)
    if not objects:
        raise _Unanswered("name the objects that are meant.")
    return (yield from _numbers(bare(clause.thing), objects, memory))


def _numbers(wanted: str, objects: list[str], memory: Memory) -> Part:
    """The number that words mean, of each object."""
    if wanted.lower() in ("redshift", "z", "radial velocity", "velocity"):
        found = _asked((yield Call(tool="redshift", arguments={"objects": objects})))
        return [_estimate(row, "z", 5) for row in found.rows[:NAMED]]
    numbers = memory.contents["numbers"]
    name = next((n for n, words in numbers.items() if any(same(wanted, word) for word in (n, *words))), "")
    if not name:
        raise _Unanswered(f"the base has no number called {wanted!r}; it has {', '.join(numbers) or 'none'}.")
    found = _asked((yield Call(tool="estimate", arguments={"quantity": name, "objects": objects})))
    return [_estimate(row, name, 4) for row in found.rows[:NAMED]]


def _estimate(row: Mapping[str, Any], name: str, digits: int) -> str:
    if row["value"] is None:
        return f"{row['object_id']}: {name} is not known."
    ends = (
        ""
        if row["interval"] is None
        else f" [{row['interval'][0]:.{digits}g} {row['interval'][1]:.{digits}g}]"
    )
    unit = f" {row['unit']}" if row.get("unit") else ""
    sure = "" if row["confident"] else ", not confident"
    return f"{row['object_id']}: {name} {row['value']:.{digits}g}{ends}{unit}{sure}."


@_part
def _like(clause: Clause, memory: Memory) -> Part:
    objects, _ = yield from _whom(clause.of, memory)
    if len(objects) != 1:
        raise _Unanswered(f"{len(objects)} objects are meant, expected one.")
    if clause.thing:
        more = subject_of(clause.thing)
        if what := _rest(more, memory):  # "LINERs like ID"
            return (
                yield from _which(
                    replace(clause, of=replace(more, rest=""), thing=f"{what} like {objects[0]}"), memory
                )
            )
        if more.newest or more.place is not None:
            return (yield from _which(replace(clause, of=more, thing=f"like {objects[0]}"), memory))
    found = _asked((yield Call(tool="search", arguments={"objects": objects[:1], "k": 5})))
    near = found.rows[0]["neighbors"]
    memory.names, memory.target = [str(one["object_id"]) for one in near], ""
    listed = ", ".join(f"{one['object_id']} (distance {one['distance']:.3g})" for one in near)
    return [f"Most like {objects[0]}: {listed}."]


@_part
def _compare(clause: Clause, memory: Memory) -> Part:
    before: list[str] = []
    if clause.of.place is not None or clause.of.before:  # "compare it with ID"
        before, _ = yield from _whom(replace(clause.of, names=()), memory)
    objects, _ = yield from _whom(Subject(names=clause.of.names), memory)
    objects = list(dict.fromkeys([*before, *objects]))
    if len(objects) != 2:
        raise _Unanswered(f"{len(objects)} objects are named, expected two of the base.")
    if wanted := " ".join(word for word in _rest(clause.of, memory).split() if word.lower() != "in"):
        return (yield from _numbers(wanted, objects, memory))
    asked = {"objects": objects[:1], "against": objects[1], "figures": False}
    found = _asked((yield Call(tool="explain", arguments=asked)))
    return [f"Beside {objects[1]}: {' '.join(found.rows[0]['sentences'])}"]


@_part
def _odd(clause: Clause, memory: Memory) -> Part:
    objects, words = yield from _whom(clause.of, memory)
    if not objects:
        listed = _asked((yield Call(tool="objects", arguments={"limit": MOST})))
        if listed.counts["objects"] > MOST:
            raise _Unanswered(
                f"the base has {listed.counts['objects']} objects, and at most {MOST} are looked at. Name some."
            )
        objects = [str(row["object_id"]) for row in listed.rows]
    found = _asked((yield Call(tool="outliers", arguments={"objects": objects})))
    ranked = sorted(found.rows, key=lambda row: row["p_value"] if row["p_value"] is not None else 2.0)
    memory.names, memory.target = [str(row["object_id"]) for row in ranked], ""
    said = [
        f"{row['object_id']} (p {row['p_value']:.3g}): {row['reason'] or 'no reason known'}"
        for row in ranked[:5]
        if row["p_value"] is not None
    ]
    counts = found.counts
    many = (
        f"Of {words} {counts['unusual']} {'is' if counts['unusual'] == 1 else 'are'} unusual at p up to "
        f"{counts['unusual_from']:g} ({counts['by_chance']:.1f} expected by chance)"
    )
    return [f"{many}. The most unusual: {'; '.join(said)}."]


@_part
def _holds(clause: Clause, memory: Memory) -> Part:
    del clause
    yield from ()
    held = memory.contents
    labels = "; ".join(
        f"{name}: " + ", ".join(f"{value} {n}" for value, n in list(counts.items())[:NAMED])
        for name, counts in held["labels"].items()
    )
    what = f"{held['name']} holds {held['objects']} objects ({held['domain']})"
    return [f"{what}. Labels: {labels or 'none'}. Numbers: {', '.join(held['numbers']) or 'none'}."]


#: What answers each intent.
_ANSWERS: dict[str, Callable[[Clause, Memory], Part]] = {
    "which": _which, "count": _count, "why": _why, "class": _class, "number": _number, "like": _like,
    "compare": _compare, "odd": _odd, "holds": _holds,
}  # fmt: skip
