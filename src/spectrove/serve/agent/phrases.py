"""English questions as data: what is asked, about which objects. One table of patterns, tried in order."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, cast

Intent = Literal["which", "count", "why", "class", "number", "like", "compare", "odd", "holds"]

#: Words that begin a new question after "and" or a mark.
_BEGIN = r"(?:why|how|which|what|who|compare|list|find|show|give|count|classify|estimate|is|are)"
_CLAUSES = re.compile(rf"(?:\?|;|\.|,?\s+and\b|,)\s+(?=(?:and\s+)?{_BEGIN}\b)", re.IGNORECASE)

#: Words for the newest objects of a base.
_NEWEST = re.compile(r"\b(?:tonight|last night|newest|latest|most recent|new)(?:'s|s')?\b", re.IGNORECASE)
_ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "last": -1, "best": 0, "top": 0}
_ORDINAL = re.compile(
    rf"\b(?:the\s+)?({'|'.join(_ORDINALS)})(?:\s+(?:one|spectrum|object)|\s+of\s+(?:these|those|them))?"
    r"(?=\s*$|\s+(?:is|are|was|not|an?|with|to|and|from|than)\b)",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\b(?:it|its|they|them|that one|this one|those|these)\b", re.IGNORECASE)

#: A name of an object: letters, digits and joints, with a digit in it.
_NAME = re.compile(r"(?<![\w.#+:-])(?=[\w.#+:-]*\d)[A-Za-z0-9][\w.#+:-]*[A-Za-z0-9](?![\w#+:])")

#: Words of a subject that say nothing of whom it is about.
_FILLING = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "all",
        "any",
        "my",
        "me",
        "our",
        "these",
        "those",
        "spectra",
        "spectrum",
        "objects",
        "object",
        "sources",
        "source",
        "ones",
        "one",
        "base",
    ]
)
_COMPARING = frozenset(
    [
        "with",
        "to",
        "and",
        "from",
        "than",
        "is",
        "are",
        "does",
        "do",
        "compare",
        "compared",
        "differ",
        "differs",
        "different",
        "between",
        "other",
    ]
)

_DECIMAL = re.compile(r"\d+\.\d*")

#: One name in a pattern, and several; and words for what was spoken of.
_ONE = r"(?=[\w.#+:-]*\d)[\w.#+:-]+"
_SEVERAL = rf"{_ONE}(?:\s*(?:,|,?\s+(?:and|or))\s+{_ONE})*"
_THEY = r"(?:it|they|these|those|this one|that one|(?:the\s+)?\w+ one)"

_ODD = re.compile(
    r"\b(?:outliers?|unusual|odd(?:est)?|strange(?:st)?|weird(?:est)?|anomal(?:y|ies|ous)|peculiar)\b",
    re.IGNORECASE,
)

_ARE = r"(?:are|is|looks? like|have|has|shows?)"
_THERE = r"(?:are there|are|is|do (?:we|you) have|have you|does it (?:hold|have)|does the base (?:hold|have)|exist)"

#: Words that make "unusual" stronger or say of what, and nothing more.
_STRESSING = frozenset(["most", "more", "very", "really", "quite", "about", "in", "with", "there"])

#: Patterns of a clause, tried in this order; `thing` is what is looked for, `of` whom it is about.
_PATTERNS: tuple[tuple[Intent, re.Pattern[str]], ...] = tuple(
    (cast("Intent", intent), re.compile("".join(parts), re.IGNORECASE))
    for intent, *parts in (
        ("why", r"^why\b(?P<of>.*)$"),
        (
            "compare",
            r"^(?:compare|how (?:do|does|is|are)|what is the difference between)\b",
            r"(?P<of>.*\b(?:with|to|and|from|than)\b.*)$",
        ),
        (
            "like",
            r"^(?:what|which|find|show|list)(?: me)?\b(?P<thing>.*?)\s*\b(?:(?:looks?|is|are)\s+)?(?:most\s+)?",
            r"(?:like|similar to)\s+(?P<of>.+)$",
        ),
        ("like", r"^(?:what|which) are the (?:nearest )?neighbou?rs of (?P<of>.+)$"),
        (
            "count",
            r"^(?:how many|count)(?: of)?\s+(?P<of>(?:the|tonight|last|all|new|my)\b.*?)\s+",
            rf"{_ARE}\s+(?P<thing>.+)$",
        ),
        (
            "count",
            rf"^(?:how many|count)\s+(?P<thing>.+?)(?:\s+{_THERE})?(?:\s+(?:in|among|of)\s+(?P<of>.+))?$",
        ),
        ("class", r"^(?:what|which)\s+(?:kind|class|type|sort)\b.*\b(?:is|are|of)\s+(?P<of>.+)$"),
        ("class", r"^classify\s+(?P<of>.+)$"),
        ("class", rf"^what (?:is|are)\s+(?P<of>{_SEVERAL}|{_THEY})$"),
        (
            "number",
            r"^(?:what is|estimate|give|find)(?: me)?\s+(?:the\s+)?(?P<thing>.+?)\s+(?:of|for)\s+(?P<of>.+)$",
        ),
        (
            "holds",
            r"^(?:what (?:is in|does).*\b(?:base|hold|contain)\b.*|what do you (?:hold|know).*|describe the base)$",
        ),
        (
            "which",
            rf"^(?:which|what)\s+{_ARE}\s+(?P<thing>(?:(?!\b(?:among|of|from)\b).)+?)\s+",
            r"(?:among|of|from)\s+(?P<of>.+)$",
        ),
        (
            "which",
            rf"^(?:is|are)\s+(?P<of>{_THEY}|{_SEVERAL})\s+(?P<thing>.+)$",
        ),
        (
            "which",
            r"^(?:(?:is|are) there\s+)?(?:any|an?)\s+(?P<thing>.+?)(?:\s+(?:among|in|from)\s+(?P<of>.+))?$",
        ),
        ("which", r"^(?:is|are) there\s+(?P<thing>.+?)(?:\s+(?:among|in|from)\s+(?P<of>.+))?$"),
        ("which", rf"^(?:which|what|are any)\b(?: of)?\s+(?P<of>.*?)\s*\b{_ARE}\s+(?P<thing>.+)$"),
        (
            "which",
            r"^(?:find|show|list|give|which)(?: me)?\s+(?:all |any |the )*(?P<thing>.+?)",
            r"(?:\s+(?:among|of|from)\s+(?P<of>.+))?$",
        ),
        ("number", rf"^(?:the\s+)?(?P<thing>[\w ]+?)\s+(?:of|for)\s+(?P<of>{_SEVERAL}|{_THEY})$"),
    )
)


@dataclass(frozen=True)
class Subject:
    """Whom a question is about.

    Attributes:
        newest: The objects of the newest night.
        place: Of the objects of the answer before: 0 the first, -1 the last; None for none of them.
        before: Whom the question before was about.
        names: Words that may be names of objects.
        rest: Words that say more of whom it is about, which nothing above holds.
        words: The same with what may be names, in their order.
    """

    newest: bool = False
    place: int | None = None
    before: bool = False
    names: tuple[str, ...] = ()
    rest: str = ""
    words: str = ""


@dataclass(frozen=True)
class Clause:
    """One question.

    Attributes:
        intent: What is asked.
        of: Whom it is about.
        thing: What is looked for, in words.
        text: As it was written.
    """

    intent: Intent
    of: Subject
    thing: str
    text: str


def clauses_of(question: str) -> list[Clause | str]:
    """The questions of a sentence, in order; what cannot be read is left as its words."""
    question = re.sub(
        r"\b(what|which|how)'s\b", r"\1 is", question.replace("\u2019", "'"), flags=re.IGNORECASE
    )
    parts = [part.strip(" \t\n?.!,;") for part in _CLAUSES.split(question)]
    return [_clause(re.sub(r"^and\s+", "", part, flags=re.IGNORECASE)) for part in parts if part]


def _clause(text: str) -> Clause | str:
    for intent, pattern in _PATTERNS:
        if not (found := pattern.match(text)):
            continue
        groups = found.groupdict()
        thing = (groups.get("thing") or "").strip()
        # Of "list tonight's outliers" both the thing and whom it is about stand in one place.
        about = groups.get("of") or ("" if intent == "number" else thing)
        subject = subject_of(about, _COMPARING if intent == "compare" else frozenset())
        if intent in ("which", "count") and _ODD.search(thing):
            more = subject_of(_ODD.sub(" ", thing), _STRESSING)
            said = " ".join([subject.rest, more.rest]).strip() if about != thing else more.rest
            return Clause("odd", replace(subject, rest=said), bare(thing), text)
        if about == thing:  # its words are looked for, they say nothing more of whom
            subject = replace(subject, names=(), rest="", words="")
        if intent == "like":
            more = subject_of(thing)
            thing = thing if more.rest or more.newest or more.place is not None else ""
        return Clause(intent, subject, bare(thing) if intent != "like" else thing, text)
    return text


def subject_of(text: str, filling: frozenset[str] = frozenset()) -> Subject:
    """Whom words are about.

    Args:
        text: The words.
        filling: Words that say nothing, beside the usual ones.
    """
    ordinal = _ORDINAL.search(text)
    names = tuple(name for name in _NAME.findall(text) if not _DECIMAL.fullmatch(name))
    rest = text
    for pattern in (_NEWEST, _ORDINAL, _PRONOUN):
        rest = pattern.sub(" ", rest)
    words = [word.strip(",;'\"") for word in rest.split()]
    told = [word for word in words if word and word.lower() not in _FILLING | filling]
    return Subject(
        newest=bool(_NEWEST.search(text)),
        place=None if ordinal is None else _ORDINALS[ordinal.group(1).lower()],
        before=bool(_PRONOUN.search(text)),
        names=names,
        rest=" ".join(word for word in told if word not in names),
        words=" ".join(told),
    )


def bare(thing: str) -> str:
    """What is looked for without articles and without the words for the newest."""
    thing = _NEWEST.sub(" ", thing)
    thing = re.sub(r"^(?:all|any|the|an|a|of|my)\b\s*", "", " ".join(thing.split()), flags=re.IGNORECASE)
    return thing.strip()


def forms(name: str) -> set[str]:
    """A name as people write it: with spaces, in one and in several."""
    plain = re.sub(r"[\s_-]+", " ", name.lower()).strip()
    plural = f"{plain}es" if plain.endswith(("s", "x", "sh", "ch")) else f"{plain}s"
    ies = {f"{plain[:-1]}ies"} if plain.endswith("y") else set()
    return {plain, plural, *ies}


def same(words: str, name: str) -> bool:
    """Whether words mean this name."""
    return re.sub(r"[\s_-]+", " ", words.lower()).strip() in forms(name)
