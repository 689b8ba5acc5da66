"""What is fitted once on a base, and a warm answer: seconds of processor by the size of the base.

    OMP_NUM_THREADS=1 python benchmarks/fits.py                  # 20,600 and 100,000 objects
    PYTHONPATH=OTHER/src python benchmarks/fits.py               # the same with the code of another checkout

The objects are drawn: classes of correlated numbers on plates, three pixels of light each, in a base in memory. What is
timed is the work of Spectrove itself and not of measurements in spectra, which do not grow with a base. Processor time
(on one thread, as above) is what other work on the machine changes least.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from spectrove.embeddings import Embeddings
from spectrove.inference import answer, calibration_for, classify, metric_for
from spectrove.inference.numbers.of_base import estimator_for
from spectrove.inference.numbers.quantities import Quantity
from spectrove.inference.outlier_score import log_distances, reference_of
from spectrove.inference.pool import Pool
from spectrove.inference.terms import Terms
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import Spectrum, SpectrumSet

#: Shares of five classes, and how far apart they are in units of their width.
SHARES = (0.46, 0.31, 0.12, 0.09, 0.02)
APART = 2.5

#: Objects on a plate, and queries of a warm answer.
PLATE, QUERIES = 640, 20


def drawn(n: int, dimensions: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (n, dimensions) and classes of n objects."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(len(SHARES), size=n, p=SHARES)
    vectors = (rng.normal(size=(n, dimensions)) / np.sqrt(1 + np.arange(dimensions))).astype(np.float32)
    vectors[np.arange(n), classes] += APART / np.sqrt(1 + classes)
    return vectors, classes


def without_light(
    ids: list[str], classes: np.ndarray | None = None, values: np.ndarray | None = None
) -> SpectrumSet:
    """Spectra of three pixels."""
    pixels = 4000.0 + np.arange(3), np.ones(3, "f4"), np.ones(3, "f4"), np.zeros(3, "i4"), np.ones(3, "f4")
    rows: list[dict[str, Any]] = [{} for _ in ids]
    if classes is not None and values is not None:
        rows = [
            {"kind": f"class {classes[i]}", "plate": i // PLATE, "number": float(values[i])}
            for i in range(len(ids))
        ]
    return SpectrumSet.from_spectra([Spectrum(n, *pixels, row=row) for n, row in zip(ids, rows, strict=True)])


def embedded(ids: list[str], vectors: np.ndarray) -> Embeddings:
    """Vectors as an encoder gives them."""
    return Embeddings(vectors, np.array(ids), "f", np.tile([3700.0, 8700.0], (len(ids), 1)), "made")


def measured(n: int, dimensions: int) -> dict[str, float]:
    """Seconds of processor of each step on a base of n objects."""
    vectors, classes = drawn(n, dimensions, 1)
    ids, taken = [f"o{i:07d}" for i in range(n)], {}
    values = vectors[:, 0] + np.random.default_rng(2).normal(size=n)
    spectra = without_light(ids, classes, values)
    base = KnowledgeBase.in_memory(spectra, {"shape": embedded(ids, vectors)}, encoder="made")
    asked, _ = drawn(QUERIES + 1, dimensions, 3)
    names = [f"q{i}" for i in range(len(asked))]
    query, light, pool = embedded(names, asked), without_light(names), Pool.of(base, "kind")
    terms = Terms(group="plate", groups="plates")

    def timed(what: str, make: Callable[[], Any]) -> Any:
        start = time.process_time()
        made = make()
        taken[what] = time.process_time() - start
        return made

    def classified(at: int) -> None:
        metric = metric_for(pool, "linear", group="plate")
        calibrated = calibration_for(pool, metric=metric, terms=terms)
        one, spectrum = query.take(np.array([at])), light.take(np.array([at]))
        near = base.search(one, 3, spectra=spectrum, metric=metric.metrics, **pool.arguments)
        answer(classify(near, "kind"), calibrated, {"shape": one}, spectrum)

    def odd(at: int) -> None:
        reference = reference_of(base, {"shape": 1.0}, "plate")
        one, spectrum = query.take(np.array([at])), light.take(np.array([at]))
        far = log_distances(base, "shape", one, spectrum)
        reference.p_value(float(reference.score({"shape": far})[0]), ("shape",))

    timed("vectors read", lambda: base.search(query.take(np.array([0])), 3, view="shape"))
    metric = timed("metric", lambda: metric_for(pool, "linear", group="plate"))
    timed("calibration", lambda: calibration_for(pool, metric=metric, terms=terms))
    classified(0)
    timed("classify, warm", lambda: [classified(i) for i in range(1, len(asked))])
    timed("outlier ranks", lambda: odd(0))
    timed("outliers, warm", lambda: [odd(i) for i in range(1, len(asked))])
    timed("estimator", lambda: estimator_for(base, Quantity("number"), k=10, group="plate"))
    for what in ("classify, warm", "outliers, warm"):
        taken[what] /= QUERIES
    return taken | {"GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_600, 100_000])
    parser.add_argument("--dimensions", type=int, default=64)
    options = parser.parse_args()
    found = {n: measured(n, options.dimensions) for n in options.sizes}
    print(
        f"| seconds of processor, {options.dimensions} numbers | "
        + " | ".join(f"{n:,}" for n in found)
        + " |"
    )
    print("|---" * (1 + len(found)) + "|")
    for what in next(iter(found.values())):
        print(f"| {what} | " + " | ".join(f"{taken[what]:.3g}" for taken in found.values()) + " |")


if __name__ == "__main__":
    main()
