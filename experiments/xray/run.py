"""python -m experiments xray: spectra of X-ray sources, part by part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.parts import ASKED_WRONGLY, DONE, Part, Parts, repeated, say
from experiments.xray.bench import Bench

#: The parts; `run(bench)` of a module measures it.
PARTS: dict[str, Part] = {
    "sources": Part(
        "experiments.xray.recognised",
        "real sources by the encoder that comes with the package: MUWCLASS, event lists, PHA files",
        real=True,
    ),
    "match": Part(
        "experiments.xray.matched",
        "mock sources against the real ones of MUWCLASS: colours, flux and signal-to-noise",
        real=True,
    ),
    "muwclass": Part(
        "experiments.xray.muwclass",
        "sources of MUWCLASS by encoder, variability and magnitudes, beside forests on columns",
        real=True,
    ),
    "information": Part(
        "experiments.xray.information",
        "mutual information of spectra with variability, with S/N and flux taken away",
        real=True,
    ),
    "encoders": Part(
        "experiments.xray.encoders",
        "every encoder on the same sources: classes and quantities by its vectors alone, mock and real",
        more=("colours.py",),
    ),
    "answers": Part(
        "experiments.xray.answers",
        "fits and estimates: fluxes of real Chandra sets, mock sources of known truth by counts",
        more=("true_model.py",),
    ),
    "odd": Part(
        "experiments.xray.odd",
        "oddities put into mock sources: how many are found, and whether the reason is theirs",
        more=("recognised.py",),
    ),
}

XRAY = Parts("xray", PARTS, Path(__file__).parent, shared=("bench.py", "scores.py", "sources.py"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts; exit code 1 if one of them failed."""
    parser = XRAY.parser(__doc__)
    repeated(parser)
    given = parser.parse_args(arguments)
    data = os.environ.get("SPECTROVE_DATA")
    names = XRAY.named(given.only, bool(data))
    if not names:
        return ASKED_WRONGLY
    bench = Bench(
        given.output, Path(data) if data else None, given.seeds, given.fast, workers=given.workers, say=say
    )
    bench.folder.mkdir(parents=True, exist_ok=True)
    return max([XRAY.measure(name, bench, given.again, given.keep) for name in names], default=DONE)
