"""python -m experiments literature: spectra and the papers that speak of them, part by part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.literature.bench import Bench
from experiments.parts import ASKED_WRONGLY, DONE, Part, Parts, say

_REAL = ("objects.py", "scores.py", "methods.py")
_MOCK = ("corpus.py", "mocked.py", "scores.py", "methods.py")

#: The parts; `run(bench)` of a module measures it.
PARTS: dict[str, Part] = {
    "names": Part("experiments.literature.named", "names in abstracts linked to sources", ("objects.py",)),
    "texts": Part("experiments.literature.embedded", "vectors of texts: does a title find its abstract"),
    "real": Part(
        "experiments.literature.real", "spectra and texts aligned on real links", (*_REAL, "corpus.py")
    ),
    "mock": Part("experiments.literature.mocked", "spectra and texts aligned on a mock corpus", _MOCK),
    "experts": Part(
        "experiments.literature.experts", "numbers from spectrum, text or both", (*_REAL, *_MOCK)
    ),
    "outliers": Part("experiments.literature.outliers", "a class left out, in the shared space", _MOCK),
}

LITERATURE = Parts("literature", PARTS, Path(__file__).parent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts; exit code 1 if one of them failed."""
    parser = LITERATURE.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="repetitions with other folds")
    parser.add_argument("--fast", action="store_true", help="few mock sources, as a test")
    given = parser.parse_args(arguments)
    names = LITERATURE.named(given.only)
    if not names:
        return ASKED_WRONGLY
    data = os.environ.get("SPECTROVE_DATA")
    bench = Bench(given.output, Path(data) if data else None, given.seeds, given.fast, say=say)
    bench.folder.mkdir(parents=True, exist_ok=True)
    if bench.data is None:
        say("no abstracts and no real sources (set SPECTROVE_DATA): only mock parts can run")
    return max([LITERATURE.measure(name, bench, given.again, given.keep) for name in names], default=DONE)
