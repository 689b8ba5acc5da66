"""What fits lose that learn from a sample of a base: macro F1, calibration error and average precision, by its size.

    python benchmarks/sample.py --base one.kb --label class_derived --hunted LINER
    python benchmarks/sample.py --base mock.kb --label class --sizes 6000:all 3000:all 6000:12000 --seeds 5
    python benchmarks/sample.py --base mock.kb --sizes 3000:all:4000 3000:all:2000 --largest

A size is the number of objects that the metric is fitted to, of those to which distances by class are measured, and of
those that the calibration is fitted to (4,000 where it is not said).
Plates are divided by a seed: one part in five asks, the others are the base, in memory, with the vectors and labels of
the base named but without its light, so that answers rest on neighbours alone. Metric and calibration are fitted as
the product fits them, on samples of each size (settings of the metric judged on `--judged` of them) and on all objects
(judged on 6,000; or the first size of all with `--largest`), and the same queries are answered. Differences from the
fit on all are of the same seed, so that what the division does to both of them drops out; their interval is from
resampled plates of the queries.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.inference import answer, calibration_for, classify
from spectrove.inference import pool as pools
from spectrove.inference.calibration import of_base as calibrating
from spectrove.inference.metric import linear
from spectrove.inference.metric.linear import fit_metric, fold_metrics
from spectrove.inference.metric.of_base import FittedMetric
from spectrove.inference.pool import Pool
from spectrove.inference.sample import stratified, taken
from spectrove.inference.terms import Terms
from spectrove.knowledge import FOLDS, KnowledgeBase, Searched
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.statistics import folds_by_group

#: Bins of the calibration error, and samples of plates for an interval.
BINS, RESAMPLES = 15, 400

PARTS = 5

#: As many as there are.
ALL = 10**9

#: Objects on which the settings of the metric are judged where all are learnt from.
ALL_JUDGED = 6000

Floats = NDArray[np.float64]


def without_light(known: Searched, label: str, chosen: NDArray[np.int64]) -> SpectrumSet:
    """Some of the objects, with their label and plate and three pixels each."""
    pixels = 4000.0 + np.arange(3), np.ones(3, "f4"), np.ones(3, "f4"), np.zeros(3, "i4"), np.ones(3, "f4")
    return SpectrumSet.from_spectra(
        [
            Spectrum(
                str(known.object_id[i]), *pixels, row={label: known.values[i], "group": str(known.groups[i])}
            )
            for i in chosen.tolist()
        ]
    )


def projected(vectors: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """The leading n principal components, which cost less to fit; the vectors themselves if n is 0."""
    if not n:
        return vectors
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return np.ascontiguousarray(centred @ axes[:, ::-1][:, :n])


def embedded(known: Searched, chosen: NDArray[np.int64]) -> Embeddings:
    """Their vectors."""
    cover = np.tile([3700.0, 8700.0], (len(chosen), 1))
    return Embeddings(known.vectors[chosen], known.object_id[chosen], "f", cover, "made")


def answered(
    base: KnowledgeBase,
    label: str,
    size: tuple[int, int, int],
    query: Embeddings,
    spectra: SpectrumSet,
) -> tuple[tuple[str, ...], Floats]:
    """Classes, and their probabilities for each query from fits on a sample of this size, (n_queries, n_classes)."""
    pools.AMONG, most, calibrating.MOST_OBJECTS = size
    calibrating.CALIBRATED = calibrating.MOST_OBJECTS
    pool = Pool.of(base, label)
    known = pool.sample("group").known
    learnt = stratified(known.hashes, [str(v) for v in known.values], most)
    known = taken(known, learnt) if len(learnt) < len(known.values) else known
    whole, settings = fit_metric(known.vectors, known.values, [str(g) for g in known.groups])
    folds = fold_metrics(known.vectors, known.values, known.fold, FOLDS, settings)
    metric = FittedMetric((whole, *folds), settings, label)
    calibrated = calibration_for(pool, metric=metric, terms=Terms(group="group", groups="plates"))
    if calibrated.calibration is None:
        raise SystemExit(f"{size}: {calibrated.reason}")
    near = base.search(query, 3, spectra=spectra, metric=metric.metrics, **pool.arguments)
    found = answer(classify(near, label), calibrated, {"shape": query}, spectra)
    names = calibrated.calibration.classes
    return names, np.array([[p.probabilities[name] for name in names] for p in found])


def macro_f1(truth: NDArray[np.int64], p: Floats, weight: Floats) -> float:
    """Mean F1 over the classes."""
    called, scores = p.argmax(axis=1), []
    for c in range(p.shape[1]):
        both = weight[(called == c) & (truth == c)].sum()
        scores.append(2 * both / max(weight[called == c].sum() + weight[truth == c].sum(), 1e-9))
    return float(np.mean(scores))


def calibration_error(truth: NDArray[np.int64], p: Floats, weight: Floats) -> float:
    """Mean difference between the probability of the called class and how often it is right, by bins of equal width."""
    top, right = p.max(axis=1), (p.argmax(axis=1) == truth).astype(float)
    at = np.minimum((top * BINS).astype(int), BINS - 1)
    gap = np.bincount(at, weight * (right - top), minlength=BINS)
    return float(np.abs(gap).sum() / weight.sum())


def average_precision(told: NDArray[np.bool_], p: Floats, weight: Floats) -> float:
    """Area under precision and recall of a hunt for one class."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(told, p, sample_weight=weight))


def measures(truth: NDArray[np.int64], p: Floats, hunted: int, weight: Floats) -> Floats:
    """Macro F1, calibration error and average precision."""
    return np.array(
        [
            macro_f1(truth, p, weight),
            calibration_error(truth, p, weight),
            average_precision(truth == hunted, p[:, hunted], weight),
        ]
    )


Sizes = tuple[int, int, int]


def sizes_of(text: str) -> Sizes:
    """The sizes from "6000:all" or "6000:all:2000"."""
    metric, among, calibrated = (text.split(":") + ["", ""])[:3]
    parts = metric, among or metric, calibrated or str(calibrating.MOST_OBJECTS)
    return tuple(ALL if part == "all" else int(part) for part in parts)  # type: ignore[return-value]


def one_seed(known: Searched, options: argparse.Namespace, seed: int) -> dict[Sizes, tuple[Floats, Floats]]:
    """For each size the measures, and their differences from the fit on all for resampled plates."""
    groups = np.array([str(g) for g in known.groups])
    asks = folds_by_group(groups, PARTS, seed=seed) == 0
    rng = np.random.default_rng(seed)
    queries = np.sort(rng.permutation(np.flatnonzero(asks))[: options.queries])
    inside = np.flatnonzero(~asks)
    vectors = {"shape": embedded(known, inside)}
    base = KnowledgeBase.in_memory(without_light(known, options.label, inside), vectors, encoder="made")
    query, spectra = embedded(known, queries), without_light(known, options.label, queries)
    names, plates = np.unique(groups[queries], return_inverse=True)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    found, full = {}, None
    every = len(inside)
    for sizes in dict.fromkeys(
        options.sizes if options.largest else [(ALL, ALL, calibrating.MOST_OBJECTS), *options.sizes]
    ):
        metric, among = min(sizes[0], every), min(sizes[1], every)
        size = among, metric, sizes[2]
        start = time.process_time()
        linear.MOST_OBJECTS = options.judged if metric < every else ALL_JUDGED
        classes, p = answered(base, options.label, size, query, spectra)
        truth = np.array([classes.index(str(known.values[i])) for i in queries])
        hunted = classes.index(options.hunted)
        weights = [np.ones(len(truth)), *(draw[plates].astype(float) for draw in draws)]
        all_of_it = np.array([measures(truth, p, hunted, weight) for weight in weights])
        full = all_of_it if full is None else full
        found[sizes] = all_of_it[0], (all_of_it - full)[1:]
        print(
            f"seed {seed} metric {metric:6} among {among:6} calibrated {sizes[2]:6}: "
            f"F1 {all_of_it[0, 0]:.4f} ECE {all_of_it[0, 1]:.4f} AP {all_of_it[0, 2]:.4f} "
            f"({time.process_time() - start:.0f} s of processor)",
            flush=True,
        )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--label", default="class_derived")
    parser.add_argument("--hunted", default="LINER")
    parser.add_argument("--group", default="plate")
    parser.add_argument(
        "--sizes", type=sizes_of, nargs="+", default=[sizes_of("6000:all"), sizes_of("6000:12000")]
    )
    parser.add_argument("--largest", action="store_true", help="Compare with the first size, not with all.")
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--judged", type=int, default=linear.MOST_OBJECTS)
    parser.add_argument(
        "--dimensions", type=int, default=0, help="Leading principal components; 0 for the vectors."
    )
    options = parser.parse_args()
    known = KnowledgeBase.open(options.base).searched(labelled=options.label, group=options.group)
    known = replace(known, vectors=projected(known.vectors, options.dimensions))
    print(
        f"{len(known.object_id):,} objects with a value of {options.label}, {known.vectors.shape[1]} numbers each"
    )
    rows: dict[Sizes, list[tuple[Floats, Floats]]] = {}
    for seed in range(options.seeds):
        for size, made in one_seed(known, options, seed).items():
            rows.setdefault(size, []).append(made)
    print("metric, among, calibrated: F1, ECE, AP, and their differences from all with 95% intervals")
    for size, seeds in sorted(rows.items()):
        values = np.mean([m for m, _ in seeds], axis=0)
        differences = np.mean([d for _, d in seeds], axis=0)
        low, middle, high = np.quantile(differences, [0.025, 0.5, 0.975], axis=0)
        cells = [
            f"{v:.4f} {m:+.4f} [{a:+.4f} {b:+.4f}]"
            for v, m, a, b in zip(values, middle, low, high, strict=True)
        ]
        told = " | ".join("all" if n == ALL else f"{n:,}" for n in size)
        print(f"| {told} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
