"""Hunts by words: a sentence whose conditions become a target in numbers, or whose examples are hunted by likeness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from spectrove.errors import KnowledgeError, TargetError, WordsError
from spectrove.inference.numbers.words import grounded
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.answers import Answers
from spectrove.pipeline.by_condition import hunt_by_condition
from spectrove.pipeline.domains import domain_of
from spectrove.pipeline.examples import hunt_like
from spectrove.pipeline.options import HuntOptions
from spectrove.pipeline.words import read_text
from spectrove.spectra import SpectrumSet
from spectrove.targets import condition_target
from spectrove.words.reading import Reading, sql

#: Options of a hunt that examples know too.
_OF_EXAMPLES = ("where", "prevalence", "witness", "allow_self", "encoder")


@dataclass(frozen=True)
class TextHunt:
    """What a sentence hunts.

    Attributes:
        reading: The sentence, in numbers alone; those of the base in place of "strong" or "than ID".
        condition: What is asked of each spectrum; None where the sentence has examples.
    """

    reading: Reading
    condition: str | None

    @property
    def about(self) -> dict[str, Any]:
        """How the sentence was read, as `search_text` has it in its provenance."""
        read = self.reading
        return {
            "text": read.text,
            "sentence": read.sentence,
            "read": [list(pair) for pair in read.lines()],
            "notes": list(read.notes),
        }


def text_hunt(base: KnowledgeBase, text: str, progress: Callable[[int], None] | None = None) -> TextHunt:
    """What a sentence hunts among spectra that are not in the base: a condition, or likeness to examples.

    Args:
        base: Its numbers say what is strong or red; its objects are the examples.
        text: The sentence, see docs/words.md.
        progress: Called with the number of the base's spectra that were measured since the last call.

    Raises:
        WordsError: The sentence cannot be read; it has conditions and examples, or neither; it asks for an order, or
            for what no number of a new spectrum tells.
    """
    reading = read_text(base, text)
    _check(reading)
    if reading.demands is None:
        return TextHunt(reading, None)
    compared = reading.compared
    reading = grounded(base, domain_of(base), reading, progress)
    if compared:
        reading = replace(
            reading, notes=(*reading.notes, f"the numbers of {', '.join(compared)} are taken as exact")
        )
    assert reading.demands is not None
    return TextHunt(reading, sql(reading.demands))


def _check(reading: Reading) -> None:
    """Refuse what is no hunt for one thing."""
    if reading.order is not None:
        said = reading.order.written or reading.order.words
        raise WordsError(
            f"{said!r} asks for an order by {reading.order.column}, and a hunt ranks by probability. Say a condition, "
            "'strong' or a limit in numbers, with 'top 20' or --top 20; search --text orders the objects of the base."
        )
    examples = reading.like or reading.unlike
    if reading.demands is not None and examples:
        raise WordsError(
            f"{reading.text!r} has a condition and examples ({', '.join(examples)}), of which a hunt takes one: their "
            "probabilities cannot be joined. Leave one out; search --text takes both among the objects of the base."
        )
    if reading.demands is None and not reading.like:
        found = "only counterexamples" if reading.unlike else "neither a condition nor an example"
        raise WordsError(f"{reading.text!r} has {found}. Say what is hunted: a condition, or 'like ID'.")


def only_text(target: Any, condition: str | None) -> None:
    """Refuse a sentence beside another thing that says what is hunted."""
    if target is not None or condition is not None:
        other = "a target" if target is not None else "a condition"
        raise TargetError(f"hunt: a text and {other} are given, and each says what is hunted. Give one.")


def hunt_by_text(base: KnowledgeBase, spectra: SpectrumSet, chosen: HuntOptions) -> Answers:
    """Probability that each spectrum is what a sentence says; how it was read is in the provenance.

    Raises:
        WordsError: As for `text_hunt`; or the sentence says how many, while every spectrum is answered.
        KnowledgeError: As for a hunt by the condition or by the examples.
    """
    asked = text_hunt(base, chosen.text or "")
    reading = asked.reading
    if reading.limit is not None:
        raise WordsError(
            f"{reading.text!r} asks for {reading.limit}, and every spectrum is answered. Leave the number out and take "
            "the first of the answers sorted by `rank`."
        )
    if asked.condition is None:
        answers = hunt_like(
            base, spectra, list(reading.like), unlike=list(reading.unlike) or None,
            region=list(reading.regions) or None, **_for_examples(chosen),
        )  # fmt: skip
    else:
        answers = hunt_by_condition(base, spectra, chosen.applied(condition_target(asked.condition)), chosen)
    return replace(answers, provenance={**answers.provenance, **asked.about})


def _for_examples(chosen: HuntOptions) -> dict[str, Any]:
    """The options that were given, refused unless examples know them."""
    given = {name: getattr(chosen, name) for name in chosen.model_fields_set if name != "text"}
    given = {name: value for name, value in given.items() if value != HuntOptions.model_fields[name].default}
    if wrong := sorted(set(given) - set(_OF_EXAMPLES)):
        raise KnowledgeError(
            f"hunt: {', '.join(wrong)}: of hunts for a target, and the sentence has examples. Leave it out."
        )
    return given
