"""Sentences of errors for people who have the page alone.

An error is raised once and says what to do at the command line; its options and commands are of no use to somebody
who has only the page. Here is what the page has in their place, as one table, and how a sentence is read with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from spectrove.pipeline.verbs import VERBS

#: Where fields stand that say how files are read, and those of a hunt.
_READING, _HUNT = "(on Start, “How files are read”)", "(on Hunts, “As the target says, but with”)"


@dataclass(frozen=True)
class Way:
    """What people do on the page where others type an option or a command.

    Attributes:
        place: Where the same is said on the page; "" where the page has no place for it.
        how: The preposition before the place.
        instead: Sentence for what is done in place of it; "" where there is nothing.
    """

    place: str = ""
    how: str = "in"
    instead: str = ""


def _field(name: str, where: str = "") -> Way:
    return Way(f"the field “{name}” {where}".strip())


_STARTED = Way(instead="Whoever started the server can change that.")

#: By option, or by command; what is not here can be done by whoever keeps the base alone.
WAYS: dict[str, Way] = {
    "--columns": _field("Columns", _READING),
    "--medium": _field("Wavelengths in", _READING),
    "--wavelength-unit": _field("Unit of wavelengths", _READING),
    "--flux-unit": _field("Unit of flux", _READING),
    "--error-unit": _field("Unit of errors", _READING),
    "--response": Way(instead="Bring spectra together with the files that they name."),
    "--prevalence": _field("Prevalence", _HUNT),
    "--threshold": _field("Threshold", _HUNT),
    "--view": _field("Views", _HUNT),
    "--where": _field("Neighbours only with", _HUNT),
    "--label": _field("Column"),
    "--target": Way("a target on the page Hunts", "by"),
    "--like": Way("examples on the page Hunts", "by"),
    "--review": Way("the list of the hunt"),
    "--write": _STARTED,
    "--host": _STARTED,
    "--allow-host": _STARTED,
    "--marks": _STARTED,
    "--max-spectra": _STARTED,
    "--max-upload": _STARTED,
    "search --text": Way("a sentence in the field “Find”", "by"),
    "kb info": Way(instead="The page Start lists the columns."),
    "kb list": Way(instead="The page Start finds objects."),
    "kb versions": Way(instead="The page About lists them."),
    "kb curate": Way("the page Labels", "on"),
}

#: Commands that take options and whose names are words, too.
_ASKING = "|".join(sorted({verb.command.split()[0] for verb in VERBS.values()} | {"explain", "ingest"}))
_COMMAND = rf"(?:\bspectrove (?:kb )?[a-z]+|\bkb [a-z]+|\b(?:{_ASKING})(?= --))"
_OPTION = r"(?<![\w-])--[a-z][a-z-]*[a-z]\b"
_TWO = "|".join(re.escape(name) for name in WAYS if " --" in name)

_NAMED = re.compile(f"{_TWO}|{_OPTION}|{_COMMAND}")
_UNIT = re.compile(r"(?<=[.!?;])\s+")
_CHOICE = re.compile(r"[,;] or | or (?=--)")

#: Before what the page cannot do.
KEEPER = "For whoever keeps the base: "


def for_page(text: str) -> str:
    """The text with what can be done on the page in place of options and commands.

    An option that is a field of the page is called by its name; an alternative that the page does not have is left out
    as long as another one stays. Advice that nobody can follow on the page says whose it is.
    """
    if not _NAMED.search(text) or not text.rstrip().endswith((".", "!", "?")):
        return text
    told: list[str] = []
    for unit in _UNIT.split(text):
        said = _on_page(unit)
        if told and told[-1].endswith(";") and said != unit and said[:1].isupper():
            told[-1] = f"{told[-1][:-1]}."
        if said not in told:
            told.append(said)
    return " ".join(told)


def _on_page(unit: str) -> str:
    """A sentence or a part of one; two where something is done in place of what it says."""
    named = _names(unit)
    if not named:
        return unit
    end = unit[-1] if unit[-1] in ".!?;" else ""
    used: set[str] = set()
    choices = [_in_words(one, used) for one in _CHOICE.split(unit.removesuffix(end))]
    kept = [one for one in choices if one is not None]
    instead = " ".join(
        dict.fromkeys(way.instead for name in named if (way := WAYS.get(name)) and way.instead)
    )
    if kept and (choices[0] is not None or ": " not in unit):
        said = ", or ".join(kept) + end
        said = f"{said[:1].upper()}{said[1:]}" if unit[0].isupper() else said
        return f"{said} {instead}".strip() if len(kept) < len(choices) else said
    if ": " in unit:  # it says what was found, and not what to do
        return unit
    return instead or f"{KEEPER}{unit[:1].lower()}{unit[1:]}"


def _names(text: str) -> list[str]:
    return [one.removeprefix("spectrove ") for one in _NAMED.findall(text)]


def _in_words(choice: str, used: set[str]) -> str | None:
    """The choice with places of the page in place of names; None where the page has no place for one of them.

    Args:
        choice: An alternative.
        used: Names that were said before in this sentence, which a person would not repeat.
    """
    for name in _names(choice):
        way = WAYS.get(name)
        if way is None or not way.place:
            return None
        pattern = rf"(?P<before>(?:\b(?:with|by|in|as|give|an?) )*)(?:spectrove )?{re.escape(name)}(?P<value> \S+=\S+)?"
        found = re.search(pattern, choice)
        assert found is not None
        value, before = (found["value"] or "").strip(), found["before"]
        if name in used:
            said = f"as {value}".strip() if before == "as " else value
        else:
            prefix = "fill in " if "give " in before else (f"{way.how} " if before else "")
            said = f"{prefix}{way.place}" + (f" as {value}" if value else "")
        used.add(name)
        choice = f"{choice[: found.start()]}{said}{choice[found.end() :]}" if said else (
            choice[: found.start()] + choice[found.end() :].lstrip()
        )  # fmt: skip
    return choice
