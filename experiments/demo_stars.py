"""The demo on stars: a mock survey as files, a base of it, and stars that it does not hold read in every way there is.

Mock stars only: what they say of real ones is in experiments/stars/README.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import spectrove
from experiments.demo import say, step
from spectrove.errors import SpectroveError
from spectrove.explanation.report import write_report
from spectrove.inference.numbers.estimate import NEIGHBOURS
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.pipeline.base import Base
from spectrove.readers import ingest, read_dataset
from spectrove.spectra import SpectrumSet
from spectrove.stars.domain import STARS
from spectrove.stars.mock import write_survey
from spectrove.stars.quantities import LABELS

#: No recipe that something learned from has this seed.
SEED = 42
#: What has to be known beside the figures of an estimator: these stars have lines as they are computed.
NOTES = {
    "flow": "it learned lines as deep as those of the real Sun, for real stars; of stars with computed lines, as these "
    "are, it is too sure, and flow_lte is what reads them"
}
#: Every so many-th star is asked about, and is not in the base.
ASKED = 8


def run(out: Path, n: int = 600) -> Path:
    """Write `out/stars.html`, the explanation of one star; figures of all that are asked about go to stderr."""
    out.mkdir(parents=True, exist_ok=True)
    files, dataset, kb = out / "stars", out / "stars.lance", out / "stars-base.kb"
    for old in (files, dataset, kb):
        shutil.rmtree(old, ignore_errors=True)
    with step(f"make {n} mock stars as FITS tables"):
        catalog = write_survey(n, files, seed=SEED)
    with step("ingest them"):
        ingest([files], dataset, catalogs=[catalog])
    stars = read_dataset(dataset)
    asked = np.arange(len(stars)) % ASKED == 0
    with step(f"a base of {(~asked).sum()} of them"):
        base, _ = spectrove.create(kb, [stars.take(np.flatnonzero(~asked))], domain="stars")
    queries = stars.take(np.flatnonzero(asked))
    with step(f"ask it about the other {len(queries)}"):
        for line in told(base, queries):
            say(f"    {line}")
    with step("explain one of them"):
        return explain(base, queries, out)


def told(base: Base, queries: SpectrumSet) -> Iterator[str]:
    """What is known of stars and what it is worth against their truth, line by line."""
    found = base.search(queries.take(np.arange(1)), k=3)
    for one in found:
        near = ", ".join(f"{n['object_id']} (d {n['distance']:.2f})" for n in one.neighbors)
        yield f"the stars most like {one.object_id}: {near}"
    classes = base.classify(queries, "luminosity")
    truth = dict(zip(queries.object_id.tolist(), queries.column("luminosity"), strict=True))
    right = sum(one.value == truth[one.object_id] for one in classes)
    yield f"giants and dwarfs told apart: {right} of {len(queries)}"
    velocities = base.redshift(queries)
    true = np.array(queries.column("velocity"), float)
    off = np.array([np.nan if one.z is None else one.z * SPEED_OF_LIGHT for one in velocities]) - true
    yield f"velocity: {np.isfinite(off).sum()} of {len(queries)} have one, scatter {scatter(off):.2f} km/s"
    for by in (NEIGHBOURS, *STARS.estimators):
        yield from by_estimator(base, queries, by)


def by_estimator(base: Base, queries: SpectrumSet, by: str) -> Iterator[str]:
    """The scatter of every quantity that one way gives, and how often its 68% intervals hold the truth."""
    names = LABELS if by == NEIGHBOURS else STARS.estimators[by].quantities
    answers = base.estimate(queries, ",".join(names), by=by)
    said = f"by {by}: {len(answers)} of {len(queries)} read"
    if answers.refusals:
        said += f"; {answers.refusals[0].error.partition(': ')[2]}"
    yield said
    if by in NOTES and len(answers):
        yield f"    {NOTES[by]}"
    place = {str(name): i for i, name in enumerate(queries.object_id)}
    for name in names if len(answers) else ():
        true = np.array(queries.column(name), float)[[place[one.object_id] for one in answers]]
        ones = [one[name] for one in answers]
        value = np.array([np.nan if one.value is None else one.value for one in ones], float)
        held = [
            one.interval[0] <= t <= one.interval[1] for one, t in zip(ones, true, strict=True) if one.interval
        ]
        unit = STARS.quantities[name].unit
        yield (
            f"    {name:<6} scatter {scatter(value - true):.3g} {unit}, spread of the stars {np.std(true):.3g}; "
            f"68% intervals hold {np.mean(held):.2f}"
        )


def scatter(off: np.ndarray) -> float:
    """1.4826 times the median absolute deviation of what is known."""
    known = off[np.isfinite(off)]
    return float(1.4826 * np.median(np.abs(known - np.median(known)))) if len(known) else float("nan")


def explain(base: Base, queries: SpectrumSet, out: Path) -> Path:
    """The page about the star with the most signal."""
    best = int(np.argmax(np.array(queries.column("sn_angstrom"), float)))
    answers = base.classify(queries.take(np.array([best])), "luminosity")
    background = STARS.panels.background(base)
    return write_report(answers.explain(0), out / "stars.html", background=background, figures=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `make demo-stars` runs."""
    os.environ.setdefault("RUST_LOG", "error")
    parser = argparse.ArgumentParser("python -m experiments demo_stars", description=__doc__)
    parser.add_argument("-n", type=int, default=600, help="mock stars")
    parser.add_argument("-o", "--out", type=Path, default=Path("demo"), help="folder to write to")
    options = parser.parse_args(arguments)
    try:
        path = run(options.out, options.n)
    except SpectroveError as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the same command begins anew")
        return 130
    print(path)
    say(f"make page opens its base in a browser (spectrove serve {options.out / 'stars-base.kb'} --open)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
