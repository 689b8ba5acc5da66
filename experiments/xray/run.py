"""python -m experiments xray: spectra of X-ray sources, part by part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.parts import ASKED_WRONGLY, DONE, Part, Parts, say
from experiments.xray.bench import Bench

#: The parts; `run(bench)` of a module measures it.
PARTS: dict[str, Part] = {
    "sources": Part(
        "experiments.xray.recognised",
        "real sources by the encoder that comes with the package: MUWCLASS, event lists, PHA files",
    ),
    "match": Part(
        "experiments.xray.matched",
        "mock sources against the real ones of MUWCLASS: colours, flux and signal-to-noise",
    ),
    "muwclass": Part(
        "experiments.xray.muwclass",
        "sources of MUWCLASS by encoder, variability and magnitudes, beside forests on columns",
    ),
    "information": Part(
        "experiments.xray.information",
        "mutual information of spectra with variability, with S/N and flux taken away",
    ),
    "encoders": Part(
        "experiments.xray.encoders",
        "every encoder on the same sources: classes and quantities by its vectors alone, mock and real",
        more=("colours.py",),
    ),
    "answers": Part(
        "experiments.xray.answers",
        "fits and estimates: fluxes of real Chandra sets, mock sources of known truth by counts",
    ),
}

XRAY = Parts("xray", PARTS, Path(__file__).parent, shared=("bench.py", "scores.py", "sources.py"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts; exit code 1 if one of them failed."""
    parser = XRAY.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="repetitions with other folds")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes")
    parser.add_argument(
        "--fast", type=int, default=0, metavar="N", help="at most N sources of the catalog, as a test"
    )
    given = parser.parse_args(arguments)
    names = XRAY.named(given.only)
    if not names:
        return ASKED_WRONGLY
    data = os.environ.get("SPECTROVE_DATA")
    bench = Bench(
        given.output, Path(data) if data else None, given.seeds, given.fast, workers=given.workers, say=say
    )
    bench.folder.mkdir(parents=True, exist_ok=True)
    if bench.data is None:
        say("no real sources (set SPECTROVE_DATA): only mock parts can run")
    return max([XRAY.measure(name, bench, given.again, given.keep) for name in names], default=DONE)
