"""python -m experiments literature: spectra and the papers that speak of them, part by part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.literature.bench import Bench
from experiments.parts import ASKED_WRONGLY, DONE, Part, Parts, repeated, say

_REAL = ("objects.py", "scores.py", "methods.py")
_MOCK = ("corpus.py", "mocked.py", "scores.py", "methods.py")

#: The parts; `run(bench)` of a module measures it.
PARTS: dict[str, Part] = {
    "names": Part(
        "experiments.literature.named", "names in abstracts linked to sources", ("objects.py",), real=True
    ),
    "texts": Part(
        "experiments.literature.embedded", "vectors of texts: does a title find its abstract", real=True
    ),
    "real": Part(
        "experiments.literature.real",
        "spectra and texts aligned on real links",
        (*_REAL, "corpus.py"),
        real=True,
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
    repeated(parser)
    given = parser.parse_args(arguments)
    data = os.environ.get("SPECTROVE_DATA")
    names = LITERATURE.named(given.only, bool(data))
    if not names:
        return ASKED_WRONGLY
    bench = Bench(given.output, Path(data) if data else None, given.seeds, bool(given.fast), say=say)
    bench.folder.mkdir(parents=True, exist_ok=True)
    return max([LITERATURE.measure(name, bench, given.again, given.keep) for name in names], default=DONE)
