"""python -m experiments sed: planners of photometric fits beside planners that know nothing, part by part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.parts import ASKED_WRONGLY, DONE, Part, Parts
from experiments.sed.bench import Bench

#: The parts; `run(bench)` of a module measures it.
PARTS: dict[str, Part] = {
    "search": Part(
        "experiments.sed.search",
        "the best of 864,000 models in twenty rounds, and with 1% of the models: real photometry of COSMOS",
        real=True,
    ),
    "structure": Part(
        "experiments.sed.structure",
        "which change of structure is named first for mocks that need one, and for mocks that need none",
        ("mocks.py",),
        real=True,
    ),
    "redshifts": Part(
        "experiments.sed.redshifts",
        "whether a wrong redshift is flagged: real photometry of zCOSMOS with its own redshifts, and with others",
        ("mocks.py",),
        real=True,
    ),
}

SED = Parts("sed", PARTS, Path(__file__).parent, shared=("bench.py", "data.py"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts; exit code 1 if one of them failed."""
    given = SED.parser(__doc__).parse_args(arguments)
    names = SED.named(given.only, "SPECTROVE_DATA" in os.environ)
    if not names:
        return ASKED_WRONGLY
    bench = Bench(given.output)
    bench.folder.mkdir(parents=True, exist_ok=True)
    return max([SED.measure(name, bench, given.again, given.keep) for name in names], default=DONE)
