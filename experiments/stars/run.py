"""python -m experiments stars: velocities, labels and neighbours of real stars, part by part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.parts import ASKED_WRONGLY, DONE, Part, Parts
from experiments.stars.bench import Bench

#: The parts; `run(bench)` of a module measures it.
PARTS: dict[str, Part] = {
    "velocities": Part(
        "experiments.stars.velocities",
        "velocities of stars at rest with noise, of LAMOST beside its own, and in the wrong medium",
        real=True,
    ),
    "neighbours": Part(
        "experiments.stars.neighbours",
        "labels by the nearest stars of the encoder, in folds by star",
        real=True,
    ),
    "types": Part(
        "experiments.stars.types",
        "spectral types by `classify`: MILES in folds by star, files of LAMOST from MILES",
        ("neighbours.py",),
        real=True,
    ),
    "outliers": Part(
        "experiments.stars.odd",
        "reasons of outliers: oddities put into real stars, and the same stars untouched",
        ("injected.py", "types.py", "neighbours.py"),
        real=True,
    ),
    "labels": Part(
        "experiments.stars.labels",
        "labels by the network: MILES in folds by star, LAMOST from MILES",
        real=True,
    ),
    "shared": Part(
        "experiments.stars.shared_errors",
        "what keeps labels from being better: a kernel beside the network, errors they share, and the continuum",
        ("labels.py",),
        real=True,
    ),
    "saliency": Part(
        "experiments.stars.saliency",
        "what the network of labels looks at: gradients in the windows of known lines",
        real=True,
    ),
    "flow": Part(
        "experiments.stars.flow",
        "posteriors of nine labels by the flow: computed mock stars at four S/N, where it looks, the real Sun",
        real=True,
    ),
    "anytoany": Part(
        "experiments.stars.anytoany",
        "any quantity of mock stars from any others by one network, beside methods refitted for each question",
        more=("refitted.py", "tokens_data.py"),
        real=True,
    ),
}

STARS = Parts("stars", PARTS, Path(__file__).parent, shared=("bench.py", "data.py"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts; exit code 1 if one of them failed."""
    given = STARS.parser(__doc__).parse_args(arguments)
    names = STARS.named(given.only, "SPECTROVE_DATA" in os.environ)
    if not names:
        return ASKED_WRONGLY
    bench = Bench(given.output)
    bench.folder.mkdir(parents=True, exist_ok=True)
    return max([STARS.measure(name, bench, given.again, given.keep) for name in names], default=DONE)
