"""python -m experiments ask: every way of asking, measured on plates left out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.ask.bench import Bench
from experiments.parts import ASKED_WRONGLY, DONE, Part, Parts, say

#: The parts; `run(bench)` of a module measures it.
PARTS: dict[str, Part] = {
    "numbers": Part("experiments.ask.numbers", "conditions over measured columns: how well P is calibrated"),
    "measured": Part("experiments.ask.measured", "how far the errors of measurements hold"),
    "words": Part("experiments.ask.words", "Sentences that the grammar reads as they were meant."),
    "review": Part(
        "experiments.ask.review",
        "looks through candidates: targets found, and how complete they are said to be",
    ),
    "examples": Part(
        "experiments.ask.examples",
        "hunts by example beside kNN, logistic regression and isolation forest + clicks",
        ("ranking.py", "methods.py", "told.py", "labelled.py"),
    ),
    "differences": Part(
        "experiments.ask.differences",
        "where sets differ, the direction between them, and epochs of one object",
    ),
}

ASK = Parts("ask", PARTS, Path(__file__).parent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts; exit code 1 if one of them failed."""
    parser = ASK.parser(__doc__)
    parser.add_argument("--draws", type=int, default=30, metavar="N", help="random draws of each setting")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="from which all seeds are derived")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes")
    given = parser.parse_args(arguments)
    names = ASK.named(given.only)
    if not names:
        return ASKED_WRONGLY
    data = os.environ.get("SPECTROVE_DATA")
    bench = Bench(
        given.output, Path(data) if data else None, given.draws, given.seed, workers=given.workers, say=say
    )
    bench.folder.mkdir(parents=True, exist_ok=True)
    if bench.data is None:
        say("no real spectra (set SPECTROVE_DATA): only mock parts can run")
    return max([ASK.measure(name, bench, given.again, given.keep) for name in names], default=DONE)
