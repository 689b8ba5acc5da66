"""spectrove hunt --text: a sentence in place of a target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import WordsError
from spectrove.serve import text
from spectrove.serve.bases import open_base
from spectrove.serve.exits import UsageError, usage_errors
from spectrove.serve.output import say
from spectrove.serve.progress import progress_bar

if TYPE_CHECKING:
    from spectrove.pipeline.hunt_text import TextHunt

Text = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="SENTENCE",
        help="In place of a target: words, 'quiescent galaxies with strong Na D'; see docs/words.md.",
    ),
]


def heard(kb: Path, where: str | None, sentence: str) -> TextHunt:
    """What a sentence hunts; how it was read is printed on stderr."""
    base = open_base(kb, where)
    from spectrove.pipeline.hunt_text import text_hunt

    with usage_errors(), progress_bar("measuring", len(base)) as advance:
        found = text_hunt(base, sentence, advance)
    for line in text.reading_lines(found.about):
        say(line, as_json=True)
    return found


def said_by(found: TextHunt) -> dict[str, Any]:
    """The options of a hunt that a sentence stands for: its condition, or its examples."""
    reading = found.reading
    return {
        "condition": found.condition,
        "like": ",".join(reading.like) or None,
        "unlike": ",".join(reading.unlike) or None,
        "region": list(reading.regions) or None,
    }


def condition_of(kb: Path, where: str | None, sentence: str) -> str:
    """The condition of a sentence, for what has no examples."""
    found = heard(kb, where, sentence)
    if found.condition is None:
        names = ", ".join(found.reading.like)
        raise UsageError(
            WordsError(
                f"{sentence!r} has examples ({names}) and no condition; an answer by likeness is explained where "
                "it is given: hunt --like prints why. Say a condition."
            )
        )
    return found.condition
